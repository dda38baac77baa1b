//! The table of faults as a test of its own: `cargo test --test fault_suite`.
//!
//! It starts the program once for every few of its rows, ten at a time, and takes a minute or more, most of it waiting
//! for intervals and limits of time. On its own it does not do so while other tests run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the harness serves other tests as well")]

#[path = "integration/authority.rs"]
mod authority;
#[path = "integration/harness.rs"]
mod harness;
#[path = "integration/program.rs"]
mod program;
#[path = "integration/suite/mod.rs"]
mod suite;

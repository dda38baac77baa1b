//! The fault suite as its own test binary: `cargo test --test fault_suite`.
//!
//! It starts one program for a few rows of its table, ten programs at a time. It takes a minute or more, mostly to wait
//! for intervals and timeouts. As its own binary it does not run beside other tests.
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

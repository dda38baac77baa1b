//! Tests through the front door: an API on one side, `/metrics` on the other, nothing in between replaced.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collectors;
mod faults;
mod harness;
mod paths;
mod prometheus;

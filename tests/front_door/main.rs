//! Tests through the front door: an API on one side, `/metrics` on the other, nothing in between replaced.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod collectors;
mod dashboard;
mod faults;
mod harness;
mod paths;
mod prometheus;
mod scrape;

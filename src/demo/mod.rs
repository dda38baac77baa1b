//! A simulated Gcore account, so that everything can be tried without a key and checked against a known truth.
//!
//! [`simulator`] is an imaginary company: pure, seeded, and asked about any instant. [`api`] speaks the vendor's HTTP
//! API on a loopback port. Neither uses the client of this package: the two were written from the same papers
//! apart from each other, so that each is a witness against the other.

pub mod api;
pub mod simulator;

/// The token of the simulated account.
///
/// Like a real one it holds a `$`, which shells and environment files like to eat.
pub const KEY: &str = "10061$demo-4b1f0c5e9a7d";

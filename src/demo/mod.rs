//! A simulated Gcore account, to try the daemon without a key and to test it against known amounts.
//!
//! [`simulator`] is an imaginary company. It is pure and seeded, and answers for any instant. [`api`] serves it as the
//! vendor's HTTP API on a loopback port. Neither uses the client of this package. Client and simulator were written
//! separately from the same documents, so that each tests the other.

pub mod api;
pub mod simulator;

/// The token of the simulated account.
///
/// Like a real one it contains a `$`, which shells and environment files expand.
pub const KEY: &str = "10061$demo-4b1f0c5e9a7d";

//! A simulated Gcore account, to try a client of the API without a key and to test it against known amounts.
//!
//! [`world`] is an imaginary company. It is pure and seeded, and answers for any instant. [`api`] serves it as the
//! vendor's HTTP API on a loopback port. Neither uses the client of the API. Client and simulator were written
//! separately from the same documents, so that each tests the other: money, days and lists of words are their own here.
//!
//! ```
//! use gcore_simulator::world::World;
//! use jiff::civil::date;
//!
//! let now = "2026-11-22T12:00:00Z".parse().unwrap();
//! let world = World::new(1, now);
//! let ledger = world.cost_ledger(date(2026, 11, 1)..date(2026, 11, 22), now);
//! let group = (41001, 76, "instance".to_owned(), "EUR".to_owned());
//! assert!(ledger[&group] > 0.into(), "{} EUR", ledger[&group]);
//! ```

pub mod api;
mod days;
mod server;
pub mod world;

pub use server::BindError;

/// The token of the simulated account.
///
/// Like a real one it contains a `$`, which shells and environment files expand.
pub const KEY: &str = "10061$demo-4b1f0c5e9a7d";

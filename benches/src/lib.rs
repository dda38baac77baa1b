//! The parts that the benchmarks of `scripts/bench` share.
//!
//! [`estate`] makes a large account with a known total and renders it once. [`service`] is the minimal HTTP server of
//! the programs in `src/bin`. Nothing here is part of the product. The benchmarks measure the product as a built
//! binary, and its store, detector and rules also as a library.

pub mod cpu;
pub mod estate;
pub mod price_list;
pub mod row;
pub mod service;

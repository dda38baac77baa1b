//! What the measurements of `scripts/bench` need besides the product itself.
//!
//! [`estate`] makes a large account with a known total and renders it once; [`service`] is the least HTTP server that
//! the programs in `src/bin` share. Nothing here is part of the product, which is measured as a built binary; only its
//! store, detector and rules are measured as a library too.

pub mod cpu;
pub mod estate;
pub mod price_list;
pub mod row;
pub mod service;

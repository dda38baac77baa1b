//! Prometheus exporter and alerting daemon for the Gcore cloud's billing APIs.
//!
//! The modules below are layers; each uses only those before it. Read in this order, they tell the life of a datum:
//!
//! 1. [`billing`]: money, days, resources, tasks and subscriptions as pure values
//! 2. [`analysis`]: what daily amounts usually are, which are not, and where a month will end; [`backtest`]: how well
//!    that does on a known past
//! 3. [`gcore`]: the API, from an HTTP page to records
//! 4. [`aggregate`]: records folded into totals
//! 5. [`store`]: what outlives the process
//! 6. [`insights`]: what the stored days say of an account and its budgets
//! 7. [`snapshot`]: the latest reading of every source, watched by all who read
//! 8. [`collect`]: the loops that poll and publish; [`exposition`]: from a snapshot to text; [`alert`]: from a snapshot
//!    to what somebody should be told
//! 9. [`http`]: the listener and its pages; [`notify`]: how alerts reach somebody
//! 10. [`demo`]: a simulated account behind the same HTTP API
//! 11. [`config`]: everything that can be set
//! 12. [`app`]: the wiring
//! 13. [`cli`]: the commands
//!
//! [`clock`], [`shutdown`], [`telemetry`], [`terminal`], [`transport`] and [`wording`] lie below all of them.

pub mod aggregate;
pub mod alert;
pub mod analysis;
pub mod app;
pub mod backtest;
pub mod billing;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod demo;
pub mod exposition;
pub mod gcore;
pub mod http;
pub mod insights;
pub mod notify;
pub mod shutdown;
pub mod snapshot;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod transport;
pub mod wording;

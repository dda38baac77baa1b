//! Prometheus exporter and alerting daemon for the Gcore cloud's billing APIs.
//!
//! Four crates are below it: `gcore_api` reads the API, `cost_insights` judges days, `gcore_simulator` is the account of
//! the demo and of the tests, and `common` is below them all. The modules here are layers, and each uses only those
//! before it. In this order they follow the data:
//!
//! 1. [`account`]: the names of accounts; [`shard`]: the division of the series; [`aggregate`]: records folded into totals
//! 2. [`store`]: the SQLite file
//! 3. [`insights`]: the analysis of an account's stored days and budgets
//! 4. [`snapshot`]: the latest reading of every source, watched by all readers
//! 5. [`jobs`]: the task that judges stored days
//! 6. [`collect`]: the loops that poll and publish; [`exposition`]: from a snapshot to metrics; [`alert`]: from a
//!    snapshot to alerts
//! 7. [`http`]: the listener and its pages; [`notify`]: the delivery of alerts
//! 8. [`config`]: all settings
//! 9. [`app`]: the wiring
//! 10. [`cli`]: the commands
//!
//! [`shutdown`], [`telemetry`] and [`escaping`] are below all of them.

pub mod account;
pub mod aggregate;
pub mod alert;
pub mod app;
pub mod cli;
pub mod collect;
pub mod config;
pub mod escaping;
pub mod exposition;
pub mod http;
pub mod insights;
pub mod jobs;
pub mod notify;
pub mod shard;
pub mod shutdown;
pub mod snapshot;
pub mod store;
pub mod telemetry;

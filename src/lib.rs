//! Prometheus exporter and alerting daemon for the Gcore cloud's billing APIs.
//!
//! The modules are layers, and each uses only those before it. In this order they follow the data:
//!
//! 1. [`billing`]: money, days, resources, tasks and subscriptions as pure values
//! 2. [`gcore`]: the API, from an HTTP page to records
//! 3. [`aggregate`]: records folded into totals
//! 4. [`store`]: the SQLite file
//! 5. [`insights`]: the analysis of an account's stored days and budgets
//! 6. [`snapshot`]: the latest reading of every source, watched by all readers
//! 7. [`collect`]: the loops that poll and publish; [`exposition`]: from a snapshot to metrics; [`alert`]: from a
//!    snapshot to alerts
//! 8. [`http`]: the listener and its pages; [`notify`]: the delivery of alerts
//! 9. [`demo`]: a simulated account behind the same HTTP API
//! 10. [`config`]: all settings
//! 11. [`app`]: the wiring
//! 12. [`cli`]: the commands
//!
//! [`clock`], [`shutdown`], [`telemetry`], [`terminal`], [`transport`] and [`wording`] are below all of them.

pub mod aggregate;
pub mod alert;
pub mod app;
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

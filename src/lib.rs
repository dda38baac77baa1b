//! Prometheus exporter and alerting daemon for the Gcore cloud's billing APIs.

pub mod aggregate;
pub mod billing;
pub mod clock;
pub mod collect;
pub mod config;
pub mod gcore;
pub mod http;
pub mod shutdown;
pub mod snapshot;

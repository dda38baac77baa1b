//! Prometheus exporter and alerting daemon for the Gcore cloud's billing APIs.

pub mod billing;
pub mod clock;
pub mod collect;
pub mod demo;
pub mod gcore;
pub mod http;

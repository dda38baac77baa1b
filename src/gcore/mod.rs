//! The Gcore API: everything that knows its paths, JSON, limits and quirks.
//!
//! One file per endpoint turns wire rows into values of [`crate::billing`]; nothing above this module sees JSON.

pub mod api_key;
mod body;
pub mod client;
pub mod cost_report;
pub mod endpoint;
pub mod error;
pub mod listing;
pub mod metrics;
pub mod names;
mod report_query;
pub mod reports;
mod retry;
pub mod settings;
pub mod subscriptions;
pub mod usage_report;
mod walk;
mod wire;

//! The Gcore API: everything that knows its paths, JSON, limits and quirks.
//!
//! One file per endpoint turns wire rows into values of [`crate::billing`]; nothing above this module sees JSON.

pub mod api_key;
mod block;
mod body;
pub mod client;
pub mod connection;
pub mod cost_report;
pub mod cost_totals;
mod encoding;
pub mod endpoint;
pub mod error;
mod exchange;
mod instant;
pub mod listing;
pub mod memory;
pub mod metrics;
pub mod names;
mod pace;
pub mod patience;
mod refusal;
mod report_query;
pub mod reports;
pub mod reservations;
mod retry;
mod scan;
pub mod settings;
pub mod subscriptions;
pub mod usage_report;
mod walk;
mod wire;

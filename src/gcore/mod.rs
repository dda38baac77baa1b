//! The Gcore API: its paths, JSON, limits and quirks.
//!
//! Each endpoint has a file, which turns JSON rows into values of [`crate::billing`]. No module above this one sees
//! JSON.

pub mod api_key;
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
mod lenient_json;
pub mod memory;
pub mod metrics;
pub mod names;
mod page_cursor;
pub mod pagination;
pub mod poll_deadline;
mod rate_limiter;
mod refusal;
mod report_query;
pub mod reports;
pub mod reservations;
mod retry;
mod row_templates;
pub mod settings;
mod simd;
pub mod subscriptions;
pub mod usage_report;

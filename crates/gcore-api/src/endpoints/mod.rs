//! The lists and reports of the API, each in a file of its own, and how their pages are read.

pub mod cost_report;
pub mod cost_totals;
pub mod names;
pub(crate) mod page_cursor;
pub mod pagination;
pub(crate) mod report_query;
pub mod report_tasks;
pub mod reservations;
pub mod subscriptions;
pub mod usage_report;

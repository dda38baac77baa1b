//! Folds records into totals, one record at a time.
//!
//! This module is pure. The memory of a fold grows with the number of groups, not with the number of records.

pub mod commitments;
pub mod cost;
pub mod cost_details;
pub mod detailed_totals;
pub mod group;
pub mod report_tasks;
mod serde_pairs;
pub mod unique_ids;
pub mod usage;

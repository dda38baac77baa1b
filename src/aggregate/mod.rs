//! Folding records into totals, one record at a time.
//!
//! Pure: what a fold holds grows with the number of groups, never with the number of records.

pub mod commitments;
pub mod cost;
pub mod cost_details;
pub mod group;
pub mod report_tasks;
mod serde_pairs;
pub mod usage;

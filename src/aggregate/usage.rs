//! What a usage report adds up to.

use jiff::Timestamp;

use crate::billing::record::{Fold, RejectReason, UsageRecord};
use crate::billing::resource::Unit;

use super::group::{Group, Sums};

/// The totals of one usage report.
#[derive(Clone, Debug, Default)]
pub struct UsageTotals {
    /// Billing values per group and unit.
    pub values: Sums<Unit>,
    /// The newest `last_seen` of any record: how far the data reaches.
    pub data_through: Option<Timestamp>,
}

impl Fold<UsageRecord> for UsageTotals {
    /// A sum that would leave the range of an amount is refused.
    fn add(&mut self, record: UsageRecord) -> Result<(), RejectReason> {
        self.data_through = self.data_through.max(record.last_seen);
        let group = Group { project: record.project, region: record.region, resource_type: record.resource_type };
        self.values.add(group, record.unit, record.value)
    }
}

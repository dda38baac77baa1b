//! What a usage report adds up to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::billing::record::{Fold, MeteredUsage, RejectReason, UsageRecord};
use crate::billing::resource::{BillingMetric, Unit};

use super::group::{Group, Sums};

/// The totals of one usage report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UsageTotals {
    /// Billing values per group and unit; empty where they were read by metric instead.
    pub values: Sums<Unit>,
    /// Billing values per group, metric and unit; empty where they were not asked for by metric.
    pub by_metric: Sums<(BillingMetric, Unit)>,
    /// The newest `last_seen` of any record: how far the data reaches.
    pub data_through: Option<Timestamp>,
}

impl UsageTotals {
    /// Billing values per group and unit, however they were read; a sum past the range of an amount stays as it was.
    #[must_use]
    pub fn by_unit(&self) -> Sums<Unit> {
        let mut sums = self.values.clone();
        for (group, (_, unit), value) in self.by_metric.iter() {
            // The sums were within the range when they were added to each other before.
            let _ = sums.add(group.clone(), unit.clone(), value);
        }
        sums
    }
}

impl Fold<UsageRecord> for UsageTotals {
    /// A sum that would leave the range of an amount is refused.
    fn add(&mut self, record: UsageRecord) -> Result<(), RejectReason> {
        self.data_through = self.data_through.max(record.last_seen);
        let group = Group { project: record.project, region: record.region, resource_type: record.resource_type };
        self.values.add(group, record.unit, record.value)
    }
}

impl Fold<MeteredUsage> for UsageTotals {
    /// A sum that would leave the range of an amount is refused.
    fn add(&mut self, MeteredUsage { usage, metric }: MeteredUsage) -> Result<(), RejectReason> {
        self.data_through = self.data_through.max(usage.last_seen);
        let group = Group { project: usage.project, region: usage.region, resource_type: usage.resource_type };
        self.by_metric.add(group, (metric, usage.unit), usage.value)
    }
}

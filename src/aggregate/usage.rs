//! The totals of a usage report.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use gcore_api::billing::record::{Fold, MeteredUsage, RejectReason, UsageRecord};
use gcore_api::billing::resource::{BillingMetric, Unit};
use gcore_api::http::memory_limit::MemoryShare;

use super::group::{Group, GroupKeyRef, Sums};

/// The totals of one usage report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UsageTotals {
    /// Billing values per group and unit. Empty when they were read by metric.
    pub values: Sums<Unit>,
    /// Billing values per group, metric and unit. Empty when they were not read by metric.
    pub by_metric: Sums<(BillingMetric, Unit)>,
    /// The newest `last_seen` of all records: the end of the data.
    pub data_through: Option<Timestamp>,
    /// The memory share of these totals.
    #[serde(skip)]
    pub share: MemoryShare,
}

impl UsageTotals {
    /// Billing values per group and unit, for either way of reading. A sum outside the range of an amount stays
    /// unchanged.
    #[must_use]
    pub fn by_unit(&self) -> Sums<Unit> {
        let mut sums = self.values.clone();
        for (group, (_, unit), value) in self.by_metric.iter() {
            // These sums were within the range when they were computed before.
            let _ = sums.add(group.clone(), unit.clone(), value);
        }
        sums
    }
}

impl Fold<UsageRecord<'_>> for UsageTotals {
    /// Refuses a sum outside the range of an amount.
    #[inline]
    fn add(&mut self, record: UsageRecord<'_>) -> Result<(), RejectReason> {
        let UsageRecord { project, region, value, last_seen, .. } = record;
        let (resource_type, measure) = (record.resource_type.as_str(), record.unit.as_str());
        self.data_through = self.data_through.max(last_seen);
        self.values.add_named(&GroupKeyRef { project, region, resource_type, measure }, value)
    }

    fn weight(&self) -> usize {
        self.values.weight()
    }
}

impl Fold<MeteredUsage<'_>> for UsageTotals {
    /// Refuses a sum outside the range of an amount.
    fn add(&mut self, MeteredUsage { usage, metric }: MeteredUsage<'_>) -> Result<(), RejectReason> {
        let UsageRecord { project, region, resource_type, value, unit, last_seen } = usage;
        self.data_through = self.data_through.max(last_seen);
        let group = Group { project, region, resource_type: resource_type.as_str().into() };
        self.by_metric.add(group, (metric.as_str().into(), unit.as_str().into()), value)
    }

    fn weight(&self) -> usize {
        self.by_metric.weight()
    }
}

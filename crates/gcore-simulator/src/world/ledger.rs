//! The true costs and usage of the company, to compare the exporter's metrics with.
//!
//! The sums come from the meters' integers, not from API answers.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::World;

/// Project id, region id, resource type, and currency (of costs) or unit (of usage).
pub type Group = (u64, u64, String, String);

impl World {
    /// The costs of every group on some UTC days, as known at `now`.
    ///
    /// A group without a priced row is absent. A group whose rows cost nothing is present with zero.
    /// No days, no groups.
    #[must_use]
    pub fn cost_ledger(&self, days: Range<Date>, now: Timestamp) -> BTreeMap<Group, Decimal> {
        let mut units = BTreeMap::new();
        for (meter, measured) in self.measured(&days, now) {
            if let (Some(cost), Some(currency)) = (measured.cost(), meter.currency()) {
                let group = (meter.project, meter.region, meter.resource_type.into(), currency.into());
                *units.entry(group).or_insert(0_i128) += cost;
            }
        }
        amounts(units, 5)
    }

    /// The usage of every group on some UTC days, as known at `now`, in the unit of its billing values.
    #[must_use]
    pub fn usage_ledger(&self, days: Range<Date>, now: Timestamp) -> BTreeMap<Group, Decimal> {
        let mut units = BTreeMap::new();
        for (meter, measured) in self.measured(&days, now) {
            let group = (meter.project, meter.region, meter.resource_type.into(), meter.unit.into());
            *units.entry(group).or_insert(0_i128) += measured.value;
        }
        amounts(units, 6)
    }
}

/// Integers of a decimal scale as decimals.
fn amounts(units: BTreeMap<Group, i128>, scale: u32) -> BTreeMap<Group, Decimal> {
    let amount = |sum| Decimal::from_i128_with_scale(sum, scale).normalize();
    units.into_iter().map(|(group, sum)| (group, amount(sum))).collect()
}

//! The true costs and usage of the company, to compare the exporter's metrics with.
//!
//! The sums come from the meters' integers, not from API answers.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::World;
use crate::billing::amount::Amount;
use crate::billing::period::Period;

/// Project id, region id, resource type, and currency (of costs) or unit (of usage).
pub type Group = (u64, u64, String, String);

impl World {
    /// The costs of every group in a period, as known at `now`.
    ///
    /// A group without a priced row is absent. A group whose rows cost nothing is present with zero.
    #[must_use]
    pub fn cost_ledger(&self, period: Period, now: Timestamp) -> BTreeMap<Group, Amount> {
        let mut units = BTreeMap::new();
        for (meter, measured) in self.measured(period, now) {
            if let (Some(cost), Some(currency)) = (measured.cost(), meter.currency()) {
                let group = (meter.project, meter.region, meter.resource_type.into(), currency.into());
                *units.entry(group).or_insert(0_i128) += cost;
            }
        }
        amounts(units, "e-5")
    }

    /// The usage of every group in a period, as known at `now`, in the unit of its billing values.
    #[must_use]
    pub fn usage_ledger(&self, period: Period, now: Timestamp) -> BTreeMap<Group, Amount> {
        let mut units = BTreeMap::new();
        for (meter, measured) in self.measured(period, now) {
            let group = (meter.project, meter.region, meter.resource_type.into(), meter.unit.into());
            *units.entry(group).or_insert(0_i128) += measured.value;
        }
        amounts(units, "e-6")
    }
}

/// Integers with a decimal exponent as amounts. None is out of range.
fn amounts(units: BTreeMap<Group, i128>, exponent: &str) -> BTreeMap<Group, Amount> {
    units.into_iter().filter_map(|(group, sum)| Some((group, format!("{sum}{exponent}").parse().ok()?))).collect()
}

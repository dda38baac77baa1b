//! What the company really owes and used: the truth that an exporter's gauges are compared with.
//!
//! Summed from the meters' integers, not from anything that was sent.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::World;
use crate::billing::amount::Amount;
use crate::billing::period::Period;

/// Project id, region id, resource type, and currency (of costs) or unit (of usage).
pub type Group = (u64, u64, String, String);

impl World {
    /// What every group cost in a period, as known at `now`.
    ///
    /// A group without a single priced row is absent; one whose rows cost nothing is there with a zero.
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

    /// What every group used in a period, as known at `now`, in the unit of its billing values.
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

/// Integers with a decimal exponent as amounts. None of an imaginary company is out of range.
fn amounts(units: BTreeMap<Group, i128>, exponent: &str) -> BTreeMap<Group, Amount> {
    units.into_iter().filter_map(|(group, sum)| Some((group, format!("{sum}{exponent}").parse().ok()?))).collect()
}

//! The totals of a cost report.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use gcore_api::billing::amount::Amount;
use gcore_api::billing::record::{CostRecord, CostTotal, Fold, Price, RejectReason, UnpricedReason};
use gcore_api::billing::resource::{Currency, ProjectId, ResourceType};

use gcore_api::http::memory_limit::MemoryShare;

use super::cost_details::CostDetails;
use super::group::{Group, GroupKeyRef, Sums};

/// The totals of one cost report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CostTotals {
    /// Cost per group and currency. A group without a priced record is missing, because its cost is unknown.
    pub amounts: Sums<Currency>,
    /// Records without a usable price.
    #[serde(with = "super::serde_pairs")]
    pub unpriced: BTreeMap<(ResourceType, UnpricedReason), u64>,
    /// The newest `last_seen` of all records: the end of the data.
    pub data_through: Option<Timestamp>,
    /// `price_status` of the report.
    pub price_status: Option<SmolStr>,
    /// The differences between the sums and the API's own totals. Empty when the totals could not be read.
    pub differences: BTreeMap<Currency, Difference>,
    /// The same costs by tag and by resource. `None` when they were not wanted, or could not be summed.
    pub details: Option<CostDetails>,
    /// The memory share of these totals.
    #[serde(skip)]
    pub share: MemoryShare,
}

/// The largest memory of an entry of unpriced records, with a long word and its part of the map.
const UNPRICED: usize = 400;

/// The difference between a sum and the API's own total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Our sum minus the API's.
    pub amount: Amount,
    /// The largest difference that the API's rounding of each line to 5 decimals can cause.
    pub tolerance: Amount,
}

impl Fold<CostRecord<'_>> for CostTotals {
    /// Refuses a sum outside the range of an amount.
    #[inline]
    fn add(&mut self, record: CostRecord<'_>) -> Result<(), RejectReason> {
        let CostRecord { project, region, price, last_seen, .. } = record;
        let (resource_type, measure) = (record.resource_type.as_str(), record.currency.as_str());
        self.data_through = self.data_through.max(last_seen);
        match price {
            Price::Known(amount) => {
                self.amounts.add_named(&GroupKeyRef { project, region, resource_type, measure }, amount)?;
            }
            Price::Unknown(reason) => *self.unpriced.entry((resource_type.into(), reason)).or_default() += 1,
        }
        Ok(())
    }

    fn weight(&self) -> usize {
        let details = self.details.as_ref().map_or(0, CostDetails::weight);
        self.amounts.weight() + self.unpriced.len() * UNPRICED + details
    }
}

impl CostTotals {
    /// Adds a line of a project's totals. An unpriced line adds nothing.
    ///
    /// # Errors
    /// [`RejectReason::OutOfRange`] when a sum leaves the range of an amount.
    pub fn add_line(&mut self, project: ProjectId, line: &CostTotal) -> Result<(), RejectReason> {
        let Price::Known(amount) = line.price else { return Ok(()) };
        let group = Group { project, region: line.region, resource_type: line.resource_type.clone() };
        self.amounts.add(group, line.currency.clone(), amount)
    }

    /// Adds the costs and the unpriced records of a report on other resources.
    ///
    /// # Errors
    /// [`RejectReason::OutOfRange`] when a sum leaves the range of an amount.
    pub fn merge(&mut self, other: Self) -> Result<(), RejectReason> {
        for (group, currency, amount) in other.amounts.iter() {
            self.amounts.add(group.clone(), currency.clone(), amount)?;
        }
        for (what, records) in other.unpriced {
            *self.unpriced.entry(what).or_default() += records;
        }
        Ok(())
    }

    /// Whether the report shows its prices. Then resources without a row had no cost.
    #[must_use]
    pub fn shows_prices(&self) -> bool {
        self.price_status.as_deref() == Some("show")
    }

    /// Whether the report says what was spent. Without a priced record it says so only when it shows its prices and has
    /// no record at all: then there were no costs.
    #[must_use]
    pub fn tells_costs(&self) -> bool {
        !self.amounts.is_empty() || (self.unpriced.is_empty() && self.shows_prices())
    }

    /// Whether the report had no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.amounts.is_empty() && self.unpriced.is_empty()
    }
}

/// The differences between the sums of `lines` lines and the API's own totals, per currency.
#[must_use]
pub fn differences(ours: &CostTotals, lines: u64, theirs: &[CostTotal]) -> BTreeMap<Currency, Difference> {
    let (ours, theirs_by_currency) = (sums(ours), line_sums(theirs));
    let tolerance = Amount::rounding_of(lines + theirs.len() as u64);
    let currencies: BTreeSet<&Currency> = ours.keys().chain(theirs_by_currency.keys()).collect();
    let difference = |currency: &Currency| {
        let [ours, theirs] = [&ours, &theirs_by_currency].map(|sums| sums.get(currency).copied().unwrap_or_default());
        Some((currency.clone(), Difference { amount: ours.checked_sub(theirs)?, tolerance }))
    };
    currencies.into_iter().filter_map(difference).collect()
}

/// Whether the sums of `lines` lines lie between two totals, within the rounding of each line.
#[must_use]
pub fn is_between(ours: &CostTotals, lines: u64, before: &[CostTotal], after: &[CostTotal]) -> bool {
    let holds = |theirs: &[CostTotal], is_right: fn(Amount, Amount) -> bool| {
        differences(ours, lines, theirs).values().all(|difference| is_right(difference.amount, difference.tolerance))
    };
    holds(before, |amount, tolerance| amount.checked_add(tolerance).is_some_and(|sum| sum >= Amount::ZERO))
        && holds(after, |amount, tolerance| amount <= tolerance)
}

fn sums(totals: &CostTotals) -> BTreeMap<Currency, Amount> {
    sum_up(totals.amounts.iter().map(|(_, currency, amount)| (currency, amount)))
}

/// The sums of the known prices of lines, per currency.
#[must_use]
pub fn line_sums(lines: &[CostTotal]) -> BTreeMap<Currency, Amount> {
    sum_up(lines.iter().filter_map(|line| match line.price {
        Price::Known(amount) => Some((&line.currency, amount)),
        Price::Unknown(_) => None,
    }))
}

fn sum_up<'a>(amounts: impl Iterator<Item = (&'a Currency, Amount)>) -> BTreeMap<Currency, Amount> {
    let mut sums = BTreeMap::new();
    for (currency, amount) in amounts {
        let sum: &mut Amount = sums.entry(currency.clone()).or_default();
        // Each addend is far below the range of the type, so only senseless sums could leave it.
        *sum = sum.plus(amount);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use gcore_api::billing::resource::RegionId;

    fn record(price: Price, currency: &str) -> CostRecord<'_> {
        CostRecord {
            project: ProjectId(1),
            region: Some(RegionId(76)),
            resource_type: "instance".into(),
            price,
            currency: currency.into(),
            last_seen: None,
        }
    }

    fn known(text: &str) -> Price {
        Price::Known(text.parse().unwrap())
    }

    #[test]
    fn money_is_added_per_currency_and_exactly() {
        let mut totals = CostTotals::default();
        for (price, currency) in [("0.1", "EUR"), ("0.2", "EUR"), ("5", "USD"), ("-0.3", "EUR")] {
            totals.add(record(known(price), currency)).unwrap();
        }
        let mut sums: Vec<_> =
            totals.amounts.iter().map(|(_, currency, sum)| (currency.as_str(), sum.to_string())).collect();
        sums.sort();
        assert_eq!(sums, [("EUR", "0".into()), ("USD", "5".into())]);
    }

    #[test]
    fn unknown_is_not_zero() {
        let mut totals = CostTotals::default();
        totals.add(record(Price::Unknown(UnpricedReason::NullCost), "EUR")).unwrap();
        assert!(totals.amounts.is_empty(), "nothing known, so no sum");
        assert_eq!(totals.unpriced.values().sum::<u64>(), 1);
        totals.add(record(Price::Known(Amount::ZERO), "EUR")).unwrap();
        assert_eq!(totals.amounts.len(), 1, "a known zero is a sum");
    }

    #[test]
    fn a_report_without_a_priced_record_tells_costs_only_when_it_is_empty_and_shows_prices() {
        let unpriced = Price::Unknown(UnpricedReason::NullCost);
        for (name, status, prices, want) in [
            ("nothing, shown", Some("show"), &[][..], true),
            ("nothing, hidden", Some("hide"), &[], false),
            ("nothing, without a status", None, &[], false),
            ("no price, shown", Some("show"), &[unpriced], false),
            ("no price, hidden", Some("hide"), &[unpriced], false),
            ("one of two has a price", Some("hide"), &[unpriced, known("0")], true),
        ] {
            let mut totals = CostTotals { price_status: status.map(SmolStr::new), ..CostTotals::default() };
            prices.iter().for_each(|price| totals.add(record(*price, "EUR")).unwrap());
            assert_eq!(totals.tells_costs(), want, "{name}");
        }
    }

    fn line(price: &str, currency: &str) -> CostTotal {
        CostTotal {
            region: Some(RegionId(76)),
            resource_type: ResourceType::new("instance"),
            price: known(price),
            has_error: false,
            currency: Currency::new(currency),
        }
    }

    #[test]
    fn differences_are_told_per_currency() {
        let mut totals = CostTotals::default();
        totals.add(record(known("10.00001"), "EUR")).unwrap();
        totals.add(record(known("3"), "USD")).unwrap();
        let found = differences(&totals, 2, &[line("10", "EUR"), line("1", "GBP")]);
        let told: Vec<_> = found.iter().map(|(currency, d)| (currency.as_str(), d.amount.to_string())).collect();
        assert_eq!(told, [("EUR", "0.00001".into()), ("GBP", "-1".into()), ("USD", "3".into())]);
        assert!(found.values().all(|difference| difference.tolerance.to_string() == "0.00002"), "4 lines");
    }

    #[test]
    fn a_missing_project_shows_between_two_totals() {
        let mut totals = CostTotals::default();
        totals.add_line(ProjectId(1), &line("10", "EUR")).unwrap();
        for (name, before, after, want) in [
            ("nothing moved", "10", "10", true),
            ("grew while reading", "9.5", "10.5", true),
            ("rounded apart", "10.00001", "9.99999", true),
            ("a project is missing", "10.1", "10.6", false),
            ("more than there is", "9", "9.9", false),
        ] {
            assert_eq!(is_between(&totals, 1, &[line(before, "EUR")], &[line(after, "EUR")]), want, "{name}");
        }
    }
}

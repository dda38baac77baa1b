//! The totals of a cost report with its details.
//!
//! A resource can have several rows, on any page. So the ranking is known only after all rows, and until then each
//! resource has an entry. Only the first resources of the ranking remain after the reading.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;
use smol_str::SmolStr;

use gcore_api::billing::amount::Amount;
use gcore_api::billing::record::{DetailedCost, Fold, Price, RejectReason};
use gcore_api::billing::resource::{Currency, Heap as _};

use super::cost::CostTotals;
use super::cost_details::{CostDetails, Resource, TagSums, TopResources};
use super::group::Group;

/// The totals of a cost report, with details.
#[derive(Clone, Debug, Default)]
pub struct DetailedTotals {
    totals: CostTotals,
    /// `None` after a sum has left the range of an amount: no details are better than wrong ones.
    sums: Option<DetailSums>,
}

#[derive(Clone, Debug, Default)]
struct DetailSums {
    tags: Vec<(SmolStr, TagSums)>,
    resources: HashMap<(Resource, Currency), Amount, RandomState>,
    top_resources: usize,
    /// The memory of all entries, approximately, in bytes.
    weight: usize,
}

impl DetailedTotals {
    /// Empty totals with sums by these tags, and `top_resources` resources of each currency.
    #[must_use]
    pub fn new(tag_keys: &[SmolStr], top_resources: usize) -> Self {
        let tags = tag_keys.iter().map(|key| (key.clone(), TagSums::default())).collect();
        let sums = DetailSums { tags, top_resources, ..DetailSums::default() };
        Self { totals: CostTotals::default(), sums: Some(sums) }
    }

    /// The totals with their details.
    #[must_use]
    pub fn finish(self) -> CostTotals {
        CostTotals { details: self.sums.and_then(DetailSums::finish), ..self.totals }
    }
}

impl Fold<DetailedCost<'_>> for DetailedTotals {
    /// Refuses a total outside the range of an amount.
    fn add(&mut self, record: DetailedCost<'_>) -> Result<(), RejectReason> {
        let DetailedCost { cost, id, name, tags } = record;
        let (price, currency) = (cost.price, cost.currency.as_str().into());
        let resource_type = cost.resource_type.as_str().into();
        let group = Group { project: cost.project, region: cost.region, resource_type };
        self.totals.add(cost)?;
        if let (Price::Known(amount), Some(sums)) = (price, &mut self.sums)
            && sums.add(Resource { group, id, name }, &tags, currency, amount).is_none()
        {
            self.sums = None;
        }
        Ok(())
    }

    fn weight(&self) -> usize {
        self.totals.weight() + self.sums.as_ref().map_or(0, |sums| sums.weight)
    }
}

impl DetailSums {
    fn add(
        &mut self,
        resource: Resource,
        tags: &[(SmolStr, SmolStr)],
        currency: Currency,
        amount: Amount,
    ) -> Option<()> {
        for (key, sums) in &mut self.tags {
            let tag = tags.iter().find(|(found, _)| found == key);
            let value = tag.map_or_else(SmolStr::default, |(_, value)| value.clone());
            let words = value.heap() + currency.heap();
            self.weight += add(sums.0.entry((value, currency.clone())), words, amount)?;
        }
        if self.top_resources > 0 {
            let words = resource.group.resource_type.heap() + resource.id.heap() + resource.name.heap();
            self.weight += add(self.resources.entry((resource, currency)), words, amount)?;
        }
        Some(())
    }

    fn finish(self) -> Option<CostDetails> {
        let resources = match self.top_resources {
            0 => None,
            top => Some(largest(self.resources, top)?),
        };
        Some(CostDetails { tags: self.tags.into_iter().collect(), resources })
    }
}

/// Ranks the resources of each currency. `None` when the sum of the others leaves the range of an amount.
fn largest(
    resources: impl IntoIterator<Item = ((Resource, Currency), Amount)>,
    top_resources: usize,
) -> Option<TopResources> {
    let mut by_currency = BTreeMap::<_, BTreeSet<_>>::new();
    let mut others = BTreeMap::new();
    for ((resource, currency), amount) in resources {
        let largest = by_currency.entry(currency.clone()).or_default();
        largest.insert((Reverse(amount.magnitude()), resource, amount));
        if largest.len() > top_resources
            && let Some((.., amount)) = largest.pop_last()
        {
            let sum: &mut Amount = others.entry(currency).or_default();
            *sum = sum.checked_add(amount)?;
        }
    }
    let largest = by_currency.into_iter().flat_map(|(currency, largest)| {
        largest.into_iter().map(move |(_, resource, amount)| (resource, currency.clone(), amount))
    });
    Some(TopResources { asked: top_resources, largest: largest.collect(), others })
}

/// Adds to the sum of an entry. Returns the memory of a new entry whose texts have `words` bytes.
fn add<K: Eq + Hash>(entry: Entry<'_, K, Amount>, words: usize, amount: Amount) -> Option<usize> {
    // Maps double their capacity when they grow.
    let new = if let Entry::Vacant(_) = entry { 3 * size_of::<(K, Amount)>() / 2 + words } else { 0 };
    let sum = entry.or_default();
    *sum = sum.checked_add(amount)?;
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gcore_api::billing::record::{CostRecord, UnpricedReason};
    use gcore_api::billing::resource::ProjectId;

    fn record<'a>(id: &str, price: Option<&str>, currency: &'a str, tags: &[(&str, &str)]) -> DetailedCost<'a> {
        let unknown = Price::Unknown(UnpricedReason::NullCost);
        DetailedCost {
            cost: CostRecord {
                project: ProjectId(1),
                region: None,
                resource_type: "volume".into(),
                price: price.map_or(unknown, |price| Price::Known(price.parse().unwrap())),
                currency: currency.into(),
                last_seen: None,
            },
            id: id.into(),
            name: "".into(),
            tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        }
    }

    fn totals(top_resources: usize, records: impl IntoIterator<Item = DetailedCost<'static>>) -> CostTotals {
        let mut totals = DetailedTotals::new(&["env".into(), "team".into()], top_resources);
        records.into_iter().for_each(|record| totals.add(record).unwrap());
        totals.finish()
    }

    fn resources(totals: &CostTotals) -> Vec<String> {
        let top = totals.details.as_ref().unwrap().resources.as_ref().unwrap();
        let largest = top.largest.iter().map(|(resource, currency, amount)| (resource.id.as_str(), currency, amount));
        let others = top.others.iter().map(|(currency, amount)| ("others", currency, amount));
        largest.chain(others).map(|(id, currency, amount)| format!("{id} {amount} {}", currency.as_str())).collect()
    }

    #[test]
    fn the_largest_stay_and_the_others_are_one() {
        let records = || {
            [("c", "1"), ("a", "-9"), ("b", "2"), ("d", "2"), ("b", "-0.5"), ("e", "2"), ("c", "-0.25")]
                .map(|(id, price)| record(id, Some(price), "EUR", &[]))
        };
        let dollars = || record("z", Some("0.1"), "USD", &[]);
        for (name, top, want) in [
            ("one", 1, &["a -9 EUR", "z 0.1 USD", "others 6.25 EUR"][..]),
            ("a tie goes to the first by identity", 2, &["a -9 EUR", "d 2 EUR", "z 0.1 USD", "others 4.25 EUR"]),
            (
                "several rows of one resource are one",
                4,
                &["a -9 EUR", "d 2 EUR", "e 2 EUR", "b 1.5 EUR", "z 0.1 USD", "others 0.75 EUR"],
            ),
            ("nothing is left over", 5, &["a -9 EUR", "d 2 EUR", "e 2 EUR", "b 1.5 EUR", "c 0.75 EUR", "z 0.1 USD"]),
        ] {
            assert_eq!(resources(&totals(top, records().into_iter().chain([dollars()]))), want, "{name}");
            assert_eq!(resources(&totals(top, [dollars()].into_iter().chain(records().into_iter().rev()))), want);
        }
        assert!(totals(0, records()).details.unwrap().resources.is_none(), "not asked for");
    }

    #[test]
    fn every_tag_adds_up_to_the_whole() {
        let totals = totals(
            0,
            [
                record("a", Some("1"), "EUR", &[("env", "prod"), ("os", "x"), ("env", "test")]),
                record("b", Some("2"), "EUR", &[("env", "prod"), ("team", "")]),
                record("c", Some("4"), "USD", &[("env", "test")]),
                record("d", Some("8"), "EUR", &[]),
                record("e", None, "EUR", &[("env", "lost")]),
            ],
        );
        let mut told: Vec<_> = totals
            .details
            .as_ref()
            .unwrap()
            .tags
            .iter()
            .flat_map(|(key, sums)| {
                sums.0.iter().map(move |((value, currency), sum)| format!("{key}={value} {sum} {}", currency.as_str()))
            })
            .collect();
        told.sort();
        assert_eq!(told, ["env= 8 EUR", "env=prod 3 EUR", "env=test 4 USD", "team= 11 EUR", "team= 4 USD"]);
        assert_eq!(totals.unpriced.values().sum::<u64>(), 1);
    }

    #[test]
    fn sums_beyond_any_bill_are_no_details() {
        let huge = "170000000000000000000000000";
        let mut records = [huge, huge].map(|price| record("a", Some(price), "EUR", &[]));
        records[1].cost.project = ProjectId(2);
        let totals = totals(1, records);
        assert!(totals.details.is_none());
        assert_eq!(totals.amounts.len(), 2, "the totals themselves stand");
    }
}

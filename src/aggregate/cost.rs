//! What a cost report adds up to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::billing::record::{CostRecord, Fold, Price, RejectReason, UnpricedReason};
use crate::billing::resource::{Currency, ResourceType};

use super::group::{Group, Sums};

/// The totals of one cost report.
#[derive(Clone, Debug, Default)]
pub struct CostTotals {
    /// Money per group and currency. A group without a single priced record is not here: its cost is unknown.
    pub amounts: Sums<Currency>,
    /// Records without a usable price.
    pub unpriced: BTreeMap<(ResourceType, UnpricedReason), u64>,
    /// The newest `last_seen` of any record: how far the data reaches.
    pub data_through: Option<Timestamp>,
    /// `price_status` of the report.
    pub price_status: Option<SmolStr>,
}

impl Fold<CostRecord> for CostTotals {
    /// A sum that would leave the range of an amount is refused.
    fn add(&mut self, record: CostRecord) -> Result<(), RejectReason> {
        self.data_through = self.data_through.max(record.last_seen);
        match record.price {
            Price::Known(amount) => {
                let group =
                    Group { project: record.project, region: record.region, resource_type: record.resource_type };
                self.amounts.add(group, record.currency, amount)?;
            }
            Price::Unknown(reason) => *self.unpriced.entry((record.resource_type, reason)).or_default() += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::amount::Amount;
    use crate::billing::resource::{ProjectId, RegionId};

    fn record(price: Price, currency: &str) -> CostRecord {
        CostRecord {
            project: ProjectId(1),
            region: Some(RegionId(76)),
            resource_type: ResourceType::new("instance"),
            price,
            currency: Currency::new(currency),
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
}

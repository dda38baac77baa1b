//! The commitments of an account.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use gcore_api::billing::amount::Amount;
use gcore_api::billing::commitment::Commitment;
use gcore_api::billing::resource::Currency;

/// The commitments of an account, and the cost of the current month under them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CommitmentTotals {
    /// Commitments of the current month, including ended ones.
    pub commitments: Vec<Commitment>,
    /// The cost of a month under the commitments, overcommit included. Empty without an active commitment.
    pub month_amounts: BTreeMap<Currency, Amount>,
    /// The end of that month. Afterwards the amounts are out of date.
    pub month_ends_at: Timestamp,
}

impl CommitmentTotals {
    /// The cost of the month of `now`. Empty after the end of the month that was read.
    pub fn current_month_amounts(&self, now: Timestamp) -> impl Iterator<Item = (&Currency, Amount)> {
        let amounts = self.month_amounts.iter().filter(move |_| now < self.month_ends_at);
        amounts.map(|(currency, amount)| (currency, *amount))
    }

    /// Whether a commitment is active at `now`.
    #[must_use]
    pub fn has_active(&self, now: Timestamp) -> bool {
        self.commitments.iter().any(|commitment| commitment.is_active(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_that_is_over_says_nothing_of_the_current_one() {
        let totals = CommitmentTotals {
            month_amounts: BTreeMap::from([(Currency::new("EUR"), "229".parse().unwrap())]),
            month_ends_at: "2026-12-01T00:00:00Z".parse().unwrap(),
            ..CommitmentTotals::default()
        };
        for (now, amounts) in [("2026-11-30T23:59:59Z", 1), ("2026-12-01T00:00:00Z", 0)] {
            assert_eq!(totals.current_month_amounts(now.parse().unwrap()).count(), amounts, "{now}");
        }
    }
}

//! What an account has bought ahead.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::billing::amount::Amount;
use crate::billing::commitment::Commitment;
use crate::billing::resource::Currency;

/// The commitments of an account and what the current month costs under them.
#[derive(Clone, Debug, Default)]
pub struct CommitmentTotals {
    /// Commitments of the current month, ended ones included.
    pub commitments: Vec<Commitment>,
    /// What the current month costs under them, overcommit included; empty without an active commitment.
    pub month_amounts: BTreeMap<Currency, Amount>,
}

impl CommitmentTotals {
    /// Whether any commitment runs at `now`.
    #[must_use]
    pub fn has_active(&self, now: Timestamp) -> bool {
        self.commitments.iter().any(|commitment| commitment.is_active(now))
    }
}

//! What the company has bought ahead, and what a month costs under it.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::billing::period::{Period, midnight};

/// Capacity bought ahead.
#[derive(Clone, Debug)]
pub struct Commitment {
    /// The subscription by which it was bought.
    pub subscription_id: u64,
    /// The first instant at which it is active.
    pub start: Timestamp,
    /// The first instant at which it no longer is.
    pub end: Timestamp,
    pub(crate) resource: &'static str,
    pub(crate) region: &'static str,
    pub(crate) region_id: u64,
    /// In 1e-5 EUR.
    pub(crate) price_per_month: i128,
}

/// What one minute beyond a commitment costs, in 1e-5 EUR.
const OVERCOMMIT_MINUTE: i128 = 530;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Every commitment, one of them ended the day before `born`.
pub(super) fn commitments(born: Timestamp) -> Vec<Commitment> {
    let commitment = |subscription_id, from: i32, to: i32, price_per_month| Commitment {
        subscription_id,
        start: born + DAY * from,
        end: born + DAY * to,
        resource: "bm2-hf-medium",
        region: "Luxembourg-2",
        region_id: 76,
        price_per_month,
    };
    vec![commitment(9_101, -360, 5, 22_900_000), commitment(9_104, -366, -1, 9_950_000)]
}

impl Commitment {
    /// Whether any instant of a period belongs to it.
    #[must_use]
    pub fn touches(&self, period: Period) -> bool {
        self.start < period.ends_at() && period.starts_at() < self.end
    }

    /// What its month costs beyond the price, as known at `now`: one minute in ten runs over, in 1e-5 EUR; and how
    /// many minutes that is.
    pub(crate) fn overcommit(&self, month: Date, now: Timestamp) -> (i128, i128) {
        let minutes = i128::from(now.duration_since(midnight(month)).as_mins().max(0)) / 10;
        (minutes * OVERCOMMIT_MINUTE, minutes)
    }
}

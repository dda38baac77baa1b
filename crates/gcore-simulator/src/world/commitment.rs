//! The commitments of the company, and the cost of a month with them.

use std::ops::Range;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::days::midnight;

/// A capacity that is reserved and paid for.
#[derive(Clone, Debug)]
pub struct Commitment {
    /// The subscription of the commitment.
    pub subscription_id: u64,
    /// The start, included.
    pub start: Timestamp,
    /// The end, excluded.
    pub end: Timestamp,
    pub(crate) resource: &'static str,
    pub(crate) region: &'static str,
    pub(crate) region_id: u64,
    /// In 1e-5 EUR.
    pub(crate) price_per_month: i128,
}

/// The price of one minute beyond a commitment, in 1e-5 EUR.
const OVERCOMMIT_MINUTE: i128 = 530;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Every commitment. One of them ended the day before `born`.
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
    /// Whether the commitment is active in a part of the period.
    #[must_use]
    pub fn touches(&self, period: &Range<Date>) -> bool {
        self.start < midnight(period.end) && midnight(period.start) < self.end
    }

    /// The use beyond the commitment in a month, as known at `now`: its cost in 1e-5 EUR, and its minutes. One minute
    /// in ten exceeds the commitment.
    pub(crate) fn overcommit(&self, month: Date, now: Timestamp) -> (i128, i128) {
        let minutes = i128::from(now.duration_since(midnight(month)).as_mins().max(0)) / 10;
        (minutes * OVERCOMMIT_MINUTE, minutes)
    }
}

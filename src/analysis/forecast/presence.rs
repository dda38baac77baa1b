//! On which days a series cost anything at all: whether it has ended.

/// How many days are looked at.
const DAYS: usize = 128;
/// A series that cost something on so many days has ended once it was without cost for this many...
const FEWEST_DAYS_WITH_COST: u32 = 14;
const FEWEST_QUIET_DAYS: u32 = 2;
/// ...and for this many times longer than ever before.
const LONGER: f32 = 1.5;

/// The days that are known, and those with a cost; bit 0 is the newest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Presence {
    known: u128,
    with: u128,
}

impl Presence {
    /// Adds a day that is known; those further back than [`DAYS`] are not looked at.
    pub(super) fn set(&mut self, lag: usize, has_cost: bool) {
        if lag <= DAYS {
            self.known |= 1 << (lag - 1);
            self.with |= u128::from(has_cost) << (lag - 1);
        }
    }

    /// Whether the cost has stayed away for longer than it ever did before.
    pub(super) fn has_ended(self) -> bool {
        let without = self.known & !self.with;
        let quiet = without.trailing_ones();
        if quiet < FEWEST_QUIET_DAYS || self.with.count_ones() < FEWEST_DAYS_WITH_COST {
            return false;
        }
        let before = without.checked_shr(quiet).unwrap_or(0);
        let as_long = (quiet as f32 / LONGER).ceil() as usize;
        (1..as_long).fold(before, |runs, days| runs & before >> days) == 0
    }
}

//! On which days a series cost anything at all: whether it has ended, and how likely a cost is on the days to come.

use super::plan::Plan;

/// How many days are looked at.
pub(super) const DAYS: usize = 128;
/// A weekday of a lesser part of the level is one without cost.
const EMPTY_WEEKDAY: f32 = 0.1;
/// How many days the share of days with a cost counts for in what follows on one with, and without.
const FEW: f32 = 2.0;
/// A series that cost something on so many days has ended once it was without cost for this many...
const FEWEST_DAYS_WITH_COST: u32 = 14;
const FEWEST_QUIET_DAYS: u32 = 2;
/// ...and for this many times longer than ever before.
const LONGER: f32 = 1.5;

/// The days that are known, and those of them without a cost; bit 0 is the newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presence {
    known: u128,
    without: u128,
}

impl Presence {
    /// So many days, each with a cost; those further back than [`DAYS`] are not looked at.
    pub(super) fn of(days: usize) -> Self {
        let known = if days < DAYS { (1 << days) - 1 } else { u128::MAX };
        Self { known, without: 0 }
    }

    /// That day was without cost, or nothing is known of it.
    pub(super) fn lacks(&mut self, lag: usize, is_known: bool) {
        let day = if lag <= DAYS { 1 << (lag - 1) } else { 0 };
        if is_known {
            self.without |= day;
        } else {
            self.known &= !day;
        }
    }

    /// The days to come in a month that have a cost, each by its part of the level on its weekday (0 is Monday), where
    /// one cannot say which: by how often days with and without a cost follow on one another. None where the cost was
    /// always there.
    pub(super) fn to_come(self, plan: &Plan, weekdays: &[f32; 7]) -> Option<f32> {
        if self.without == 0 {
            return None;
        }
        let has_cost = plan.lags_of.iter().zip(weekdays).filter(|(_, part)| **part > EMPTY_WEEKDAY);
        let known = has_cost.fold(0, |all, (lags, _)| all | lags) & self.known;
        let without = self.without & known;
        let with = known & !without;
        if without == 0 || with == 0 {
            return None;
        }
        let share = with.count_ones() as f32 / (known.count_ones() + 1) as f32;
        let after = |before: u128| {
            let [on, off] = [with, without].map(|later| (later & before >> 1).count_ones() as f32);
            (on + FEW * share) / (on + off + FEW)
        };
        let [start, stay] = [after(without), after(with)];
        let mut is_there = if known.trailing_zeros() == with.trailing_zeros() { 1.0 } else { 0.0 };
        let mut days = 0.0;
        for day in 0..plan.window.1 {
            let part = weekdays[(plan.tomorrow() + day) % 7];
            if part > EMPTY_WEEKDAY {
                is_there = start + is_there * (stay - start);
                days += if day >= plan.window.0 { is_there * part } else { 0.0 };
            }
        }
        Some(days)
    }

    /// What a day with a cost comes to, where the costs of all days looked at come to `sum`.
    pub(super) fn mean(self, sum: f32) -> f32 {
        sum / self.with().count_ones().max(1) as f32
    }

    /// Whether the cost has stayed away for longer than it ever did before.
    pub(super) fn has_ended(self) -> bool {
        let quiet = self.without.trailing_ones();
        if quiet < FEWEST_QUIET_DAYS || self.with().count_ones() < FEWEST_DAYS_WITH_COST {
            return false;
        }
        let before = self.without.checked_shr(quiet).unwrap_or(0);
        let as_long = (quiet as f32 / LONGER).ceil() as usize;
        (1..as_long).fold(before, |runs, days| runs & before >> days) == 0
    }

    fn with(self) -> u128 {
        self.known & !self.without
    }
}

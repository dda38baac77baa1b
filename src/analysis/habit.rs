//! Whether an amount above the usual has been seen before in such a place: a monthly charge, a job every ten days.

use crate::analysis::calendar::{Equivalent, Kind, Place};
use crate::analysis::cycle::Cycle;
use crate::analysis::past::{MEMORY_DAYS, Past};
use crate::analysis::rhythm::WINDOW;
use crate::analysis::robust::distance;
use crate::analysis::series::SAME_LEVEL;
use crate::analysis::verdict::EMPTY_WEEKDAY;

/// The longest rhythm in days that two earlier occurrences show.
const LONGEST_RHYTHM: usize = 63;
/// The days back to which rises are remembered.
const RISES: usize = 128;
/// A rise that lasts longer is no charge, but a spike...
const LONGEST_CHARGE: usize = 3;
/// ...or, if it lasts longer still, a new level such as that after a discount's end.
pub(super) const LONGEST_SPIKE: usize = 5;

/// One earlier amount explains another that is as near as this, as a share, noise apart...
const CLOSE: f32 = 0.08;
/// ...or as this on the very day of the month, on the second day of a charge, and in a rhythm.
const LESS_CLOSE: f32 = 0.2;
/// ...or as this a week or two ago: a habit of a week comes so soon again that little is lost by telling it twice.
const CLOSEST: f32 = 0.03;
/// Two earlier amounts at like places explain one that is as near to both as this.
const ROUGH: f32 = 0.5;
/// A level that was returned to may be returned to again.
const FEWEST_STAYS: usize = 2;
/// Levels are the same within this share, noise apart.
const SAME_STAY: f32 = 0.01;
/// Costs of a series that often has none are the same within this share, noise apart.
const SAME_COST: f32 = 0.05;
/// Amounts that differ by this many standard deviations of the noise are the same.
const SAME: f32 = 1.5;

/// On which days a series cost more than usual: bit 0 is yesterday.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rises {
    above: u128,
}

impl Rises {
    /// One more day.
    pub(super) fn push(&mut self, above: bool) {
        self.above = self.above << 1 | u128::from(above);
    }

    pub(super) fn skip(&mut self, days: usize) {
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        self.above = self.above.checked_shl(days).unwrap_or(0);
    }

    /// Tells in hindsight that a day cost more than usual.
    pub(super) fn set(&mut self, lag: usize) {
        if (1..=RISES).contains(&lag) {
            self.above |= 1 << (lag - 1);
        }
    }

    /// Leaves out the days with a run of a job, which is known by itself.
    pub(super) fn without(mut self, cycle: Cycle) -> Rises {
        for lag in cycle.lags().take_while(|lag| *lag <= RISES) {
            self.above &= !(1 << (lag - 1));
        }
        self
    }

    /// On how many of the last days, up to 127.
    pub(super) fn lately(self, days: usize) -> u32 {
        (self.above & ((1 << days) - 1)).count_ones()
    }

    /// Whether it did `lag` days back.
    pub(super) fn has(self, lag: usize) -> bool {
        (1..=RISES).contains(&lag) && self.above >> (lag - 1) & 1 == 1
    }

    fn begins(self, lag: usize) -> bool {
        self.has(lag) && !self.has(lag + 1)
    }

    /// How many days the present rise has lasted, up to yesterday.
    fn lasting(self) -> usize {
        (1..=RISES).take_while(|lag| self.has(*lag)).count()
    }

    /// How many days the rise that began then lasted.
    fn length(self, lag: usize) -> usize {
        (1..=lag).rev().take_while(|lag| self.has(*lag)).count()
    }
}

/// A day that costs more than usual, and what is known around it.
pub(super) struct Rise<'a> {
    pub(super) past: &'a Past,
    pub(super) series: usize,
    pub(super) place: &'a Place,
    pub(super) actual: f32,
    pub(super) usual: f32,
    /// The noise: by how much a repeated amount differs, as the standard deviation of a share.
    pub(super) noise: f32,
    pub(super) rises: Rises,
    /// Each weekday's amount in units of the level.
    pub(super) weekdays: [f32; 7],
}

impl Rise<'_> {
    /// What the place in the calendar or a rhythm lets expect, where it explains the amount.
    pub(super) fn placed(&self) -> Option<f32> {
        let monthly = |kind: Kind| {
            let same = self.place.monthly.iter().filter(move |earlier| earlier.kind == kind);
            self.repeated(same.map(|earlier| earlier.lag), if kind.is_exact() { LESS_CLOSE } else { CLOSE })
        };
        let weekly = |days: usize| self.repeated(std::iter::once(days), CLOSEST);
        let placed = Kind::ALL.into_iter().find_map(monthly);
        placed
            .or_else(|| self.by_lift())
            .or_else(|| [7, 14].into_iter().find_map(weekly))
            .or_else(|| (2..=LONGEST_RHYTHM).find_map(|days| self.by_rhythm(days)))
            .or_else(|| self.going_on())
    }

    /// What the same day of an earlier rise cost, where the present one began as a habit and that day was none to tell.
    fn going_on(&self) -> Option<f32> {
        let days = self.rises.lasting();
        let begun = (days + 1..=RISES).filter(|lag| days > 0 && self.rises.begins(*lag));
        let same_day = begun.filter(|lag| self.rises.length(*lag) > days).map(|lag| lag - days);
        let mut habits = same_day.filter(|lag| !self.past.at(self.series, *lag).is_anomaly());
        habits.find_map(|lag| self.like(lag, LESS_CLOSE))
    }

    /// One earlier rise is enough where the amounts agree well, two where they agree roughly.
    fn repeated(&self, lags: impl Iterator<Item = usize>, share: f32) -> Option<f32> {
        let share = if self.continues() { LESS_CLOSE } else { share };
        let (mut found, mut count, mut is_close) = (None, 0, false);
        for lag in lags.filter(|lag| self.rises.has(*lag)) {
            let Some(amount) = self.like(lag, ROUGH) else { continue };
            let length = self.rises.length(lag);
            let is_charge = length <= LONGEST_CHARGE || length > LONGEST_SPIKE;
            is_close |= is_charge && self.is_at_same_part(lag) && self.like(lag, share).is_some();
            count += 1;
            found = found.or(Some(amount));
        }
        found.filter(|_| is_close || count > 1)
    }

    /// What has begun at such a place in two earlier months, where today costs just that: it does so amid a spike too.
    pub(super) fn due(&self) -> Option<f32> {
        Kind::ALL.into_iter().find_map(|kind| {
            let same = self.place.monthly.iter().filter(|earlier| earlier.kind == kind);
            let begun = same.filter(|earlier| self.rises.begins(earlier.lag));
            let mut like = begun.filter_map(|earlier| self.like(earlier.lag, CLOSE));
            like.next().filter(|_| like.next().is_some())
        })
    }

    /// Two rises in a row so many days apart are enough where the amounts agree, three where they agree roughly.
    fn by_rhythm(&self, days: usize) -> Option<f32> {
        let (mut found, mut count, mut close) = (None, 0, 0);
        for lag in (days..=RISES).step_by(days) {
            if self.rises.has(lag) {
                let Some(amount) = self.like(lag, ROUGH).filter(|_| self.is_at_same_part(lag)) else { break };
                close += usize::from(self.like(lag, LESS_CLOSE).is_some());
                count += 1;
                found = found.or(Some(amount));
            } else if self.part(lag) > EMPTY_WEEKDAY {
                break;
            }
        }
        found.filter(|_| close > 1 || count > 2)
    }

    /// What the weekday of that day costs in units of the level.
    pub(super) fn part(&self, lag: usize) -> f32 {
        self.weekdays[(self.place.weekday + 7 * lag - lag) % 7]
    }

    /// Yesterday was a rise too.
    fn continues(&self) -> bool {
        self.rises.has(1)
    }

    /// Today begins a rise, and so did that day, or neither did.
    fn is_at_same_part(&self, lag: usize) -> bool {
        self.rises.begins(lag) != self.continues()
    }

    /// Whether the amount is that of a level at which the series has stayed more than once, for longer than a spike lasts.
    pub(super) fn is_known_level(&self) -> bool {
        let level = self.actual / self.part(0);
        let (mut stays, mut days) = (0, 0);
        for lag in 1..MEMORY_DAYS.min(self.past.len() + 1) {
            let actual = self.past.at(self.series, lag).actual();
            if actual <= 0.0 || actual.is_nan() {
                continue;
            }
            let off = distance(actual / self.part(lag), level);
            if off < SAME_STAY + SAME * self.noise {
                days += 1;
                stays += usize::from(days == LONGEST_SPIKE + 1);
            } else if off > SAME_LEVEL {
                days = 0;
            }
        }
        stays >= FEWEST_STAYS
    }

    /// Of a series that often has no cost: whether it has cost just this before, longer ago than a spike lasts.
    pub(super) fn is_known_cost(&self) -> bool {
        let level = self.actual / self.part(0);
        let is_same = |lag: usize| {
            let then = self.past.at(self.series, lag).actual() / self.part(lag);
            then > 0.0 && distance(then, level) < SAME_COST + self.noise
        };
        (LONGEST_SPIKE + 1..=WINDOW).any(|lag| self.rises.has(lag) && is_same(lag))
    }

    /// What the same day of the last month cost above the usual, though too little to be a rise.
    fn by_lift(&self) -> Option<f32> {
        let lift = |earlier: &Equivalent| {
            let cell = self.past.at(self.series, earlier.lag);
            let ratio = cell.actual() / cell.usual();
            let is_lift = !cell.is_set_aside() && ratio > 1.1 + 1.5 * self.noise;
            (is_lift && self.actual <= self.usual * ratio * (1.12 + 2.0 * self.noise)).then_some(self.usual * ratio)
        };
        self.place.monthly.iter().filter(|earlier| earlier.is_exact() && earlier.months == 1).find_map(lift)
    }

    /// At the beginning of a month: what the first days of the last month cost, where that was no spike. Discounts and
    /// free amounts start anew.
    pub(super) fn begun_like_last_month(&self) -> Option<f32> {
        if self.place.day > 2 {
            return None;
        }
        let first = self.place.monthly.iter().find(|earlier| earlier.is_exact() && earlier.months == 1)?.lag;
        let mut amounts = [0.0_f32; 5];
        for (days, amount) in amounts.iter_mut().enumerate() {
            let lag = first - days;
            *amount = self.past.at(self.series, lag).actual() / self.part(lag) * self.part(0);
        }
        amounts.sort_unstable_by(f32::total_cmp);
        // Three of five days at least: a charge on the first alone is another habit.
        let amount = amounts[2];
        (self.actual <= amount * (1.1 + 2.0 * self.noise)).then_some(amount)
    }

    /// What today would cost as that day again, the nearer of the two, provided that it does but for a share and the noise.
    fn like(&self, lag: usize, share: f32) -> Option<f32> {
        let (low, high) = self.again(lag);
        if low.is_nan() || low <= self.usual {
            return None;
        }
        let expected = if (self.actual - low).abs() < (self.actual - high).abs() { low } else { high };
        let tolerance = share + SAME * self.noise;
        let is_like = self.actual <= expected * (1.0 + tolerance) && expected <= self.actual * (1.0 + tolerance);
        is_like.then_some(expected)
    }

    /// What today would cost if it were as far above the usual as that day, by an added fee and by a multiple of the
    /// usual, the lesser first.
    fn again(&self, lag: usize) -> (f32, f32) {
        let cell = self.past.at(self.series, lag);
        let usual_then = if cell.usual().is_nan() { self.usual } else { cell.usual() };
        let added = self.usual + cell.actual() - usual_then;
        let scaled = if usual_then > 0.0 { self.usual * cell.actual() / usual_then } else { added };
        (added.min(scaled), added.max(scaled))
    }
}

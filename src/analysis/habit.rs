//! Whether an amount above the usual has been seen before in such a place: a monthly charge, a job every ten days.

use crate::analysis::calendar::{Equivalent, Kind, Place};
use crate::analysis::cycle::Cycle;
use crate::analysis::past::Past;

/// The longest rhythm in days that two earlier occurrences show.
const LONGEST_RHYTHM: usize = 63;
/// So many separate rises to a like amount are a habit without a rhythm.
const FREQUENT_RISES: usize = 4;
/// A rise that lasts longer is no charge, but a spike...
const LONGEST_CHARGE: usize = 3;
/// ...or, if it lasts longer still, a new level such as that after a discount's end.
pub(super) const LONGEST_SPIKE: usize = 5;

/// A charge that has come twice may come to this share of it.
const LEAST_OF_STANDING: f32 = 0.2;

/// On which days a series cost more than usual: bit 0 is yesterday.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rises {
    above: u128,
    /// Those that the calendar or a rhythm explained.
    placed: u128,
}

impl Rises {
    /// One more day.
    pub(super) fn push(&mut self, above: bool, placed: bool) {
        self.above = self.above << 1 | u128::from(above);
        self.placed = self.placed << 1 | u128::from(placed);
    }

    pub(super) fn skip(&mut self, days: usize) {
        let days = u32::try_from(days).unwrap_or(u32::MAX);
        self.above = self.above.checked_shl(days).unwrap_or(0);
        self.placed = self.placed.checked_shl(days).unwrap_or(0);
    }

    /// Tells in hindsight that a day cost more than usual.
    pub(super) fn set(&mut self, lag: usize) {
        if (1..=128).contains(&lag) {
            self.above |= 1 << (lag - 1);
        }
    }

    /// Leaves out the days with a run of a job, which is known by itself.
    pub(super) fn without(mut self, cycle: Cycle) -> Rises {
        for lag in cycle.lags().take_while(|lag| *lag <= 128) {
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
        (1..=128).contains(&lag) && self.above >> (lag - 1) & 1 == 1
    }

    fn begins(self, lag: usize) -> bool {
        self.has(lag) && !self.has(lag + 1)
    }

    /// How many days the rise that began then lasted.
    fn length(self, lag: usize) -> usize {
        (1..=lag).rev().take_while(|lag| self.has(*lag)).count()
    }

    /// Where rises without a place in the calendar begin.
    fn beginnings(self) -> impl Iterator<Item = usize> {
        let mut bits = self.above & !(self.above >> 1) & !self.placed;
        std::iter::from_fn(move || {
            let lag = bits.trailing_zeros() as usize + 1;
            bits &= bits.checked_sub(1)?;
            Some(lag)
        })
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
        self.by_month()
            .or_else(|| self.by_standing())
            .or_else(|| self.by_lift())
            .or_else(|| self.by_week())
            .or_else(|| self.by_rhythm())
    }

    /// One earlier month is enough where the amounts agree well, two where they agree roughly.
    fn by_month(&self) -> Option<f32> {
        let continues = self.rises.has(1);
        let fits = |earlier: &&Equivalent| {
            let lag = earlier.lag;
            self.rises.has(lag)
                && self.rises.begins(lag) != continues
                && (self.rises.length(lag) <= if earlier.may_last() { LONGEST_CHARGE } else { 1 }
                    || self.rises.length(lag) > LONGEST_SPIKE)
        };
        // A rise that has gone on as it did then need not agree so well.
        let share = if continues { 0.2 } else { 0.08 };
        let strict = self.place.monthly.iter().filter(fits).find_map(|earlier| self.like(earlier.lag, share));
        strict.or_else(|| {
            let mut found: Option<(i16, f32)> = None;
            for earlier in self.place.monthly.iter().filter(|earlier| self.rises.has(earlier.lag)) {
                let Some(amount) = self.like(earlier.lag, 0.25) else { continue };
                match found {
                    Some((months, first)) if months != earlier.months => return Some(first),
                    Some(_) => {}
                    None => found = Some((earlier.months, amount)),
                }
            }
            None
        })
    }

    /// What came at one place in both of the last two months may also come to less.
    fn by_standing(&self) -> Option<f32> {
        Kind::ALL.into_iter().find_map(|kind| {
            let in_month = |months: i16| {
                let place = |earlier: &&Equivalent| earlier.kind == kind && earlier.months == months;
                let risen = self.place.monthly.iter().filter(place).filter(|earlier| self.rises.has(earlier.lag));
                risen.map(|earlier| self.again(earlier.lag).1).find(|amount| *amount > self.usual)
            };
            let expected = in_month(1)?.min(in_month(2)?);
            let fits = self.actual <= expected * (1.0 + self.noise) && self.actual > LEAST_OF_STANDING * expected;
            fits.then_some(expected)
        })
    }

    fn by_week(&self) -> Option<f32> {
        [7, 14]
            .into_iter()
            .filter(|lag| self.rises.has(*lag) && self.rises.length(*lag) <= 2)
            .find_map(|lag| self.like(lag, 0.08))
    }

    fn by_rhythm(&self) -> Option<f32> {
        (2..=LONGEST_RHYTHM)
            .filter(|days| self.rises.begins(*days) && self.rises.begins(2 * days))
            .find_map(|days| self.like(days, 0.2).and(self.like(2 * days, 0.2)))
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
            let part = self.weekdays[(self.place.weekday + 7 * lag - lag) % 7];
            *amount = self.past.at(self.series, lag).actual() / part * self.weekdays[self.place.weekday];
        }
        amounts.sort_unstable_by(f32::total_cmp);
        // Three of five days at least: a charge on the first alone is another habit.
        let amount = amounts[2];
        (self.actual <= amount * (1.1 + 2.0 * self.noise)).then_some(amount)
    }

    /// What comes often though at no certain time, where it explains the amount: so many earlier short rises were as high.
    pub(super) fn frequent(&self) -> Option<f32> {
        let mut as_high = self
            .rises
            .beginnings()
            .filter(|lag| self.rises.length(*lag) <= 2)
            .map(|lag| self.past.at(self.series, lag))
            .map(|cell| self.usual * cell.actual() / cell.usual())
            .filter(|amount| amount * (1.0 + self.noise) >= self.actual);
        let expected = as_high.next()?;
        (as_high.count() + 1 >= FREQUENT_RISES).then_some(expected.min(self.actual))
    }

    /// What today would cost as that day again, the nearer of the two, provided that it does but for a share and the noise.
    fn like(&self, lag: usize, share: f32) -> Option<f32> {
        let (low, high) = self.again(lag);
        if low.is_nan() || low <= self.usual {
            return None;
        }
        let expected = if (self.actual - low).abs() < (self.actual - high).abs() { low } else { high };
        let tolerance = share + 1.5 * self.noise;
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

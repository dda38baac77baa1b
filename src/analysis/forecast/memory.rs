//! The past of one series as the forecast looks at it: without anomalies, and summed so that any stretch is two look-ups.

use crate::analysis::past::{MEMORY_DAYS, Past};
use crate::analysis::rhythm::NOTHING;
use crate::analysis::usual::Usual;

use super::presence::Presence;

/// How far back a rhythm is looked for: three times the longest that is of use within a month.
const RHYTHM_DAYS: usize = 128;

/// The remembered days of a series; lag 1 is the newest.
pub(super) struct Memory {
    /// How many days there are, from the series' first cost on.
    pub(super) days: usize,
    /// What a day cost, where it was not an anomaly; what was usual where it was. NaN where that is unknown.
    pub(super) amounts: [f32; MEMORY_DAYS + 1],
    /// The same, NaN also where the day is not to be learned from.
    pub(super) learnable: [f32; MEMORY_DAYS + 1],
    /// The sum of the amounts of all lags up to this one.
    sums: [f32; MEMORY_DAYS + 1],
    /// The sum of what days that are set aside had above the usual, anomalies left out; of a sparse series, all costs.
    charges: [f32; MEMORY_DAYS + 1],
    /// On which days something was above the usual or, in a sparse series, there was a cost: bit 0 is the newest day.
    events: u128,
    /// How many of the newest days are set aside below the usual, what they cost, and what was usual on them.
    below: (usize, f32, f32),
    /// On which days it cost anything.
    pub(super) presence: Presence,
    /// Amounts may be below zero.
    pub(super) has_credits: bool,
    /// The largest amount, credits included.
    pub(super) largest: f32,
}

impl Memory {
    pub(super) fn of(past: &Past, series: usize, age: usize, usual: &Usual) -> Self {
        let mut memory = Self {
            days: age.min(past.len()).min(MEMORY_DAYS),
            amounts: [f32::NAN; MEMORY_DAYS + 1],
            learnable: [f32::NAN; MEMORY_DAYS + 1],
            sums: [0.0; MEMORY_DAYS + 1],
            charges: [0.0; MEMORY_DAYS + 1],
            events: 0,
            below: (0, 0.0, 0.0),
            presence: Presence::of(age.min(past.len())),
            has_credits: false,
            largest: 0.0,
        };
        let nothing = 0.05 * usual.level;
        let (mut sum, mut charges) = (0.0, 0.0);
        let cells = past.newest(series, memory.days);
        for (lag, cell) in (1..=memory.days).zip(cells) {
            let (actual, expected) = (cell.actual(), cell.usual());
            if !actual.is_nan() {
                let is_aside = cell.is_set_aside();
                let knows_usual = !expected.is_nan() && !usual.rhythm.is_sparse;
                let amount =
                    if knows_usual && (cell.is_anomaly() || is_aside && actual < 0.0) { expected } else { actual };
                memory.has_credits |= actual < 0.0;
                memory.largest = memory.largest.max(actual.abs());
                sum += amount;
                if usual.rhythm.is_sparse {
                    charges += amount;
                } else if is_aside && knows_usual {
                    charges += amount - expected;
                }
                memory.amounts[lag] = amount;
                memory.learnable[lag] = if is_aside && !usual.rhythm.is_sparse { f32::NAN } else { amount };
                let has_cost = actual.abs() > NOTHING * usual.level;
                if !has_cost {
                    memory.presence.lacks(lag, true);
                }
                let (days, cost, was) = memory.below;
                if days + 1 == lag && knows_usual && is_aside && has_cost && actual < expected {
                    memory.below = (lag, cost + actual, was + expected);
                }
                let is_event = if usual.rhythm.is_sparse { actual > nothing } else { is_aside && actual > expected };
                if lag <= RHYTHM_DAYS {
                    memory.events |= u128::from(is_event) << (lag - 1);
                }
            }
            if actual.is_nan() {
                memory.presence.lacks(lag, false);
            }
            memory.sums[lag] = sum;
            memory.charges[lag] = charges;
        }
        memory
    }

    /// The level that the cost has fallen to, as a share of the one that is still taken for the usual, and how many days
    /// ago: a fall of two days is followed sooner than one is sure of it, since most do last.
    pub(super) fn fall(&self) -> Option<(usize, f32)> {
        const FEWEST_DAYS: usize = 2;
        let (days, cost, was) = self.below;
        (days >= FEWEST_DAYS).then(|| (days, (cost / was).max(0.0)))
    }

    /// What the days between two lags cost, the further one first.
    pub(super) fn sum(&self, from: usize, to: usize) -> f32 {
        self.sums[from.min(self.days)] - self.sums[(to - 1).min(self.days)]
    }

    /// What they had above the usual on days that are set aside.
    pub(super) fn charged(&self, from: usize, to: usize) -> f32 {
        self.charges[from.min(self.days)] - self.charges[(to - 1).min(self.days)]
    }

    /// The days from one event to the next, where the last three or four keep to them, the lag of the last, and what
    /// an event comes to.
    pub(super) fn rhythm(&self, past: &Past, series: usize, usual: &Usual) -> Option<Rhythm> {
        // Only the first day of an event counts.
        let mut begins = self.events & !(self.events >> 1);
        let (mut lags, mut amounts, mut found) = ([0_usize; 4], [0.0_f32; 4], 0);
        while begins != 0 && found < lags.len() {
            let lag = begins.trailing_zeros() as usize + 1;
            begins &= begins - 1;
            let cell = past.at(series, lag);
            lags[found] = lag;
            amounts[found] = if usual.rhythm.is_sparse { cell.actual() } else { cell.actual() - cell.usual() };
            found += 1;
        }
        let gap = lags[1].checked_sub(lags[0])?;
        let is_kept = found >= 3 && lags[2] - lags[1] == gap && (found == 3 || lags[3] - lags[2] >= gap);
        let is_due = lags[0] <= gap;
        (is_kept && is_due).then(|| Rhythm { gap, last: lags[0], amount: median(&mut amounts[..3]) })
    }
}

/// Something that comes every so many days.
pub(super) struct Rhythm {
    gap: usize,
    last: usize,
    /// What it comes to each time.
    pub(super) amount: f32,
}

impl Rhythm {
    /// How often it comes between two days, counted from the day after the newest.
    pub(super) fn times(&self, window: (usize, usize)) -> usize {
        let first = self.gap - self.last;
        (first..window.1).step_by(self.gap).filter(|day| *day >= window.0).count()
    }
}

/// The middle value, or the mean of the middle two; at least one is needed.
pub(super) fn median(values: &mut [f32]) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

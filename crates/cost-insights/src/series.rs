//! The state of a series: its last days, its level, its weekly profile and its usual deviation.

use std::sync::Arc;

/// The number of stored days: three whole months back from any day, and the earlier days of the oldest month.
pub(super) const DAYS: usize = BLOCKS * BLOCK;
/// Days are stored in blocks, which clones share until they differ. So a clone with a few more days is small, and so is
/// a young series.
const BLOCKS: usize = 4;
const BLOCK: usize = 32;
/// A weekday with a smaller share of the level is idle. From .05 to .15 nothing changes.
pub(super) const IDLE: f64 = 0.1;
/// The weeks from which a weekday's share is learned.
const WEEKS: usize = 8;
/// The number of days in which days with and without a cost are counted: four whole weeks.
const COUNTED: u32 = 28;
/// Days that contradict the weekly profile: with a cost on an idle weekday, or without one on another weekday. The
/// first number makes a series sparse, the second one makes it regular again. From 3 to 5, and from 1 to 3, nothing
/// changes.
const SPARSE_FROM: u32 = 5;
const SPARSE_UNTIL: u32 = 2;
/// The least number of runs of such days. One pause does not make a series sparse.
const FEWEST_RUNS: u32 = 2;
/// A series with fewer days with a cost in four weeks has no fixed weekday.
const FEWEST_RUNS_OF_A_WEEKDAY: u32 = 4;
/// The youngest series that can be sparse.
const SPARSE_AGE: usize = 14;
/// The number of days with a cost whose median is the first level. A first day is often incomplete.
const FIRST_DAYS: u16 = 7;
/// The usual deviation of a new series, as a share of the level. From .08 to .12 nothing changes.
const FIRST_DEVIATION: f64 = 0.1;

/// One day of a series.
#[derive(Clone, Copy, Debug)]
struct Day {
    /// NaN when unknown.
    amount: f32,
    /// The expectation. Its sign is negative when the amount was above the band.
    expected: f32,
}

/// The state of a series.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// Days since its first cost. 0 before.
    pub(super) age: usize,
    /// The mean cost of a day of its week. For a sparse series, of a day with a cost.
    pub(super) level: f64,
    /// The level before the last new one.
    pub(super) previous: f64,
    /// Days since the last new level.
    pub(super) at_level: usize,
    /// The square of the usual deviation, as a share of the expectation.
    pub(super) variance: f64,
    /// The mean cost of each weekday in units of the level. 0 is Monday.
    shares: [f64; 7],
    /// Whether it has costs at irregular days, without a weekly profile.
    pub(super) is_sparse: bool,
    /// Consecutive days above the band, and far below the expectation.
    pub(super) above: u8,
    pub(super) below: u8,
    /// Consecutive days with an expected cost but without a cost.
    pub(super) quiet: u16,
    /// Days with a cost since its first.
    paid_days: u16,
    /// Whether a day had a cost, and whether it is known. Bit 0 is the newest day.
    paid: u32,
    known: u32,
    days: [Arc<[Day; BLOCK]>; BLOCKS],
}

impl Default for Series {
    fn default() -> Self {
        Self {
            age: 0,
            level: 0.0,
            previous: 0.0,
            at_level: 0,
            variance: FIRST_DEVIATION * FIRST_DEVIATION,
            shares: [1.0; 7],
            is_sparse: false,
            above: 0,
            below: 0,
            quiet: 0,
            paid_days: 0,
            paid: 0,
            known: 0,
            days: {
                let none = Arc::new([Day { amount: f32::NAN, expected: f32::NAN }; BLOCK]);
                [(); BLOCKS].map(|()| Arc::clone(&none))
            },
        }
    }
}

impl Series {
    fn day(&self, at: usize, lag: usize) -> Day {
        let place = (at + DAYS - lag) % DAYS;
        self.days[place / BLOCK][place % BLOCK]
    }

    fn day_mut(&mut self, at: usize, lag: usize) -> &mut Day {
        let place = (at + DAYS - lag) % DAYS;
        &mut Arc::make_mut(&mut self.days[place / BLOCK])[place % BLOCK]
    }

    /// The cost of the day `lag` days before `at`. NaN when unknown.
    pub(super) fn amount(&self, at: usize, lag: usize) -> f64 {
        if lag < self.age { f64::from(self.day(at, lag).amount) } else { f64::NAN }
    }

    /// Its distance above its expectation. Negative below it, NaN when unknown.
    pub(super) fn excess(&self, at: usize, lag: usize) -> f64 {
        let day = self.day(at, lag);
        if lag < self.age { f64::from(day.amount - day.expected.abs()) } else { f64::NAN }
    }

    /// Whether it was above the band.
    pub(super) fn was_above(&self, at: usize, lag: usize) -> bool {
        lag < self.age && self.day(at, lag).expected < 0.0
    }

    /// The amount. The expectation when the day was above the band, a credit, or unknown.
    pub(super) fn usual(&self, at: usize, lag: usize) -> f64 {
        let Day { amount, expected } = self.day(at, lag);
        f64::from(if expected < 0.0 || amount.is_nan() || amount < 0.0 { expected.abs() } else { amount })
    }

    /// The share of a weekday. 1 in a sparse series.
    pub(super) fn share(&self, weekday: usize) -> f64 {
        if self.is_sparse { 1.0 } else { self.shares[weekday] }
    }

    /// The shares in ascending order.
    pub(super) fn ordered_shares(&self) -> [f64; 7] {
        let mut shares = if self.is_sparse { [1.0; 7] } else { self.shares };
        shares.sort_unstable_by(f64::total_cmp);
        shares
    }

    /// The usual deviation as a share of the expectation.
    pub(super) fn deviation(&self) -> f64 {
        self.variance.sqrt()
    }

    /// The number of known days in the last four weeks, and the number of them with a cost.
    pub(super) fn presence(&self) -> (u32, u32) {
        let known = self.known & mask(self.age.min(COUNTED as usize));
        (known.count_ones(), (known & self.paid).count_ones())
    }

    /// Learns the share of the weekday of `at` from that weekday in the last eight weeks. The share is the median of
    /// its ratios to the seven days around it. A ratio of 1 is added, like one more week without a profile.
    pub(super) fn learn_share(&mut self, at: usize, weekday: usize) {
        let mut ratios = [1.0; WEEKS + 1];
        let mut found = 1;
        for week in (1..=WEEKS).take_while(|week| 7 * week + 3 < self.age + 1) {
            let day = f64::from(self.day(at, 7 * week).amount).max(0.0);
            let others: f64 = (1..=3).map(|off| self.usual(at, 7 * week - off) + self.usual(at, 7 * week + off)).sum();
            if !self.day(at, 7 * week).amount.is_nan() && others + day > 0.0 {
                ratios[found] = 7.0 * day / (others + day);
                found += 1;
            }
        }
        self.shares[weekday] = middle(&mut ratios[..found]);
    }

    /// Stores the newest day.
    pub(super) fn push(&mut self, at: usize, amount: f64, expected: f64, is_above: bool) {
        let expected = if is_above { -expected } else { expected };
        *self.day_mut(at, 0) = Day { amount: amount as f32, expected: expected as f32 };
        self.paid = self.paid << 1 | u32::from(amount > 0.0);
        self.known = self.known << 1 | u32::from(!amount.is_nan());
        self.age += 1;
        self.at_level = self.at_level.saturating_add(1);
        self.paid_days = self.paid_days.saturating_add(u16::from(amount > 0.0));
    }

    /// Whether it has few days with a cost. Then the level is their median.
    pub(super) fn is_new(&self) -> bool {
        self.paid_days <= FIRST_DAYS
    }

    /// Sets the level from the days with a cost so far, or from the last seven of them.
    pub(super) fn find_level(&mut self, at: usize, weekday: usize) {
        let level = self.recent_level(at, weekday, usize::from(FIRST_DAYS));
        self.level = level.unwrap_or(self.level);
    }

    /// The median of the last days with a cost, each divided by its weekday's share.
    fn recent_level(&self, at: usize, weekday: usize, count: usize) -> Option<f64> {
        let mut levels = [0.0; FIRST_DAYS as usize];
        let mut found = 0;
        for lag in 0..self.age.min(DAYS) {
            let share = self.share((weekday + 7 * DAYS - lag) % 7);
            let amount = self.amount(at, lag);
            if amount > 0.0 && share >= IDLE {
                levels[found] = amount / share;
                found += 1;
                if found == count {
                    break;
                }
            }
        }
        (found > 0).then(|| middle(&mut levels[..found]))
    }

    /// Takes the last days as a new level. They no longer count as above the band.
    pub(super) fn accept_level(&mut self, at: usize, weekday: usize, days: usize) {
        self.previous = self.level;
        self.level = self.recent_level(at, weekday, days).unwrap_or(self.level);
        for lag in 0..days {
            let day = self.day_mut(at, lag);
            day.expected = day.amount.max(0.0);
        }
        (self.above, self.below, self.at_level) = (0, 0, days);
    }

    /// Decides whether the series is sparse. Days count that have a cost against the weekly profile, or lack one
    /// against it.
    pub(super) fn learn_presence(&mut self, at: usize, weekday: usize) {
        const EVERY_WEEK: u32 = 1 | 1 << 7 | 1 << 14 | 1 << 21;
        let counted = self.known & mask(self.age.min(COUNTED as usize));
        let mut idle = 0;
        for (of, share) in self.shares.iter().enumerate() {
            if *share < IDLE {
                idle |= EVERY_WEEK << ((weekday + 7 - of) % 7);
            }
        }
        // One pause does not make a series sparse, and the current one may be the end of the series.
        let ended = mask((self.paid | !counted).trailing_zeros() as usize);
        let odd = counted & !(self.paid ^ idle) & !ended;
        let (days, runs) = (odd.count_ones(), (odd & !(odd >> 1)).count_ones());
        let is_sparse = if self.is_new() {
            self.age >= SPARSE_AGE && 2 * (counted & !self.paid).count_ones() > counted.count_ones()
        } else if self.is_sparse {
            days >= SPARSE_UNTIL || (counted & self.paid).count_ones() < FEWEST_RUNS_OF_A_WEEKDAY
        } else {
            self.age >= SPARSE_AGE && days >= SPARSE_FROM && runs >= FEWEST_RUNS
        };
        if is_sparse != self.is_sparse {
            self.is_sparse = is_sparse;
            self.find_level(at, weekday);
        }
    }
}

/// The lowest `bits` bits.
fn mask(bits: usize) -> u32 {
    if bits < 32 { (1 << bits) - 1 } else { u32::MAX }
}

/// The median. At least one value is needed.
pub(super) fn middle(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

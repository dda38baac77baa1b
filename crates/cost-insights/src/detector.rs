//! Compares a day with the baseline of its series, then learns from it.

use super::calendar::Today;
use super::detector_rule::Rule;
use super::judgement::{Basis, Judgement, Reason, score};
use super::series::{IDLE, Series};

/// Younger series have not seen every place of a month, so they have no anomalies.
pub(super) const YOUNG_DAYS: usize = 30;
/// The width of the band in usual deviations. From 4.5 to 5, F1 moves by less than .01. Below that, real costs give
/// alarms.
pub(super) const BAND_DEVIATIONS: f64 = 4.75;
/// The least width of the band, as a share of the expectation: users do not act on less. From .25 to .35 nothing
/// changes.
pub(super) const LEAST_BAND_SHARE: f64 = 0.3;
/// The factor on the excess of a matching day, because charges vary. 1.25 costs .01 of F1 on simulated accounts.
const MATCHING_DAY_FACTOR: f64 = 1.5;
/// The number of days in the last four weeks whose cost makes an amount usual. From 4 to 6, F1 moves by less than .01.
pub(super) const FREQUENT_DAYS: usize = 5;
pub(super) const RECENT_DAYS: usize = 28;
/// The factor on such an amount: amounts up to it count as equal. From 1.05 to 1.2, F1 moves by less than .01.
pub(super) const EQUAL_AMOUNT_FACTOR: f64 = 1.15;
/// The factor on the second-highest weekday, for a day unlike its weekday. From 1.15 to 1.25 nothing changes.
pub(super) const OTHER_WEEKDAY: f64 = 1.2;
/// The number of consecutive days that make a new level. A spike is shorter. From 4 to 7 nothing changes.
pub(super) const NEW_LEVEL_DAYS: u8 = 5;
/// A larger fall is far below the expectation, for any width of the band.
const FAR_BELOW: f64 = 0.8;
/// The weight of a day's error in the level, and of its square in the variance. From 1/4 to 1/10, and from 1/14 to
/// 1/25, F1 moves by less than .01. A faster level ranks worse in the public benchmark.
const LEVEL_WEIGHT: f64 = 1.0 / 7.0;
const VARIANCE_WEIGHT: f64 = 1.0 / 20.0;
/// The largest error that counts, in usual deviations. 2 gives false alarms, 4 gives equal results.
const LARGEST_ERROR: f64 = 3.0;
/// The least usual deviation for the limit of errors. Without it an exact series could not follow a small step.
const LEAST_DEVIATION: f64 = 0.02;

/// The bounds of a day. Amounts are in units of the input.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    expected: f64,
    /// No cost is expected on this weekday.
    is_idle: bool,
    /// The start of the band.
    base: f64,
    /// The upper edge of the band by the usual deviation or the least share, without the least amount.
    relative: f64,
    /// The upper edge of the band.
    band: f64,
    /// The rule that sets the band.
    basis: Basis,
    /// The bounds of habits. The first one that covers an amount is the reason.
    habits: [(f64, Basis); 3],
    deviation: f64,
    matching_days: u8,
    matching_most: f64,
}

impl Bounds {
    /// The habit that explains an amount above the band.
    fn habit(&self, amount: f64) -> Option<Reason> {
        let habit = self.habits.iter().find(|(bound, _)| amount > self.band && amount <= *bound);
        habit.map(|(_, basis)| basis.reason())
    }

    /// The upper bound, and the rule that sets it.
    fn upper(&self) -> (f64, Basis) {
        let larger = |upper: (f64, Basis), habit: &(f64, Basis)| if habit.0 > upper.0 { *habit } else { upper };
        self.habits.iter().fold((self.band, self.basis), larger)
    }
}

impl Series {
    /// Judges the amount of a day by the days before it, then learns from it. NaN is unknown.
    pub(super) fn step(&mut self, today: &Today, amount: f64, least_amount: f64) -> Judgement {
        if self.age == 0 {
            if amount > 0.0 {
                self.level = amount;
                self.push(today.at, amount, amount, false);
            }
            return Judgement::unknown(amount);
        }
        if today.keeps(Rule::WeekdayShare) {
            self.learn_share(today.at, today.weekday);
        }
        let bounds = self.bounds(today, least_amount);
        let judgement = self.judge(&bounds, amount);
        let is_new_level = self.learn(today, &bounds, amount) && !judgement.low_confidence;
        Judgement { reason: if is_new_level { Reason::NewLevel } else { judgement.reason }, ..judgement }
    }

    /// The expected cost of a day. 0 in a pause.
    pub(super) fn expects(&self, weekday: usize) -> f64 {
        let has_paused = self.quiet >= u16::from(NEW_LEVEL_DAYS) && !self.is_sparse;
        if has_paused { 0.0 } else { self.level * self.share(weekday) }
    }

    fn bounds(&self, today: &Today, least_amount: f64) -> Bounds {
        // The newest stored day.
        let yesterday = today.at - 1;
        let share = self.share(today.weekday);
        let [.., second, highest] = self.ordered_shares();
        let is_idle = share < IDLE;
        // An idle weekday is compared with the highest weekday, because a job may be moved there.
        let base = self.level * if is_idle { highest } else { share };
        let reach = self.reach() * base;
        let (mut matching_days, mut matching_most, mut most) = (0, 0.0_f64, 0.0_f64);
        for lag in today.matching.iter().filter(|lag| **lag <= self.age) {
            let excess = self.excess(yesterday, lag - 1);
            if !excess.is_nan() {
                most = most.max(excess);
                matching_days += 1;
                matching_most = matching_most.max(self.amount(yesterday, lag - 1));
            }
        }
        let usual = self.level * share;
        let unless_idle = if is_idle { 0.0 } else { 1.0 };
        let basis = match () {
            () if least_amount > reach => Basis::LeastAmount,
            () if BAND_DEVIATIONS * self.deviation() > LEAST_BAND_SHARE => Basis::Deviations,
            () => Basis::Share,
        };
        Bounds {
            expected: self.expects(today.weekday),
            is_idle,
            base,
            relative: base + reach,
            band: base + reach.max(least_amount),
            basis,
            habits: [
                (Rule::SameDayOfMonth, usual + MATCHING_DAY_FACTOR * most, Basis::SameDayOfMonth),
                (Rule::OftenLately, unless_idle * EQUAL_AMOUNT_FACTOR * share * self.often(today), Basis::OftenLately),
                (Rule::OtherWeekday, unless_idle * OTHER_WEEKDAY * second * self.level, Basis::OtherWeekday),
            ]
            .map(|(rule, bound, basis)| (if today.keeps(rule) { bound } else { 0.0 }, basis)),
            deviation: self.deviation() * base,
            matching_days,
            matching_most,
        }
    }

    /// The width of the band as a share of the expectation.
    fn reach(&self) -> f64 {
        (BAND_DEVIATIONS * self.deviation()).max(LEAST_BAND_SHARE)
    }

    /// The level that several of the last days reached, each divided by its weekday's share.
    fn often(&self, today: &Today) -> f64 {
        let factors: [f64; 7] = std::array::from_fn(|back| {
            let share = self.share((today.weekday + 6 - back) % 7);
            if share < IDLE { 0.0 } else { 1.0 / share }
        });
        let mut levels = [0.0; RECENT_DAYS];
        for (lag, level) in levels.iter_mut().enumerate().take(self.age) {
            // An unknown day counts as 0, as a credit does.
            *level = (self.amount(today.at - 1, lag) * factors[lag % 7]).max(0.0);
        }
        *levels.select_nth_unstable_by(RECENT_DAYS - FREQUENT_DAYS, f64::total_cmp).1
    }

    fn judge(&self, bounds: &Bounds, amount: f64) -> Judgement {
        let Bounds { expected, base, deviation, matching_days, matching_most, .. } = *bounds;
        let is_young = self.age < YOUNG_DAYS;
        let (upper, basis) = if is_young { (f64::INFINITY, bounds.basis) } else { bounds.upper() };
        let reason = match () {
            () if amount.is_nan() => Reason::Unknown,
            () if is_young => Reason::TooYoung,
            () if amount > upper => Reason::AboveBand,
            () if amount > bounds.band => bounds.habit(amount).unwrap_or(Reason::WithinBand),
            () if amount > bounds.relative => Reason::BelowFloor,
            () if amount < 0.0 => Reason::Below,
            () if self.is_sparse || bounds.is_idle => Reason::WithinBand,
            () if amount <= 0.0 => Reason::Pause,
            () if amount < expected * (1.0 - self.far_below()) => Reason::Below,
            () => Reason::WithinBand,
        };
        Judgement {
            assumed: 0.0,
            expected,
            upper,
            actual: amount,
            score: if is_young { 0.0 } else { score(amount, expected, upper) },
            anomaly: amount > upper,
            low_confidence: is_young,
            reason,
            basis,
            base,
            deviation,
            matching_days,
            matching_most,
        }
    }

    /// The smallest fall that is far below the expectation.
    fn far_below(&self) -> f64 {
        self.reach().min(FAR_BELOW)
    }

    /// Learns from a day. Returns whether it completes a new level.
    fn learn(&mut self, today: &Today, bounds: &Bounds, amount: f64) -> bool {
        let Today { at, weekday, .. } = *today;
        let habit = bounds.habit(amount);
        let is_above = amount > bounds.band && habit != Some(Reason::OftenLately);
        self.push(at, amount, self.level * self.share(weekday), is_above);
        if today.keeps(Rule::Sparse) {
            self.learn_presence(at, weekday);
        }
        // A credit and an unknown day change nothing.
        if amount.is_nan() || amount < 0.0 {
            return false;
        }
        self.quiet = if amount > 0.0 { 0 } else { self.quiet.saturating_add(u16::from(!bounds.is_idle)) };
        if self.is_new() {
            self.find_level(at, weekday);
            return false;
        }
        let share = self.share(weekday);
        if share < IDLE {
            return false;
        }
        if amount <= 0.0 {
            (self.above, self.below) = if self.is_sparse { (self.above, self.below) } else { (0, 0) };
            return false;
        }
        let error = amount / (self.level * share) - 1.0;
        if habit == Some(Reason::SameDayOfMonth) {
            return false;
        }
        if amount > bounds.band {
            (self.above, self.below) = (self.above + 1, 0);
            if self.above >= NEW_LEVEL_DAYS {
                self.accept_level(at, weekday, usize::from(NEW_LEVEL_DAYS));
                return is_above;
            }
            if is_above {
                return false;
            }
        } else if error < -self.far_below() {
            (self.above, self.below) = (0, self.below + 1);
            if self.below >= NEW_LEVEL_DAYS {
                self.accept_level(at, weekday, usize::from(NEW_LEVEL_DAYS));
                return true;
            }
            return false;
        } else {
            (self.above, self.below) = (0, 0);
        }
        self.move_level(error);
        false
    }

    /// Moves the level and the usual deviation by a day's relative error.
    fn move_level(&mut self, error: f64) {
        let largest = LARGEST_ERROR * self.deviation().max(LEAST_DEVIATION);
        let error = error.clamp(-largest, largest);
        self.level *= 1.0 + LEVEL_WEIGHT * error;
        self.variance += VARIANCE_WEIGHT * (error * error - self.variance);
    }
}

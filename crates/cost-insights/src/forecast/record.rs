//! The errors of each method on a series, and the answer that combines the methods.

use super::methods::METHODS;
use super::plan::{Plan, STAGES};

/// The share of an error that remains a month later. From .7 to .9 nothing changes.
const MEMORY: f64 = 0.8;
/// The exponent on a method's error that gives its weight. From -3 to -5 nothing changes.
const TRUST: i32 = -4;
/// The weights of errors in the next part of the month and in the other parts.
const NEXT_STAGE: f64 = 0.5;
const OTHER_STAGE: f64 = 0.2;
/// The expected error before there is a record, as a share of the open cost, and the part that noise adds. From half to
/// twice of both nothing changes.
const EXPECTED: f64 = 0.03;
const EXPECTED_OF_NOISE: f64 = 0.5;
const SPARSE_FACTOR: f64 = 4.0;
/// The smallest expected error of a method.
const LEAST_ERROR: f64 = 0.01;
/// Factors on the expected error. Known charges are likely to come again. Without a known month, earlier months say
/// little.
const CHARGES: f64 = 0.8;
const NO_MONTH: f64 = 3.0;

/// The forecasts of the current month and the errors of earlier ones, of one series. Errors are shares of the open
/// cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    said: [Option<Said>; STAGES],
    /// The distance of each method from the best one, so that an unpredictable month counts against none of them.
    errors: [[f32; METHODS]; STAGES],
    missed: [f32; STAGES],
    months: [f32; STAGES],
}

/// A forecast of a month.
#[derive(Clone, Copy, Debug)]
struct Said {
    so_far: f32,
    open: [f32; METHODS],
    answer: Answer,
    share_open: f32,
}

/// The combined forecast, and its expected error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// The cost of the open days.
    pub(super) open: f64,
    /// The size of the expected error.
    pub(super) scale: f64,
}

/// The state of a series besides its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prior {
    pub(super) months: usize,
    pub(super) deviation: f64,
    pub(super) is_sparse: bool,
}

impl Prior {
    fn error(self) -> f64 {
        (EXPECTED + EXPECTED_OF_NOISE * self.deviation) * if self.is_sparse { SPARSE_FACTOR } else { 1.0 }
    }

    /// The expected error of a method, in units of the prior error.
    fn of(self, method: usize) -> f64 {
        match (method, self.months) {
            (2.., 0) => NO_MONTH,
            (2, 2..) => CHARGES,
            _ => 1.0,
        }
    }
}

impl Record {
    /// Records the forecasts at a checkpoint.
    pub(super) fn keep(&mut self, stage: usize, plan: &Plan, so_far: f64, open: &[f64; METHODS], answer: Answer) {
        let (so_far, share_open) = (so_far as f32, plan.share_open() as f32);
        self.said[stage] = Some(Said { so_far, open: open.map(|amount| amount as f32), answer, share_open });
    }

    /// Drops the forecasts of a month that cannot be checked.
    pub(super) fn drop_month(&mut self) {
        self.said = Default::default();
    }

    /// Compares the forecasts with the total of the month. Returns the error of the answer for each part of the month,
    /// in units of its scale.
    pub(super) fn close(&mut self, total: f64) -> [Option<f64>; STAGES] {
        let mut off = [None; STAGES];
        for (stage, said) in self.said.iter_mut().enumerate() {
            let fading = [&mut self.missed[stage], &mut self.months[stage]];
            self.errors[stage].iter_mut().chain(fading).for_each(|sum| *sum *= MEMORY as f32);
            // A month without a cost has no relative error.
            let Some(said) = said.take().filter(|_| total > 0.0) else { continue };
            let to_come = total - f64::from(said.so_far);
            let error = |open: f64| ((open - to_come).abs() / (total * f64::from(said.share_open))).min(1.0) as f32;
            let errors = said.open.map(|open| error(f64::from(open)));
            let least = errors.iter().fold(1.0_f32, |least, error| least.min(*error));
            self.errors[stage].iter_mut().zip(errors).for_each(|(sum, error)| *sum += error - least);
            self.missed[stage] += error(said.answer.open);
            self.months[stage] += 1.0;
            off[stage] = Some((to_come - said.answer.open) / said.answer.scale);
        }
        off
    }

    /// The weighted median of the methods, and its expected error. The weight is a power of a method's error.
    pub(super) fn answer(&self, plan: &Plan, so_far: f64, open: &[f64; METHODS], prior: Prior) -> Answer {
        let stage = plan.stage();
        let near: [f64; STAGES] = std::array::from_fn(|other| match other.abs_diff(stage) {
            0 => 1.0,
            1 => NEXT_STAGE,
            _ => OTHER_STAGE,
        });
        let sum = |sums: [f32; STAGES]| near.iter().zip(sums).map(|(near, sum)| near * f64::from(sum)).sum::<f64>();
        let (expected, months) = (prior.error(), sum(self.months) + 1.0);
        let weights: [f64; METHODS] = std::array::from_fn(|method| {
            let errors = sum(self.errors.map(|errors| errors[method])) + expected * prior.of(method);
            (errors / months + LEAST_ERROR).powi(TRUST)
        });
        let error = (sum(self.missed) + expected) / months + LEAST_ERROR;
        let answer = median(open, &weights);
        let spread: f64 = weights.iter().zip(open).map(|(weight, open)| weight * (open - answer).powi(2)).sum();
        let spread = 0.5 * spread / weights.iter().sum::<f64>();
        let total = (so_far + answer).abs();
        let scale = ((error * plan.share_open() * total).powi(2) + spread).sqrt();
        Answer { open: answer, scale: scale.max(1e-6 * total).max(f64::MIN_POSITIVE) }
    }
}

/// The value with half of the weight on either side, interpolated between two values.
pub(super) fn median(values: &[f64; METHODS], weights: &[f64; METHODS]) -> f64 {
    let mut order: [usize; METHODS] = std::array::from_fn(|method| method);
    order.sort_unstable_by(|one, other| values[*one].total_cmp(&values[*other]));
    let half = 0.5 * weights.iter().sum::<f64>();
    let (mut below, mut before, mut value) = (0.0, 0.0, values[order[0]]);
    for method in order {
        let middle = below + 0.5 * weights[method];
        if middle >= half {
            let share = if below > 0.0 { (half - before) / (middle - before) } else { 1.0 };
            return value + (values[method] - value) * share;
        }
        (below, before, value) = (below + weights[method], middle, values[method]);
    }
    value
}

/// The share of outcomes below the band, and above it.
const OUTSIDE: f64 = 0.1;
/// The initial speed of the edges, and the number of outcomes after which they move more slowly.
const PACE: f64 = 0.1;
const SLOWER_AFTER: f64 = 50.0;

/// The edges of the band in units of the expected error, for each part of a month. The same for all series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    pub(super) below: [f64; STAGES],
    pub(super) above: [f64; STAGES],
    outcomes: [f64; STAGES],
}

impl Default for Band {
    /// From simulated and real accounts. The initial values matter in the first months only.
    fn default() -> Self {
        Self { below: [1.0; STAGES], above: [1.3; STAGES], outcomes: [0.0; STAGES] }
    }
}

impl Band {
    /// Widens an edge that was exceeded and narrows one that was not, so that one outcome in ten exceeds each.
    pub(super) fn learn(&mut self, stage: usize, off: f64) {
        self.outcomes[stage] += 1.0;
        let pace = PACE / (1.0 + self.outcomes[stage] / SLOWER_AFTER).sqrt();
        let moved = |edge: f64, is_passed: bool| {
            let factor = if is_passed { 1.0 + pace * (1.0 - OUTSIDE) } else { 1.0 - pace * OUTSIDE };
            (edge * factor).clamp(0.05, 50.0)
        };
        self.above[stage] = moved(self.above[stage], off > self.above[stage]);
        self.below[stage] = moved(self.below[stage], -off > self.below[stage]);
    }
}

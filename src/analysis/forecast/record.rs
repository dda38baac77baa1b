//! How well each method has done on a series so far, and what that makes of their answers.

use super::methods::METHODS;
use super::plan::{CHECKPOINTS, Plan, STAGES};

/// How much of an error is remembered a month later.
const ERROR_MEMORY: f32 = 0.8;
/// How many months of errors the expectation of them is worth.
const PRIOR_MONTHS: f32 = 1.0;
/// What errors in the next part of the month, and in the others, count for.
const NEXT_STAGE: f32 = 0.5;
const OTHER_STAGE: f32 = 0.2;
/// The relative error of a whole month that is expected of a series without noise, and what noise adds.
const PRIOR_ERROR: f32 = 0.05;
const PRIOR_ERROR_OF_NOISE: f32 = 0.5;
const SPARSE_FACTOR: f32 = 4.0;
/// No method is trusted to be closer than this, as a share of what is open.
const LEAST_ERROR: f32 = 0.003;

/// By how many earlier months there are: the errors to expect of the methods, in units of the first one's.
const PRIORS: [[f32; METHODS]; 4] = [
    [1.0, 1.0, 1.1, 1.2, 9.0, 9.0, 9.0, 1.0],
    [1.0, 1.1, 1.2, 1.3, 1.4, 1.3, 1.2, 0.9],
    [1.0, 1.1, 1.2, 1.3, 1.2, 1.2, 0.9, 0.9],
    [1.0, 1.1, 1.2, 1.3, 1.2, 1.2, 0.8, 0.8],
];

/// Which method knows, of a series that pauses, whether its cost is there now; and the error to expect of it.
const PRESENCE: usize = 1;
const PRIOR_OF_PRESENCE: f32 = 0.5;

/// The forecasts of the present month and the errors of earlier ones, of one series.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// What was said at the checkpoints of the month.
    said: [Option<Said>; STAGES],
    /// Sums of relative errors beyond that of the best method, so that a month that nobody could foresee is held against
    /// none; they fade.
    errors: [[f32; METHODS]; STAGES],
    /// Sums of the relative errors of the answers, and how many months all these sums are of.
    missed: [f32; STAGES],
    months: [f32; STAGES],
}

/// What was said of a month's total.
#[derive(Clone, Copy, Debug)]
struct Said {
    methods: [f32; METHODS],
    answer: Answer,
}

/// One number out of many, and how far it may be off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// What the open days will cost.
    pub(super) open: f32,
    /// What the month will come to.
    pub(super) total: f32,
    /// The size of errors to be expected.
    pub(super) scale: f32,
}

impl Record {
    /// Keeps what is said at a checkpoint; `methods` are those of the open days.
    pub(super) fn keep(&mut self, plan: &Plan, so_far: f32, methods: &[f32; METHODS], answer: Answer) {
        if let Some(stage) = CHECKPOINTS.iter().position(|day| *day == plan.elapsed) {
            self.said[stage] = Some(Said { methods: methods.map(|open| so_far + open), answer });
        }
    }

    /// Forgets what was said of a month that cannot be checked.
    pub(super) fn drop_month(&mut self) {
        self.said = Default::default();
    }

    /// Holds what was said against what the month came to. Tells for each stage how far off the answer was, in units of
    /// its scale.
    pub(super) fn close(&mut self, total: f32) -> [Option<f32>; STAGES] {
        let mut off = [None; STAGES];
        for (stage, said) in self.said.iter_mut().enumerate() {
            for error in &mut self.errors[stage] {
                *error *= ERROR_MEMORY;
            }
            self.missed[stage] *= ERROR_MEMORY;
            self.months[stage] *= ERROR_MEMORY;
            // Of a month that came to nothing there is no relative error.
            let Some(said) = said.take().filter(|_| total > 0.0) else { continue };
            let errors = said.methods.map(|method| ((method - total).abs() / total).min(1.0));
            let least = errors.iter().fold(1.0_f32, |least, error| least.min(*error));
            for (sum, error) in self.errors[stage].iter_mut().zip(errors) {
                *sum += error - least;
            }
            self.missed[stage] += ((said.answer.total - total).abs() / total).min(1.0);
            self.months[stage] += 1.0;
            off[stage] = Some((total - said.answer.total) / said.answer.scale);
        }
        off
    }

    /// The methods' median, each by a high power of how well it has done, and the error that is to be expected of it.
    pub(super) fn answer(&self, plan: &Plan, so_far: f32, methods: &[f32; METHODS], prior: &Prior) -> Answer {
        let expected = prior.error() * plan.share_open();
        let stage = plan.stage();
        let mut nearness = [OTHER_STAGE; STAGES];
        for (other, near) in nearness.iter_mut().enumerate().filter(|(other, _)| other.abs_diff(stage) < 2) {
            *near = if other == stage { 1.0 } else { NEXT_STAGE };
        }
        let months: f32 = nearness.iter().zip(self.months).map(|(near, months)| near * months).sum();
        let mut weights = [0.0; METHODS];
        for (method, weight) in weights.iter_mut().enumerate() {
            let past: f32 = nearness.iter().zip(&self.errors).map(|(near, errors)| near * errors[method]).sum();
            let expected = PRIOR_MONTHS * expected * prior.of(method);
            let own =
                (past * plan.of_checkpoint() + expected) / (months + PRIOR_MONTHS) + LEAST_ERROR * plan.share_open();
            *weight = own.max(1e-4).powi(-5);
        }
        let missed: f32 = nearness.iter().zip(self.missed).map(|(near, missed)| near * missed).sum();
        let error = (missed * plan.of_checkpoint() + PRIOR_MONTHS * expected) / (months + PRIOR_MONTHS)
            + LEAST_ERROR * plan.share_open();
        let open = median(methods, &weights);
        let sum: f32 = weights.iter().sum();
        let spread: f32 = weights.iter().zip(methods).map(|(weight, method)| weight * (method - open).powi(2)).sum();
        let total = so_far + open;
        let scale = ((error * total).powi(2) + 0.5 * spread / sum).sqrt();
        Answer { open, total, scale: scale.max(1e-6 * total.abs()).max(f32::MIN_POSITIVE) }
    }
}

/// The value with half of the weight on either side of it; between two of them by how far from each that is.
pub(super) fn median(values: &[f32; METHODS], weights: &[f32; METHODS]) -> f32 {
    let mut order: [usize; METHODS] = std::array::from_fn(|method| method);
    order.sort_unstable_by(|one, other| values[*one].total_cmp(&values[*other]));
    let half = 0.5 * weights.iter().sum::<f32>();
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

/// What is to be expected of a series of which there is no record.
pub(super) struct Prior {
    /// How many earlier months it has.
    pub(super) months: usize,
    pub(super) noise: f32,
    pub(super) is_sparse: bool,
    /// Its cost, though not sparse, is not always there.
    pub(super) pauses: bool,
}

impl Prior {
    /// The error to expect of a method, in units of the first one's.
    fn of(&self, method: usize) -> f32 {
        if self.pauses && method == PRESENCE { PRIOR_OF_PRESENCE } else { PRIORS[self.months.min(3)][method] }
    }

    fn error(&self) -> f32 {
        (PRIOR_ERROR + PRIOR_ERROR_OF_NOISE * self.noise) * if self.is_sparse { SPARSE_FACTOR } else { 1.0 }
    }
}

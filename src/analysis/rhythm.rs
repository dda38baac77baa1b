//! The week of a series, and its noise: what changes slowly, learned from eight weeks.

use crate::analysis::cycle::Cycle;
use crate::analysis::past::Past;
use crate::analysis::robust::{distance, quantile, spread};

const WEEKS: usize = 8;
/// The days from which the week and the level are learned.
pub(super) const WINDOW: usize = 7 * WEEKS;
/// Under this share of what a day costs at most, or usually, one counts as without cost.
pub(super) const NOTHING: f32 = 0.02;
/// A cost that comes and goes so seldom in the window is one that pauses, not a sparse one.
const MOST_CHANGES: usize = 7;
/// Before there are two weeks, all days of the week are alike.
const FEWEST_DAYS: usize = 14;

/// The last eight weeks of a series, newest first.
pub(super) struct Window {
    /// Amounts to learn from, else NaN.
    pub(super) learnable: [f32; WINDOW],
    /// All amounts, NaN where not known.
    pub(super) actual: [f32; WINDOW],
    /// What was usual on each of the days.
    usual: [f32; WINDOW],
    /// The job whose days are left out.
    pub(super) cycle: Cycle,
    /// Days since the beginning of the series.
    age: usize,
    /// The weekday of the day that comes next; 0 is Monday.
    today: usize,
}

impl Window {
    pub(super) fn read(past: &Past, series: usize, age: usize, today: usize) -> Window {
        let unknown = [f32::NAN; WINDOW];
        let mut window =
            Window { learnable: unknown, actual: unknown, usual: unknown, cycle: Cycle::default(), age, today };
        for index in 0..age.min(WINDOW) {
            let cell = past.at(series, index + 1);
            window.learnable[index] = cell.learnable();
            window.actual[index] = cell.actual();
            window.usual[index] = cell.usual();
        }
        window
    }

    /// The weekday of the day `index` places back, 0 being yesterday.
    pub(super) fn weekday(&self, index: usize) -> usize {
        (self.today + 6 + 6 * index) % 7
    }

    /// A day with a run of a job teaches nothing about the others.
    pub(super) fn blank_runs(&mut self, cycle: Cycle) {
        self.cycle = cycle;
        for lag in cycle.lags().take_while(|lag| *lag <= WINDOW) {
            self.learnable[lag - 1] = f32::NAN;
        }
    }

    /// A day without cost on a weekday that mostly has one teaches nothing about the amount.
    pub(super) fn blank_pauses(&mut self, rhythm: &Rhythm) {
        for index in 0..WINDOW {
            if rhythm.present[self.weekday(index)] && self.learnable[index] <= rhythm.nothing {
                self.learnable[index] = f32::NAN;
            }
        }
    }
}

/// What changes slowly in a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// Each weekday's amount in units of the level, Monday first.
    pub(super) weekdays: [f32; 7],
    /// Which weekdays mostly have a cost.
    present: [bool; 7],
    /// Amounts up to this are none.
    nothing: f32,
    /// The cost neither is there nearly always nor keeps to certain weekdays.
    pub(super) is_sparse: bool,
    /// The noise on working days and at weekends: the standard deviation of the logarithm of actual over usual.
    pub(super) noise: [f32; 2],
    /// The amounts change by multiples of this; 0 where they do not.
    pub(super) grain: f32,
}

impl Default for Rhythm {
    fn default() -> Self {
        Rhythm { weekdays: [1.0; 7], present: [true; 7], nothing: 0.0, is_sparse: false, noise: [0.1; 2], grain: 0.0 }
    }
}

impl Rhythm {
    /// `account_noise` stands in while the series has few days of its own.
    pub(super) fn of(window: &mut Window, account_noise: f32) -> Rhythm {
        let mut rhythm = Rhythm::presence(window);
        if rhythm.is_sparse {
            return rhythm;
        }
        window.blank_pauses(&rhythm);
        let (weekdays, scatter) = weekdays(window);
        let most = (2.0 * scatter).max(0.05);
        rhythm.weekdays = weekdays;
        rhythm.noise = noise(window, account_noise).map(|noise| noise.min(most));
        rhythm.grain = grain(window);
        rhythm
    }

    /// On which weekdays there is a cost, and how often.
    fn presence(window: &Window) -> Rhythm {
        let nothing = window.learnable.iter().fold(0.0_f32, |largest, value| largest.max(*value)) * NOTHING;
        let (mut with, mut without) = ([0_usize; 7], [0_usize; 7]);
        let (mut changes, mut before) = (0, None);
        for (index, value) in window.learnable.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            let is_present = *value > nothing;
            let days = if is_present { &mut with } else { &mut without };
            days[window.weekday(index)] += 1;
            changes += usize::from(before != Some(is_present));
            before = Some(is_present);
        }
        let present: [bool; 7] = std::array::from_fn(|weekday| with[weekday] > without[weekday]);
        let (mut unexpected, mut missing, mut expected) = (0, 0, 0);
        for weekday in 0..7 {
            if present[weekday] {
                missing += without[weekday];
                expected += with[weekday] + without[weekday];
            } else {
                unexpected += with[weekday];
            }
        }
        let days_with: usize = with.iter().sum();
        let is_irregular = days_with == 0 || 4 * unexpected > days_with || missing > 1 && 7 * missing > expected;
        let pauses = is_irregular && days_with >= 7 && changes <= MOST_CHANGES;
        Rhythm {
            present: if pauses { [true; 7] } else { present },
            nothing,
            is_sparse: is_irregular && !pauses,
            ..Rhythm::default()
        }
    }
}

/// The noise on working days and at weekends, each drawn towards that of all days, and that towards the account's.
fn noise(window: &Window, account_noise: f32) -> [f32; 2] {
    let mut kinds = [[0.0_f32; WINDOW]; 3];
    let mut days = [0; 3];
    for index in 0..window.age.min(WINDOW) {
        let (actual, usual) = (window.learnable[index], window.usual[index]);
        if actual > 0.0 && usual > 0.0 {
            for kind in [usize::from(window.weekday(index) >= 5), 2] {
                kinds[kind][days[kind]] = distance(actual, usual);
                days[kind] += 1;
            }
        }
    }
    let general = spread(&mut kinds[2][..days[2]], account_noise);
    [0, 1].map(|kind| spread(&mut kinds[kind][..days[kind]], general))
}

/// Each weekday's amount in units of the mean day, as the median over the weeks, drawn towards its neighbours as far as
/// their differences are no more than noise; and the scatter about that, as a standard deviation of logarithms.
fn weekdays(window: &Window) -> ([f32; 7], f32) {
    let mut profile = [1.0_f32; 7];
    if window.age < FEWEST_DAYS {
        return (profile, f32::INFINITY);
    }
    let weeks = (window.age / 7).min(WEEKS);
    let mut scatter = 0.0;
    // Twice: a week with missing days has a mean only once it is known what those cost.
    for _ in 0..2 {
        let (mut ratios, counts) = ratios(window, &profile, weeks);
        let mut distances = [0.0_f32; WINDOW];
        let mut days = 0;
        for weekday in (0..7).filter(|weekday| counts[*weekday] > 0) {
            let ratios = &mut ratios[weekday][..counts[weekday]];
            profile[weekday] = quantile(ratios, 0.5);
            for ratio in ratios {
                distances[days] = distance(*ratio, profile[weekday]);
                days += 1;
            }
        }
        // A median lies closer to the values that it is made of than to others.
        scatter = spread(&mut distances[..days], 0.0) * if weeks < 4 { 2.0 } else { 1.2 };
        normalise(&mut profile);
    }
    shrink(&mut profile, 1.5 * scatter * scatter / weeks as f32);
    normalise(&mut profile);
    (profile, scatter)
}

/// Every day in units of the mean day of its week, by weekday.
fn ratios(window: &Window, profile: &[f32; 7], weeks: usize) -> ([[f32; WEEKS]; 7], [usize; 7]) {
    let mut ratios = [[0.0_f32; WEEKS]; 7];
    let mut counts = [0; 7];
    for week in 0..weeks {
        let days = 7 * week..7 * week + 7;
        let (mut sum, mut weight) = (0.0, 0.0);
        for index in days.clone().filter(|index| !window.learnable[*index].is_nan()) {
            sum += window.learnable[index];
            weight += profile[window.weekday(index)];
        }
        if weight < 2.0 || sum <= 0.0 {
            continue;
        }
        for index in days.filter(|index| !window.learnable[*index].is_nan()) {
            let weekday = window.weekday(index);
            ratios[weekday][counts[weekday]] = window.learnable[index] * weight / sum;
            counts[weekday] += 1;
        }
    }
    (ratios, counts)
}

fn normalise(profile: &mut [f32; 7]) {
    let mean = profile.iter().sum::<f32>() / 7.0;
    if mean > 0.0 {
        for part in profile {
            *part /= mean;
        }
    }
}

/// Draws working days to their mean, the weekend's days to theirs, and both to each other, each by the share of their
/// variance that noise explains (James and Stein's estimator).
fn shrink(profile: &mut [f32; 7], noise_variance: f32) {
    let working = pull(&mut profile[..5], noise_variance);
    let weekend = pull(&mut profile[5..], noise_variance);
    let contrast = weekend - working;
    let variance = noise_variance * working * working * 0.7;
    let keep = if contrast == 0.0 { 0.0 } else { (1.0 - variance / (contrast * contrast)).max(0.0) };
    let middle = (5.0 * working + 2.0 * weekend) / 7.0;
    for (weekday, part) in profile.iter_mut().enumerate() {
        let mean = if weekday < 5 { working } else { weekend };
        *part += (middle - mean) * (1.0 - keep);
    }
}

/// Pulls the parts to their mean, and returns it.
fn pull(parts: &mut [f32], noise_variance: f32) -> f32 {
    let count = parts.len() as f32;
    let mean = parts.iter().sum::<f32>() / count;
    let variance = parts.iter().map(|part| (part - mean) * (part - mean)).sum::<f32>() / (count - 1.0);
    let keep = if variance > 0.0 { (1.0 - noise_variance * mean * mean / variance).max(0.0) } else { 0.0 };
    for part in parts {
        *part = mean + (*part - mean) * keep;
    }
    mean
}

/// The least change between a day and the same day a week before, where such changes are of many sizes and none is
/// smaller: what is billed by a few whole pieces changes by no less than a piece.
fn grain(window: &Window) -> f32 {
    /// A single step changes the same days of the week by the same amount, with a turn where it begins and ends and, where
    /// they differ, at the weekends.
    const FEWEST_TURNS: usize = 8;
    let (mut least, mut turns, mut before) = (f32::INFINITY, 0, 0.0_f32);
    for index in 7..WINDOW {
        let (later, earlier) = (window.learnable[index - 7], window.learnable[index]);
        let change = later - earlier;
        let is_change = |change: f32| change.abs() > 1e-4 * later.abs();
        if is_change(change) {
            least = least.min(change.abs());
        }
        turns += usize::from(is_change(change - before));
        before = if change.is_nan() { before } else { change };
    }
    if turns >= FEWEST_TURNS { least } else { 0.0 }
}

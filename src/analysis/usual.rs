//! What a series usually costs on a day, before calendar and habits: its level now, times its weekday's part.

use crate::analysis::cycle::Cycle;
use crate::analysis::past::Past;
use crate::analysis::rhythm::{Rhythm, WINDOW, Window};
use crate::analysis::robust::{centre, distance, quantile, spread};

/// How far back the days with a cost are looked for in a series that often has none.
const SPARSE_WINDOW: usize = 120;
/// The most values of which a sparse series' typical amount is made, and the fewest by which one is judged.
const SPARSE_VALUES: usize = 15;
const FEWEST_SPARSE_VALUES: usize = 3;
/// Weekends need so many values to have an amount of their own.
const FEWEST_OF_A_KIND: usize = 4;
/// The least noise that a sparse series is taken to have while it has few values.
const SPARSE_NOISE: f32 = 0.1;
/// A growth is told from a level that is this old at least.
const GROWTH_DAYS: usize = 21;

/// What a series is expected to cost, before calendar and habits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// The amount of a day of the mean weekday, now; of a sparse series, that of a day with a cost.
    pub(super) level: f32,
    /// The level by each way of finding it, slow and fast.
    pub(super) levels: [f32; 2],
    pub(super) rhythm: Rhythm,
    /// A job on some of the days, and what it costs on top.
    cycle: Cycle,
    run: f32,
    /// Made of too few days with a cost to judge another by, though a forecast can do with them.
    pub(super) is_faint: bool,
}

impl Usual {
    /// From the days before the one that comes next, whose weekday is in the window; `age` and `regime` are the days since
    /// the series and its present level began, `way` chooses the level, `account_noise` serves series with few days.
    ///
    /// None while there is nothing to compare with.
    pub(super) fn of(
        past: &Past,
        series: usize,
        window: &mut Window,
        rhythm: Rhythm,
        regime: usize,
        way: usize,
        account_noise: f32,
    ) -> Option<Usual> {
        if rhythm.is_sparse {
            return sparse(past, series, window, rhythm, account_noise);
        }
        window.blank_pauses(&rhythm);
        let cycle = window.cycle;
        let run = if cycle.is_known() { cycle.cost(window, &rhythm.weekdays) } else { 0.0 };
        let growth = if regime >= GROWTH_DAYS { growth(window, &rhythm.weekdays) } else { 0.0 };
        let levels = levels(window, &rhythm, regime, growth)?;
        Some(Usual { level: levels[way], levels, rhythm, cycle, run, is_faint: false })
    }

    /// The amount usual on a weekday (0 is Monday).
    pub(super) fn on(&self, weekday: usize) -> f32 {
        self.level * self.rhythm.weekdays[weekday]
    }

    /// What a job adds `offset` days after the day that comes next.
    pub(super) fn run_in(&self, offset: usize) -> f32 {
        if self.cycle.runs_in(offset) { self.run } else { 0.0 }
    }

    /// The noise on a weekday.
    pub(super) fn noise(&self, weekday: usize) -> f32 {
        self.rhythm.noise[usize::from(weekday >= 5)]
    }

    /// The amount usual on the weekday that has the most.
    pub(super) fn largest(&self) -> f32 {
        self.rhythm.weekdays.iter().fold(0.0_f32, |largest, part| largest.max(*part)) * self.level
    }
}

/// The level of the last days with the weekday taken out, carried forward by the growth: from nine days, or sixteen where
/// there is much noise; and from three, for a level that moves.
fn levels(window: &Window, rhythm: &Rhythm, regime: usize, growth: f32) -> Option<[f32; 2]> {
    const MUCH_NOISE: f32 = 0.06;
    const SLOW: usize = 9;
    const SLOWEST: usize = 16;
    const FAST: usize = 3;
    let slow = if rhythm.noise[0] > MUCH_NOISE { SLOWEST } else { SLOW };
    let mut recent = [0.0_f32; SLOWEST];
    let mut ages = [0.0_f32; SLOWEST];
    let mut count = 0;
    for index in 0..regime.min(WINDOW) {
        let part = rhythm.weekdays[window.weekday(index)];
        let value = window.learnable[index];
        if part > 0.1 && !value.is_nan() {
            recent[count] = value / part;
            ages[count] = index as f32 + 1.0;
            count += 1;
            if count == slow {
                break;
            }
        }
    }
    if count == 0 {
        return None;
    }
    let carried = |values: &mut [f32]| {
        let age = ages[..values.len()].iter().sum::<f32>() / values.len() as f32;
        centre(values) * (1.0 + growth * age)
    };
    let mut latest = recent;
    let fast = carried(&mut latest[..count.min(FAST)]);
    Some([carried(&mut recent[..count]), fast])
}

/// Relative growth a day, the lesser of the last two weeks' where they agree in direction.
fn growth(window: &Window, weekdays: &[f32; 7]) -> f32 {
    let mut weeks = [0.0_f32; 3];
    for (week, level) in weeks.iter_mut().enumerate() {
        let mut values = [0.0_f32; 7];
        let mut count = 0;
        for index in 7 * week..7 * week + 7 {
            let part = weekdays[window.weekday(index)];
            let value = window.learnable[index];
            if part > 0.1 && !value.is_nan() {
                values[count] = value / part;
                count += 1;
            }
        }
        if count < 3 {
            return 0.0;
        }
        *level = centre(&mut values[..count]);
    }
    let latest = weeks[0] / weeks[1] - 1.0;
    let before = weeks[1] / weeks[2] - 1.0;
    if latest * before <= 0.0 || !latest.is_finite() || !before.is_finite() {
        return 0.0;
    }
    let weekly = if latest.abs() < before.abs() { latest } else { before };
    weekly.clamp(-0.3, 0.3) / 7.0
}

/// A series that is often without cost: what its days with a cost amount to, on working days and at weekends.
fn sparse(past: &Past, series: usize, window: &Window, mut rhythm: Rhythm, account_noise: f32) -> Option<Usual> {
    let mut amounts = [[0.0_f32; SPARSE_VALUES]; 2];
    let mut counts = [0; 2];
    for lag in 1..=SPARSE_WINDOW {
        let amount = past.at(series, lag).learnable();
        let kind = usize::from(window.weekday(lag - 1) >= 5);
        if amount > 0.0 && counts[kind] < SPARSE_VALUES {
            amounts[kind][counts[kind]] = amount;
            counts[kind] += 1;
        }
    }
    let values = counts[0] + counts[1];
    if values == 0 {
        return None;
    }
    let medians = [0, 1].map(|kind| quantile(&mut amounts[kind][..counts[kind]], 0.5));
    // Of too few a kind of days, its amounts are taken to be like the other's.
    let larger = usize::from(counts[1] > counts[0]);
    let own = [0, 1].map(|kind| if counts[kind] >= FEWEST_OF_A_KIND { medians[kind] } else { medians[larger] });
    let mut distances = [0.0_f32; 2 * SPARSE_VALUES];
    let mut count = 0;
    for kind in 0..2 {
        for amount in &amounts[kind][..counts[kind]] {
            distances[count] = distance(*amount, own[kind]);
            count += 1;
        }
    }
    let noise = spread(&mut distances[..count], account_noise.max(SPARSE_NOISE));
    let level = own[0];
    rhythm.noise = [noise; 2];
    rhythm.weekdays = std::array::from_fn(|weekday| own[usize::from(weekday >= 5)] / level);
    let is_faint = values < FEWEST_SPARSE_VALUES;
    Some(Usual { level, levels: [level; 2], rhythm, cycle: Cycle::default(), run: 0.0, is_faint })
}

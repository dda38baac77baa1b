//! Jobs that run every so many days on top of daily costs, which a week doesn't show and a mean would smear.

use crate::analysis::rhythm::{WINDOW, Window};
use crate::analysis::robust::{centre, quantile};

/// The longest cycle that the window holds three runs of.
const LONGEST: usize = 20;
/// A run costs more than this many times the most that other days cost.
const PLAIN: f32 = 1.25;
/// So many other days may cost as much as a run: spikes.
const MOST_OTHERS: usize = 3;
/// So many once the cycle is known: it goes on through a longer spike.
const MOST_OTHERS_LATER: usize = 10;
/// So many days before and after a day are its neighbours.
const AROUND: usize = 3;
/// So many of the latest runs tell what one costs.
const RUNS: usize = 5;

/// Every how many days a series runs its job, and when next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cycle {
    /// 0 where there is none.
    every: u8,
    /// Days from the day that comes next to the next run.
    next: u8,
}

impl Cycle {
    /// The shortest cycle whose runs stand out in the window, or the one that was known while its runs go on.
    pub(super) fn of(window: &Window, age: usize, known: Cycle) -> Cycle {
        let days = age.min(WINDOW);
        let mut ratios = [0.0_f32; WINDOW];
        for (index, ratio) in ratios.iter_mut().enumerate().take(days) {
            let mut around = [0.0_f32; 2 * AROUND + 1];
            let near = &window.actual[index.saturating_sub(AROUND)..days.min(index + AROUND + 1)];
            let around = &mut around[..near.len()];
            around.copy_from_slice(near);
            around.sort_unstable_by(f32::total_cmp);
            // Lower than the middle, since of a job on every other day half the neighbours are runs.
            let plain = around[around.len() / 3];
            *ratio = if plain > 0.0 { window.actual[index] / plain } else { 0.0 };
        }
        let ratios = &ratios[..days];
        let (every, next) = (usize::from(known.every), usize::from(known.next));
        if known.is_known() && stands_out(ratios, every, every - 1 - next, MOST_OTHERS_LATER) {
            return known;
        }
        let cycles = (2..=LONGEST).filter(|every| every % 7 != 0 || *every > 7);
        let all = cycles.flat_map(|every| (0..every).map(move |first| (every, first)));
        let found = all.into_iter().find(|(every, first)| {
            // What comes in the weeks between too is the weekday's habit.
            stands_out(ratios, *every, *first, if every % 7 == 0 { 1 } else { MOST_OTHERS })
        });
        // Index 0 is yesterday.
        found.map_or_else(Cycle::default, |(every, first)| Cycle::new(every, every - 1 - first))
    }

    fn new(every: usize, next: usize) -> Cycle {
        Cycle { every: every as u8, next: next as u8 }
    }

    /// Whether there was a run `lag` days before the day that comes next.
    pub(super) fn ran(self, lag: usize) -> bool {
        self.every > 0 && (lag + usize::from(self.next)).is_multiple_of(usize::from(self.every))
    }

    /// Whether there is a run `offset` days after the day that comes next.
    pub(super) fn runs_in(self, offset: usize) -> bool {
        self.every > 0 && (offset + usize::from(self.every - self.next)).is_multiple_of(usize::from(self.every))
    }

    /// The lags of the runs, nearest first; where there is no cycle, one beyond all that is remembered.
    pub(super) fn lags(self) -> impl Iterator<Item = usize> {
        let every = usize::from(self.every);
        let first = if self.is_known() { every - usize::from(self.next) } else { usize::from(u16::MAX) };
        (first..).step_by(every.max(1))
    }

    pub(super) fn is_known(self) -> bool {
        self.every > 0
    }

    /// So many days went by.
    pub(super) fn pass(&mut self, days: usize) {
        if self.is_known() {
            let (every, next) = (usize::from(self.every), usize::from(self.next));
            *self = Cycle::new(every, (next + every - days % every) % every);
        }
    }

    /// What a run costs above the usual: the median of the latest.
    pub(super) fn cost(self, window: &Window, weekdays: &[f32; 7]) -> f32 {
        let mut costs = [0.0_f32; RUNS];
        let mut count = 0;
        let lags = self.lags().take_while(|lag| *lag <= WINDOW);
        let runs = lags.map(|lag| lag - 1).filter(|index| window.actual[*index] > 0.0);
        for index in runs.take(RUNS) {
            let mut around = [0.0_f32; 2 * AROUND];
            let mut near = 0;
            for other in index.saturating_sub(AROUND)..WINDOW.min(index + AROUND + 1) {
                let part = weekdays[window.weekday(other)];
                if !self.ran(other + 1) && window.actual[other] > 0.0 && part > 0.1 {
                    around[near] = window.actual[other] / part;
                    near += 1;
                }
            }
            if near > 0 {
                costs[count] = window.actual[index] - centre(&mut around[..near]) * weekdays[window.weekday(index)];
                count += 1;
            }
        }
        if count > 0 { quantile(&mut costs[..count], 0.5).max(0.0) } else { 0.0 }
    }
}

/// Whether every `every`th day from the `first` on is plainly above the others.
fn stands_out(ratios: &[f32], every: usize, first: usize, most_others: usize) -> bool {
    // The latest two runs show it, or the job has stopped.
    if ratios.len() < 3 * every || ratios[first] < PLAIN || ratios[first + every] < PLAIN {
        return false;
    }
    let mut runs = [0.0_f32; WINDOW];
    let mut count = 0;
    for ratio in ratios.iter().skip(first).step_by(every) {
        runs[count] = *ratio;
        count += 1;
    }
    if count < 3 {
        return false;
    }
    runs[..count].sort_unstable_by(f32::total_cmp);
    let least = runs[count / 6] / PLAIN;
    let is_run = |index: usize| index % every == first;
    let others = ratios.iter().enumerate().filter(|(index, ratio)| !is_run(*index) && **ratio > least).count();
    others <= most_others && least > 1.0
}

//! What the series of an account do together: a holiday empties all of them, a sale fills all of them.

use crate::analysis::calendar::Place;
use crate::analysis::robust::quantile;
use crate::analysis::series::Series;
use crate::analysis::verdict::Verdict;

/// Fewer series than this say nothing about the account.
const FEWEST: usize = 8;
/// The share of all series that begins a spike on an average day, at most.
const SPIKES_A_DAY: f32 = 0.012;
/// So many series that rise on one day have a common cause on a day when that is likely...
const FEWEST_ON_EVENTS: f32 = 3.0;
/// ...and so many, and such a share of all, on any other.
const FEWEST_ELSE: f32 = 6.0;
const SHARE_ELSE: f32 = 0.2;

/// The median of actual over usual on one day, 1 where it differs from 1 by no more than chance or the series are few.
pub(super) fn factor(verdicts: &[Verdict], noise: f32) -> f32 {
    let mut ratios: Vec<f32> = verdicts
        .iter()
        .filter(|verdict| verdict.usual.is_some_and(|usual| !usual.rhythm.is_sparse) && verdict.base > 0.0)
        .filter(|verdict| !verdict.actual.is_nan())
        .map(|verdict| verdict.actual / verdict.base)
        .collect();
    if ratios.len() < FEWEST {
        return 1.0;
    }
    let median = quantile(&mut ratios, 0.5);
    let chance = 4.0 * 1.25 * noise / (ratios.len() as f32).sqrt();
    if median > 0.0 && median.ln().abs() > chance.max(0.05) { median.clamp(0.2, 3.0) } else { 1.0 }
}

/// Where so many series begin to rise on one day that they must have one cause, none of them is an anomaly.
pub(super) fn acquit(verdicts: &mut [Verdict], series: &[Series], place: &Place) {
    let known = verdicts.iter().filter(|verdict| verdict.usual.is_some()).count();
    let is_new = |verdict: &Verdict, series: &Series| verdict.anomaly && !series.is_alarmed();
    let rising = verdicts.iter().zip(series).filter(|(verdict, series)| is_new(verdict, series)).count();
    let by_chance = SPIKES_A_DAY * known as f32;
    let most = if place.is_event() {
        FEWEST_ON_EVENTS.max(by_chance + 4.0 * by_chance.sqrt())
    } else {
        FEWEST_ELSE.max(SHARE_ELSE * known as f32)
    };
    if known < FEWEST || (rising as f32) < most {
        return;
    }
    for (verdict, series) in verdicts.iter_mut().zip(series) {
        if is_new(verdict, series) {
            verdict.acquit();
        }
    }
}

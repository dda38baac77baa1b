//! What the series of an account do together: a holiday empties all of them, a sale fills all of them.

/// Fewer series than this say nothing about the account.
const FEWEST: usize = 8;

/// The median of actual over usual on one day, 1 where it differs from 1 by no more than chance or the series are few.
///
/// `ratios` are those of the series with a steady cost; their order is lost. `noise` is that of a typical series.
pub(super) fn factor(ratios: &mut [f32], noise: f32) -> f32 {
    if ratios.len() < FEWEST {
        return 1.0;
    }
    let middle = ratios.len() / 2;
    let median = *ratios.select_nth_unstable_by(middle, f32::total_cmp).1;
    let chance = 4.0 * 1.25 * noise / (ratios.len() as f32).sqrt();
    if median > 0.0 && median.ln().abs() > chance.max(0.05) { median.clamp(0.2, 3.0) } else { 1.0 }
}

/// Whether that many of the series rising on the same day have one cause, such as the calendar, and not each its own.
pub(super) fn is_common(rising: usize, series: usize, is_billing_day: bool) -> bool {
    let (fewest, share) = if is_billing_day { (4, 0.10) } else { (6, 0.20) };
    series >= FEWEST && rising >= fewest && rising as f32 >= share * series as f32
}

/// The median of some values, or a fallback where there are none.
pub(super) fn median(values: &mut [f32], fallback: f32) -> f32 {
    let middle = values.len() / 2;
    if values.is_empty() { fallback } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

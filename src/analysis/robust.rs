//! Estimates that a few odd values don't move.

/// The mean of the middle half: nearly as exact as a mean, nearly as robust as a median. NaN of nothing.
pub(super) fn centre(values: &mut [f32]) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let cut = values.len() / 4;
    let middle = &values[cut..values.len() - cut];
    middle.iter().sum::<f32>() / middle.len() as f32
}

/// The value below which a share of the values lies. NaN of nothing.
pub(super) fn quantile(values: &mut [f32], share: f32) -> f32 {
    if values.is_empty() {
        return f32::NAN;
    }
    let place = ((values.len() - 1) as f32 * share + 0.5) as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

/// How far apart two amounts are, as the ratio of the larger to the smaller less one; 0 where either is not positive.
pub(super) fn distance(one: f32, other: f32) -> f32 {
    if one > 0.0 && other > 0.0 { (one / other).max(other / one) - 1.0 } else { 0.0 }
}

/// The standard deviation of logarithms whose absolute values come as [`distance`]s, drawn towards `prior` while they are
/// few. Of two outer quantiles, so that a few odd days count little, but frequent ones do.
pub(super) fn spread(distances: &mut [f32], prior: f32) -> f32 {
    const PRIOR_DAYS: f32 = 5.0;
    /// Shares, and within how many standard deviations of a normal distribution they lie.
    const QUANTILES: [(f32, f32); 2] = [(0.75, 1.15), (0.88, 1.555)];
    if distances.len() < 3 {
        return prior;
    }
    let own = QUANTILES.map(|(share, deviations)| quantile(distances, share).ln_1p() / deviations);
    let own = 0.5 * (own[0] + own[1]);
    let days = distances.len() as f32;
    ((days * own * own + PRIOR_DAYS * prior * prior) / (days + PRIOR_DAYS)).sqrt()
}

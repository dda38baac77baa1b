//! What a series usually costs: its level, its weekdays and its noise, from its last eight weeks.

use crate::analysis::past::Past;

const WEEKS: usize = 8;
const WINDOW: usize = 7 * WEEKS;
/// How far back the days with a cost are looked for in a series that often has none.
const SPARSE_WINDOW: usize = 120;
/// The most values of which a sparse series' typical amount is made.
const SPARSE_VALUES: usize = 15;
/// Under this share of the level a day counts as without cost.
const NOTHING: f32 = 0.02;

/// What a series is expected to cost, before calendar and habits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// The amount of a day of the mean weekday, now.
    pub(super) level: f32,
    /// Each weekday's amount in units of the level, Monday first.
    pub(super) weekdays: [f32; 7],
    /// The noise: standard deviation of the logarithm of actual over usual.
    pub(super) noise: f32,
    /// The cost comes and goes: `level` is that of the days with a cost.
    pub(super) sparse: bool,
}

/// The last eight weeks of a series, newest first.
struct Window {
    /// Amounts to learn from, else NaN.
    learnable: [f32; WINDOW],
    /// Days known, set aside or not.
    known: usize,
    /// Days until the beginning of the series.
    age: usize,
    /// 0 is Monday.
    today: usize,
}

impl Window {
    fn read(past: &Past, series: usize, age: usize, today: usize) -> Window {
        let mut window = Window { learnable: [f32::NAN; WINDOW], known: 0, age, today };
        for index in 0..age.min(WINDOW) {
            let cell = past.at(series, index + 1);
            window.known += usize::from(!cell.actual().is_nan());
            window.learnable[index] = cell.learnable();
        }
        window
    }

    /// The weekday of the day `index` places back, 0 being yesterday.
    fn weekday(&self, index: usize) -> usize {
        (self.today + 6 + 6 * index) % 7
    }
}

impl Usual {
    /// From the days before the one that comes next, which is a `today` (0 is Monday); `age` and `regime` are the days
    /// since the series and its present level began, `noise` the account's, for series too young to know their own.
    ///
    /// None while there is nothing to compare with.
    pub(super) fn of(
        past: &Past,
        series: usize,
        age: usize,
        regime: usize,
        today: usize,
        account_noise: f32,
    ) -> Option<Usual> {
        let mut window = Window::read(past, series, age, today);
        let presence = Presence::of(&window);
        if presence.is_irregular {
            return sparse(past, series, age, account_noise);
        }
        presence.blank_outages(&mut window);
        let noise = noise(past, series, age, account_noise);
        let weekdays = weekdays(&window, noise);
        let level = level(&window, &weekdays, regime)?;
        Some(Usual { level, weekdays, noise, sparse: false })
    }

    /// The amount usual on a weekday (0 is Monday).
    pub(super) fn on(&self, weekday: usize) -> f32 {
        self.level * self.weekdays[weekday]
    }
}

/// On which weekdays a series has a cost.
struct Presence {
    /// Whether most of the days of a weekday have a cost.
    mostly: [bool; 7],
    /// Neither nearly always there nor on fixed weekdays.
    is_irregular: bool,
    nothing: f32,
}

impl Presence {
    fn of(window: &Window) -> Presence {
        let mut largest = 0.0_f32;
        for value in window.learnable {
            largest = largest.max(value);
        }
        let nothing = largest * NOTHING;
        let (mut with, mut without) = ([0_u8; 7], [0_u8; 7]);
        for (index, value) in window.learnable.iter().enumerate() {
            if *value > nothing {
                with[window.weekday(index)] += 1;
            } else if !value.is_nan() {
                without[window.weekday(index)] += 1;
            }
        }
        let mut mostly = [true; 7];
        let (mut present, mut odd, mut total) = (0.0, 0.0, 0.0_f32);
        for weekday in 0..7 {
            mostly[weekday] = with[weekday] > without[weekday];
            odd += f32::from(with[weekday].min(without[weekday]));
            present += f32::from(with[weekday]);
            total += f32::from(with[weekday] + without[weekday]);
        }
        Presence { mostly, is_irregular: present == 0.0 || odd > 0.12 * total && odd > 1.0, nothing }
    }

    /// A day without cost on a weekday that mostly has one teaches nothing about the amount.
    fn blank_outages(&self, window: &mut Window) {
        for index in 0..WINDOW {
            if self.mostly[window.weekday(index)] && window.learnable[index] <= self.nothing {
                window.learnable[index] = f32::NAN;
            }
        }
    }
}

/// The noise of the last six weeks, drawn towards the account's while there are few days.
fn noise(past: &Past, series: usize, age: usize, account_noise: f32) -> f32 {
    let mut deviations = [0.0_f32; 42];
    let mut count = 0;
    for lag in 1..=age.min(deviations.len()) {
        let cell = past.at(series, lag);
        let (actual, usual) = (cell.learnable(), cell.usual());
        if actual > 0.0 && usual > 0.0 {
            deviations[count] = (actual / usual).max(usual / actual) - 1.0;
            count += 1;
        }
    }
    spread(&mut deviations[..count], account_noise)
}

/// The standard deviation of logarithms from ratios above one, less one.
fn spread(deviations: &mut [f32], account_noise: f32) -> f32 {
    const PRIOR_DAYS: f32 = 8.0;
    if deviations.len() < 3 {
        return account_noise;
    }
    let middle = 1.4826 * quantile(deviations, 0.5).ln_1p();
    let outer = quantile(deviations, 0.88).ln_1p() / 1.555;
    let own = middle.max(0.5 * (middle + outer));
    let days = deviations.len() as f32;
    ((days * own * own + PRIOR_DAYS * account_noise * account_noise) / (days + PRIOR_DAYS)).sqrt()
}

/// Each weekday's amount in units of the mean day, as the median over the weeks, drawn towards its neighbours as far as
/// their differences are no more than noise.
fn weekdays(window: &Window, noise: f32) -> [f32; 7] {
    let mut profile = [1.0_f32; 7];
    if window.age < 14 {
        return profile;
    }
    let weeks = (window.age / 7).min(WEEKS);
    for _ in 0..2 {
        let mut ratios = [[0.0_f32; WEEKS]; 7];
        let mut counts = [0_usize; 7];
        for week in 0..weeks {
            let days = 7 * week..7 * week + 7;
            let (mut sum, mut weight) = (0.0, 0.0);
            for index in days.clone() {
                let value = window.learnable[index];
                if !value.is_nan() {
                    sum += value;
                    weight += profile[window.weekday(index)];
                }
            }
            if weight < 2.0 || sum <= 0.0 {
                continue;
            }
            for index in days {
                let value = window.learnable[index];
                if !value.is_nan() {
                    let weekday = window.weekday(index);
                    ratios[weekday][counts[weekday]] = value * weight / sum;
                    counts[weekday] += 1;
                }
            }
        }
        for weekday in 0..7 {
            if counts[weekday] > 0 {
                profile[weekday] = quantile(&mut ratios[weekday][..counts[weekday]], 0.5);
            }
        }
        normalise(&mut profile);
    }
    shrink(&mut profile, 1.5 * noise * noise / weeks as f32);
    normalise(&mut profile);
    profile
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

/// The level of the last days with the weekday taken out, carried forward by the growth of the last three weeks.
fn level(window: &Window, weekdays: &[f32; 7], regime: usize) -> Option<f32> {
    const RECENT: usize = 9;
    let mut recent = [0.0_f32; RECENT];
    let (mut count, mut distance) = (0, 0.0);
    for index in 0..regime.min(WINDOW) {
        let part = weekdays[window.weekday(index)];
        let value = window.learnable[index];
        if part > 0.1 && !value.is_nan() {
            recent[count] = value / part;
            count += 1;
            distance += index as f32 + 1.0;
            if count == RECENT {
                break;
            }
        }
    }
    if count == 0 {
        return None;
    }
    let now = centre(&mut recent[..count]);
    let growth = if regime >= 21 { growth(window, weekdays) } else { 0.0 };
    Some(now * (1.0 + growth * distance / count as f32))
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

/// A series that is often without cost: what its days with a cost amount to.
fn sparse(past: &Past, series: usize, age: usize, account_noise: f32) -> Option<Usual> {
    let mut amounts = [0.0_f32; SPARSE_VALUES];
    let mut count = 0;
    for lag in 1..=age.min(SPARSE_WINDOW) {
        let amount = past.at(series, lag).learnable();
        if amount > 0.0 {
            amounts[count] = amount;
            count += 1;
            if count == SPARSE_VALUES {
                break;
            }
        }
    }
    if count < 3 {
        return None;
    }
    let level = quantile(&mut amounts[..count], 0.5);
    let mut deviations = amounts;
    for deviation in &mut deviations[..count] {
        *deviation = (*deviation / level).max(level / *deviation) - 1.0;
    }
    let noise = spread(&mut deviations[..count], account_noise.max(0.15));
    Some(Usual { level, weekdays: [1.0; 7], noise, sparse: true })
}

/// The mean of the middle half: nearly as exact as a mean, nearly as robust as a median.
fn centre(values: &mut [f32]) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let cut = values.len() / 4;
    let middle = &values[cut..values.len() - cut];
    middle.iter().sum::<f32>() / middle.len() as f32
}

/// The value below which a share of the values lies.
fn quantile(values: &mut [f32], share: f32) -> f32 {
    let place = ((values.len() - 1) as f32 * share).round() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

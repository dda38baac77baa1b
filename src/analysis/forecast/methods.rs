//! The ways of saying what the open days of a month will cost. Each is right about some series and wrong about others.

use crate::analysis::past::{MEMORY_DAYS, Past};
use crate::analysis::usual::Usual;

use super::memory::{Memory, median};
use super::plan::{MONTHS, Plan, STRETCH};
use super::presence;

/// How many ways there are.
pub(super) const METHODS: usize = 8;

/// The days that a trend is drawn through.
const TREND_DAYS: usize = 56;
const FEWEST_TREND_DAYS: f32 = 10.0;
/// The days by which a sparse series' weekdays are told apart, and from how many on.
const SPARSE_DAYS: usize = 56;
const FEWEST_SPARSE_DAYS: usize = 21;

/// A series on the day of a forecast.
pub(super) struct Subject<'a> {
    pub(super) past: &'a Past,
    pub(super) series: usize,
    /// Days since the first cost.
    pub(super) age: usize,
    /// Days since the present level began.
    pub(super) regime: usize,
    pub(super) usual: Usual,
}

/// What the methods say.
pub(super) struct Opinions {
    /// What the open days will cost, by each method.
    pub(super) open: [f32; METHODS],
    /// Days may cost less than nothing.
    pub(super) has_credits: bool,
    /// The cost, though not sparse, is not always there on its weekdays.
    pub(super) pauses: bool,
}

/// What the open days will cost, by each method.
pub(super) fn all(subject: &Subject<'_>, plan: &Plan) -> Opinions {
    let mut usual = subject.usual;
    let memory = Memory::of(subject.past, subject.series, subject.age, &usual);
    if usual.is_faint {
        // Too few days for a level: what the same part of the last month came to, though the series began within it.
        let part = plan.parts.iter().find(|part| part.lags.1 <= memory.days);
        let open = part.map_or(0.0, |part| memory.sum(part.lags.0, part.lags.1).max(0.0));
        return Opinions { open: [open; METHODS], has_credits: memory.has_credits, pauses: false };
    }
    if memory.presence.has_ended() {
        return Opinions { open: [0.0; METHODS], has_credits: memory.has_credits, pauses: false };
    }
    let mut regime = subject.regime;
    if let Some((days, share)) = memory.fall() {
        usual.level *= share;
        regime = days;
    }
    let mean = Mean::of(&memory, plan);
    let weekdays = if usual.rhythm.is_sparse { mean.weekdays(memory.days) } else { usual.rhythm.weekdays };
    let weight = dot(&weekdays, &plan.weekdays);

    let plain = if usual.rhythm.is_sparse { mean.amount } else { usual.level } * weight;
    // Neither the level nor the weekdays know of a job that runs every few days.
    let runs =
        if usual.rhythm.is_sparse { 0.0 } else { (plan.window.0..plan.window.1).map(|day| usual.run_in(day)).sum() };
    let level = plain + runs;
    let present = memory.presence.to_come(plan, if usual.rhythm.is_sparse { &[1.0; 7] } else { &weekdays });
    // What comes and goes has no trend that could be drawn through it.
    let trend = match present {
        Some(days) if usual.rhythm.is_sparse => days * memory.presence.mean(memory.sum(presence::DAYS, 1)),
        Some(days) => days * usual.level + runs,
        None if usual.rhythm.is_sparse => level,
        None => {
            let trend = trend(&memory, plan, &weekdays, regime);
            trend.map_or(level, |(now, slope)| (now + slope * plan.distance).max(0.2 * now) * weight + runs)
        }
    };
    let stretch = |amounts, days: usize| stretch(amounts, days.min(memory.days), plan, &weekdays);
    let of_regime = |amounts| stretch(amounts, STRETCH.min(regime)).map_or(level, |amount| amount * weight);
    let [typical, rate] = [&memory.learnable, &memory.amounts].map(of_regime);
    let stretch = stretch(&memory.amounts, STRETCH);
    let (scaled, same, charges) = parts(&memory, plan, &weekdays, stretch.unwrap_or(0.0));
    // A sparse series is nothing but charges, where a month of them is known.
    let charged = if usual.rhythm.is_sparse && same.is_some() { charges } else { plain + charges };
    let [scaled, same] = [scaled, same].map(|found| found.map_or(typical, |amount| amount * weight));
    let rhythm = memory.rhythm(subject.past, subject.series, &usual);
    let rhythm = rhythm.map_or(charged, |rhythm| {
        rhythm.times(plan.window) as f32 * rhythm.amount + if usual.rhythm.is_sparse { 0.0 } else { plain }
    });

    // Growth may go beyond all that was; a method that is at a loss may not go far.
    let most = 2.0 * memory.largest * plan.open;
    let least = if memory.has_credits { -most } else { 0.0 };
    let open = [level, trend, typical, rate, scaled, same, charged, rhythm].map(|amount| amount.clamp(least, most));
    Opinions { open, has_credits: memory.has_credits, pauses: present.is_some() && !usual.rhythm.is_sparse }
}

/// The mean day of a series, and of each weekday.
struct Mean {
    amount: f32,
    sums: [f32; 7],
    days: [f32; 7],
}

impl Mean {
    fn of(memory: &Memory, plan: &Plan) -> Self {
        let (mut sums, mut days) = ([0.0; 7], [0.0; 7]);
        for lag in 1..=memory.days.min(SPARSE_DAYS) {
            if !memory.amounts[lag].is_nan() {
                let weekday = usize::from(plan.weekday_at[lag]);
                sums[weekday] += memory.amounts[lag];
                days[weekday] += 1.0;
            }
        }
        let known: f32 = days.iter().sum();
        let amount = if known > 0.0 { sums.iter().sum::<f32>() / known } else { 0.0 };
        Self { amount, sums, days }
    }

    /// The weekdays in units of the mean day, a little drawn towards it so that none is quite without weight.
    fn weekdays(&self, age: usize) -> [f32; 7] {
        let mut weekdays = [1.0; 7];
        if self.amount > 0.0 && age >= FEWEST_SPARSE_DAYS {
            for (weekday, part) in weekdays.iter_mut().enumerate().filter(|(weekday, _)| self.days[*weekday] > 0.0) {
                *part = (self.sums[weekday] / self.days[weekday] / self.amount).max(0.0) / 1.1 + 0.1 / 1.1;
            }
        }
        weekdays
    }
}

/// The amount of a mean day among the last ones.
fn stretch(amounts: &[f32; MEMORY_DAYS + 1], days: usize, plan: &Plan, weekdays: &[f32; 7]) -> Option<f32> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for lag in 1..=days {
        if !amounts[lag].is_nan() {
            sum += amounts[lag];
            weight += weekdays[usize::from(plan.weekday_at[lag])];
        }
    }
    (weight > 2.0).then(|| sum / weight)
}

/// The level on the newest day and its change a day: a straight line through the present regime, its slope drawn towards
/// none by as much as noise explains.
fn trend(memory: &Memory, plan: &Plan, weekdays: &[f32; 7], regime: usize) -> Option<(f32, f32)> {
    let weight = weekdays.map(|part| if part < 0.15 { f32::NAN } else { 1.0 / part });
    let (mut n, mut sx, mut sy, mut sxx, mut sxy, mut syy) = (0.0_f32, 0.0, 0.0, 0.0, 0.0, 0.0);
    for lag in 1..=memory.days.min(regime).min(TREND_DAYS) {
        let y = memory.learnable[lag] * weight[usize::from(plan.weekday_at[lag])];
        if !y.is_nan() {
            let x = -(lag as f32);
            n += 1.0;
            sx += x;
            sy += y;
            sxx += x * x;
            sxy += x * y;
            syy += y * y;
        }
    }
    let (x, y) = (sx / n, sy / n);
    let (xx, xy, yy) = (sxx / n - x * x, sxy / n - x * y, syy / n - y * y);
    if n < FEWEST_TREND_DAYS || xx <= 0.0 || y <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let variance = (yy - slope * xy).max(0.0) / ((n - 2.0) * xx);
    let keep = if slope == 0.0 { 0.0 } else { (1.0 - variance / (slope * slope)).max(0.0) };
    let slope = slope * keep;
    Some((y - slope * (x + 1.0), slope))
}

/// From the same part of earlier months: its mean day, scaled by how the stretches before compare; its mean day as it
/// was; and what was charged above the usual.
fn parts(memory: &Memory, plan: &Plan, weekdays: &[f32; 7], now: f32) -> (Option<f32>, Option<f32>, f32) {
    let (mut scaled, mut same, mut charges, mut found) = ([0.0; MONTHS], [0.0; MONTHS], [0.0; MONTHS], 0);
    for part in plan.parts.iter().take_while(|part| part.lags.0 <= memory.days) {
        let weight = dot(weekdays, &part.weekdays);
        if weight <= 0.0 {
            continue;
        }
        let day = memory.sum(part.lags.0, part.lags.1) / weight;
        let is_whole = part.lags.0 + STRETCH <= memory.days;
        let before = if is_whole { dot(weekdays, &part.before) } else { 0.0 };
        let before = memory.sum(part.lags.0 + STRETCH, part.lags.0 + 1) / before;
        let scale = if before > 0.0 && before.is_finite() { (now / before).clamp(0.1, 10.0) } else { 1.0 };
        scaled[found] = day * scale;
        same[found] = day;
        charges[found] = memory.charged(part.lags.0, part.lags.1);
        found += 1;
    }
    if found == 0 {
        return (None, None, 0.0);
    }
    (Some(median(&mut scaled[..found])), Some(median(&mut same[..found])), median(&mut charges[..found]))
}

fn dot(a: &[f32; 7], b: &[f32; 7]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

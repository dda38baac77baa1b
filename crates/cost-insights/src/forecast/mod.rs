//! The forecast of the month: its cost so far, and an estimate of the open days with a band.
//!
//! - `plan`: the open days, and the same part of earlier months.
//! - `methods`: four methods to forecast the open days.
//! - `record`: the errors of each method on the series. They set its weight and the width of the band.

mod methods;
mod plan;
mod record;
#[cfg(test)]
mod tests;

use jiff::civil::Date;

use super::detector::NEW_LEVEL_DAYS;
use super::series::Series;

use record::{Answer, Band, Prior, Record};

pub(super) use plan::Plan;

/// The number of days in which a fall may be a pause. During that time the band reaches up to the earlier level. On
/// real costs every pause ended within ten days.
const PAUSE_DAYS: usize = 10;

/// The forecast of a month. Amounts are in units of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The cost of the known days of the month.
    pub month_to_date: f64,
    /// The expected cost of the month. Equal to `month_to_date` when no day is open.
    pub estimate: f64,
    /// The lower edge of the band, which contains about 80 % of the outcomes. Never below `month_to_date` in a series
    /// without credits.
    pub lower: f64,
    /// The upper edge of the band.
    pub upper: f64,
}

/// The state of every series for forecasts.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecaster {
    series: Vec<Own>,
    band: Band,
    /// Whether no day of the month was missed since it began, or since the first day of all.
    is_gapless: bool,
    newest: Option<Date>,
}

#[derive(Clone, Debug, Default)]
struct Own {
    month_to_date: f64,
    /// Whether a day of the month is unknown.
    is_missing: bool,
    has_credits: bool,
    record: Record,
}

impl Forecaster {
    /// Takes the amounts of the next day, after the series have learned them. Compares the forecasts of an ended month
    /// with its total, and keeps the forecasts of today.
    pub(super) fn step(&mut self, day: Date, amounts: &[f64], series: &[Series], plan: &Plan) {
        self.series.resize(self.series.len().max(amounts.len()), Own::default());
        self.add(day, amounts);
        if day == day.last_of_month() {
            self.close();
        }
        let Some(stage) = plan.checkpoint() else { return };
        for (own, series) in self.series.iter_mut().zip(series).filter(|(_, series)| series.age > 0) {
            let open = methods::all(series, plan);
            let so_far = own.so_far(plan);
            let answer = own.record.answer(plan, so_far, &open, prior(series, plan));
            own.record.keep(stage, plan, so_far, &open, answer);
        }
    }

    fn add(&mut self, day: Date, amounts: &[f64]) {
        let follows = self.newest.is_none_or(|newest| newest.tomorrow().is_ok_and(|next| next == day));
        if self.newest.is_some_and(|newest| newest.first_of_month() == day.first_of_month()) {
            self.is_gapless &= follows;
        } else {
            self.is_gapless = follows || day.day() == 1;
            for own in &mut self.series {
                (own.month_to_date, own.is_missing) = (0.0, false);
                if !follows {
                    own.record.drop_month();
                }
            }
        }
        for (own, amount) in self.series.iter_mut().zip(amounts) {
            own.is_missing |= amount.is_nan();
            own.has_credits |= *amount < 0.0;
            own.month_to_date += if amount.is_nan() { 0.0 } else { *amount };
        }
        self.newest = Some(day);
    }

    fn close(&mut self) {
        for own in &mut self.series {
            if !self.is_gapless || own.is_missing {
                own.record.drop_month();
                continue;
            }
            for (stage, off) in own.record.close(own.month_to_date).into_iter().enumerate() {
                if let Some(off) = off {
                    self.band.learn(stage, off);
                }
            }
        }
    }

    /// The forecast of the plan's month for one series.
    pub(super) fn forecast(&self, index: usize, series: &Series, plan: &Plan) -> Forecast {
        let own = &self.series[index];
        let month_to_date = own.so_far(plan);
        let weight = methods::weight(series, plan);
        if series.age == 0 || plan.open + weight <= 0.0 {
            let end = month_to_date;
            return Forecast { month_to_date, estimate: end, lower: end, upper: end };
        }
        let open = methods::all(series, plan);
        let Answer { open, scale } = own.record.answer(plan, month_to_date, &open, prior(series, plan));
        let (stage, estimate) = (plan.stage(), month_to_date + open);
        let mut lower = estimate - self.band.below[stage] * scale;
        let mut upper = estimate + self.band.above[stage] * scale;
        // Unknown days may have cost nothing.
        lower -= series.level * methods::unknown(series, plan);
        if let Some(fall) = Fall::of(series) {
            lower = lower.min(estimate - fall.likely * (open - fall.level_after * weight));
            upper = upper.max(month_to_date + fall.level_before * weight * fall.may_return);
        }
        let floor = if own.has_credits { lower } else { month_to_date.min(estimate) };
        Forecast { month_to_date, estimate, lower: lower.max(floor), upper }
    }
}

/// Days far below the expectation: a pause, or the new level.
struct Fall {
    level_before: f64,
    level_after: f64,
    /// The probability that the fall stays, while the level is the earlier one. It grows by a fifth each day.
    likely: f64,
    /// The probability that the fall ends, after it has become the new level.
    may_return: f64,
}

impl Fall {
    fn of(series: &Series) -> Option<Self> {
        if series.is_sparse {
            return None;
        }
        let new_level = usize::from(NEW_LEVEL_DAYS);
        let days = usize::from(series.quiet).max(usize::from(series.below));
        if (1..new_level).contains(&days) {
            let likely = days as f64 / new_level as f64;
            return Some(Self { level_before: 0.0, level_after: 0.0, likely, may_return: 0.0 });
        }
        let (level_before, days) =
            if days >= new_level { (series.level, days) } else { (series.previous, series.at_level) };
        let is_recent = days < new_level + PAUSE_DAYS && level_before >= series.level;
        is_recent.then_some(Self { level_before, level_after: 0.0, likely: 0.0, may_return: 1.0 })
    }
}

impl Own {
    fn so_far(&self, plan: &Plan) -> f64 {
        if plan.elapsed > 0 { self.month_to_date } else { 0.0 }
    }
}

fn prior(series: &Series, plan: &Plan) -> Prior {
    Prior { months: plan.months(series.age), deviation: series.deviation(), is_sparse: series.is_sparse }
}

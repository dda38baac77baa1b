//! Where the month will end: what it cost so far, and an estimate of the open days with a band.
//!
//! - `plan`: which days are open, and which days of earlier months lay in the same part.
//! - `memory`: the past of one series, without its anomalies.
//! - `presence`: the days on which it cost anything.
//! - `methods`: several ways of saying what the open days will cost.
//! - `record`: how well each has done on the series, and so how much it is trusted.
//! - `band`: how wide the band must be, by how far off the account's forecasts were.

mod band;
mod memory;
mod methods;
mod plan;
mod presence;
mod record;
#[cfg(test)]
mod tests;

use jiff::civil::Date;

use crate::analysis::past::Past;
use crate::analysis::usual::Usual;

use band::Band;
use methods::{Opinions, Subject};
use record::{Answer, Prior, Record};

pub(super) use plan::Plan;

/// Where a month will end. Amounts are in the units of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Forecast {
    /// What the known days of the month cost.
    pub month_to_date: f64,
    /// What the month is expected to come to. The same as `month_to_date` when no day is open.
    pub estimate: f64,
    /// The lower edge of the band that holds about 80 % of the outcomes; never below `month_to_date` in a series without
    /// credits.
    pub lower: f64,
    /// The upper edge of the band.
    pub upper: f64,
}

/// What is kept of every series for the sake of its forecasts.
#[derive(Clone, Debug, Default)]
pub(super) struct Forecaster {
    series: Vec<Own>,
    band: Band,
    /// No day of the month was missed since it began, or since the first day of all.
    is_gapless: bool,
    newest: Option<Date>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Own {
    month_to_date: f64,
    record: Record,
}

/// What the model knows of a series, as the forecast needs it.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) age: usize,
    pub(super) regime: usize,
    /// Of the day after the newest.
    pub(super) noise: f32,
    pub(super) usual: Usual,
}

impl Forecaster {
    /// Takes the amounts of the next day. [`Forecaster::check`] is to follow once the model has learned them.
    pub(super) fn add(&mut self, day: Date, amounts: &[f64]) {
        self.series.resize(self.series.len().max(amounts.len()), Own::default());
        let follows = self.newest.is_none_or(|newest| newest.tomorrow().is_ok_and(|next| next == day));
        if self.newest.is_some_and(|newest| newest.first_of_month() == day.first_of_month()) {
            self.is_gapless &= follows;
        } else {
            self.is_gapless = follows || day.day() == 1;
            for own in &mut self.series {
                own.month_to_date = 0.0;
                if !follows {
                    own.record.drop_month();
                }
            }
        }
        for (own, amount) in self.series.iter_mut().zip(amounts) {
            // What is not known is not nothing, but nothing is known of it.
            own.month_to_date += if amount.is_nan() { 0.0 } else { *amount };
        }
        self.newest = Some(day);
    }

    /// Holds the forecasts of a month that has ended against what it came to, and keeps those that are made today to be
    /// held against what will come.
    pub(super) fn check(&mut self, past: &Past, known: impl Fn(usize, &Plan) -> Option<Known>) {
        let Some(newest) = self.newest else { return };
        if newest == newest.last_of_month() {
            self.close();
        }
        let plan = Plan::new(newest, newest.tomorrow().unwrap_or(newest).first_of_month(), past);
        if !plan.is_checkpoint() {
            return;
        }
        for index in 0..self.series.len() {
            let said = self.answer(index, &plan, past, known(index, &plan));
            let own = &mut self.series[index];
            if let Some((said, answer)) = said {
                own.record.keep(&plan, own.so_far(&plan) as f32, &said.open, answer);
            }
        }
    }

    fn close(&mut self) {
        for own in &mut self.series {
            if !self.is_gapless {
                own.record.drop_month();
                continue;
            }
            for (stage, off) in own.record.close(own.month_to_date as f32).into_iter().enumerate() {
                if let Some(off) = off {
                    self.band.learn(stage, off);
                }
            }
        }
    }

    /// Where the month of the plan will end for one series.
    pub(super) fn forecast(&self, index: usize, plan: &Plan, past: &Past, known: Option<Known>) -> Forecast {
        let month_to_date = self.series[index].so_far(plan);
        let nothing = Forecast { month_to_date, estimate: month_to_date, lower: month_to_date, upper: month_to_date };
        let Some((said, answer)) = self.answer(index, plan, past, known) else { return nothing };
        let (below, above) = self.band.reach(plan.stage());
        let estimate = month_to_date + f64::from(answer.open);
        let lower = estimate - f64::from(below * answer.scale);
        let floor = if said.has_credits { lower } else { month_to_date };
        Forecast { month_to_date, estimate, lower: lower.max(floor), upper: estimate + f64::from(above * answer.scale) }
    }

    /// What each method says of the open days, and what is made of it; none where no day is open or nothing is known.
    fn answer(&self, index: usize, plan: &Plan, past: &Past, known: Option<Known>) -> Option<(Opinions, Answer)> {
        let known = known.filter(|_| plan.open > 0.0)?;
        let own = &self.series[index];
        let subject = Subject { past, series: index, age: known.age, regime: known.regime, usual: known.usual };
        let said = methods::all(&subject, plan);
        let prior = Prior {
            months: plan.months(known.age),
            noise: known.noise,
            is_sparse: known.usual.rhythm.is_sparse,
            pauses: said.pauses,
        };
        let answer = own.record.answer(plan, own.so_far(plan) as f32, &said.open, &prior);
        Some((said, answer))
    }
}

impl Own {
    fn so_far(&self, plan: &Plan) -> f64 {
        if plan.elapsed > 0 { self.month_to_date } else { 0.0 }
    }
}

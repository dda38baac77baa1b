//! The model takes days in order: it judges each by the days before it, then learns from it.

use jiff::civil::Date;

use super::calendar::{Today, days_between, weekday};
use super::detector_rule::Rule;
use super::forecast::{Forecast, Forecaster, Plan};
use super::judgement::Judgement;
use super::series::{DAYS, Series};

/// A smaller amount counts as zero, and a larger one as unknown.
const NOTHING: f64 = 1e-9;
pub(crate) const LARGEST: f64 = 1e18;

/// Settings of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The least amount: a smaller excess is no anomaly. In units of the input. Default 0.1.
    pub least_amount: f64,
    /// Whether months are forecast. Default true.
    pub forecasts: bool,
    /// The rule that is turned off, to measure its effect. Default none.
    pub without: Option<Rule>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { least_amount: 0.1, forecasts: true, without: None }
    }
}

/// The learned state of many series of daily amounts in one currency.
///
/// A series takes about 1.3 KB, and .3 KB more with forecasts; less while it is young. A clone shares most of it. The
/// result of a series depends on the settings and on its own days only. The exception is the width of the forecasts'
/// band, which is learned from all series.
#[derive(Clone, Default)]
pub struct Model {
    settings: Settings,
    newest: Option<Date>,
    /// The number of the newest day.
    at: usize,
    series: Vec<Series>,
    forecaster: Forecaster,
}

impl Model {
    /// A model without any day.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Model { settings, ..Model::default() }
    }

    /// Takes the next closed UTC day. Skipped days are unknown, not free of cost.
    ///
    /// `amounts[i]` is the cost of series `i` on that day: 0 when nothing was billed, NaN when unknown. New series come
    /// last. Returns one judgement per series. Days must increase.
    pub fn step(&mut self, day: Date, amounts: &[f64]) -> Vec<Judgement> {
        self.skip_to(day);
        self.at += 1;
        self.newest = Some(day);
        self.series.resize(self.series.len().max(amounts.len()), Series::default());
        let today = Today::new(self.at, day, self.settings.without);
        let least = self.settings.least_amount;
        let amounts: Vec<f64> = amounts.iter().copied().map(sound).collect();
        let judge = |(series, amount): (&mut Series, &f64)| series.step(&today, *amount, least);
        let judgements = self.series.iter_mut().zip(&amounts).map(judge).collect();
        if self.settings.forecasts {
            let plan = Plan::of_tomorrow(day, self.at);
            self.forecaster.step(day, &amounts, &self.series, &plan);
        }
        judgements
    }

    /// The expected cost of a series on a day after the newest. 0 for a sparse series, and for one younger than a week.
    #[must_use]
    pub fn expects(&self, series: usize, day: Date) -> f64 {
        const OWES_A_COST: usize = 7;
        let series = self.series.get(series).filter(|series| series.age >= OWES_A_COST && !series.is_sparse);
        series.map_or(0.0, |series| series.expects(weekday(day)))
    }

    /// The forecast of the month that begins on `month` for each series, after the last step. It is the month of the
    /// last step or the next one. A later month is too far away. Empty when forecasts are disabled.
    #[must_use]
    pub fn forecast(&self, month: Date) -> Vec<Forecast> {
        let Some(newest) = self.newest.filter(|_| self.settings.forecasts) else { return Vec::new() };
        let plan = Plan::new(newest, month.first_of_month(), self.at);
        self.series.iter().enumerate().map(|(index, series)| self.forecaster.forecast(index, series, &plan)).collect()
    }

    /// Marks the days between the newest day and this one as unknown.
    fn skip_to(&mut self, day: Date) {
        let Some(mut before) = self.newest else { return };
        for _ in 1..days_between(before, day).min(DAYS) {
            before = before.tomorrow().unwrap_or(before);
            self.at += 1;
            for series in self.series.iter_mut().filter(|series| series.age > 0) {
                series.push(self.at, f64::NAN, series.level * series.share(weekday(before)), false);
            }
        }
    }
}

/// The amount in the range of the model.
fn sound(amount: f64) -> f64 {
    match amount.abs() {
        size if size < NOTHING => 0.0,
        size if size <= LARGEST => amount,
        _ => f64::NAN,
    }
}

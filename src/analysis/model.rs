//! Takes one day after the other: judges it with what was known before, then learns from it.

use jiff::civil::Date;

use super::calendar::{Today, days_between, weekday};
use super::forecast::{Forecast, Forecaster, Plan};
use super::judgement::Judgement;
use super::rule::Rule;
use super::series::{DAYS, Series};

/// An amount that is nearer to nothing counts as nothing, and one beyond the other is no amount.
const NOTHING: f64 = 1e-9;
const LARGEST: f64 = 1e18;

/// Settings of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How far above its expectation any series may be, in units of the input. Default 0.1.
    pub least_amount: f64,
    /// Whether months are forecast. Default true.
    pub forecasts: bool,
    /// The rule that is left out, to see what it is worth. Default none.
    pub without: Option<Rule>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { least_amount: 0.1, forecasts: true, without: None }
    }
}

/// Everything learned of the daily amounts of many series in one currency.
///
/// About 1.3 KB a series, and .3 KB more with forecasts; less while it is young. A clone shares most of it. What it says
/// of a series depends on the settings and the days of that series alone; only the width of the forecasts' band is learned
/// from all.
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
    /// A model that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Model { settings, ..Model::default() }
    }

    /// Takes the next closed UTC day; days in between that are never given are unknown, not free of cost.
    ///
    /// `amounts[i]` is what series `i` cost that day, 0 where nothing was billed, NaN where it is not known; series that
    /// are new come last. Returns one judgement per series. Days must increase.
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

    /// The expected cost of a series on a day after the newest; 0 where it costs something now and then only, or is younger
    /// than a week.
    #[must_use]
    pub fn expects(&self, series: usize, day: Date) -> f64 {
        const OWES_A_COST: usize = 7;
        let series = self.series.get(series).filter(|series| series.age >= OWES_A_COST && !series.is_sparse);
        series.map_or(0.0, |series| series.expects(weekday(day)))
    }

    /// Where the month that begins on `month` will end for each series, as seen after the last step. It is the month of
    /// the last step or the one after it; of a later one too much lies between. Empty where the settings want none.
    #[must_use]
    pub fn forecast(&self, month: Date) -> Vec<Forecast> {
        let Some(newest) = self.newest.filter(|_| self.settings.forecasts) else { return Vec::new() };
        let plan = Plan::new(newest, month.first_of_month(), self.at);
        self.series.iter().enumerate().map(|(index, series)| self.forecaster.forecast(index, series, &plan)).collect()
    }

    /// Remembers that nothing is known of the days before this one.
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

/// The amount as the model can work with it.
fn sound(amount: f64) -> f64 {
    match amount.abs() {
        size if size < NOTHING => 0.0,
        size if size <= LARGEST => amount,
        _ => f64::NAN,
    }
}

//! Takes one day after the other: judges it with what was known before, then learns from it.

use crate::analysis::calendar::{Place, days_between};
use crate::analysis::company;
use crate::analysis::evidence::Evidence;
use crate::analysis::forecast::{Forecast, Forecaster, Known, Plan};
use crate::analysis::judgement::Judgement;
use crate::analysis::past::{Cell, Past};
use crate::analysis::robust::quantile;
use crate::analysis::series::{COLD_DAYS, Series, YOUNG_DAYS};
use crate::analysis::usual::Usual;
use crate::analysis::verdict::{Case, Course, Verdict};
use jiff::civil::Date;

/// The noise of an account of which nothing is known yet, and the most that an account's is taken for.
const DEFAULT_NOISE: f32 = 0.1;
const LARGEST_ACCOUNT_NOISE: f32 = 0.15;

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How far above its expectation any series may be, in units of the input. Default 0.1.
    pub least_amount: f64,
    /// Whether months are forecast; what is remembered for that is two thirds of the memory of a short history. Default
    /// true.
    pub forecasts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { least_amount: 0.1, forecasts: true }
    }
}

/// Everything learned of the daily amounts of one account in one currency.
///
/// Cheap to clone: the remembered days are shared. Grows with the history up to about 1.8 KB a series. What it says
/// depends on nothing but the settings and the days it was given.
///
/// What many series do on the same day is taken for a habit of the account, so judge the roll-ups in a model of their
/// own: with fewer than eight series a model knows no company, and a rise of the whole account shows.
#[derive(Clone, Default)]
pub struct Model {
    settings: Settings,
    newest: Option<Date>,
    past: Past,
    series: Vec<Series>,
    forecaster: Forecaster,
    /// The median of the series' noise.
    noise: Option<f32>,
}

impl Model {
    /// A model that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Model { settings, ..Model::default() }
    }

    /// Takes the next closed UTC day; days in between that are never given are unknown, not free of cost.
    ///
    /// `amounts[i]` is what series `i` cost that day, 0 where nothing was billed, NaN where it is not known; series that
    /// are new come last. Returns one judgement per series. Days must increase.
    pub fn step(&mut self, day: Date, amounts: &[f64]) -> Vec<Judgement> {
        self.step_watched(day, amounts, |_, _| {})
    }

    /// As [`Model::step`]; shows what was weighed for the series with an amount above the usual.
    pub fn step_watched(&mut self, day: Date, amounts: &[f64], watch: impl FnMut(usize, &Evidence)) -> Vec<Judgement> {
        if let Some(newest) = self.newest {
            self.skip(days_between(newest, day).saturating_sub(1));
        }
        self.newest = Some(day);
        self.series.resize(self.series.len().max(amounts.len()), Series::default());
        let place = Place::of(day);
        let noise = self.account_noise();
        let mut verdicts = Vec::with_capacity(amounts.len());
        for (index, (series, amount)) in self.series.iter_mut().zip(amounts).enumerate() {
            let usual = series.usual(&self.past, index, place.weekday, noise);
            verdicts.push(Verdict::unjudged(*amount as f32, usual, &place));
        }
        self.judge(&mut verdicts, &place, watch);
        self.learn(&verdicts, &place);
        if self.settings.forecasts {
            self.forecaster.add(day, amounts);
            self.check_forecasts();
        }
        verdicts.iter().map(Verdict::judgement).collect()
    }

    /// What is known of a series, and its usual cost from the next day on, which is a `weekday` (0 is Monday).
    pub(super) fn usual_ahead(&self, index: usize, weekday: usize) -> Option<(Series, Usual)> {
        let series = *self.series.get(index)?;
        let usual = series.usual_as_known(&self.past, index, weekday, self.account_noise())?;
        Some((series, usual))
    }

    /// Where the month that begins on `month` will end for each series, as seen after the last step. It is the month of
    /// the last step or the one after it; of a later one too much lies between. Empty where the settings want none.
    pub fn forecast(&self, month: Date) -> Vec<Forecast> {
        let Some(newest) = self.newest.filter(|_| self.settings.forecasts) else { return Vec::new() };
        let plan = Plan::new(newest, month.first_of_month(), &self.past);
        let forecast = |index| self.forecaster.forecast(index, &plan, &self.past, self.known(index, &plan));
        (0..self.series.len()).map(forecast).collect()
    }

    /// Holds the forecasts of a month that has ended against what it came to, and keeps those of today for that.
    fn check_forecasts(&mut self) {
        let mut forecaster = std::mem::take(&mut self.forecaster);
        forecaster.check(&self.past, |index, plan| self.known(index, plan));
        self.forecaster = forecaster;
    }

    fn known(&self, index: usize, plan: &Plan) -> Option<Known> {
        let (series, usual) = self.usual_ahead(index, plan.tomorrow())?;
        Some(Known { age: series.age(), regime: series.regime(), noise: usual.noise(plan.tomorrow()), usual })
    }

    fn skip(&mut self, days: usize) {
        self.past.skip(days);
        for series in &mut self.series {
            series.skip(days);
        }
    }

    fn account_noise(&self) -> f32 {
        self.noise.unwrap_or(DEFAULT_NOISE)
    }

    fn judge(&self, verdicts: &mut [Verdict], place: &Place, mut watch: impl FnMut(usize, &Evidence)) {
        let factor = company::factor(verdicts, self.account_noise());
        for ((index, series), verdict) in self.series.iter().enumerate().zip(verdicts.iter_mut()) {
            let case = Case { settings: self.settings, past: &self.past, place, index, series, factor };
            if let Some(evidence) = case.judge(verdict) {
                watch(index, &evidence);
            }
        }
        company::acquit(verdicts, &self.series, place);
    }

    fn learn(&mut self, verdicts: &[Verdict], place: &Place) {
        let cell = |(series, verdict): (&Series, &Verdict)| {
            let is_odd = matches!(verdict.course, Course::Above | Course::Below);
            let set_aside = if series.age() < COLD_DAYS { verdict.anomaly } else { is_odd };
            Cell::new(verdict.actual, verdict.base, set_aside).marked(verdict.anomaly)
        };
        self.past.push(self.series.iter().zip(verdicts).map(cell).collect());
        for ((index, series), verdict) in self.series.iter_mut().enumerate().zip(verdicts) {
            series.learn(&mut self.past, index, place.weekday, verdict);
        }
        let known = self.series.iter().zip(verdicts).filter(|(series, _)| series.age() >= YOUNG_DAYS);
        let mut noises: Vec<f32> = known.filter_map(|(_, verdict)| Some(verdict.usual?.noise(place.weekday))).collect();
        if !noises.is_empty() {
            self.noise = Some(quantile(&mut noises, 0.5).min(LARGEST_ACCOUNT_NOISE));
        }
    }
}

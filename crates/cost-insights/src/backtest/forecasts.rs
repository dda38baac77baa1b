//! Measures the errors of month forecasts.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::Forecast;
use crate::Model;

use super::history::History;

/// The days of a month at which forecasts are compared.
pub(super) const DAYS: [i8; 3] = [5, 10, 20];

/// The forecasts of a history, and the totals of its months.
pub(super) struct Forecasts {
    /// The cost of each group in each month that the history has completely, by the first day of the month.
    totals: BTreeMap<Date, Vec<f64>>,
    errors: [Errors; DAYS.len()],
}

/// The forecasts at the end of one day.
pub(super) struct Seen<'a> {
    /// The first day of the forecast month.
    pub(super) month: Date,
    /// One for each group that has begun.
    pub(super) forecasts: Vec<Forecast>,
    /// The cost of each group. `None` when the history lacks a part of the month.
    pub(super) actual: Option<&'a [f64]>,
}

/// Relative errors at one day of the month, over all series and complete months.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Errors {
    /// Errors of the forecast.
    pub(super) forecast: Vec<f64>,
    /// Errors of the run rate: the month so far, extended evenly.
    pub(super) run_rate: Vec<f64>,
    /// The number of totals within the band.
    pub(super) inside: usize,
}

impl Forecasts {
    pub(super) fn new(history: &History) -> Self {
        Self { totals: totals(history), errors: Default::default() }
    }

    /// Forecasts the month that contains the day after `day`, with the data that the model has until then.
    pub(super) fn add(&mut self, day: Date, model: &Model) -> Seen<'_> {
        let month = day.tomorrow().unwrap_or(day).first_of_month();
        let forecasts = model.forecast(month);
        let actual = self.totals.get(&month).map(Vec::as_slice);
        if let (Some(actual), Some(at)) = (actual, DAYS.iter().position(|at| *at == day.day())) {
            let errors = &mut self.errors[at];
            let elapsed = f64::from(day.day()) / f64::from(day.days_in_month());
            // A relative error needs a positive total.
            for (forecast, actual) in forecasts.iter().zip(actual).filter(|(_, actual)| **actual > 0.0) {
                errors.forecast.push((forecast.estimate - actual).abs() / actual);
                errors.run_rate.push((forecast.month_to_date / elapsed - actual).abs() / actual);
                errors.inside += usize::from((forecast.lower..=forecast.upper).contains(actual));
            }
        }
        Seen { month, forecasts, actual }
    }

    /// The errors at each of [`DAYS`].
    pub(super) fn errors(self) -> [Errors; DAYS.len()] {
        self.errors
    }
}

fn totals(history: &History) -> BTreeMap<Date, Vec<f64>> {
    let mut months: BTreeMap<Date, (i8, Vec<f64>)> = BTreeMap::new();
    for (day, amounts) in history.days() {
        let (known, totals) = months.entry(day.first_of_month()).or_default();
        *known += 1;
        totals.resize(history.groups().len(), 0.0);
        for (total, amount) in totals.iter_mut().zip(amounts) {
            *total += amount;
        }
    }
    let whole = months.into_iter().filter(|(month, (known, _))| *known == month.days_in_month());
    whole.map(|(month, (_, totals))| (month, totals)).collect()
}

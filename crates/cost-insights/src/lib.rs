//! Finds unusual days in daily costs, and forecasts the cost of a month.
//!
//! Pure arithmetic: the crate has no clock, and it opens no files. It knows no cloud. Amounts are floats, because
//! statistics are estimates. All amounts of a model have one currency.
//!
//! ```
//! use cost_insights::{Model, Reason, Settings};
//! use jiff::civil::date;
//!
//! let mut model = Model::new(Settings::default());
//! let mut day = date(2026, 1, 1);
//! // Two series: one costs 100 a day, the other 20 on workdays.
//! for _ in 0..90 {
//!     let on_workdays = if day.weekday().to_monday_zero_offset() < 5 { 20.0 } else { 0.0 };
//!     model.step(day, &[100.0, on_workdays]);
//!     day = day.tomorrow().unwrap();
//! }
//! let judgements = model.step(day, &[150.0, 20.0]);
//! assert!(judgements[0].anomaly && !judgements[1].anomaly);
//! assert_eq!(judgements[0].reason, Reason::AboveBand);
//! assert_eq!(
//!     judgements[0].explanation("EUR"),
//!     "cost 150.00 EUR; expected 100.00, at most 130.00 (30 % more); like days of earlier months cost at most 100.00"
//! );
//!
//! // The cost of the month from the day after the spike on, which does not move the level.
//! let forecast = &model.forecast(date(2026, 4, 1))[0];
//! assert!((2_900.0..3_100.0).contains(&forecast.estimate), "{forecast:?}");
//! ```
//!
//! Read in this order:
//!
//! - [`Model`] takes closed UTC days in order, and judges each by the days before it.
//! - `series`: the last days of a series, its level, weekly profile and usual deviation.
//! - `detector`: compares a day with those, and learns from it. [`Judgement`] and [`Reason`] are its public result.
//! - `explanation`: a judgement as a sentence.
//! - `calendar`: the matching days of earlier months.
//! - `forecast`: the cost of the month, from the same level and profile.
//! - [`Blackouts`]: a whole project, region or account without a cost is unknown, not free.
//! - [`contributors()`]: the children that explain the excess of a roll-up.
//! - [`backtest`]: the accuracy of detector and forecast on a known past.

pub mod backtest;
mod blackout;
mod calendar;
mod contributors;
mod detector;
mod detector_rule;
mod explanation;
mod forecast;
mod judgement;
mod model;
mod series;
#[cfg(test)]
mod tests;

pub use blackout::Blackouts;
pub use contributors::{Contributor, contributors};
pub use detector_rule::Rule;
pub use forecast::Forecast;
pub use judgement::{Basis, Judgement, Reason};
pub use model::{Model, Settings};

//! Detector and forecast: the baseline of a series, its anomalies, and the cost of a month.
//!
//! Pure arithmetic on daily amounts, without clock, files, Prometheus or a money type. Amounts are floats here, because
//! statistics are estimates.
//!
//! Read in this order:
//!
//! - [`Model`] takes closed UTC days in order, and judges each by the days before it.
//! - `series`: the last days of a series, its level, weekly profile and usual deviation.
//! - `detector`: compares a day with those, and learns from it. [`Judgement`] and [`Reason`] are its public result.
//! - `explanation`: a judgement as a sentence.
//! - `calendar`: the like days of earlier months.
//! - `forecast`: the cost of the month, from the same level and profile.
//! - [`Blackouts`]: a whole project, region or account without a cost is unknown, not free.
//! - [`contributors()`]: the children that explain the excess of a roll-up.

mod blackout;
mod calendar;
mod contributors;
mod detector;
mod explanation;
mod forecast;
mod judgement;
mod model;
mod rule;
mod series;
#[cfg(test)]
mod tests;

pub use blackout::Blackouts;
pub use contributors::{Contributor, contributors};
pub use forecast::Forecast;
pub use judgement::{Basis, Judgement, Reason};
pub use model::{Model, Settings};
pub use rule::Rule;

//! Detector and forecast: the usual cost of a day, anomalies, and the cost of a month.
//!
//! Pure arithmetic on daily amounts: no clock, no files, no Prometheus, no money type. Exact money ends at this door,
//! since statistics are estimates.
//!
//! Read in this order:
//!
//! - [`Model`] takes one closed UTC day after the other and judges each with what was known before it.
//! - `series`: the last days of a series, its level, weekly profile and usual deviation.
//! - `detector`: a day against those, and what is learned from it; [`Judgement`] and [`Reason`] are what the world sees.
//! - `explanation`: a judgement as a sentence.
//! - `calendar`: which earlier days lie where a day lies in its month.
//! - `forecast`: where a month will end, by the same level and profile.
//! - [`Blackouts`]: a whole project, region or account without a cost is unknown, not free.
//! - [`contributors()`]: which children make up what a roll-up is over.

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

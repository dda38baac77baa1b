//! What the daily costs of an account usually are, and which days are out of the usual.
//!
//! Pure arithmetic on daily amounts: no clock, no files, no Prometheus, no money type. Exact money ends at this door,
//! since statistics are estimates.
//!
//! Read in this order:
//!
//! - [`Model`] takes one closed UTC day after the other and judges each with what was known before it.
//! - `past`: the days that it remembers, one column a day over all series.
//! - `rhythm`: the week and the noise of a series, which change slowly; `usual`: its level now, times the weekday's part.
//! - `cycle`: jobs that run every so many days.
//! - `calendar`: which earlier days sit where a day sits in its month.
//! - `habit`: whether an amount above the usual has been seen before in such a place.
//! - `company`: what all series of the account do together on a day.
//! - `verdict`: all of that against a day's amount; [`Judgement`] is what the world sees of it.
//! - `evidence`: what was found out about a day above the usual, as numbers; `forest`: how much they weigh.
//! - `series`: what a day changes in what is known of a series.
//! - [`Forecast`]: where a month will end, from all that is remembered and how right that was before.
//! - [`contributors()`]: which children make up what a roll-up is over.
//! - `robust`: estimates that a few odd values don't move.

mod calendar;
mod company;
mod contributors;
mod cycle;
mod evidence;
mod forecast;
mod forest;
mod habit;
mod judgement;
mod model;
mod past;
mod rhythm;
mod robust;
mod series;
#[cfg(test)]
mod tests;
mod usual;
mod verdict;

pub use contributors::{Contributor, contributors};
pub use evidence::{Evidence, NAMES};
pub use forecast::Forecast;
pub use judgement::Judgement;
pub use model::{Model, Settings};

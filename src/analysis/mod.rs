//! What the daily costs of an account usually are, and which days are out of the usual.
//!
//! Pure arithmetic on daily amounts: no clock, no files, no Prometheus, no money type. Exact money ends at this door,
//! since statistics are estimates.
//!
//! - [`Model`] takes one closed UTC day after the other and judges each with what was known before it.
//! - `past`: the days that the model remembers, one column a day over all series.
//! - `usual`: from the last eight weeks of a series, its level, its weekdays and its noise.
//! - `calendar`: which earlier days sit where today sits in a month.
//! - `habit`: whether an amount above the usual has been seen before in such a place.
//! - `company`: what all series of the account do together on a day.
//! - [`contributors`]: which children make up what a roll-up is over.

mod calendar;
mod company;
mod contributors;
mod forecast;
mod habit;
mod judgement;
mod model;
mod past;
mod usual;

pub use contributors::{Contributor, contributors};
pub use forecast::Forecast;
pub use judgement::Judgement;
pub use model::{Model, Settings};

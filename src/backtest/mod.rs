//! Detector and forecast run over a past that is known, to see how well they would have done.
//!
//! What the daemon does as days close is done here for every day of a [`History`], each judged by nothing but the days
//! before it. Where the true spikes are known, the detector is scored against them; the forecasts are scored against
//! what the months came to. Opening files and printing belong to the command line.

mod detections;
mod forecasts;
pub mod history;
mod outputs;
mod report;
pub mod table;

use std::io;
use std::io::Write;

use crate::analysis::{Blackouts, Model, Rule, Settings};

use detections::Detections;
use forecasts::Forecasts;

pub use history::History;
pub use outputs::Outputs;
pub use report::Report;

/// A stretch of days on which a group really cost more than it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spike {
    /// The group, as the history names it.
    pub group: String,
    /// The first day.
    pub from: jiff::civil::Date,
    /// The last day; the same as `from` for a spike of one day.
    pub to: jiff::civil::Date,
}

/// Judges and forecasts every day of every history, and says how good that was.
///
/// `spikes` are all that there truly were; `None` where that is not known. Rows go to `outputs` as they come. The detector
/// can be run `without` one of its rules.
///
/// # Errors
///
/// Where a row cannot be written.
pub fn run<W: Write>(
    histories: &[History],
    spikes: Option<&[Spike]>,
    without: Option<Rule>,
    outputs: &mut Outputs<W>,
) -> io::Result<Report> {
    let mut report = Report::new(histories, spikes.is_some());
    for history in histories {
        let mut model = Model::new(Settings { without, ..Settings::default() });
        let mut detections = Detections::new(history);
        let mut forecasts = Forecasts::new(history);
        let mut blackouts = Blackouts::default();
        let mut begun = 0;
        for of_day in history.days() {
            let (day, amounts) = of_day;
            for (series, group) in history.groups().iter().enumerate().take(amounts.len()).skip(begun) {
                wholes(group).for_each(|whole| blackouts.add(whole, series));
            }
            begun = amounts.len();
            let mut known = amounts.clone();
            blackouts.apply(&model, *day, &mut known);
            let judgements = model.step(*day, &known);
            detections.add(&judgements);
            outputs.detections(of_day, history, &judgements)?;
            let seen = forecasts.add(*day, &model);
            outputs.forecasts(*day, history.groups(), &seen)?;
        }
        report.add(&detections.score(spikes.unwrap_or_default()), forecasts.errors());
    }
    outputs.flush()?;
    Ok(report)
}

/// What a group is part of: all groups, and what its name has before each `/`.
fn wholes(group: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(group.match_indices('/').map(|(at, _)| &group[..at]))
}

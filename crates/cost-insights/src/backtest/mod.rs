//! Runs detector and forecast over a known past, to measure their accuracy.
//!
//! Each day of a [`History`] is judged as in the daemon, with the days before it only. When the true spikes are
//! labelled, the detector is scored against them. Forecasts are scored against the totals of the months. The command
//! line opens files and prints.

mod detections;
mod forecasts;
pub mod history;
mod outputs;
mod report;
pub mod table;

use std::io;
use std::io::Write;

use crate::{Blackouts, Model, Rule, Settings};

use detections::Detections;
use forecasts::Forecasts;

pub use history::History;
pub use outputs::Outputs;
pub use report::Report;

/// A labelled range of days on which a group cost more than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spike {
    /// The group, by its name in the history.
    pub group: String,
    /// The first day.
    pub from: jiff::civil::Date,
    /// The last day. Equal to `from` for a spike of one day.
    pub to: jiff::civil::Date,
}

/// Judges and forecasts every day of every history, and returns the scores.
///
/// `spikes` are all true spikes. `None` when they are not known. Rows are written to `outputs` as they are computed.
/// `without` turns off one rule of the detector. `progress` gets the number of judged days, and that of all.
///
/// # Errors
///
/// Fails when a row cannot be written.
pub fn run<W: Write>(
    histories: &[History],
    spikes: Option<&[Spike]>,
    without: Option<Rule>,
    outputs: &mut Outputs<W>,
    mut progress: impl FnMut(usize, usize),
) -> io::Result<Report> {
    let all = histories.iter().map(|history| history.days().len()).sum();
    let mut done = 0;
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
            done += 1;
            progress(done, all);
        }
        report.add(&detections.score(spikes.unwrap_or_default()), forecasts.errors());
    }
    outputs.flush()?;
    Ok(report)
}

/// The roll-ups of a group: all groups, and each prefix of its name before a `/`.
fn wholes(group: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(group.match_indices('/').map(|(at, _)| &group[..at]))
}

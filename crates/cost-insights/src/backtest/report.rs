//! The table at the end of a backtest.

use std::fmt;

use jiff::civil::Date;

use super::detections::{Counts, Score, share};
use super::forecasts::{DAYS, Errors};
use super::history::History;

/// The scores of detector and forecast. `Display` writes the table.
#[derive(Debug)]
pub struct Report {
    series: usize,
    /// The first and the last day, and the number of known days.
    days: Option<(Date, Date, usize)>,
    is_labelled: bool,
    score: Score,
    errors: [Errors; DAYS.len()],
}

impl Report {
    pub(super) fn new(histories: &[History], is_labelled: bool) -> Self {
        let series = histories.iter().map(|history| history.groups().len()).sum();
        let longest = histories.iter().max_by_key(|history| history.days().len());
        let days = longest.and_then(|history| {
            let days = history.days();
            Some((days.first()?.0, days.last()?.0, days.len()))
        });
        Self { series, days, is_labelled, score: Score::default(), errors: Default::default() }
    }

    pub(super) fn add(&mut self, score: &Score, errors: [Errors; DAYS.len()]) {
        self.score += score;
        for (all, more) in self.errors.iter_mut().zip(errors) {
            all.forecast.extend(more.forecast);
            all.run_rate.extend(more.run_rate);
            all.inside += more.inside;
        }
    }

    fn history(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "series", &self.series.to_string())?;
        if let Some((first, last, known)) = self.days {
            let span = usize::try_from((last - first).get_days()).unwrap_or_default() + 1;
            let unknown = if span > known { format!(", {} unknown", span - known) } else { String::new() };
            line(f, "days", &format!("{known} ({first} to {last}{unknown})"))?;
        }
        Ok(())
    }

    fn detector(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Score { judged, days, episodes, at_once, delay, outside } = &self.score;
        if !self.is_labelled {
            line(f, "anomalous days", &days.false_alarms.to_string())?;
            return line(f, "anomalous episodes", &episodes.false_alarms.to_string());
        }
        let without = if *outside > 0 { format!(", {outside} outside the history") } else { String::new() };
        line(f, "labelled spikes", &format!("{}{without}", episodes.labelled))?;
        writeln!(f, "\n{:<33}{:>8}{:>12}", "detector", "by day", "by episode")?;
        for (name, of) in
            [("precision", Counts::precision as fn(Counts) -> f64), ("recall", Counts::recall), ("F1", Counts::f1)]
        {
            writeln!(f, "{:<33}{:>8}{:>12}", format!("  {name}"), ratio(of(*days)), ratio(of(*episodes)))?;
        }
        let years = share(*judged, 1) / 365.25;
        line(f, "  false episodes per series-year", &format!("{:.3}", share(episodes.false_alarms, 1) / years))?;
        line(f, "  found on the first closed day", &percent(share(*at_once, episodes.labelled)))?;
        let delay = share(*delay, episodes.found);
        line(
            f,
            "  mean delay of those found",
            &if delay.is_nan() { "-".to_owned() } else { format!("{delay:.2} days") },
        )
    }

    fn forecast(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<27}{:>20}{:>20}{:>12}", "forecast of the month's end", "error", "of run-rate", "in the")?;
        writeln!(
            f,
            "{:<17}{:>10}{:>11}{:>9}{:>11}{:>9}{:>12}",
            "", "months", "median", "mean", "median", "mean", "80 % band"
        )?;
        for (day, errors) in DAYS.iter().zip(&self.errors) {
            let months = errors.forecast.len();
            let [own, naive] =
                [&errors.forecast, &errors.run_rate].map(|errors| [median(errors), mean(errors)].map(percent));
            let inside = percent(share(errors.inside, months));
            let name = format!("  after day {day}");
            writeln!(
                f,
                "{name:<17}{months:>10}{:>11}{:>9}{:>11}{:>9}{inside:>12}",
                own[0], own[1], naive[0], naive[1]
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.history(f)?;
        self.detector(f)?;
        self.forecast(f)
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<33}{value:>8}")
}

fn ratio(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{value:.3}") }
}

fn percent(value: f64) -> String {
    if value.is_nan() { "-".to_owned() } else { format!("{:.1} %", value * 100.0) }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / share(values.len(), 1)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

//! Writes every judgement and every forecast as a row, for scoring with other tools.

use std::io;
use std::io::Write;

use csv::Writer;
use jiff::civil::Date;

use crate::Judgement;

use super::forecasts::Seen;
use super::history::History;

/// The outputs of rows. None by default.
pub struct Outputs<W: Write> {
    detections: Option<Writer<W>>,
    forecasts: Option<Writer<W>>,
}

impl<W: Write> Outputs<W> {
    /// Writes the header of each output.
    ///
    /// - `detections` has the columns `day,group,actual,expected,upper,score,anomaly,reason,explanation`, and a row for
    ///   each day and group.
    /// - `forecasts` has the columns `day,group,month,forecast,lower,upper,actual`. `day` is the last day known to the
    ///   forecast. `month` is the month of the day after it. `actual` is the total of that month, empty when the
    ///   history lacks one of its days.
    ///
    /// # Errors
    ///
    /// Fails when a header cannot be written.
    pub fn new(detections: Option<W>, forecasts: Option<W>) -> io::Result<Self> {
        let begin = |output: Option<W>, header: &[&str]| -> io::Result<Option<Writer<W>>> {
            let Some(output) = output else { return Ok(None) };
            let mut writer = Writer::from_writer(output);
            writer.write_record(header)?;
            Ok(Some(writer))
        };
        Ok(Self {
            detections: begin(
                detections,
                &["day", "group", "actual", "expected", "upper", "score", "anomaly", "reason", "explanation"],
            )?,
            forecasts: begin(forecasts, &["day", "group", "month", "forecast", "lower", "upper", "actual"])?,
        })
    }

    pub(super) fn detections(
        &mut self,
        (day, amounts): &(Date, Vec<f64>),
        history: &History,
        judgements: &[Judgement],
    ) -> io::Result<()> {
        let Some(writer) = &mut self.detections else { return Ok(()) };
        let day = day.to_string();
        for ((group, actual), judgement) in history.groups().iter().zip(amounts).zip(judgements) {
            let Judgement { expected, upper, score, anomaly, reason, .. } = judgement;
            let numbers = [actual, expected, upper, score].map(f64::to_string);
            let [actual, expected, upper, score] = numbers.each_ref().map(String::as_str);
            let anomaly = if *anomaly { "1" } else { "0" };
            let (reason, explanation) = (reason.as_str(), judgement.explanation(history.currency()));
            writer.write_record([&day, group, actual, expected, upper, score, anomaly, reason, &explanation])?;
        }
        Ok(())
    }

    pub(super) fn forecasts(&mut self, day: Date, groups: &[String], seen: &Seen<'_>) -> io::Result<()> {
        let Some(writer) = &mut self.forecasts else { return Ok(()) };
        let (day, month) = (day.to_string(), seen.month.strftime("%Y-%m").to_string());
        for (at, (group, forecast)) in groups.iter().zip(&seen.forecasts).enumerate() {
            let numbers = [forecast.estimate, forecast.lower, forecast.upper].map(|number| number.to_string());
            let [estimate, lower, upper] = numbers.each_ref().map(String::as_str);
            let actual = seen.actual.map(|totals| totals[at].to_string()).unwrap_or_default();
            writer.write_record([&day, group.as_str(), &month, estimate, lower, upper, &actual])?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        for writer in [&mut self.detections, &mut self.forecasts].into_iter().flatten() {
            writer.flush()?;
        }
        Ok(())
    }
}

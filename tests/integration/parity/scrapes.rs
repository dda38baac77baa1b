//! Scrapes as a test file of promtool, and the results of Prometheus' rule engine.
//!
//! promtool's clock begins in 1970, so times within the scrapes are shifted to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio::process::Command;

/// The labels of an alert or a series.
pub(super) type Labels = BTreeMap<String, String>;

/// The values of each series by its name with labels. `None` at a tick without the series.
#[derive(Default)]
pub(super) struct Scrapes {
    series: BTreeMap<String, Vec<Option<f64>>>,
    ticks: usize,
}

/// The results of Prometheus at one tick.
#[derive(Default, Clone)]
pub(super) struct Said {
    pub(super) firing: BTreeSet<Labels>,
    pub(super) pending: BTreeSet<Labels>,
}

const TARGET: &str = r#"instance="a:10061",job="gcore-billing""#;

impl Scrapes {
    /// Adds a scrape of a target that started at `start`. Keeps only families in the rules.
    pub(super) fn take(&mut self, exposition: &str, families: &BTreeSet<String>, start: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
        let start = start.as_second() as f64;
        let up = format!("up{{{TARGET}}} 1");
        for line in exposition.lines().chain([up.as_str()]).filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            if !families.contains(name) {
                continue;
            }
            let mut value: f64 = value.parse().unwrap();
            if name == "process_start_time_seconds" {
                // Metrics of the test process do not belong to the course.
                value = 1.0;
            } else if name.ends_with("_timestamp_seconds") {
                value -= start;
            }
            let labels = labels.trim_end_matches('}').trim_end_matches(',');
            let labels =
                if labels.is_empty() || labels == TARGET { TARGET.into() } else { format!("{labels},{TARGET}") };
            let values = self.series.entry(format!("{name}{{{labels}}}")).or_default();
            values.resize(self.ticks, None);
            values.push(Some(value));
        }
        self.ticks += 1;
        for values in self.series.values_mut() {
            values.resize(self.ticks, None);
        }
    }

    /// Whether a family has a series at a tick.
    pub(super) fn has(&self, family: &str, tick: usize) -> bool {
        self.series.iter().any(|(name, values)| name.starts_with(family) && values[tick].is_some())
    }

    /// Evaluates the rules on every tick with promtool.
    pub(super) async fn judged(&self, rules: &[PathBuf]) -> Vec<Said> {
        let folder = tempfile::tempdir().unwrap();
        let mut test = "rule_files:\n".to_owned();
        for file in rules {
            writeln!(test, "- '{}'", file.display()).unwrap();
        }
        test += "group_eval_order: [gcore-billing-cost-recordings, gcore-billing-costs]\n";
        test += "evaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n";
        for (series, values) in &self.series {
            writeln!(test, "  - series: '{}'\n    values: {}", series.replace('\'', "''"), in_short(values)).unwrap();
        }
        // The test expects nothing, so that promtool reports all alerts.
        test += "  promql_expr_test:\n";
        for tick in 0..self.ticks {
            writeln!(test, "  - {{expr: ALERTS, eval_time: {tick}m}}").unwrap();
        }
        let path = folder.path().join("test.yml");
        std::fs::write(&path, test).unwrap();
        let output = Command::new("promtool").args(["test", "rules"]).arg(&path).output().await;
        let output = output.expect("Debian's package prometheus is installed by scripts/test");
        let (told, problems) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let mut said = vec![Said::default(); self.ticks];
        let mut tick = None;
        for line in (told + &problems).lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("expr: \"ALERTS\", time: ") {
                tick = Some(minutes(rest.trim_end_matches(',')));
            } else if let Some(got) = line.strip_prefix("got: ") {
                said[tick.take().expect("a time before what was got")] = read(got);
            } else {
                let is_known =
                    line.is_empty() || line == "FAILED:" || line == "exp: nil" || line.starts_with("Unit Testing");
                assert!(is_known, "promtool says: {line}");
            }
        }
        said
    }
}

/// Values in promtool's notation, with equal values in a row combined.
fn in_short(values: &[Option<f64>]) -> String {
    let mut words = String::new();
    let mut rest = values;
    let mut before = None;
    while let Some(first) = rest.first() {
        let mut run = rest.iter().take_while(|value| *value == first).count();
        rest = &rest[run..];
        if first.is_none() && before.is_some() {
            // A series that a scrape lacks is stale at once.
            words += "stale ";
            run -= 1;
        }
        before = *first;
        match (first, run) {
            (_, 0) => {}
            (None, _) => write!(words, "_x{run} ").unwrap(),
            (Some(value), _) => write!(words, "{value}x{} ", run - 1).unwrap(),
        }
    }
    words
}

/// The minutes of a duration in Prometheus' format.
fn minutes(text: &str) -> usize {
    let (mut sum, mut number) = (0, 0);
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => number = 10 * number + digit as usize,
            None => {
                let unit = match c {
                    's' => 0,
                    'm' => 1,
                    'h' => 60,
                    'd' => 24 * 60,
                    'w' => 7 * 24 * 60,
                    _ => panic!("{text}"),
                };
                sum += unit * std::mem::take(&mut number);
            }
        }
    }
    sum
}

/// Samples of `ALERTS`, without the labels that are always the same.
fn read(got: &str) -> Said {
    let mut said = Said::default();
    for sample in
        got.split("} 1E+00").map(|sample| sample.trim_start_matches([',', ' ', '{'])).filter(|s| !s.is_empty())
    {
        let pairs = sample.split("\", ").map(|pair| pair.split_once("=\"").unwrap());
        let mut labels: Labels =
            pairs.map(|(name, text)| (name.to_owned(), text.trim_end_matches('"').to_owned())).collect();
        let state = labels.remove("alertstate");
        labels.remove("__name__");
        if state.as_deref() == Some("firing") { &mut said.firing } else { &mut said.pending }.insert(labels);
    }
    said
}

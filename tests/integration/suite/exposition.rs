//! A strict parser of `/metrics`.

use std::collections::{BTreeMap, BTreeSet};

use gcore_billing_exporter::snapshot::Collector;
use jiff::Timestamp;

use super::account::Picture;

/// The series of an account, renamed to `main`.
pub(super) fn of_account(seen: &Picture, account: &str) -> Picture {
    let label = format!("account=\"{account}\"");
    let own = seen.iter().filter(|(series, _)| series.contains(&label));
    own.map(|(series, value)| (series.replacen(&label, "account=\"main\"", 1), value.clone())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a float")]
pub(super) fn seconds(instant: Timestamp) -> f64 {
    instant.as_microsecond() as f64 / 1e6
}

/// A series of a collector.
pub(super) fn of(family: &str, collector: Collector) -> String {
    format!(r#"{family}{{account="main",collector="{}"}}"#, collector.as_str())
}

pub(super) fn number(seen: &Picture, series: &str) -> Option<f64> {
    seen.get(series).map(|value| value.parse().unwrap())
}

/// The reasons of a collector's failed polls.
pub(super) fn failures(seen: &Picture, collector: Collector) -> BTreeSet<&str> {
    with_reason("gcore_poll_failures_total", seen, collector).into_keys().collect()
}

pub(super) fn with_reason<'a>(family: &str, seen: &'a Picture, collector: Collector) -> BTreeMap<&'a str, f64> {
    let start = format!(r#"{family}{{account="main",collector="{}",reason=""#, collector.as_str());
    let found = seen.iter().filter_map(|(series, value)| Some((series.strip_prefix(&start)?, value)));
    found.map(|(rest, value)| (rest.trim_end_matches("\"}"), value.parse().unwrap())).collect()
}

/// The series with a collector's data, without zeros of task states that the test does not use.
pub(super) fn part_of(collector: Collector, seen: &Picture) -> Picture {
    let label = format!(r#"collector="{}""#, collector.as_str());
    let is_part = |series: &str| match collector {
        Collector::Cost => series.starts_with("gcore_cost_"),
        Collector::Usage => series.starts_with("gcore_usage_"),
        Collector::Reports => series.starts_with("gcore_report_task") && !series.contains("failures_total"),
        Collector::Subscriptions => series.starts_with("gcore_subscription"),
        Collector::Commitments => series.starts_with("gcore_plan_") || series.starts_with("gcore_commit_"),
        Collector::Names => series.starts_with("gcore_project_info") || series.starts_with("gcore_region_info"),
        Collector::History => series.starts_with("gcore_history_"),
    };
    let is_told = |series: &str, value: &str| !(series.starts_with("gcore_report_task") && value == "0");
    seen.iter()
        .filter(|(series, value)| {
            let covers = series.starts_with("gcore_data_through_") && series.contains(&label);
            (is_part(series) || covers) && is_told(series, value)
        })
        .map(|(series, value)| (series.clone(), value.clone()))
        .collect()
}

pub(super) fn same(expected: &Picture, seen: &Picture, name: &str) {
    assert!(expected == seen, "{name}:\n{}", difference(expected, seen));
}

pub(super) fn difference(expected: &Picture, seen: &Picture) -> String {
    let of = |a: &Picture, b: &Picture, sign: &str| -> String {
        let missing = a.iter().filter(|(series, value)| b.get(*series) != Some(value));
        missing.map(|(series, value)| format!("{sign} {series} {value}\n")).collect()
    };
    of(expected, seen, "-") + &of(seen, expected, "+")
}

/// Parses Prometheus' text format strictly.
pub(super) fn parse(text: &str) -> Result<Picture, String> {
    let mut series = Picture::new();
    for line in text.lines() {
        if line.starts_with("# HELP ") || line.starts_with("# TYPE ") {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line}"))?;
        value.parse::<f64>().map_err(|error| format!("{error}: {line}"))?;
        let family = name.split('{').next().unwrap_or_default();
        let is_word = !family.is_empty() && family.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let labels = &name[family.len()..];
        if !is_word || !(labels.is_empty() || are_labels(labels)) {
            return Err(format!("no series: {line}"));
        }
        if series.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    Ok(series)
}

/// Whether a text is `{name="value",…}` with every quote and backslash in a value escaped.
fn are_labels(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('{') else { return false };
    loop {
        let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let Some(value) = rest[name..].strip_prefix("=\"") else { return false };
        let mut end = 0;
        while end < value.len() && value.as_bytes()[end] != b'"' {
            end += if value.as_bytes()[end] == b'\\' { 2 } else { 1 };
        }
        match value.get(end..).and_then(|tail| tail.strip_prefix('"')) {
            Some("}") => return name > 0,
            Some(tail) if tail.starts_with(',') => rest = &tail[1..],
            _ => return false,
        }
    }
}

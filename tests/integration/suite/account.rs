//! A small account in several versions, as the API returns it.
//!
//! Amounts are whole numbers of 0.00001, so that the expected sums do not depend on the code under test.

use std::collections::BTreeMap;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use jiff::{SignedDuration, Timestamp};

use crate::harness::{
    COST, COST_TOTALS, PROJECTS, REGIONS, REPORTS, RESERVATION_TOTALS, RESERVATIONS, SUBSCRIPTIONS, USAGE,
};

/// Keys with their values as raw JSON, so that invalid values are possible.
pub(super) type Row = Vec<(&'static str, String)>;
/// Series with their values, as in `/metrics`.
pub(super) type Picture = BTreeMap<String, String>;

pub(super) const COLLECTORS: [Collector; 6] = [
    Collector::Cost,
    Collector::Usage,
    Collector::Reports,
    Collector::Subscriptions,
    Collector::Commitments,
    Collector::Names,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Resources,
    Totals,
    Usage,
    Reports,
    Subscriptions,
    Projects,
    Regions,
    Reservations,
    MonthTotals,
}

impl Endpoint {
    pub(super) const ALL: [Self; 9] = [
        Self::Resources,
        Self::Totals,
        Self::Usage,
        Self::Reports,
        Self::Subscriptions,
        Self::Projects,
        Self::Regions,
        Self::Reservations,
        Self::MonthTotals,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Resources => COST,
            Self::Totals => COST_TOTALS,
            Self::Usage => USAGE,
            Self::Reports => REPORTS,
            Self::Subscriptions => SUBSCRIPTIONS,
            Self::Projects => PROJECTS,
            Self::Regions => REGIONS,
            Self::Reservations => RESERVATIONS,
            Self::MonthTotals => RESERVATION_TOTALS,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Resources => "cost_report_resources",
            Self::Totals => "cost_report_totals",
            Self::Usage => "usage_report",
            Self::Reports => "reports",
            Self::Subscriptions => "subscriptions",
            Self::Projects => "projects",
            Self::Regions => "regions",
            Self::Reservations => "reservations",
            Self::MonthTotals => "reservation_cost_report_totals",
        }
    }

    /// The collector that reads it.
    pub(super) fn collector(self) -> Collector {
        match self {
            Self::Resources | Self::Totals => Collector::Cost,
            Self::Usage => Collector::Usage,
            Self::Reports => Collector::Reports,
            Self::Subscriptions => Collector::Subscriptions,
            Self::Projects | Self::Regions => Collector::Names,
            Self::Reservations | Self::MonthTotals => Collector::Commitments,
        }
    }

    pub(super) fn is_paged(self) -> bool {
        !matches!(self, Self::Totals | Self::Reservations | Self::MonthTotals)
    }
}

/// One line of a report. In the usage report `measure` is a unit and `amount` its quantity.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) project: u64,
    pub(super) region: Option<u64>,
    pub(super) measure: &'static str,
    pub(super) amount: Option<i64>,
}

fn line(kind: &'static str, project: u64, region: u64, measure: &'static str, amount: i64) -> Line {
    Line { kind, project, region: Some(region), measure, amount: Some(amount) }
}

/// The costs by resource: three pages of at most four rows. The first group has a line on each page.
pub(super) fn costs(version: i64) -> Vec<Line> {
    let unpriced = Line { amount: None, ..line("inference", 102, 8, "EUR", 0) };
    vec![
        line("instance", 101, 7, "EUR", 10_000 + version),
        line("volume", 101, 7, "EUR", 3_124_416 + version),
        line("instance", 102, 8, "EUR", 1_249_999),
        line("egress_traffic", 102, 7, "USD", 400_000 + version),
        line("instance", 101, 7, "EUR", 20_000 + version),
        line("volume", 101, 7, "USD", -25_000 - version),
        unpriced,
        line("instance", 102, 8, "EUR", 1),
        line("instance", 101, 7, "EUR", 30_000 + version),
        line("baremetal", 102, 7, "EUR", 0),
    ]
}

pub(super) fn usage(version: i64) -> Vec<Line> {
    vec![
        line("instance", 101, 7, "minutes", (720 + version) * 100_000),
        line("volume", 101, 7, "gbminutes", 50_000),
        line("egress_traffic", 102, 8, "bytes", 81_234_567_890_100_000),
        line("inference", 102, 8, "H", 31_225_000),
        line("instance", 101, 7, "minutes", 3),
        line("instance", 102, 7, "minutes", version),
    ]
}

/// The lines of a totals report: one for each type, region and currency, and one for each unpriced resource.
pub(super) fn totals(lines: &[Line]) -> Vec<Line> {
    let mut sums = BTreeMap::new();
    let mut unpriced = Vec::new();
    for line in lines {
        match line.amount {
            Some(amount) => *sums.entry((line.kind, line.region, line.measure)).or_default() += amount,
            None => unpriced.push(line.clone()),
        }
    }
    let summed = |((kind, region, measure), amount)| Line { kind, project: 0, region, measure, amount: Some(amount) };
    sums.into_iter().map(summed).chain(unpriced).collect()
}

/// A whole number of 10^-`scale` as a decimal text.
pub(super) fn decimal(number: i64, scale: usize) -> String {
    let digits = format!("{:0width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let text = format!("{whole}.{fraction}");
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// The time of the newest data in the reports.
pub(super) fn metered(version: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + version).unwrap()
}

/// The account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// The creation of its oldest task, which is within the look-back.
    pub(super) tasks_since: Timestamp,
}

impl Account {
    pub(super) fn new() -> Self {
        let now = Timestamp::from_second(Clock::system().now().as_second()).unwrap();
        Self { tasks_since: now - SignedDuration::from_hours(3) }
    }

    /// All rows of an endpoint's list. `projects` restricts them unless it is empty.
    pub(super) fn rows(&self, endpoint: Endpoint, version: i64, projects: &[u64]) -> Vec<Row> {
        let mut lines = if endpoint == Endpoint::Usage { usage(version) } else { costs(version) };
        lines.retain(|line| projects.is_empty() || projects.contains(&line.project));
        match endpoint {
            Endpoint::Resources => numbered(&lines, "cost", version),
            Endpoint::Usage => numbered(&lines, "billing_value", version),
            Endpoint::Totals => totals(&lines).iter().map(|line| cost_row(line, "cost")).collect(),
            Endpoint::Reports => self.task_rows(version),
            Endpoint::Subscriptions => subscription_rows(version),
            Endpoint::Projects => (101..=105).map(|id| project_row(id, version)).collect(),
            Endpoint::Regions => (7..=11).map(|id| region_row(id, version)).collect(),
            Endpoint::Reservations => vec![reservation_row(31, version), reservation_row(32, 0)],
            Endpoint::MonthTotals => month_lines(version).iter().map(|line| cost_row(line, "cost")).collect(),
        }
    }

    fn task_rows(&self, version: i64) -> Vec<Row> {
        let at = |minutes: i64| quoted(&(self.tasks_since + SignedDuration::from_mins(minutes)).to_string());
        let task = |number: i64, kind: &str, status: &str| {
            vec![
                ("uuid", quoted(&format!("t{number}"))),
                ("task_type", quoted(kind)),
                ("status", quoted(status)),
                ("created_at", at(number)),
                ("updated_at", at(60 + version)),
                ("processing_notes", r#"{"errors": [], "warnings": [{}]}"#.to_owned()),
            ]
        };
        let fixed = [task(1, "Report", "Completed"), task(2, "Report", "Failed"), task(3, "Report", "Pending")];
        fixed.into_iter().chain((0..=version).map(|number| task(10 + number, "ClosingPeriod", "InProgress"))).collect()
    }
}

fn numbered(lines: &[Line], amount_key: &'static str, version: i64) -> Vec<Row> {
    let row = |(number, line): (usize, &Line)| {
        let mut row = cost_row(line, amount_key);
        row.extend([
            ("uuid", quoted(&format!("u{number}"))),
            ("port_id", "null".into()),
            ("last_name", quoted(&format!("resource {number}"))),
            ("project_id", line.project.to_string()),
            ("first_seen", quoted("2026-01-01T00:00:00")),
            ("last_seen", quoted(&metered(version).to_string())),
            ("tags", "null".into()),
        ]);
        row
    };
    lines.iter().enumerate().map(row).collect()
}

fn cost_row(line: &Line, amount_key: &'static str) -> Row {
    let region = line.region.map_or("null".into(), |region| region.to_string());
    let measure_key = if amount_key == "cost" { "currency" } else { "billing_value_unit" };
    vec![
        ("type", quoted(line.kind)),
        ("billing_metric_name", quoted(&format!("{}_min", line.kind))),
        (amount_key, line.amount.map_or("null".into(), |amount| decimal(amount, 5))),
        (measure_key, quoted(line.measure)),
        ("err", "null".into()),
        ("region", region.clone()),
        ("region_id", region),
    ]
}

fn subscription_rows(version: i64) -> Vec<Row> {
    let row = |id: i64| {
        vec![
            ("id", id.to_string()),
            ("client_id", "9".into()),
            ("product", r#"{"name": "Cloud"}"#.into()),
            ("feature", r#"{"id": 5, "name": "Bare metal"}"#.into()),
            ("calc_rule_type", quoted("commit")),
            ("active_range", r#"{"start": "2026-01-01T00:00:00Z", "end": null}"#.into()),
            ("price", decimal(5_000_000 + id * 1000 + version, 5)),
        ]
    };
    (1..=5).map(row).collect()
}

fn project_row(id: u64, version: i64) -> Row {
    vec![("id", id.to_string()), ("name", quoted(&format!("p{id}"))), ("state", quoted(&format!("V{version}")))]
}

fn region_row(id: u64, version: i64) -> Row {
    let (name, country) = (quoted(&format!("r{id}")), quoted(&format!("V{version}")));
    vec![("id", id.to_string()), ("display_name", name), ("country", country)]
}

fn reservation_row(id: u64, version: i64) -> Row {
    let end = Timestamp::from_second(4_070_908_800 + version).unwrap();
    vec![("id", id.to_string()), ("active_from", quoted("2026-01-01")), ("active_to", quoted(&end.to_string()))]
}

fn month_lines(version: i64) -> Vec<Line> {
    vec![
        line("baremetal", 0, 7, "EUR", 22_900_000 + version),
        line("baremetal", 0, 7, "EUR", 731_665),
        line("baremetal", 0, 8, "USD", 1_200_000),
    ]
}

//! A small account in versions: the JSON that its API tells, and what `/metrics` must say of it.
//!
//! Amounts are whole numbers of 0.00001 here, so that the expected sums owe nothing to the code under test.

use std::collections::{BTreeMap, BTreeSet};

use gcore_billing_exporter::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use jiff::{SignedDuration, Timestamp};

use crate::harness::{
    COST, COST_TOTALS, PROJECTS, REGIONS, REPORTS, RESERVATION_TOTALS, RESERVATIONS, SUBSCRIPTIONS, USAGE,
};

/// Keys with their values as raw JSON, so that nonsense can be written too.
pub(super) type Row = Vec<(&'static str, String)>;
/// Series with their values, as `/metrics` writes them.
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

    /// Who reads it.
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

/// One line of a report; in the usage report `measure` is a unit and `amount` its number.
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

/// What resources cost. Three pages of at most four; the first group has a line on each.
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

fn usage(version: i64) -> Vec<Line> {
    vec![
        line("instance", 101, 7, "minutes", (720 + version) * 100_000),
        line("volume", 101, 7, "gbminutes", 50_000),
        line("egress_traffic", 102, 8, "bytes", 81_234_567_890_100_000),
        line("inference", 102, 8, "H", 31_225_000),
        line("instance", 101, 7, "minutes", 3),
        line("instance", 102, 7, "minutes", version),
    ]
}

/// The lines of a totals report: one per kind, region and currency, and one for each unpriced resource.
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

/// An amount as a metric: where it has more digits than a float, the nearest float is right.
fn shown(amount: i64) -> String {
    decimal(amount, 5).parse::<f64>().unwrap().to_string()
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// When the newest data of the reports was metered.
fn metered(version: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + version).unwrap()
}

/// The account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// When its oldest task was created: a while ago, or the look-back would pass it by.
    tasks_since: Timestamp,
}

impl Account {
    pub(super) fn new() -> Self {
        let now = Timestamp::from_second(Clock::system().now().as_second()).unwrap();
        Self { tasks_since: now - SignedDuration::from_hours(3) }
    }

    /// All rows of an endpoint's list, of the given projects only where there are any.
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

    /// What `/metrics` must say of a version, as long as nothing else is known.
    pub(super) fn expected(&self, version: i64) -> Expected {
        let minutes = |minutes: i64| (self.tasks_since.as_second() + 60 * minutes).to_string();
        let tasks = |kind: &str, status: &str| {
            format!(r#"gcore_report_tasks{{account="main",task_type="{kind}",status="{status}"}}"#)
        };
        let of = |family: &str, kind: &str| format!(r#"gcore_report_task_{family}{{account="main",task_type="{kind}""#);
        let reports = [
            (tasks("Report", "Completed"), "1".into()),
            (tasks("Report", "Failed"), "1".into()),
            (tasks("Report", "Pending"), "1".into()),
            (tasks("ClosingPeriod", "InProgress"), (version + 1).to_string()),
            (of("last_completed_timestamp_seconds", "Report") + "}", minutes(60 + version)),
            (of("last_failed_timestamp_seconds", "Report") + "}", minutes(60 + version)),
            (of("oldest_unfinished_timestamp_seconds", "Report") + r#",status="Pending"}"#, minutes(3)),
            (of("oldest_unfinished_timestamp_seconds", "ClosingPeriod") + r#",status="InProgress"}"#, minutes(10)),
            (of("notes", "Report") + r#",severity="warning"}"#, "1".into()),
            (of("notes", "ClosingPeriod") + r#",severity="warning"}"#, "1".into()),
        ];
        let rest = [
            (Collector::Reports, reports.into_iter().collect()),
            (Collector::Subscriptions, subscriptions_picture(version)),
            (Collector::Commitments, commitments_picture(version)),
            (Collector::Names, names_picture(version)),
        ];
        let usage_through = Some(metered(version).as_second());
        Expected { cost: Cost::by_resources(version), usage: usage(version), usage_through, rest: rest.into() }
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

fn subscriptions_picture(version: i64) -> Picture {
    let mut picture = Picture::new();
    for id in 1..=5 {
        let own = format!(r#"{{account="main",subscription_id="{id}""#);
        let info = r#",client_id="9",product="Cloud",feature="Bare metal",calc_rule_type="commit"}"#;
        let start = format!("gcore_subscription_active_start_timestamp_seconds{own}}}");
        let price = format!("gcore_subscription_price_amount{own},currency=\"\"}}");
        picture.insert(format!("gcore_subscription_info{own}{info}"), "1".into());
        picture.insert(start, metered(0).as_second().to_string());
        picture.insert(price, decimal(5_000_000 + id * 1000 + version, 5));
    }
    for (state, number) in [("active", "5"), ("upcoming", "0"), ("expired", "0")] {
        let series = format!(r#"gcore_subscriptions{{account="main",product="Cloud",state="{state}"}}"#);
        picture.insert(series, number.into());
    }
    picture
}

fn project_row(id: u64, version: i64) -> Row {
    vec![("id", id.to_string()), ("name", quoted(&format!("p{id}"))), ("state", quoted(&format!("V{version}")))]
}

fn region_row(id: u64, version: i64) -> Row {
    let (name, country) = (quoted(&format!("r{id}")), quoted(&format!("V{version}")));
    vec![("id", id.to_string()), ("display_name", name), ("country", country)]
}

fn names_picture(version: i64) -> Picture {
    let project = |id| format!(r#"project_info{{account="main",project_id="{id}",project_name="p{id}",state"#);
    let region = |id| format!(r#"region_info{{account="main",region_id="{id}",region_name="r{id}",country"#);
    let infos = (101..=105).map(project).chain((7..=11).map(region));
    infos.map(|info| (format!("gcore_{info}=\"V{version}\"}}"), "1".into())).collect()
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

fn commitments_picture(version: i64) -> Picture {
    let month = |currency: &str| format!(r#"gcore_commit_month_amount{{account="main",currency="{currency}"}}"#);
    let end = |id: u64| format!(r#"gcore_commit_end_timestamp_seconds{{account="main",reservation_id="{id}"}}"#);
    Picture::from([
        (r#"gcore_plan_has_commits{account="main"}"#.into(), "1".into()),
        (month("EUR"), decimal(22_900_000 + version + 731_665, 5)),
        (month("USD"), "12".into()),
        (end(31), (4_070_908_800 + version).to_string()),
        (end(32), "4070908800".into()),
    ])
}

/// What must be known of costs.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub(super) lines: Vec<Line>,
    /// Why each unpriced line is: their reason is the same in a test.
    pub(super) unpriced: &'static str,
    /// The lines of the account's totals, where they could be read.
    pub(super) totals: Option<Vec<Line>>,
    /// Lines that were read, unreadable ones included.
    pub(super) read: usize,
    pub(super) status: Option<&'static str>,
    pub(super) through: Option<i64>,
}

impl Cost {
    pub(super) fn by_resources(version: i64) -> Self {
        let lines = costs(version);
        let through = Some(metered(version).as_second());
        let (totals, read) = (Some(totals(&lines)), lines.len());
        Self { lines, unpriced: "null_cost", totals, read, status: Some("show"), through }
    }

    /// The same, read by the totals of each project.
    pub(super) fn by_totals(version: i64) -> Self {
        let of = |project| {
            let lines: Vec<Line> = costs(version).into_iter().filter(|line| line.project == project).collect();
            totals(&lines).len()
        };
        Self { read: of(101) + of(102), through: None, ..Self::by_resources(version) }
    }

    fn picture(&self) -> Picture {
        let mut picture = sums("gcore_cost_previous_month_amount", "currency", &self.lines);
        for line in self.lines.iter().filter(|line| line.amount.is_none()) {
            let (kind, reason) = (line.kind, self.unpriced);
            let series =
                format!(r#"gcore_cost_unpriced_records{{account="main",resource_type="{kind}",reason="{reason}"}}"#);
            let before = picture.get(&series).map_or(0, |number| number.parse::<u64>().unwrap());
            picture.insert(series, (before + 1).to_string());
        }
        for status in ["error", "hide", "show"].iter().chain(&self.status).filter(|_| self.status.is_some()) {
            let is_current = u8::from(self.status == Some(*status));
            let series = format!(r#"gcore_cost_price_status{{account="main",status="{status}"}}"#);
            picture.insert(series, is_current.to_string());
        }
        let Some(totals) = &self.totals else { return with_through(picture, Collector::Cost, self.through) };
        let sum = |lines: &[Line], currency| -> i64 {
            lines.iter().filter(|line| line.measure == currency).filter_map(|line| line.amount).sum()
        };
        let priced = self.lines.iter().chain(totals).filter(|line| line.amount.is_some());
        for currency in priced.map(|line| line.measure).collect::<BTreeSet<_>>() {
            let labels = format!(r#"{{account="main",currency="{currency}",window="previous_month"}}"#);
            let difference = shown(sum(&self.lines, currency) - sum(totals, currency));
            let tolerance = decimal(i64::try_from(self.read + totals.len()).unwrap() * 5, 6);
            picture.insert(format!("gcore_cost_reconciliation_difference_amount{labels}"), difference);
            picture.insert(format!("gcore_cost_reconciliation_tolerance_amount{labels}"), tolerance);
        }
        with_through(picture, Collector::Cost, self.through)
    }
}

fn with_through(mut picture: Picture, collector: Collector, through: Option<i64>) -> Picture {
    let labels = format!(r#"{{account="main",collector="{}"}}"#, collector.as_str());
    if let Some(through) = through {
        picture.insert(format!("gcore_data_through_timestamp_seconds{labels}"), through.to_string());
    }
    picture
}

fn sums(family: &str, measure_label: &str, lines: &[Line]) -> Picture {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in lines {
        let Some(amount) = line.amount else { continue };
        let Line { kind, project, measure, .. } = line;
        let project_name = if (101..=105).contains(project) { format!("p{project}") } else { project.to_string() };
        let (region, region_name) = match line.region {
            Some(id @ 7..=11) => (id.to_string(), format!("r{id}")),
            Some(id) => (id.to_string(), id.to_string()),
            None => ("unknown".into(), "unknown".into()),
        };
        let labels =
            format!(r#"account="main",project_id="{project}",project_name="{project_name}",region_id="{region}","#)
                + &format!(r#"region_name="{region_name}",resource_type="{kind}",{measure_label}="{measure}""#);
        *sums.entry(format!("{family}{{{labels}}}")).or_default() += amount;
    }
    sums.into_iter().map(|(series, amount)| (series, shown(amount))).collect()
}

/// What `/metrics` must say of the data, collector by collector.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) cost: Cost,
    pub(super) usage: Vec<Line>,
    pub(super) usage_through: Option<i64>,
    pub(super) rest: BTreeMap<Collector, Picture>,
}

impl Expected {
    pub(super) fn picture(&self, collector: Collector) -> Picture {
        match collector {
            Collector::Cost => self.cost.picture(),
            Collector::Usage => {
                let picture = sums("gcore_usage_previous_month_billing_value", "unit", &self.usage);
                with_through(picture, Collector::Usage, self.usage_through)
            }
            other => self.rest[&other].clone(),
        }
    }
}

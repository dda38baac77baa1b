//! The expected `/metrics` of the account.

use std::collections::{BTreeMap, BTreeSet};

use gcore_billing_exporter::snapshot::Collector;

use super::account::{Account, Line, Picture, costs, decimal, metered, totals, usage};

impl Account {
    /// The expected metrics of a version, without earlier readings.
    pub(super) fn expected(&self, version: i64) -> Expected {
        let tasks_since = self.tasks_since.as_second();
        let rest = [
            (Collector::Reports, Tasks::of(version).picture(tasks_since)),
            (Collector::Subscriptions, subscriptions_picture(version)),
            (Collector::Commitments, commitments_picture(version)),
            (Collector::Names, names_picture(version)),
        ];
        let usage_through = Some(metered(version).as_second());
        let (cost, usage) = (Cost::by_resources(version), usage(version));
        Expected { cost, usage, usage_through, tasks_since, rest: rest.into() }
    }
}

/// The expected report tasks.
#[derive(Clone, Debug)]
pub(super) struct Tasks {
    /// The number of tasks of each type and status.
    pub(super) numbers: Vec<(&'static str, &'static str, i64)>,
    /// The types with a completed or failed task.
    pub(super) completed: Option<&'static str>,
    pub(super) failed: Option<&'static str>,
    /// Types and statuses of unfinished tasks, with the creation minute of the oldest one.
    pub(super) unfinished: Vec<(&'static str, &'static str, i64)>,
    /// The types whose newest task has a warning.
    pub(super) noted: Vec<&'static str>,
    /// The minute of their last change.
    changed: i64,
}

impl Tasks {
    pub(super) fn of(version: i64) -> Self {
        let ended = [("Report", "Completed", 1), ("Report", "Failed", 1)];
        Self {
            numbers: [&ended[..], &[("Report", "Pending", 1), ("ClosingPeriod", "InProgress", version + 1)]].concat(),
            completed: Some("Report"),
            failed: Some("Report"),
            unfinished: vec![("Report", "Pending", 3), ("ClosingPeriod", "InProgress", 10)],
            noted: vec!["Report", "ClosingPeriod"],
            changed: 60 + version,
        }
    }

    /// Minutes count from the second `since`.
    pub(super) fn picture(&self, since: i64) -> Picture {
        let minute = |minutes: i64| (since + 60 * minutes).to_string();
        let of = |family: &str, kind: &str| format!(r#"gcore_report_task{family}{{account="main",task_type="{kind}""#);
        let ended = |family: &str, kind: &str| (of(family, kind) + "}", minute(self.changed));
        let in_state =
            |family: &str, (kind, status): (&str, &str)| of(family, kind) + &format!(r#",status="{status}"}}"#);
        let numbers =
            self.numbers.iter().map(|(kind, status, number)| (in_state("s", (kind, status)), number.to_string()));
        let unfinished = self.unfinished.iter().map(|(kind, status, created)| {
            (in_state("_oldest_unfinished_timestamp_seconds", (kind, status)), minute(*created))
        });
        let noted = self.noted.iter().map(|kind| (of("_notes", kind) + r#",severity="warning"}"#, "1".into()));
        let completed = self.completed.map(|kind| ended("_last_completed_timestamp_seconds", kind));
        let failed = self.failed.map(|kind| ended("_last_failed_timestamp_seconds", kind));
        numbers.chain(unfinished).chain(noted).chain(completed).chain(failed).collect()
    }
}

/// An amount as a metric. If it has more digits than a float, the nearest float is right.
fn shown(amount: i64) -> String {
    decimal(amount, 5).parse::<f64>().unwrap().to_string()
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
    for (state, number) in [("active", "5"), ("upcoming", "0"), ("expired", "0"), ("unknown", "0")] {
        let series = format!(r#"gcore_subscriptions{{account="main",product="Cloud",state="{state}"}}"#);
        picture.insert(series, number.into());
    }
    picture
}

fn names_picture(version: i64) -> Picture {
    let project = |id| format!(r#"project_info{{account="main",project_id="{id}",project_name="p{id}",state"#);
    let region = |id| format!(r#"region_info{{account="main",region_id="{id}",region_name="r{id}",country"#);
    let infos = (101..=105).map(project).chain((7..=11).map(region));
    infos.map(|info| (format!("gcore_{info}=\"V{version}\"}}"), "1".into())).collect()
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

/// The expected costs.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    pub(super) lines: Vec<Line>,
    /// The reason of all unpriced lines.
    pub(super) unpriced: &'static str,
    /// The lines of the account's totals, if they were read.
    pub(super) totals: Option<Vec<Line>>,
    /// The number of read lines, unreadable ones included.
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

    /// The same read by the totals of each project. The second project has an unpriced line, so it is read by
    /// resources.
    pub(super) fn by_totals(version: i64) -> Self {
        let of = |project| -> Vec<Line> { costs(version).into_iter().filter(|line| line.project == project).collect() };
        Self { read: totals(&of(101)).len() + of(102).len(), through: None, ..Self::by_resources(version) }
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

/// The expected metrics of each collector.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) cost: Cost,
    pub(super) usage: Vec<Line>,
    pub(super) usage_through: Option<i64>,
    /// The second from which the minutes of tasks count.
    pub(super) tasks_since: i64,
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

    /// Takes over the metrics of a collector from `other`.
    pub(super) fn copy(&mut self, collector: Collector, other: &Self) {
        match collector {
            Collector::Cost => self.cost = other.cost.clone(),
            Collector::Usage => (self.usage, self.usage_through) = (other.usage.clone(), other.usage_through),
            _ => drop(self.rest.insert(collector, other.rest[&collector].clone())),
        }
    }
}

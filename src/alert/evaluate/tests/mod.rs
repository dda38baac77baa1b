//! Tests of the rules on snapshots, and a bound on the time of all rules together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::*;
use crate::aggregate::cost::{CostTotals, Difference};
use crate::aggregate::group::Group;
use crate::aggregate::report_tasks::ReportTaskTotals;
use crate::alert::settings::{Mute, Threshold};
use crate::insights::budget::{Budget, BudgetStatus, Selector};
use crate::insights::recent_days::RecentDays;
use crate::insights::{Contributor, DailyAnalysis, Insights, Judged, JudgedDay, Subject};
use crate::shard::Shard;
use crate::snapshot::{Collector, Outcome, Reading, Status, WindowReading};
use crate::store::days::Revision;
use crate::store::series::Series;
use cost_insights::{Judgement as Day, Reason as DayReason};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::{Names, Project};
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::report_task::{ReportTask, TaskStatus, TaskType};
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};
use gcore_api::billing::subscription::Subscription;
use gcore_api::http::error::Reason;

mod budgets;
mod common;
mod data_quality;
mod health;
mod lists;
mod spend;
mod texts;

const DAY: Duration = Duration::from_secs(86_400);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-22T12:00:00Z")
}

fn name() -> AccountName {
    "main".parse().unwrap()
}

fn facts() -> Facts {
    Facts { started_at: at("2026-11-22T11:00:00Z"), store_is_writable: true, channels: [].into() }
}

fn group(project: u64, region: u64, word: &str) -> Group {
    Group { project: ProjectId(project), region: Some(RegionId(region)), resource_type: ResourceType::new(word) }
}

fn eur() -> Currency {
    Currency::new("EUR")
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn judged(subject: Subject, actual: f64, expected: f64, anomaly: bool) -> Judged {
    let judgement = Day {
        expected,
        upper: expected * 1.3,
        anomaly,
        low_confidence: expected.is_nan(),
        reason: if anomaly { DayReason::AboveBand } else { DayReason::WithinBand },
        base: expected,
        ..Day::unknown(actual)
    };
    Judged { currency: eur(), subject, judgement, contributors: Vec::new() }
}

fn insights(judged: Vec<Judged>, budgets: Vec<BudgetStatus>) -> Arc<Insights> {
    let findings = DailyAnalysis {
        judged: Some(JudgedDay::new(utc_date(now()).saturating_sub(1.day()), judged)),
        month: utc_date(now()).first_of_month(),
        forecasts: [].into(),
        account: [].into(),
        budgets: [].into(),
        currencies: [eur()].into(),
        missing: [].into(),
    };
    let recent = Arc::new(RecentDays::before(utc_date(now())));
    Arc::new(Insights { findings: Arc::new(findings), budgets, revisions: [].into(), recent })
}

fn costs(window: Window, groups: &[(Group, &str)]) -> WindowReading<CostTotals> {
    let mut totals = CostTotals { price_status: Some("show".into()), ..CostTotals::default() };
    for (group, cost) in groups {
        totals.amounts.add(group.clone(), eur(), amount(cost)).unwrap();
    }
    WindowReading::new(Reading::new(totals, now(), DAY), window.period(now()), DAY)
}

fn polled(last_outcome: Outcome, last_failure: Option<Reason>, last_success: &str) -> Status {
    let (last_attempt, last_success) = (Some(now()), Some(at(last_success)));
    let interval = Duration::from_secs(900);
    let last_outcome = Some(last_outcome);
    Status { interval, last_outcome, last_failure, last_attempt, last_success, access_lost: false }
}

/// An account with a complete history and fresh readings.
fn account() -> Account {
    let mut account = Account::default();
    account.collectors.insert(Collector::History, polled(Outcome::Good, None, "2026-11-22T11:59:00Z"));
    let project = Project { name: "shop".into(), state: "".into() };
    account.names = Arc::new(Names { projects: [(ProjectId(16), project)].into(), regions: [].into() });
    account
}

fn snapshot(account: Account) -> Snapshot {
    Snapshot { accounts: [(name(), account)].into(), was_ready: true }
}

/// The breaches of a rule for the account. `None` if nothing is known.
fn said(rule: Rule, snapshot: &Snapshot, settings: &Settings) -> Option<Vec<Breach>> {
    let judgements = evaluate(snapshot, settings, &facts(), now());
    let mut verdicts = judgements.into_iter().filter(|judgement| judgement.scope.rule == rule.profile().name);
    let verdict = verdicts.next().expect("a scope").verdict;
    assert!(verdicts.next().is_none(), "one scope");
    match verdict {
        Verdict::Unknown => None,
        Verdict::Known { breaches, .. } => Some(breaches),
    }
}

/// The labels that tell the breaches of a rule apart.
fn identities(breaches: &[Breach], names: &[&str]) -> Vec<String> {
    let text = |breach: &Breach, name: &&str| breach.labels.get(*name).map_or("-", |text| text.as_str()).to_owned();
    breaches.iter().map(|breach| names.iter().map(|name| text(breach, name)).collect::<Vec<_>>().join(" ")).collect()
}

/// A budget of 200 EUR for the whole account.
fn prod() -> Budget {
    Budget {
        name: "prod".into(),
        account: name(),
        selector: Selector::default(),
        amount: amount("200"),
        currency: eur(),
    }
}

fn task(uuid: &str, status: &str, created_at: &str, errors: u64) -> ReportTask {
    ReportTask {
        uuid: uuid.into(),
        task_type: TaskType::new("Report"),
        status: TaskStatus::new(status),
        created_at: Some(at(created_at)),
        updated_at: Some(at("2026-11-22T11:30:00Z")),
        errors,
        warnings: 0,
    }
}

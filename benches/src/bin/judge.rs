//! Every rule on an account of many groups.
//!
//! Usage: judge [--projects=N] [--regions=N] [--rounds=N]
//!
//! It makes a snapshot of an account with a history, all windows, budgets, thresholds, report tasks and subscriptions,
//! so that every rule has data. Then it prints as JSON the CPU `milliseconds` of each round, a minute apart. A round
//! evaluates all rules and advances the states of alerts. It also prints the number of `verdicts` and `alerts`, and for
//! the status page with these alerts the `page_milliseconds` of each round and the `page_bytes`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::report_task::{ReportTask, TaskStatus, TaskType};
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType, Unit};
use gcore_api::billing::subscription::Subscription;
use gcore_billing_bench::cpu::spent;
use gcore_billing_bench::estate::Shape;
use gcore_billing_bench::price_list::PRODUCTS;
use gcore_billing_bench::row::Dice;
use gcore_billing_exporter::account::AccountName;
use gcore_billing_exporter::aggregate::commitments::CommitmentTotals;
use gcore_billing_exporter::aggregate::cost::{CostTotals, Difference};
use gcore_billing_exporter::aggregate::group::Group;
use gcore_billing_exporter::aggregate::report_tasks::ReportTaskTotals;
use gcore_billing_exporter::aggregate::usage::UsageTotals;
use gcore_billing_exporter::alert::channels::Delivery;
use gcore_billing_exporter::alert::evaluate::{Facts, evaluate};
use gcore_billing_exporter::alert::rule_judgement::Verdict;
use gcore_billing_exporter::alert::settings::{Settings, Threshold};
use gcore_billing_exporter::alert::states::AlertStates;
use gcore_billing_exporter::http::pages::{View, status_page};
use gcore_billing_exporter::insights::Insights;
use gcore_billing_exporter::insights::account_models::AccountModels;
use gcore_billing_exporter::insights::budget::{Budget, BudgetStatus, Selector};
use gcore_billing_exporter::shard::Shard;
use gcore_billing_exporter::snapshot::{Account, Collector, Outcome, Reading, Snapshot, Status, WindowReading};
use gcore_billing_exporter::store::days::Revision;
use gcore_billing_exporter::store::series::Series;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);
/// The number of budgets, and of thresholds. Each is for one project.
const OF_ONES_OWN: usize = 10;
/// The number of closed days.
const PAST: i32 = 60;

fn main() -> anyhow::Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let rounds: i64 = args.opt_value_from_str("--rounds")?.unwrap_or(60);
    let shape = Shape::from_args(&mut args)?;
    let now: Timestamp = "2026-11-22T12:00:00Z".parse()?;
    let settings = settings(&shape)?;
    let snapshot = Snapshot { accounts: [(main_account()?, account(&shape, &settings, now)?)].into(), was_ready: true };
    let facts = Facts {
        started_at: now,
        store_is_writable: true,
        channels: [("webhook.ops".to_owned(), Delivery::Good)].into(),
    };
    let (mut ledger, mut milliseconds, mut alerts) = (AlertStates::default(), Vec::new(), 0);
    for round in 0..rounds {
        let now = now + SignedDuration::from_mins(round);
        let before = spent()?;
        let judgements = evaluate(&snapshot, &settings, &facts, now);
        ledger.advance(judgements, now);
        milliseconds.push((spent()? - before) * 1e3);
        alerts = ledger.listed(now).len();
    }
    let judgements = evaluate(&snapshot, &settings, &facts, now);
    for rule in settings.rules.keys().map(|rule| rule.profile().name).chain(["threshold"]) {
        let mut of_rule = judgements.iter().filter(|judgement| judgement.scope.rule == rule);
        ensure!(of_rule.any(|judgement| judgement.verdict != Verdict::Unknown), "{rule} had nothing to judge");
    }
    let (page_milliseconds, page_bytes) = pages(&snapshot, &ledger, rounds, now)?;
    println!(
        "{}",
        json!({
            "milliseconds": milliseconds,
            "verdicts": judgements.len(),
            "alerts": alerts,
            "page_milliseconds": page_milliseconds,
            "page_bytes": page_bytes,
        })
    );
    Ok(())
}

/// The CPU milliseconds of the status page in each round, and its size.
fn pages(snapshot: &Snapshot, ledger: &AlertStates, rounds: i64, now: Timestamp) -> anyhow::Result<(Vec<f64>, usize)> {
    let alerts = Some(Arc::new(ledger.listed(now)));
    let (mut milliseconds, mut bytes) = (Vec::new(), 0);
    for _ in 0..rounds {
        let before = spent()?;
        let shard = Shard::default();
        bytes = status_page(View { snapshot, alerts: &alerts, shard, now, telemetry_path: "/metrics" }).len();
        milliseconds.push((spent()? - before) * 1e3);
    }
    Ok((milliseconds, bytes))
}

fn main_account() -> anyhow::Result<AccountName> {
    Ok("main".parse()?)
}

fn eur() -> Currency {
    Currency::new("EUR")
}

fn groups(shape: &Shape) -> impl Iterator<Item = Group> {
    shape.groups().map(|(project, region, kind)| {
        let resource_type = ResourceType::new(PRODUCTS[kind].resource_type);
        Group { project: ProjectId(project), region: Some(RegionId(region)), resource_type }
    })
}

/// The defaults, with budgets and thresholds. Some are exceeded.
fn settings(shape: &Shape) -> anyhow::Result<Settings> {
    let mut settings = Settings::default();
    let projects: BTreeSet<ProjectId> = groups(shape).map(|group| group.project).collect();
    for (number, project) in projects.into_iter().take(OF_ONES_OWN).enumerate() {
        let (name, account) = (format!("team-{number}"), main_account()?);
        let selector = Selector { projects: vec![project], ..Selector::default() };
        let amount: Amount = format!("{}", 10_000 * (number + 1)).parse()?;
        settings.thresholds.push(Threshold {
            name: name.clone(),
            account: account.clone(),
            selector: selector.clone(),
            window: Window::MonthToDate,
            amount,
            currency: eur(),
            severity: "warning".into(),
            readings: 1,
            keep_firing_for: Duration::ZERO,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        });
        settings.budgets.push(Budget { name, account, selector, amount, currency: eur() });
    }
    Ok(settings)
}

fn account(shape: &Shape, settings: &Settings, now: Timestamp) -> anyhow::Result<Account> {
    let mut account = Account::default();
    let polled = Status {
        interval: DAY,
        last_outcome: Some(Outcome::Good),
        last_failure: None,
        last_attempt: Some(now),
        last_success: Some(now),
        access_lost: false,
    };
    account.collectors = Collector::ALL.into_iter().map(|collector| (collector, polled)).collect();
    for (window, days) in
        [(Window::Today, 0), (Window::Yesterday, 1), (Window::MonthToDate, 21), (Window::PreviousMonth, 30)]
    {
        let (mut costs, mut usage) = (CostTotals::default(), UsageTotals::default());
        for (index, group) in groups(shape).enumerate() {
            let amount: Amount =
                (0..=days).try_fold(Amount::ZERO, |sum, back| sum.checked_add(cost(index, back))).context("a sum")?;
            ensure!(costs.amounts.add(group.clone(), eur(), amount).is_ok(), "a sum is out of range");
            ensure!(usage.values.add(group, Unit::new("minutes"), amount).is_ok(), "a sum is out of range");
        }
        costs.differences = [(eur(), Difference { amount: Amount::ZERO, tolerance: Amount::ZERO })].into();
        let period = window.period(now);
        // The windows are settled, so that a rule compares their sums with the API's.
        let settle_after = Duration::ZERO;
        account.cost.insert(window, WindowReading::new(Reading::new(costs, now, DAY), period, settle_after));
        account.usage.insert(window, WindowReading::new(Reading::new(usage, now, DAY), period, settle_after));
    }
    account.insights = Some(Arc::new(insights(shape, settings, &account, now)));
    account.reports = Some(Reading::new(tasks(now), now, DAY));
    account.subscriptions = Some(Reading::new(subscriptions(now), now, DAY));
    account.commitments = Some(Reading::new(CommitmentTotals::default(), now, DAY));
    Ok(account)
}

/// The cost of a group on a past day. On the last closed day every twentieth group costs much more than before.
fn cost(index: usize, back: i32) -> Amount {
    let mut level = Dice(index as u64);
    let mut noise = Dice((index as u64) << 32 | u64::from(back.unsigned_abs()));
    let usual = 1_000_000 + level.below(10_000_000);
    let factor = if back == 1 && index.is_multiple_of(20) { 5 } else { 1 };
    let units = factor * usual * (95 + noise.below(10)) / 100;
    // Such numbers of 1e-5 are always in the range of an amount.
    format!("{units}e-5").parse().unwrap_or_default()
}

/// The analysis of the closed days.
fn insights(shape: &Shape, settings: &Settings, account: &Account, now: Timestamp) -> Insights {
    let series: Vec<Series> = groups(shape).map(|group| Series { group, measure: "EUR".into() }).collect();
    let mut past = AccountModels::new(settings.budgets.clone().into());
    let today = utc_date(now);
    for back in (1..=PAST).rev() {
        let amounts: Vec<(usize, Amount)> = (0..series.len()).map(|index| (index, cost(index, back))).collect();
        past.step(&series, today.saturating_sub(back.days()), &amounts);
        past.keep(&series, today.saturating_sub(back.days()), &amounts);
    }
    let (findings, recent) = past.findings(today);
    let spent = account.cost.get(&Window::MonthToDate).map(WindowReading::last);
    let standing = |(number, budget): (usize, &Budget)| {
        let forecast = findings.budgets.get(&number).map(|forecast| forecast.estimate);
        BudgetStatus::new(budget, spent, BTreeMap::new(), forecast, now)
    };
    let budgets = settings.budgets.iter().enumerate().map(standing).collect();
    let revision = |(index, series)| (series, Revision { change: cost(index, 0), first_day: today.first_of_month() });
    let revisions = series.into_iter().take(100).enumerate().map(revision).collect();
    Insights { findings: Arc::new(findings), budgets, revisions, recent: Arc::new(recent) }
}

/// The largest number of listed tasks: a third failed, a third late, a third with errors.
fn tasks(now: Timestamp) -> ReportTaskTotals {
    let mut totals = ReportTaskTotals::default();
    for number in 0..300 {
        let at = now - SignedDuration::from_mins(180 + number);
        totals.add(&ReportTask {
            uuid: format!("{number:08}-0000-4000-a000-000000000000").into(),
            task_type: TaskType::new("Report"),
            status: TaskStatus::new(["Failed", "InProgress", "Completed"][number as usize % 3]),
            created_at: Some(at),
            updated_at: Some(at),
            errors: 1,
            warnings: 0,
        });
    }
    totals
}

/// A hundred: half end soon, half have ended.
fn subscriptions(now: Timestamp) -> Vec<Subscription> {
    let subscription = |number: i64| Subscription {
        id: format!("{number}").into(),
        client_id: "700123".into(),
        product: "Basic support".into(),
        feature: "support".into(),
        calc_rule_type: "commit".into(),
        start: None,
        end: Some(now + SignedDuration::from_hours(6 * (number - 50) + 3)),
        has_unknown_edge: false,
        price: "12.5".parse().ok(),
        currency: "EUR".into(),
    };
    (0..100).map(subscription).collect()
}

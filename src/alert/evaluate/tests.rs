//! Rules on data of a snapshot, and the time that all of them take.

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
use crate::analysis::{Judgement as Day, Reason as DayReason};
use crate::billing::amount::Amount;
use crate::billing::names::{Names, Project};
use crate::billing::period::{Window, utc_date};
use crate::billing::report_task::{ReportTask, TaskStatus, TaskType};
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};
use crate::billing::subscription::Subscription;
use crate::gcore::error::Reason;
use crate::outlook::budget::{Budget, Selector, Standing};
use crate::outlook::{Contributor, Findings, Judged, Outlook, Subject};
use crate::snapshot::{Collector, Outcome, Reading, Status, WindowReading};
use crate::store::days::{Revision, Series};

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

fn outlook(judged: Vec<Judged>, budgets: Vec<Standing>) -> Arc<Outlook> {
    let findings = Findings {
        judged: Some((utc_date(now()).saturating_sub(1.day()), judged)),
        month: utc_date(now()).first_of_month(),
        forecasts: [].into(),
        budgets: [].into(),
        currencies: [eur()].into(),
        missing: [].into(),
    };
    Arc::new(Outlook { findings: Arc::new(findings), budgets, revisions: [].into() })
}

fn costs(window: Window, groups: &[(Group, &str)]) -> WindowReading<CostTotals> {
    let mut totals = CostTotals::default();
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

/// An account whose past is known and that was read just now.
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

/// What a rule says of the account: `None` where nothing is known.
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

/// What tells the breaches of a rule apart.
fn identities(breaches: &[Breach], names: &[&str]) -> Vec<String> {
    let text = |breach: &Breach, name: &&str| breach.labels.get(*name).map_or("-", |text| text.as_str()).to_owned();
    breaches.iter().map(|breach| names.iter().map(|name| text(breach, name)).collect::<Vec<_>>().join(" ")).collect()
}

const PLACE: [&str; 4] = ["severity", "project_id", "region_id", "resource_type"];

#[test]
fn each_cause_of_a_spike_is_told_once() {
    let (one, other) = (group(16, 7, "instance"), group(16, 7, "volume"));
    let elsewhere = group(17, 7, "instance");
    let of = |group: &Group, actual: f64, anomaly| judged(Subject::Group(group.clone()), actual, 10.0, anomaly);
    let project = |actual: f64| judged(Subject::Project(ProjectId(16)), actual, 30.0, true);
    let kind = |actual: f64| judged(Subject::Type(ResourceType::new("instance")), actual, 30.0, true);
    let whole = |actual: f64| judged(Subject::Account, actual, 60.0, true);
    for (name, days, want) in [
        ("nothing", vec![of(&one, 10.0, false)], &[][..]),
        ("too little to matter", vec![of(&one, 14.9, true)], &[]),
        (
            "one group explains all above it",
            vec![whole(80.0), project(50.0), kind(50.0), of(&one, 30.0, true)],
            &["warning 16 7 instance"],
        ),
        (
            "twice and much more",
            vec![of(&one, 35.0, true), of(&other, 34.9, true)],
            &["critical 16 7 instance", "warning 16 7 volume"],
        ),
        (
            "a project explains its groups",
            vec![whole(100.0), project(70.0), of(&one, 30.0, true), of(&other, 30.0, true)],
            &["critical 16 __all__ __all__"],
        ),
        (
            "a type explains groups of many projects",
            vec![project(50.0), kind(70.0), of(&one, 30.0, true), of(&elsewhere, 30.0, true)],
            &["critical __all__ __all__ instance"],
        ),
        (
            "the account explains all",
            vec![whole(110.0), project(50.0), of(&one, 30.0, true), of(&elsewhere, 40.0, true)],
            &["warning __all__ __all__ __all__"],
        ),
    ] {
        let mut account = account();
        account.outlook = Some(outlook(days, Vec::new()));
        let breaches = said(Rule::SpendAnomaly, &snapshot(account), &Settings::default()).unwrap();
        assert_eq!(identities(&breaches, &PLACE), want, "{name}");
    }
}

#[test]
fn a_spike_is_told_in_words_to_act_on() {
    let mut roll_up = judged(Subject::Project(ProjectId(16)), 250.0, 100.0, true);
    roll_up.contributors = vec![Contributor { group: group(16, 7, "instance"), excess: 90.0, share: 0.6 }];
    let mut account = account();
    account.outlook = Some(outlook(vec![roll_up], Vec::new()));
    let settings = Settings { runbook_url: Some("http://daemon.example/runbooks".into()), ..Settings::default() };
    let breach = said(Rule::SpendAnomaly, &snapshot(account.clone()), &settings).unwrap().remove(0);
    assert_eq!(
        breach.annotations["description"],
        "On 2026-11-21 (UTC), project shop (16) of account main cost 250.00 EUR; expected 100.00, at most 130.00 (30 \
         % more); no like day of an earlier month is known. The excess comes from instance in region 7 of project shop \
         (16) +90.00 EUR (60 %)."
    );
    assert_eq!(breach.annotations["runbook_url"], "http://daemon.example/runbooks#gcorespendanomaly");
    assert_eq!((breach.value, breach.threshold), (Some(250.0), Some(130.0)));
    assert_eq!(breach.starts_at, at("2026-11-22T00:00:00Z"), "the end of the day that it is of");

    // Half of a past is none.
    account.collectors.insert(Collector::History, Status::before_the_first_poll(DAY));
    assert_eq!(said(Rule::SpendAnomaly, &snapshot(account), &Settings::default()), None);
}

#[test]
fn today_is_held_against_a_whole_day() {
    for (name, cost, want) in [
        ("less than usual", "99", &[][..]),
        ("half as much again", "150", &["Lingering"]),
        ("more", "150.01", &["Full"]),
        ("near", "135.01", &["Lingering"]),
        ("not near", "135", &[]),
    ] {
        let mut account = account();
        account.outlook = Some(outlook(vec![judged(Subject::Project(ProjectId(16)), 100.0, 90.0, false)], Vec::new()));
        account.cost.insert(Window::Today, costs(Window::Today, &[(group(16, 7, "instance"), cost)]));
        let breaches = said(Rule::SpendToday, &snapshot(account), &Settings::default()).unwrap();
        let strengths: Vec<String> = breaches.iter().map(|breach| format!("{:?}", breach.strength)).collect();
        assert_eq!(strengths, want, "{name}");
        assert!(breaches.iter().all(|breach| breach.until == Some(at("2026-11-23T00:00:00Z"))));
    }
}

#[test]
fn what_was_never_paid_for_is_news() {
    let known = group(16, 7, "instance");
    let grown = || judged(Subject::Account, 100.0, 100.0, false);
    let days = |new: f64| {
        vec![
            grown(),
            judged(Subject::Type(ResourceType::new("instance")), 100.0, 100.0, false),
            judged(Subject::Type(ResourceType::new("inference")), new, f64::NAN, false),
            judged(Subject::Group(known.clone()), 100.0, 100.0, false),
            judged(Subject::Group(group(16, 7, "inference")), new, f64::NAN, false),
        ]
    };
    let young = vec![judged(Subject::Account, 100.0, f64::NAN, false)];
    for (name, days, today, want) in [
        ("nothing new", days(0.0), vec![(known.clone(), "5")], Some(&[][..])),
        ("a type on the last day", days(1.0), vec![], Some(&["inference -"])),
        ("too little", days(0.9), vec![], Some(&[])),
        ("a region today", days(0.0), vec![(group(16, 9, "instance"), "5")], Some(&["- 9"])),
        ("a whole account is new", young, vec![(known.clone(), "5")], None),
    ] {
        let mut account = account();
        account.outlook = Some(outlook(days, Vec::new()));
        account.cost.insert(Window::Today, costs(Window::Today, &today));
        let breaches = said(Rule::NewSpend, &snapshot(account), &Settings::default());
        let found = breaches.map(|breaches| identities(&breaches, &["resource_type", "region_id"]));
        assert_eq!(
            found.as_deref(),
            want.map(|want| want.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(),
            "{name}"
        );
    }
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

#[test]
fn budgets_are_told_step_by_step_and_ahead() {
    let budget = prod();
    let settings = Settings { budgets: vec![budget.clone()], ..Settings::default() };
    let month = Date::constant(2026, 11, 1);
    for (name, spent, forecast, steps, ahead) in [
        ("little", "99.99", 180.0, &[][..], &[][..]),
        ("half", "100", 181.0, &["info 50"], &["Lingering"]),
        ("all", "200", 300.0, &["info 50", "warning 80", "critical 100"], &["Full"]),
        ("more", "240", 300.0, &["info 50", "warning 80", "critical 100", "critical 120"], &["Full"]),
    ] {
        let standing = Standing {
            budget: budget.clone(),
            month,
            actual: Some(amount(spent)),
            forecast: Some(forecast),
            exhausted_at: None,
            closed: [].into(),
            today: utc_date(now()),
        };
        let mut account = account();
        account.cost.insert(Window::MonthToDate, costs(Window::MonthToDate, &[]));
        account.outlook = Some(outlook(Vec::new(), vec![standing]));
        let snapshot = snapshot(account);
        let used = said(Rule::BudgetUsed, &snapshot, &settings).unwrap();
        assert_eq!(identities(&used, &["severity", "step"]), steps, "{name}");
        let over = used
            .iter()
            .all(|step| (step.strength, step.until) == (Strength::Latched, Some(at("2026-12-01T00:00:00Z"))));
        assert!(over, "{name}: until the month is over");
        let forecast = said(Rule::BudgetForecast, &snapshot, &settings).unwrap();
        let strengths: Vec<String> = forecast.iter().map(|breach| format!("{:?}", breach.strength)).collect();
        assert_eq!(strengths, ahead, "{name}");
    }
    assert_eq!(said(Rule::BudgetUsed, &snapshot(account()), &settings), None, "not known yet");
}

#[test]
fn a_step_begins_on_the_day_that_reached_it() {
    let settings = Settings { budgets: vec![prod()], ..Settings::default() };
    let starts = |days: &[(&str, &str)], history: Status| {
        let standing = Standing {
            budget: prod(),
            month: Date::constant(2026, 11, 1),
            actual: Some(amount("240")),
            forecast: Some(300.0),
            exhausted_at: None,
            closed: days.iter().map(|(day, cost)| (day.parse().unwrap(), amount(cost))).collect(),
            today: utc_date(now()),
        };
        let mut account = account();
        account.collectors.insert(Collector::History, history);
        account.cost.insert(Window::MonthToDate, costs(Window::MonthToDate, &[]));
        account.outlook = Some(outlook(Vec::new(), vec![standing]));
        let snapshot = snapshot(account);
        let ahead = said(Rule::BudgetForecast, &snapshot, &settings).unwrap();
        assert_eq!(ahead[0].starts_at, at("2026-11-22T00:00:00Z"), "no datum says when a forecast came to be");
        let steps = said(Rule::BudgetUsed, &snapshot, &settings)?;
        Some(steps.iter().map(|step| format!("{} {:.0}", step.labels["step"], step.starts_at)).collect::<Vec<_>>())
    };
    let polled = polled(Outcome::Good, None, "2026-11-22T11:59:00Z");
    let days = [("2026-11-03", "99.9"), ("2026-11-04", "0.1"), ("2026-11-10", "60"), ("2026-11-21", "39.99")];
    let want =
        ["50 2026-11-04T00:00:00Z", "80 2026-11-10T00:00:00Z", "100 2026-11-22T00:00:00Z", "120 2026-11-22T00:00:00Z"];
    assert_eq!(starts(&days, polled).unwrap(), want, "the last two today");
    let today = ["50", "80", "100", "120"].map(|step| format!("{step} 2026-11-22T00:00:00Z"));
    assert_eq!(starts(&[], polled).unwrap(), today, "no day is known");
    assert_eq!(starts(&days, Status::before_the_first_poll(DAY)), None, "the days are still being read");
}

#[test]
fn only_settled_windows_are_held_against_their_total() {
    let mut account = account();
    for window in [Window::Yesterday, Window::PreviousMonth] {
        let mut reading = costs(window, &[]);
        reading.amend(|totals| {
            let difference = |text: &str| Difference { amount: amount(text), tolerance: amount("0.001") };
            totals.differences = [(eur(), difference("-0.5")), (Currency::new("USD"), difference("0.001"))].into();
        });
        account.cost.insert(window, reading);
    }
    let judgements = evaluate(&snapshot(account), &Settings::default(), &facts(), now());
    let found: Vec<_> = judgements.iter().filter(|judgement| judgement.scope.rule == "cost_mismatch").collect();
    let [yesterday, month] = found[..] else { panic!("{found:?}") };
    assert_eq!((yesterday.scope.place.as_str(), &yesterday.verdict), ("main/yesterday", &Verdict::Unknown));
    let Verdict::Known { breaches, .. } = &month.verdict else { panic!("{month:?}") };
    assert_eq!(identities(breaches, &["currency", "window"]), ["EUR previous_month"]);
    assert_eq!(month.patience.readings, 2);
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

#[test]
fn each_task_is_told_alone() {
    let mut totals = ReportTaskTotals::default();
    for task in [
        task("a", "Failed", "2026-11-22T11:00:00Z", 1),
        task("b", "Failed", "2026-11-22T11:00:00Z", 2),
        task("c", "Pending", "2026-11-22T10:00:00Z", 0),
        task("d", "InProgress", "2026-11-22T09:59:59Z", 0),
        task("e", "Completed", "2026-11-22T09:00:00Z", 3),
        task("f", "Completed", "2026-11-22T09:00:00Z", 0),
    ] {
        totals.add(&task);
    }
    let mut account = account();
    account.reports = Some(Reading::new(totals, now(), DAY));
    let snapshot = snapshot(account);
    for (rule, want, starts_at) in [
        (Rule::ReportTaskFailed, &["a", "b"][..], "2026-11-22T11:30:00Z"),
        (Rule::ReportTaskStuck, &["d"], "2026-11-22T11:59:59Z"),
        (Rule::ReportTaskErrors, &["e"], "2026-11-22T11:30:00Z"),
    ] {
        let breaches = said(rule, &snapshot, &Settings::default()).unwrap();
        assert_eq!(identities(&breaches, &["report_uuid"]), want, "{rule:?}");
        assert!(breaches.iter().all(|breach| breach.starts_at == at(starts_at)), "{rule:?}: {breaches:?}");
    }
    assert_eq!(said(Rule::ReportTaskFailed, &self::snapshot(self::account()), &Settings::default()), None);
}

#[test]
fn a_subscription_is_told_at_its_nearest_step_and_for_a_week_after() {
    for (name, end, has_unknown_edge, expiring, expired) in [
        ("far", "2026-12-22T12:00:01Z", false, &[][..], 0),
        ("30 days", "2026-12-22T12:00:00Z", false, &["warning 30"], 0),
        ("7 days", "2026-11-29T12:00:00Z", false, &["critical 7"], 0),
        ("7 days, since an unknown time", "2026-11-29T12:00:00Z", true, &["critical 7"], 0),
        ("the last moment", "2026-11-22T12:00:01Z", false, &["critical 1"], 0),
        ("over", "2026-11-22T12:00:00Z", false, &[], 1),
        ("over for a week", "2026-11-15T12:00:00Z", false, &[], 0),
    ] {
        let subscription = Subscription {
            id: "501".into(),
            client_id: "".into(),
            product: "CDN".into(),
            feature: "".into(),
            calc_rule_type: "".into(),
            start: None,
            end: Some(at(end)),
            has_unknown_edge,
            price: None,
            currency: "".into(),
        };
        let mut account = account();
        account.subscriptions = Some(Reading::new(vec![subscription], now(), DAY));
        let snapshot = snapshot(account);
        let found = said(Rule::SubscriptionExpiring, &snapshot, &Settings::default()).unwrap();
        assert_eq!(identities(&found, &["severity", "days"]), expiring, "{name}");
        assert!(found.iter().all(|breach| breach.starts_at <= now() && breach.until == Some(at(end))), "{name}");
        assert_eq!(said(Rule::SubscriptionExpired, &snapshot, &Settings::default()).unwrap().len(), expired, "{name}");
    }
}

#[test]
fn collectors_are_judged_by_how_they_fare() {
    let refused = Some(Reason::Unauthorized);
    for (name, status, want) in [
        ("not tried yet", Status::before_the_first_poll(Duration::from_secs(900)), "??? ?"),
        ("good", polled(Outcome::Good, None, "2026-11-22T12:00:00Z"), "... ."),
        ("unsupported", polled(Outcome::Unsupported, Some(Reason::Unsupported), "2026-11-01T00:00:00Z"), "... ."),
        ("failing", polled(Outcome::Failed, Some(Reason::Timeout), "2026-11-22T11:15:00Z"), "!.. ."),
        ("stale", polled(Outcome::Failed, Some(Reason::Timeout), "2026-11-22T11:14:59Z"), "!.! ."),
        ("rate-limited", polled(Outcome::Failed, Some(Reason::RateLimited), "2026-11-22T11:50:00Z"), "!!. ."),
        ("refused", polled(Outcome::Failed, refused, "2026-11-22T11:50:00Z"), "!.. !"),
    ] {
        let account = Account { collectors: [(Collector::Reports, status)].into(), ..Account::default() };
        let facts = Facts { started_at: at("2026-11-22T11:30:00Z"), store_is_writable: true, channels: [].into() };
        let judgements = evaluate(&snapshot(account), &Settings::default(), &facts, now());
        let sign = |rule: Rule| {
            let of_rule = |judgement: &&Judgement| judgement.scope.rule == rule.profile().name;
            match &judgements.iter().find(of_rule).unwrap().verdict {
                Verdict::Unknown => '?',
                Verdict::Known { breaches, .. } if breaches.is_empty() => '.',
                Verdict::Known { .. } => '!',
            }
        };
        let signs = [Rule::CollectorFailing, Rule::RateLimited, Rule::DataStale].map(sign);
        let found = format!("{} {}", signs.iter().collect::<String>(), sign(Rule::KeyRefused));
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn a_source_that_was_readable_and_is_refused_is_an_alert() {
    let refused = |access_lost| {
        let polled = polled(Outcome::Unsupported, Some(Reason::Unsupported), "2026-11-22T10:00:00Z");
        Status { access_lost, ..polled }
    };
    let failing = |access_lost| Status {
        access_lost,
        ..polled(Outcome::Failed, Some(Reason::ServerError), "2026-11-22T10:00:00Z")
    };
    let before_a_poll = Status { access_lost: true, ..Status::before_the_first_poll(Duration::from_secs(900)) };
    for (name, collector, status, want) in [
        ("costs", Collector::Cost, refused(true), Some(&["critical cost main"][..])),
        ("usage", Collector::Usage, refused(true), Some(&["critical usage main"])),
        ("a list", Collector::Reports, refused(true), Some(&["warning reports main"])),
        ("the history", Collector::History, refused(true), Some(&["warning history main"])),
        ("never readable", Collector::Cost, refused(false), Some(&[])),
        ("a server error is no access", Collector::Cost, failing(true), Some(&["critical cost main"])),
        ("failing", Collector::Cost, failing(false), Some(&[])),
        ("given back", Collector::Cost, polled(Outcome::Good, None, "2026-11-22T12:00:00Z"), Some(&[])),
        ("lost before a restart", Collector::Cost, before_a_poll, Some(&["critical cost main"])),
        ("not tried yet", Collector::Cost, Status { access_lost: false, ..before_a_poll }, None),
    ] {
        let account = Account { collectors: [(collector, status)].into(), ..Account::default() };
        let said = said(Rule::AccessLost, &snapshot(account), &Settings::default());
        let found = said.map(|breaches| identities(&breaches, &["severity", "collector", "account"]));
        assert_eq!(found, want.map(|want| want.iter().map(|text| (*text).to_owned()).collect()), "{name}");
    }
}

#[test]
fn costs_that_no_account_can_read_are_an_alert() {
    let status = |outcome| match outcome {
        Some(outcome) => polled(outcome, None, "2026-11-22T10:00:00Z"),
        None => Status::before_the_first_poll(Duration::from_secs(900)),
    };
    let (good, refused, failed) = (Some(Outcome::Good), Some(Outcome::Unsupported), Some(Outcome::Failed));
    for (name, outcomes, want) in [
        ("one account", &[refused][..], Some(1)),
        ("both", &[refused, refused], Some(1)),
        ("one of two", &[refused, good], Some(0)),
        ("a poll that fails says nothing", &[refused, failed], None),
        ("not tried yet", &[refused, None], None),
        ("costs are not wanted", &[], Some(0)),
    ] {
        let account = |(number, outcome): (usize, &Option<Outcome>)| {
            let collectors = [(Collector::Cost, status(*outcome))].into();
            (format!("account_{number}").parse().unwrap(), Account { collectors, ..Account::default() })
        };
        let accounts = outcomes.iter().enumerate().map(account).collect();
        let snapshot = Snapshot { accounts, was_ready: true };
        let said = said(Rule::CostsUnreadable, &snapshot, &Settings::default());
        assert_eq!(said.as_ref().map(Vec::len), want, "{name}");
        for breach in said.unwrap_or_default() {
            assert_eq!(identities(&[breach], &["severity", "account"]), ["critical -"], "{name}");
        }
    }
}

#[test]
fn a_channel_that_takes_nothing_is_told_by_its_name() {
    let failing = Delivery::Failing { since: at("2026-11-22T11:55:00Z"), reason: "connect" };
    let channels = [("good", Delivery::Good), ("bad", failing), ("new", Delivery::Untried)];
    let channels = channels.map(|(name, delivery)| (name.to_owned(), delivery)).into();
    let judgements = evaluate(&snapshot(account()), &Settings::default(), &Facts { channels, ..facts() }, now());
    let of_rule = |judgement: &&Judgement| judgement.scope.rule == Rule::NotificationsFailing.profile().name;
    let found: Vec<_> = judgements.iter().filter(of_rule).map(|j| (j.scope.place.as_str(), &j.verdict)).collect();
    let [("bad", Verdict::Known { breaches: bad, .. }), ("good", Verdict::Known { breaches: good, .. }), new] =
        &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((good.len(), *new), (0, ("new", &Verdict::Unknown)));
    assert_eq!(identities(bad, &["alertname", "channel", "account"]), ["GcoreNotificationsFailing bad -"]);
    assert_eq!(bad[0].starts_at, at("2026-11-22T11:55:00Z"));
    let told = &bad[0].annotations["description"];
    assert!(told.contains("nothing since 2026-11-22 11:55 UTC") && told.contains("reason connect"), "{told}");
}

#[test]
fn what_the_data_do_not_date_begins_for_every_daemon_alike() {
    let series = |number| Series { group: group(number, 7, "instance"), measure: "EUR".into() };
    let revision = |number, day: &str| {
        (series(number), Revision { change: amount("50"), first_day: day.parse::<Date>().unwrap() })
    };
    let mut account = account();
    let outlook = Arc::unwrap_or_clone(outlook(Vec::new(), Vec::new()));
    let revisions = [revision(1, "2026-11-09"), revision(2, "2026-11-08")].into();
    account.outlook = Some(Arc::new(Outlook { revisions, ..outlook }));
    let mut totals = ReportTaskTotals::default();
    totals.add(&ReportTask { updated_at: None, created_at: None, ..task("a", "Failed", "2026-11-22T11:00:00Z", 1) });
    // By another clock than this daemon's, which is a little behind.
    totals.add(&ReportTask {
        updated_at: Some(at("2026-11-22T12:00:05Z")),
        ..task("b", "Failed", "2026-11-22T11:00:00Z", 1)
    });
    account.reports = Some(Reading::new(totals, now(), 9 * DAY));
    account.cost.insert(Window::MonthToDate, costs(Window::MonthToDate, &[(group(1, 7, "instance"), "1")]));
    let (snapshot, settings) = (snapshot(account), Settings { series_limit: 0, ..Settings::default() });
    let starts = |now| {
        let mut starts = BTreeSet::new();
        for judgement in evaluate(&snapshot, &settings, &facts(), now) {
            if let Verdict::Known { breaches, .. } = judgement.verdict {
                starts.extend(
                    breaches.iter().map(|breach| format!("{} {}", breach.labels["alertname"], breach.starts_at)),
                );
            }
        }
        starts.retain(|start| !start.contains("Stale"));
        starts
    };
    let want = [
        "GcoreCostRevised 2026-11-08T00:00:00Z",
        "GcoreReportTaskFailed 2026-11-22T00:00:00Z",
        "GcoreReportTaskFailed 2026-11-22T12:00:05Z",
        "GcoreSeriesLimit 2026-11-22T00:00:00Z",
        "GcoreWatchdog 2026-11-22T00:00:00Z",
    ];
    assert_eq!(starts(now()), want.map(str::to_owned).into());
    assert_eq!(starts(at("2026-11-22T23:59:59Z")), starts(now()), "by a daemon that looks first later that day");
}

#[test]
fn the_configuration_adds_mutes_and_limits() {
    let mut settings = Settings::default();
    let watchdog = settings.rules.get_mut(&Rule::Watchdog).unwrap();
    watchdog.labels = [("team".into(), "web".into())].into();
    watchdog.annotations = [("runbook_url".into(), "https://wiki.example/".into())].into();
    settings.rules.get_mut(&Rule::SeriesLimit).unwrap().enabled = false;
    settings.thresholds = ["100", "200", "220"]
        .map(|limit| Threshold {
            name: limit.into(),
            account: name(),
            selector: Selector { projects: vec![ProjectId(16)], ..Selector::default() },
            window: Window::Today,
            amount: amount(limit),
            currency: eur(),
            severity: "page".into(),
            readings: 3,
            keep_firing_for: DAY,
            labels: Labels::new(),
            annotations: Labels::new(),
        })
        .into();
    settings.mutes = vec![Mute { labels: [("threshold".into(), "200".into())].into(), ..Mute::default() }];
    let mut account = account();
    let groups = [(group(16, 7, "instance"), "150"), (group(16, 9, "volume"), "51"), (group(17, 7, "volume"), "900")];
    account.cost.insert(Window::Today, costs(Window::Today, &groups));
    let snapshot = snapshot(account);
    let watchdog = said(Rule::Watchdog, &snapshot, &settings).unwrap().remove(0);
    assert_eq!(watchdog.labels["team"], "web");
    assert_eq!(watchdog.annotations["runbook_url"], "https://wiki.example/");

    let judgements = evaluate(&snapshot, &settings, &facts(), now());
    assert!(!judgements.iter().any(|judgement| judgement.scope.rule == "series_limit"), "switched off");
    let limits: Vec<_> = judgements.iter().filter(|judgement| judgement.scope.rule == "threshold").collect();
    let found: Vec<String> = limits
        .iter()
        .map(|judgement| match &judgement.verdict {
            Verdict::Known { breaches, .. } => format!("{:?} {:?}", breaches[0].strength, breaches[0].value),
            Verdict::Unknown => "unknown".into(),
        })
        .collect();
    assert_eq!(found, ["Full Some(201.0)", "Muted Some(201.0)", "Lingering Some(201.0)"]);
    assert_eq!((limits[0].patience.readings, limits[0].patience.keep_firing_for), (3, DAY));
}

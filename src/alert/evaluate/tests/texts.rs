//! The texts of every rule, word by word.

use std::fmt::Write as _;

use super::*;
use crate::aggregate::commitments::CommitmentTotals;
use crate::alert::LABELS;
use crate::store::series::Series;
use gcore_api::billing::commitment::Commitment;
use gcore_api::billing::names::Region;
use gcore_api::billing::record::UnpricedReason;

fn names() -> Arc<Names> {
    let project = |id, name: &str| (ProjectId(id), Project { name: name.into(), state: "".into() });
    let region = (RegionId(7), Region { name: "Luxembourg".into(), country: "".into() });
    Arc::new(Names { projects: [project(16, "shop"), project(17, "media")].into(), regions: [region].into() })
}

/// Yesterday's judgements: a project and a group with anomalies, one with two equal days, and a new type.
fn days() -> Vec<Judged> {
    let mut roll_up = judged(Subject::Project(ProjectId(16)), 250.0, 100.0, true);
    roll_up.contributors = vec![
        Contributor { group: group(16, 7, "instance"), excess: 90.0, share: 0.6 },
        Contributor { group: group(16, 7, "volume"), excess: 45.0, share: 0.3 },
    ];
    let mut alike = judged(Subject::Group(group(17, 8, "volume")), 30.0, 20.0, true);
    (alike.judgement.matching_days, alike.judgement.matching_most) = (9, 21.5);
    vec![
        judged(Subject::Account, 300.0, 290.0, false),
        roll_up,
        judged(Subject::Type(ResourceType::new("instance")), 100.0, 100.0, false),
        judged(Subject::Type(ResourceType::new("volume")), 100.0, 100.0, false),
        judged(Subject::Type(ResourceType::new("inference")), 3.0, f64::NAN, false),
        judged(Subject::Group(group(16, 7, "instance")), 100.0, 100.0, false),
        alike,
        judged(Subject::Group(group(17, 7, "inference")), 3.0, f64::NAN, false),
    ]
}

fn spent(account: &mut Account) {
    let today = [
        (group(16, 7, "instance"), "120.5"),
        (group(16, 7, "volume"), "40"),
        (group(17, 8, "volume"), "1"),
        (group(17, 9, "instance"), "4"),
    ];
    let month = [(group(16, 7, "instance"), "150"), (group(16, 8, "volume"), "60"), (group(17, 7, "volume"), "30")];
    account.cost.insert(Window::Today, costs(Window::Today, &today));
    account.cost.insert(Window::MonthToDate, costs(Window::MonthToDate, &month));
    let mut yesterday = costs(Window::Yesterday, &[]);
    yesterday.amend(|totals| {
        let unpriced = |word, why, records| ((ResourceType::new(word), why), records);
        let null = unpriced("ai_gpu", UnpricedReason::NullCost, 12);
        totals.unpriced = [null, unpriced("inference", UnpricedReason::RowError, 3)].into();
    });
    account.cost.insert(Window::Yesterday, yesterday);
    let mut previous = costs(Window::PreviousMonth, &[]);
    previous.amend(|totals| {
        let difference = Difference { amount: amount("-0.5"), tolerance: amount("0.001") };
        totals.differences = [(eur(), difference)].into();
    });
    account.cost.insert(Window::PreviousMonth, previous);
}

fn lists(account: &mut Account) {
    let commitment = |id: &str, start: &str, end: &str| {
        let (start, end) = (Some(at(start)), Some(at(end)));
        Commitment { id: id.into(), start, end, has_unknown_edge: false }
    };
    let totals = CommitmentTotals {
        commitments: vec![
            commitment("1", "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z"),
            commitment("2", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            commitment("3", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ],
        month_amounts: [(eur(), amount("229"))].into(),
        month_ends_at: at("2026-12-01T00:00:00Z"),
    };
    account.commitments = Some(Reading::new(totals, now(), DAY));
    let mut tasks = ReportTaskTotals::default();
    for (uuid, status, created_at, errors) in [
        ("0a-1", "Failed", "2026-11-22T11:00:00Z", 2),
        ("0b-2", "InProgress", "2026-11-22T09:00:00Z", 0),
        ("0c-3", "Completed", "2026-11-22T10:00:00Z", 3),
    ] {
        tasks.add(&task(uuid, status, created_at, errors));
    }
    account.reports = Some(Reading::new(tasks, now(), DAY));
    let subscription = |id: &str, feature: &str, end: &str, price: Option<&str>| Subscription {
        id: id.into(),
        client_id: "".into(),
        product: "CDN".into(),
        feature: feature.into(),
        calc_rule_type: "".into(),
        start: None,
        end: Some(at(end)),
        has_unknown_edge: false,
        price: price.map(amount),
        currency: "EUR".into(),
    };
    let subscriptions = vec![
        subscription("501", "traffic", "2026-11-27T12:00:00Z", Some("99.9")),
        subscription("502", "", "2026-11-20T12:00:00Z", None),
    ];
    account.subscriptions = Some(Reading::new(subscriptions, now(), DAY));
}

fn revision(group: Group, change: &str) -> (Series, Revision) {
    let first_day = Date::constant(2026, 11, 3);
    (Series { group, measure: "EUR".into() }, Revision { change: amount(change), first_day })
}

fn lost() -> Status {
    let refused = polled(Outcome::Unsupported, Some(Reason::Unsupported), "2026-11-22T10:00:00Z");
    Status { access_lost: true, ..refused }
}

#[test]
fn every_rule_says_what_is_wrong_in_these_words() {
    let budget = prod();
    let status = BudgetStatus {
        budget: budget.clone(),
        month: Date::constant(2026, 11, 1),
        actual: Some(amount("240")),
        forecast: Some(320.0),
        exhausted_at: Some(at("2026-11-19T06:00:00Z")),
        closed: [].into(),
        today: utc_date(now()),
    };
    let mut account = Account { names: names(), ..account() };
    let mut insights = Arc::unwrap_or_clone(insights(days(), vec![status]));
    insights.revisions = [revision(group(16, 7, "instance"), "12"), revision(group(17, 7, "volume"), "-2")].into();
    account.insights = Some(Arc::new(insights));
    spent(&mut account);
    lists(&mut account);
    let failed = |reason, last_success| polled(Outcome::Failed, Some(reason), last_success);
    account.collectors.extend([
        (Collector::Reports, failed(Reason::Timeout, "2026-11-22T11:00:00Z")),
        (Collector::Subscriptions, failed(Reason::RateLimited, "2026-11-22T11:50:00Z")),
        (Collector::Commitments, failed(Reason::Unauthorized, "2026-11-22T11:50:00Z")),
        (Collector::Cost, lost()),
    ]);
    let threshold = Threshold {
        name: "storage".into(),
        account: name(),
        selector: Selector { types: vec![ResourceType::new("volume")], ..Selector::default() },
        window: Window::MonthToDate,
        amount: amount("80"),
        currency: eur(),
        severity: "warning".into(),
        readings: 1,
        keep_firing_for: Duration::ZERO,
        labels: Labels::new(),
        annotations: Labels::new(),
    };
    let settings =
        Settings { budgets: vec![budget], thresholds: vec![threshold], series_limit: 3, ..Settings::default() };
    let failing = Delivery::Failing { since: at("2026-11-22T11:30:00Z"), reason: "connect" };
    let facts = Facts { store_is_writable: false, channels: [("webhook.ops".to_owned(), failing)].into(), ..facts() };

    let (mut said, mut own) = (String::new(), BTreeSet::new());
    for judgement in evaluate(&snapshot(account), &settings, &facts, now()) {
        let Verdict::Known { breaches, .. } = judgement.verdict else { continue };
        for Breach { labels, annotations, .. } in breaches {
            let (summary, description) = (&annotations["summary"], &annotations["description"]);
            own.extend(labels.keys().cloned());
            writeln!(said, "{} {}\n{summary}\n{description}\n", labels["alertname"], labels["severity"]).unwrap();
        }
    }
    let alertnames = Rule::ALL.map(|rule| rule.profile().alertname).into_iter().chain(["GcoreCostThreshold"]);
    let silent: Vec<_> = alertnames.filter(|name| !said.contains(&format!("{name} "))).collect();
    assert_eq!(silent, [""; 0], "rules that say nothing here");
    // The configuration refuses to set these labels.
    assert_eq!(own, LABELS.map(SmolStr::new_static).into(), "labels of the rules on the left");
    let expected = include_str!("texts.txt");
    let differs = said.lines().zip(expected.lines()).find(|(said, expected)| said != expected);
    assert_eq!(differs, None, "said on the left; all of it:\n{said}");
    assert!(said.trim_end() == expected.trim_end(), "more or less than expected is said:\n{said}");
}

//! Common behaviour of all rules: equal starts on all replicas, and the configuration.

use super::*;
use gcore_api::billing::record::UnpricedReason;

#[test]
fn what_the_data_do_not_date_begins_for_every_daemon_alike() {
    let series = |number| Series { group: group(number, 7, "instance"), measure: "EUR".into() };
    let revision = |number, day: &str| {
        (series(number), Revision { change: amount("50"), first_day: day.parse::<Date>().unwrap() })
    };
    let mut account = account();
    let insights = Arc::unwrap_or_clone(insights(Vec::new(), Vec::new()));
    let revisions = [revision(1, "2026-11-09"), revision(2, "2026-11-08")].into();
    account.insights = Some(Arc::new(Insights { revisions, ..insights }));
    let mut totals = ReportTaskTotals::default();
    totals.add(&ReportTask { updated_at: None, created_at: None, ..task("a", "Failed", "2026-11-22T11:00:00Z", 1) });
    // The API's clock may be a little ahead of this daemon's.
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

/// A limit of the costs of project 16 today.
fn threshold(limit: &str) -> Threshold {
    Threshold {
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
    }
}

#[test]
fn a_report_that_tells_no_costs_is_unknown_to_every_rule_about_costs() {
    let rules = ["spend_today", "new_spend", "threshold"];
    let judged = vec![judged(Subject::Account, 100.0, 100.0, false)];
    let settings = Settings { thresholds: vec![threshold("100")], ..Settings::default() };
    let known = |totals: CostTotals| -> Vec<_> {
        let mut account = account();
        account.insights = Some(insights(judged.clone(), Vec::new()));
        let reading = Reading::new(totals, now(), DAY);
        account.cost.insert(Window::Today, WindowReading::new(reading, Window::Today.period(now()), DAY));
        let judgements = evaluate(&snapshot(account), &settings, &facts(), now());
        let known = judgements.into_iter().filter(|judgement| !matches!(judgement.verdict, Verdict::Unknown));
        known.map(|judgement| judgement.scope.rule).filter(|rule| rules.contains(&rule.as_str())).collect()
    };
    let shown = CostTotals { price_status: Some("show".into()), ..CostTotals::default() };
    assert_eq!(known(shown.clone()).len(), rules.len(), "nothing was spent");
    let unpriced = [((ResourceType::new("instance"), UnpricedReason::NullCost), 3)].into();
    assert_eq!(known(CostTotals { unpriced, ..shown }), [""; 0], "no record has a price");
    let hidden = CostTotals { price_status: Some("hide".into()), ..CostTotals::default() };
    assert_eq!(known(hidden), [""; 0], "the API hides the prices");
}

#[test]
fn the_configuration_adds_mutes_and_limits() {
    let mut settings = Settings::default();
    let watchdog = settings.rules.get_mut(&Rule::Watchdog).unwrap();
    watchdog.labels = [("team".into(), "web".into())].into();
    watchdog.annotations = [("runbook_url".into(), "https://wiki.example/".into())].into();
    settings.rules.get_mut(&Rule::SeriesLimit).unwrap().enabled = false;
    settings.thresholds = ["100", "200", "220"].map(threshold).into();
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
    assert_eq!((limits[0].holds.readings, limits[0].holds.keep_firing_for), (3, DAY));
}

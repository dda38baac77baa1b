//! Insights of the whole daemon, from the history of the simulated account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, Window, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId};
use gcore_billing_exporter::account::AccountName;
use gcore_billing_exporter::collect::settings::{Method, Schedule};
use gcore_billing_exporter::insights::budget::{Budget, Selector};
use gcore_billing_exporter::snapshot::Collector;
use gcore_simulator::world::World;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;
use wiremock::{MockServer, Request};

use crate::harness::{
    COST, FakeClock, PROJECTS, REGIONS, TestApp, amount, asked, config, days, every, json, noon, refusal,
};
use crate::program::{Process, config_file, value};
use crate::prometheus::demo_config;

const HOUR: Duration = Duration::from_secs(3_600);

/// A budget of the simulated account.
pub(crate) fn budget(name: &str, amount: &str, projects: &[u64]) -> Budget {
    Budget {
        name: name.into(),
        account: "demo".parse::<AccountName>().unwrap(),
        selector: Selector { projects: projects.iter().copied().map(ProjectId).collect(), ..Selector::default() },
        amount: amount.parse().unwrap(),
        currency: Currency::new("EUR"),
    }
}

/// The daemon on the simulated account, after it has read the history.
pub(crate) async fn with_history(clock: Clock, interval: Duration, budgets: Vec<Budget>) -> (TestApp, World) {
    let (mut config, world) = demo_config(&clock, interval).await;
    let history = &mut config.collect.history;
    history.schedule = Schedule { enabled: true, interval, timeout: HOUR };
    (history.days, history.budgets) = (120, budgets);
    let app = TestApp::ready(&config, clock).await;
    let polled = "gcore_poll_last_success_timestamp_seconds{account=\"demo\",collector=\"history\"}";
    app.until(async || app.value(polled).await.is_some()).await;
    (app, world)
}

/// The sum in EUR over a ledger's groups of a project, or of all.
fn spent(world: &World, now: Timestamp, project: Option<u64>) -> Amount {
    let ledger = world.cost_ledger(days(Window::MonthToDate.period(now)), now);
    let groups = ledger
        .into_iter()
        .filter(|((of, _, _, currency), _)| currency == "EUR" && project.is_none_or(|project| *of == project));
    groups.fold(Amount::ZERO, |sum, (_, cost)| sum.checked_add(amount(cost)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_tells_anomalies_forecasts_and_budgets() {
    let now = noon();
    let budgets = vec![budget("all", "1000000", &[]), budget("shop", "0.01", &[41001])];
    let (app, world) = with_history(Clock::frozen(now), HOUR, budgets).await;

    // Only the spike of the last closed day is an anomaly.
    let spike = world.spikes().into_iter().find(|spike| spike.last.to_string() == "2026-11-21").unwrap();
    let (project, region, kind, _) = &spike.group;
    let answer = app.get("/api/v1/anomalies").await.text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let anomalies = answer["anomalies"].as_array().unwrap();
    let groups: Vec<&Value> = anomalies.iter().filter(|anomaly| anomaly["subject"].get("roll_up").is_none()).collect();
    assert_eq!(groups.len(), 1, "{answer:#}");
    let subject = &groups[0]["subject"];
    assert_eq!((subject["project_id"].as_u64(), subject["region_id"].as_u64()), (Some(*project), Some(*region)));
    assert_eq!(
        (subject["resource_type"].as_str(), groups[0]["day"].as_str()),
        (Some(kind.as_str()), Some("2026-11-21"))
    );
    explained_alike(&app, groups[0]).await;
    for roll_up in ["project", "resource_type", "account"] {
        let found = anomalies.iter().find(|anomaly| anomaly["subject"]["roll_up"] == roll_up);
        let contributor = &found.unwrap_or_else(|| panic!("{roll_up}: {answer:#}"))["contributors"][0];
        assert_eq!(contributor["group"], *subject, "{roll_up} is explained by the same group");
        assert!(contributor["share"].as_f64().unwrap() > 0.5, "{roll_up}");
    }
    let labels = format!("project_id=\"{project}\",region_id=\"{region}\",resource_type=\"{kind}\"");
    let series = |family: &str| format!("{family}{{account=\"demo\",currency=\"EUR\",{labels}}}");
    let number = async |series: String| -> f64 { app.value(&series).await.unwrap().parse().unwrap() };
    let [expected, upper, actual] = [
        number(series("gcore_anomaly_expected_amount")).await,
        number(series("gcore_anomaly_upper_amount")).await,
        number(series("gcore_anomaly_actual_amount")).await,
    ];
    assert!(expected < upper && upper < actual, "{expected} {upper} {actual}");
    assert!(number(series("gcore_anomaly_score")).await > 1.0);
    let text = app.metrics().await;
    let scores: Vec<&str> = text.lines().filter(|line| line.starts_with("gcore_anomaly_score")).collect();
    let above = scores.iter().filter(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 1.0);
    assert_eq!(above.count(), anomalies.len(), "the score tells an anomaly");
    let of_groups: Vec<_> = scores.iter().filter(|line| !line.contains("\"__all__\"")).collect();
    assert_eq!(of_groups.len(), 1, "a group has series only while it is out of the usual");
    assert!(scores.len() > 10, "roll-ups always have series");

    // Budgets are exact, and the forecast includes the costs so far.
    let budget = |family: &str, name: &str| {
        format!("gcore_budget_{family}{{account=\"demo\",budget=\"{name}\",currency=\"EUR\"}}")
    };
    for (name, project) in [("all", None), ("shop", Some(41001))] {
        let truth = spent(&world, now, project).to_f64();
        assert_eq!(number(budget("actual_amount", name)).await.to_bits(), truth.to_bits(), "{name}");
        assert!(number(budget("forecast_amount", name)).await > truth, "{name}: eight days are to come");
    }
    assert!(number(budget("used_ratio", "shop")).await > 1000.0);
    let used_up = number(budget("exhaustion_timestamp_seconds", "shop")).await;
    let month = "2026-11-01T00:00:00Z".parse::<Timestamp>().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
    let first_hours = month.as_second() as f64..(month + SignedDuration::from_hours(2)).as_second() as f64;
    assert!(first_hours.contains(&used_up), "a cent is gone at once: {used_up}");
    assert_eq!(app.value(&budget("exhaustion_timestamp_seconds", "all")).await, None);

    forecasts_are_believable(&app.metrics().await, &world);
    app.stop().await;
}

/// Compares the explanation of an anomaly with its numbers and with its alert.
async fn explained_alike(app: &TestApp, anomaly: &Value) {
    assert_eq!(anomaly["reason"], "above_band");
    let explanation = anomaly["explanation"].as_str().unwrap();
    let upper = anomaly["upper"].as_f64().unwrap();
    assert!(explanation.contains(&format!(", at most {upper:.2} (")), "{explanation}");
    let alerts = app.get("/api/v1/alerts").await.text().await.unwrap();
    assert!(alerts.contains(explanation), "the alert explains it otherwise: {explanation}\n{alerts}");
}

/// Compares the forecasts with each project's simulated costs of the whole month.
fn forecasts_are_believable(text: &str, world: &World) {
    let month = Period::new("2026-11-01".parse().unwrap(), "2026-12-01".parse().unwrap()).unwrap();
    let mut truth = BTreeMap::<(u64, String), Amount>::new();
    for ((project, _, _, currency), cost) in world.cost_ledger(days(month), "2026-12-05T00:00:00Z".parse().unwrap()) {
        let sum = truth.entry((project, currency)).or_default();
        *sum = sum.checked_add(amount(cost)).unwrap();
    }
    let forecasts = |family: &str| -> BTreeMap<(u64, String), f64> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{')?.rsplit_once("} "));
        let label = |labels: &str, name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        let key = |labels: &str| (label(labels, "project_id").parse().unwrap(), label(labels, "currency"));
        lines.map(|(labels, value)| (key(labels), value.parse().unwrap())).collect()
    };
    let estimates = forecasts("gcore_cost_month_forecast_amount");
    let lower = forecasts("gcore_cost_month_forecast_lower_amount");
    let upper = forecasts("gcore_cost_month_forecast_upper_amount");
    assert!(estimates.len() > 8, "{estimates:?}");
    let (mut close, mut caught) = (0, 0);
    for (key, estimate) in &estimates {
        let truth = truth.get(key).copied().unwrap_or_default().to_f64();
        let band = lower[key]..=upper[key];
        assert!(band.contains(estimate), "{key:?}: {estimate} is not within {band:?}");
        close += usize::from((estimate - truth).abs() <= 0.05 * truth);
        caught += usize::from(band.contains(&truth));
    }
    // Closed days do not show a job that starts or ends today, such as a training run.
    let all = estimates.len();
    assert!(5 * close >= 4 * all && 3 * caught >= 2 * all, "{close} of {all} are close, {caught} within their bands");
}

#[tokio::test]
async fn a_month_takes_its_forecasts_with_it_and_the_next_poll_brings_new_ones() {
    let api = MockServer::start().await;
    let report = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let day = |key: &str| body[key].as_str().unwrap()[..10].parse::<Date>().unwrap();
        let days = (day("time_to") - day("time_from")).get_days() + i32::from(body["enable_last_day"] == true);
        json(&format!(
            r#"{{"count": 1, "price_status": "show", "results": [{{"type": "instance", "cost": {days}0,
                "currency": "EUR", "project_id": 101, "region_id": 7}}]}}"#
        ))
    };
    asked(COST).respond_with(report).mount(&api).await;
    let hands = FakeClock::at("2026-11-30T23:59:59Z".parse().unwrap());
    let mut collect = every(Duration::from_secs(1), &[Collector::Cost, Collector::History]);
    collect.cost_method = Method::Resources;
    collect.cost.windows = vec![Window::MonthToDate];
    collect.history.budgets = vec![Budget { account: "main".parse().unwrap(), ..budget("all", "1000", &[]) }];
    let app = TestApp::start(&config(&api.uri(), collect), hands.clock()).await;

    let project = r#"{account="main",project_id="101",project_name="101",currency="EUR"}"#;
    let budget = r#"{account="main",budget="all",currency="EUR"}"#;
    let families = [
        format!("gcore_cost_month_forecast_amount{project}"),
        format!("gcore_budget_forecast_amount{budget}"),
        format!("gcore_budget_actual_amount{budget}"),
        format!("gcore_budget_used_ratio{budget}"),
    ];
    let november = ["300.00", "300.00", "300.00", "0.30"];
    let december = ["310.00", "310.00", "10.00", "0.01"];
    let told = async || -> Vec<Option<String>> {
        let metrics = app.metrics().await;
        assert_eq!(value(&metrics, &format!("gcore_budget_limit_amount{budget}")).as_deref(), Some("1000"));
        let rounded = |value: String| format!("{:.2}", value.parse::<f64>().unwrap());
        families.iter().map(|series| value(&metrics, series).map(rounded)).collect()
    };
    let limit = format!("gcore_budget_limit_amount{budget}");
    app.until(async || app.value(&limit).await.is_some()).await;
    app.until(async || told().await.iter().map(Option::as_deref).eq(november.map(Some))).await;
    hands.set("2026-12-01T00:00:00Z".parse().unwrap());
    app.until(async || {
        let told = told().await;
        let old = told.iter().zip(november).filter(|(now, before)| now.as_deref() == Some(before)).count();
        assert_eq!(old, 0, "{told:?}");
        told.iter().map(Option::as_deref).eq(december.map(Some))
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_budget_that_no_cost_can_meet_is_named_once_every_day_and_the_names_are_known() {
    const SLOW: Duration = Duration::from_millis(150);
    let api = MockServer::start().await;
    let (names_are_there, today) = (Arc::new(AtomicBool::new(false)), utc_date(Clock::system().now()));
    let report = move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let day: Date = body["time_from"].as_str().unwrap()[..10].parse().unwrap();
        let is_recent = day >= today.saturating_sub(1.day());
        // A currency only of the earliest days. It appears after one or two polls of the history that ran out of time.
        let currency = if day < today.saturating_sub(20.days()) { "USD" } else { "EUR" };
        let row = format!(
            r#"{{"count": 1, "price_status": "show", "results": [{{"type": "instance", "cost": 0.1,
                "currency": "{currency}", "project_id": 101, "region_id": 7}}]}}"#
        );
        json(&row).set_delay(if is_recent { Duration::ZERO } else { SLOW })
    };
    asked(COST).respond_with(report).mount(&api).await;
    for (endpoint, page) in
        [(PROJECTS, include_str!("pages/projects.json")), (REGIONS, include_str!("pages/regions.json"))]
    {
        let are_there = Arc::clone(&names_are_there);
        let names = move |_: &Request| if are_there.load(SeqCst) { json(page) } else { refusal(404) };
        asked(endpoint).respond_with(names).mount(&api).await;
    }
    let budgets = "
        [[alerts.budget]]\nname = 'typo'\namount = 5\ncurrency = 'EUX'\nprojects = [4711]
        [[alerts.budget]]\nname = 'early'\namount = 5\ncurrency = 'USD'\nprojects = [101]
        [[alerts.budget]]\nname = 'fine'\namount = 5\ncurrency = 'EUR'\nprojects = [101]\n";
    let config = config_file(&api.uri(), "", &["cost", "names", "history"]);
    let text = std::fs::read_to_string(config.path()).unwrap();
    let text = text.replace("[collect.cost]", "[collect.cost]\nwindows = ['yesterday']\nmethod = 'resources'");
    let text = text.replace("[collect.history]", "[collect.history]\ntimeout = '1s'");
    std::fs::write(config.path(), text + budgets).unwrap();
    let daemon = Process::serving(config, &[]);
    daemon.until(async || daemon.log().contains("no cost is in the currency")).await;
    names_are_there.store(true, SeqCst);
    daemon.until(async || daemon.log().contains("the budget names a project")).await;
    let log = daemon.stop().await.stderr;
    let said: Vec<&str> = log.lines().filter(|line| line.contains("budget")).collect();
    assert_eq!(said.len(), 2, "{log}");
    let currency = "no cost is in the currency of the budget; there is EUR, USD";
    assert!(said[0].contains("budget=typo") && said[0].contains(currency), "{log}");
    assert!(said[1].contains("budget=typo") && said[1].contains("project_id=4711"), "{log}");
}

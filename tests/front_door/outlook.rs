//! What the history says, through the front door: the simulated account's past, read day by day.

use std::collections::BTreeMap;
use std::time::Duration;

use gcore_billing_exporter::billing::account::AccountName;
use gcore_billing_exporter::billing::amount::Amount;
use gcore_billing_exporter::billing::period::Window;
use gcore_billing_exporter::billing::resource::{Currency, ProjectId};
use gcore_billing_exporter::clock::Clock;
use gcore_billing_exporter::collect::settings::Schedule;
use gcore_billing_exporter::demo::world::World;
use gcore_billing_exporter::outlook::budget::{Budget, Selector};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use wiremock::MockServer;

use crate::harness::{COST, COST_TOTALS, TestApp, asked, json, mount_names, noon};
use crate::program::{Process, config_file};
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

/// The daemon on the simulated account, once it has read the whole past.
pub(crate) async fn with_history(clock: Clock, interval: Duration, budgets: Vec<Budget>) -> (TestApp, World) {
    let (mut config, world) = demo_config(&clock, interval).await;
    let history = &mut config.collect.history;
    history.schedule = Schedule { enabled: true, interval, timeout: HOUR };
    (history.days, history.budgets) = (120, budgets);
    let app = TestApp::ready(&config, clock).await;
    let polled = "gcore_poll_last_success_timestamp_seconds{account=\"demo\",collector=\"history\"}";
    app.until_within(Duration::from_secs(120), async || app.value(polled).await.is_some()).await;
    (app, world)
}

/// The sum of EUR over a ledger's groups of a project, or of all.
fn spent(world: &World, now: Timestamp, project: Option<u64>) -> Amount {
    let ledger = world.cost_ledger(Window::MonthToDate.period(now), now);
    let groups = ledger
        .into_iter()
        .filter(|((of, _, _, currency), _)| currency == "EUR" && project.is_none_or(|project| *of == project));
    groups.fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(amount).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_tells_anomalies_forecasts_and_budgets() {
    let now = noon();
    let budgets = vec![budget("all", "1000000", &[]), budget("shop", "0.01", &[41001])];
    let (app, world) = with_history(Clock::frozen(now), HOUR, budgets).await;

    // The spike of the last closed day, and nothing that is usual.
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
    let scores = app.metrics().await;
    let above = scores.lines().filter(|line| {
        line.starts_with("gcore_anomaly_score") && line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 1.0
    });
    assert_eq!(above.count(), anomalies.len(), "the score tells an anomaly");

    // Budgets to the last digit, and a forecast that knows what was spent already.
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

    forecasts_lie_within_their_bands(&app.metrics().await);
    app.stop().await;
}

fn forecasts_lie_within_their_bands(text: &str) {
    let forecasts = |family: &'static str, text: &str| -> BTreeMap<String, f64> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(family)?.strip_prefix('{'));
        lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(l, v)| (l.to_owned(), v.parse().unwrap())).collect()
    };
    let estimates = forecasts("gcore_cost_month_forecast_amount", text);
    let lower = forecasts("gcore_cost_month_forecast_lower_amount", text);
    let upper = forecasts("gcore_cost_month_forecast_upper_amount", text);
    assert!(estimates.len() > 8, "{estimates:?}");
    for (labels, estimate) in &estimates {
        assert!(lower[labels] <= *estimate && *estimate <= upper[labels], "{labels}");
    }
}

#[tokio::test]
async fn a_budget_that_no_cost_can_meet_is_named() {
    let api = MockServer::start().await;
    mount_names(&api).await;
    let row = r#"{"count": 1, "price_status": "show", "results": [{"type": "instance", "cost": 0.1, "currency": "EUR",
        "err": null, "project_id": 101, "region_id": 7, "uuid": "0a"}]}"#;
    asked(COST).respond_with(json(row)).mount(&api).await;
    asked(COST_TOTALS).respond_with(json(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let budgets = "
        [[alerts.budget]]\nname = 'typo'\namount = 5\ncurrency = 'EUX'\nprojects = [4711]
        [[alerts.budget]]\nname = 'fine'\namount = 5\ncurrency = 'EUR'\nprojects = [101]\n";
    let config = config_file(&api.uri(), "", &["cost", "names", "history"]);
    let text = std::fs::read_to_string(config.path()).unwrap() + budgets;
    std::fs::write(config.path(), text).unwrap();
    let daemon = Process::serving(config, &[]);
    daemon.until(async || daemon.log().contains("the budget names a project")).await;
    let log = daemon.stop().await.stderr;
    let said: Vec<&str> = log.lines().filter(|line| line.contains("budget")).collect();
    assert_eq!(said.len(), 2, "{log}");
    assert!(
        said[0].contains("budget=typo") && said[0].contains("no cost is in the currency of the budget; there is "),
        "{log}"
    );
    assert!(said[1].contains("budget=typo") && said[1].contains("project_id=4711"), "{log}");
}

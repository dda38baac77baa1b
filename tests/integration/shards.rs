//! Several daemons that share the series of the same accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::collect::settings::{Details, Schedule};
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::store::alerts::OutboxRow;
use gcore_billing_exporter::store::{Settings, Store};
use prometheus::Registry;
use serde_json::Value;
use wiremock::MockServer;

use crate::delivery::{received, taking, until};
use crate::harness::{COST, Listener, TestApp, asked, json, mount_names, noon};
use crate::insights::budget;
use crate::program::{Process, config_file, config_flag, finish, program, value};
use crate::prometheus::{Prometheus, demo_config};

const HOUR: Duration = Duration::from_secs(3_600);

/// The beginnings of the families that every shard has of itself.
const OWN: [&str; 15] = [
    "process_",
    "gcore_alert",
    "gcore_api_",
    "gcore_collector_",
    "gcore_config_",
    "gcore_exporter_",
    "gcore_history_",
    "gcore_notification",
    "gcore_poll",
    "gcore_rejected_",
    "gcore_report_task_failures_total",
    "gcore_series",
    "gcore_shards",
    "gcore_store_",
    "gcore_up",
];

/// The simulated account with everything that can be exported.
async fn everything(clock: &Clock) -> Config {
    let (mut config, _) = demo_config(clock, HOUR).await;
    config.collect.history.schedule = Schedule { enabled: true, interval: HOUR, timeout: HOUR };
    config.collect.history.days = 45;
    config.collect.history.budgets = vec![budget("all", "1000", &[]), budget("shop", "1", &[41001])];
    config.collect.cost_details = Details { tag_keys: vec!["env".into()], top_resources: 5 };
    config.metrics.anomaly_groups = true;
    config
}

/// A daemon that is this shard of the configuration.
async fn shard(config: &Config, shard: &str, clock: &Clock) -> TestApp {
    let mut config = config.clone();
    config.metrics.shard = shard.parse().unwrap();
    TestApp::ready(&config, clock.clone()).await
}

/// Waits until a daemon has read the history.
async fn until_history(app: &TestApp) {
    let polled = "gcore_poll_last_success_timestamp_seconds{account=\"demo\",collector=\"history\"}";
    app.until(async || app.value(polled).await.is_some()).await;
}

/// The series about the accounts with their values.
fn business(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !OWN.iter().any(|own| line.starts_with(own)));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(series, value)| (series.into(), value.into())).collect()
}

/// The names of the families in a text.
fn families<'a>(series: impl IntoIterator<Item = &'a String>) -> BTreeSet<&'a str> {
    series.into_iter().map(|series| series.split('{').next().unwrap()).collect()
}

async fn api(app: &Listener, path: &str) -> Value {
    serde_json::from_str(&app.get(path).await.text().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shards_together_serve_what_one_daemon_serves() {
    let clock = Clock::frozen(noon());
    let config = everything(&clock).await;
    let whole = TestApp::ready(&config, clock.clone()).await;
    let shards =
        [shard(&config, "1/3", &clock).await, shard(&config, "2/3", &clock).await, shard(&config, "3/3", &clock).await];
    until_history(&whole).await;
    let want = business(&whole.metrics().await);
    let mut union = BTreeMap::new();
    for (app, number) in shards.iter().zip(1..) {
        until_history(app).await;
        let text = app.metrics().await;
        let own = business(&text);
        for family in ["gcore_cost_month_to_date_amount", "gcore_usage_today_billing_value", "gcore_project_info"] {
            assert!(families(own.keys()).contains(family), "shard {number} has {family}");
        }
        for (series, value) in own {
            assert_eq!(union.insert(series.clone(), value), None, "{series} is in two shards");
        }
        assert_eq!(value(&text, &format!("gcore_shards{{shard=\"{number}\"}}")).as_deref(), Some("3"));
        assert_eq!(value(&text, "gcore_up{account=\"demo\",collector=\"cost\"}").as_deref(), Some("1"), "{number}");
    }
    assert_eq!(union, want, "the shards on the left, one daemon on the right");
    for family in [
        "gcore_anomaly_score",
        "gcore_cost_month_forecast_amount",
        "gcore_budget_limit_amount",
        "gcore_resource_cost_month_to_date_amount",
        "gcore_tag_cost_month_to_date_amount",
        "gcore_subscriptions",
    ] {
        assert!(families(want.keys()).contains(family), "{family} is compared");
    }
    assert!(!whole.metrics().await.contains("gcore_shards"), "a daemon alone is no shard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_shard_judges_and_every_shard_shows_the_whole_account() {
    let clock = Clock::frozen(noon());
    let config = everything(&clock).await;
    let (first, other) = (shard(&config, "1/2", &clock).await, shard(&config, "2/2", &clock).await);
    until_history(&first).await;
    until_history(&other).await;
    first.until(async || first.metrics().await.contains("\ngcore_alerts{alertname=\"GcoreBudgetUsed\"")).await;

    let text = other.metrics().await;
    assert_eq!(text.lines().filter(|line| line.contains("gcore_alert") || line.contains("gcore_budget")).count(), 0);
    let answers = [api(&first, "/api/v1/alerts").await, api(&other, "/api/v1/alerts").await];
    assert_eq!((&answers[0]["judged"], &answers[0]["shard"]), (&true.into(), &"1/2".into()));
    assert_eq!((&answers[1]["judged"], &answers[1]["shard"]), (&false.into(), &"2/2".into()));
    assert_eq!(answers[1]["alerts"].as_array().unwrap().len(), 0);
    let status = [api(&first, "/api/v1/status").await, api(&other, "/api/v1/status").await];
    assert!(status[0]["alerts"].is_object() && status[1]["alerts"].is_null(), "{status:?}");
    assert_eq!((&status[0]["shard"], &status[1]["shard"]), (&"1/2".into(), &"2/2".into()));

    for path in ["/api/v1/costs?group_by=project,region,resource_type", "/api/v1/budgets", "/api/v1/forecasts"] {
        assert_eq!(api(&first, path).await, api(&other, path).await, "{path}");
    }
    for path in ["/", "/alerts", "/alerts/0123456789abcdef", "/projects/41001"] {
        let page = other.get(path).await.text().await.unwrap();
        let note = "Unknown here: this is shard 2/2, and the first shard evaluates the alerts.";
        assert!(page.contains(note) && !page.contains("has probably ended"), "{path}: {page}");
        let page = first.get(path).await.text().await.unwrap();
        assert!(!page.contains("Unknown here") && page.contains("shard 1/2"), "{path}: {page}");
    }
    let url = format!("--alerts.url={}", other.url);
    let said = finish(program(&["alerts", &url])).await;
    assert_eq!((said.code, &*said.stdout), (Some(3), "this is shard 2/2; the first shard has the alerts\n"));
}

/// The costs of today by project, without the digits that floats add.
fn costs(text: &str) -> BTreeMap<String, f64> {
    let costs = business(text).into_iter().filter(|(series, _)| series.starts_with("gcore_cost_today_amount{"));
    costs.map(|(series, value)| (series, value.parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_shard_folds_beyond_its_own_limit_into_a_series_of_its_own() {
    let clock = Clock::frozen(noon());
    let (config, _) = demo_config(&clock, HOUR).await;
    let whole = TestApp::ready(&config, clock.clone()).await;
    let all = costs(&whole.metrics().await);
    let mut limited = config.clone();
    limited.metrics.series_limit = 6;
    let (mut union, mut groups) = (BTreeMap::new(), 0);
    for (name, other) in [("1/2", "__other__"), ("2/2", "__other_2__")] {
        let app = shard(&limited, name, &clock).await;
        let text = app.metrics().await;
        let own = costs(&text);
        let is_folded = |series: &&String| series.contains(&format!("project_id=\"{other}\",project_name=\"{other}\""));
        let folded = own.keys().filter(is_folded).count();
        assert!(own.len() <= 6 && folded > 0, "{name}: {own:?}");
        let dropped = value(&text, "gcore_series_dropped{family=\"gcore_cost_today_amount\"}").unwrap();
        groups += own.len() - folded + dropped.parse::<usize>().unwrap();
        for (series, cost) in own {
            assert_eq!(union.insert(series.clone(), cost), None, "{series} is in two shards");
        }
    }
    assert_eq!(groups, all.len(), "each group is kept or dropped by one shard");
    let sum = |costs: &BTreeMap<String, f64>, currency: &str| -> f64 {
        costs.iter().filter(|(series, _)| series.contains(currency)).map(|(_, cost)| cost).sum()
    };
    for currency in ["EUR", "USD"] {
        let (parts, one) = (sum(&union, currency), sum(&all, currency));
        assert!(one > 0.0 && (parts - one).abs() < 1e-6, "{currency}: {parts} of {one}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_adds_the_shards_up_to_the_whole() {
    let clock = Clock::frozen(noon());
    let config = everything(&clock).await;
    let whole = TestApp::ready(&config, clock.clone()).await;
    let (first, other) = (shard(&config, "1/2", &clock).await, shard(&config, "2/2", &clock).await);
    for app in [&whole, &first, &other] {
        until_history(app).await;
    }
    let alone = Prometheus::scraping(&whole).await;
    let shared = Prometheus::scraping_all(&[&first, &other], "").await;
    for query in [
        "account:gcore_cost_month_to_date_amount:sum",
        "account_project:gcore_cost_yesterday_amount:sum",
        "account_project_region:gcore_cost_today_amount:sum",
        "account_project:gcore_project_info:name",
        "account_region:gcore_region_info:name",
        "gcore:anomaly_excess:found",
        "project:gcore_anomaly_expected_amount:usual",
        "ALERTS{alertname=~\"GcoreBudgetUsed|GcoreSpendAnomaly|GcoreCommitmentActive\"}",
    ] {
        // A rounded text, because the order of a float sum is not fixed.
        let found = async |prometheus: &Prometheus| {
            let found = prometheus.query(query).await;
            found.into_iter().map(|(labels, value)| (labels, format!("{value:.5}"))).collect::<BTreeMap<_, _>>()
        };
        let is_equal = async || {
            let want = found(&alone).await;
            !want.is_empty() && found(&shared).await == want
        };
        until(query, is_equal).await;
    }
}

#[tokio::test]
async fn a_shard_tells_no_channel_and_stays_a_shard_after_a_reload() {
    let (api, receiver) = (MockServer::start().await, taking().await);
    asked(COST).respond_with(json(include_str!("pages/cost_1.json"))).mount(&api).await;
    mount_names(&api).await;
    let (config, folder) = (config_file(&api.uri(), "", &["names"]), tempfile::tempdir().unwrap());
    let store_path = folder.path().join("state.db");
    let mut text = std::fs::read_to_string(config.path()).unwrap();
    text += &format!("[notify.webhook.ops]\nurl = '{}'\n", receiver.uri());
    let text = text.replace("path = \"\"", &format!("path = '{}'", store_path.display()));
    std::fs::write(config.path(), &text).unwrap();
    let open = || Store::open(&Settings { path: Some(store_path.clone()) }, &Registry::new()).unwrap();
    let message = OutboxRow {
        channel: "webhook.ops".into(),
        fingerprint: 1,
        notification_id: "a message of the first shard".into(),
        body: "{}".into(),
        created_at: noon(),
        due_at: noon(),
    };
    open().commit_alerts(Vec::new(), vec![message]).await.unwrap();
    let path = config.path().to_owned();
    let daemon = Process::serving(config, &["--shard=2/3"]);
    let listener = Listener::new(daemon.url().await);
    assert!(daemon.log().contains("the first shard judges the alerts and sends them"), "{}", daemon.log());
    assert!(daemon.log().contains("shard=2/3"), "{}", daemon.log());
    listener.until_ready().await;

    std::fs::write(path, text.replace("interval = '1s'", "interval = '2s'")).unwrap();
    daemon.signal("HUP").await;
    daemon.until(async || daemon.log().contains("the configuration is reloaded")).await;
    listener
        .until(async || {
            listener.value("gcore_poll_interval_seconds{account=\"main\",collector=\"names\"}").await.as_deref()
                == Some("2")
        })
        .await;
    assert_eq!(listener.value("gcore_shards{shard=\"2\"}").await.as_deref(), Some("3"));
    let text = listener.metrics().await;
    assert!(!text.contains("gcore_notification_queue_length"), "{text}");
    daemon.stop().await;
    // The watchdog's alert fires from the first evaluation on.
    assert_eq!(received(&receiver).await.len(), 0);
    let heads = open().outbox_heads("webhook.ops".into(), noon(), 9).await.unwrap();
    assert_eq!(heads.waiting, 1, "what the first shard has to send still waits in the store");
}

#[tokio::test]
async fn once_prints_the_series_of_a_shard() {
    let api = MockServer::start().await;
    mount_names(&api).await;
    let config = config_file(&api.uri(), "", &["names"]);
    let mut projects = Vec::new();
    for shard in ["1/2", "2/2"] {
        let ended = finish(program(&["once", &config_flag(&config), &format!("--shard={shard}")])).await;
        assert_eq!(ended.code, Some(0), "{shard}: {}", ended.stderr);
        let is_first = shard == "1/2";
        assert_eq!(ended.stdout.contains("\ngcore_region_info{"), is_first, "{shard}: {}", ended.stdout);
        projects.extend(ended.stdout.lines().filter(|line| line.starts_with("gcore_project_info{")).map(str::to_owned));
    }
    let ended = finish(program(&["once", &config_flag(&config)])).await;
    let mut all: Vec<_> = ended.stdout.lines().filter(|line| line.starts_with("gcore_project_info{")).collect();
    projects.sort();
    all.sort_unstable();
    assert!(!all.is_empty());
    assert_eq!(projects, all, "the shards on the left, all on the right");
}

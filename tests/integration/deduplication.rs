//! The daemon and Prometheus evaluate the same account and send to one Alertmanager.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::alert::rule::Rule;
use gcore_billing_exporter::snapshot::Collector;
use jiff::ToSpan as _;
use serde_json::{Value, json};
use wiremock::{MockServer, Request};

use crate::alertmanager::Real;
use crate::dashboard::some_time_today;
use crate::delivery::{alertmanagers, until};
use crate::harness::{SUBSCRIPTIONS, TestApp, asked, config, every, http, json as answer};
use crate::insights::budget;
use crate::prometheus::{Prometheus, demo_config, shipped_rules};

const HOUR: Duration = Duration::from_secs(3_600);

type Labels = BTreeMap<String, String>;

fn labels(alert: &Value) -> Labels {
    serde_json::from_value(alert["labels"].clone()).unwrap()
}

/// A Prometheus with the shipped rules that sends to `real`, without its external label, as in docs/runbooks.md.
async fn judging(app: &TestApp, real: &Real) -> Prometheus {
    let alertmanager = real.url();
    let more = format!(
        "alerting:\n  alert_relabel_configs:\n    - {{source_labels: [alertname], regex: 'Gcore.*', target_label: cluster, \
         replacement: ''}}\n  alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]\n",
        alertmanager.trim_start_matches("http://")
    );
    Prometheus::scraping_with(app, &more).await
}

/// The firing alerts of Prometheus.
async fn firing(prometheus: &Prometheus) -> BTreeSet<Labels> {
    let alerts = prometheus.api("alerts", &[]).await;
    let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
    alerts.iter().filter(|alert| alert["state"] == "firing").map(labels).collect()
}

/// The number of notifications for the start of each alert.
async fn told(real: &Real, status: &str) -> BTreeMap<Labels, usize> {
    let mut told = BTreeMap::new();
    for alert in real.alerts().await.iter().filter(|alert| alert["status"] == status) {
        *told.entry(labels(alert)).or_default() += 1;
    }
    told
}

/// The alerts in Alertmanager.
async fn held(real: &Real) -> BTreeMap<Labels, Value> {
    real.held().await.into_iter().map(|alert| (labels(&alert), alert)).collect()
}

/// Waits until Alertmanager has these alerts from Prometheus too. An alert's link is that of the last sender, and both
/// sides send all alerts every minute.
async fn until_sent_by_prometheus(app: &TestApp, real: &Real, alerts: &BTreeSet<Labels>) {
    for alert in alerts {
        let is_linked = async || {
            let held = held(real).await;
            let url = held.get(alert).and_then(|alert| alert["generatorURL"].as_str());
            url.is_some_and(|url| url.contains("/graph?g0.expr="))
        };
        app.until(is_linked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_both_judge_is_told_once() {
    let real = Real::with_the_shipped_rules().await;
    let clock = some_time_today();
    let (mut config, _) = demo_config(&clock, HOUR).await;
    let history = &mut config.collect.history;
    (history.schedule, history.days) = (config.collect.cost.schedule, 60);
    history.schedule.timeout = HOUR;
    history.budgets = vec![budget("shop", "0.01", &[41001])];
    config.alerts.budgets.clone_from(&history.budgets);
    config.notify = alertmanagers(&[&real.url()]);
    let app = TestApp::ready(&config, clock).await;
    let both = [
        "GcoreSpendAnomaly",
        "GcoreBudgetUsed",
        "GcoreReportTaskFailed",
        "GcoreReportTaskStuck",
        "GcoreSubscriptionExpiring",
    ];
    let names = |alerts: &BTreeSet<Labels>| -> BTreeSet<String> {
        alerts.iter().map(|labels| labels["alertname"].clone()).collect()
    };
    let has_all = |alerts: &BTreeSet<Labels>| both.iter().all(|name| names(alerts).contains(*name));
    app.until(async || has_all(&told(&real, "firing").await.into_keys().collect())).await;

    let prometheus = judging(&app, &real).await;
    app.until(async || has_all(&firing(&prometheus).await)).await;
    let shipped = firing(&prometheus).await;
    until_sent_by_prometheus(&app, &real, &shipped).await;
    let list: Value = serde_json::from_str(&app.get("/api/v1/alerts").await.text().await.unwrap()).unwrap();
    let native: BTreeSet<Labels> = list["alerts"].as_array().unwrap().iter().map(labels).collect();
    let held = held(&real).await;
    for alert in shipped.difference(&native) {
        assert!(alert["alertname"].starts_with("GcoreReportTask"), "the daemon has no such alert: {alert:?}");
        assert_eq!(held[alert]["status"]["state"], "suppressed", "the daemon names the task: {alert:?}");
    }
    let told = told(&real, "firing").await;
    assert!(told.values().all(|times| *times == 1), "told twice: {told:#?}");
    assert!(told.keys().all(|alert| native.contains(alert)), "told by Prometheus besides: {told:#?}");
    // Alertmanager's inhibition may be late for a step that was reached long ago, so its own status decides.
    let stands = |alert: &&Labels| held[*alert]["status"]["state"] == "active";
    let steps: Vec<&String> = held.keys().filter(stands).filter_map(|alert| alert.get("step")).collect();
    assert_eq!(steps, ["100", "120"], "of a budget, the critical steps");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_both_judge_ends_once() {
    let (real, api) = (Real::with_the_shipped_rules().await, MockServer::start().await);
    let now = Clock::system().now();
    let is_renewed = Arc::new(AtomicBool::new(false));
    let renewed = Arc::clone(&is_renewed);
    asked(SUBSCRIPTIONS)
        .respond_with(move |_: &Request| {
            let hours = if renewed.load(Ordering::Relaxed) { 24 * 300 } else { 24 * 3 };
            let end = now + hours.hours();
            answer(
                &json!({ "count": 1, "results": [{ "id": 31, "client_id": 9, "price": "1",
                    "active_range": { "start": "2026-01-01T00:00:00Z", "end": end.to_string() },
                    "product": { "name": "Cloud" }, "feature": { "name": "Bare metal" } }] })
                .to_string(),
            )
        })
        .mount(&api)
        .await;
    let mut config = config(&api.uri(), every(Duration::from_millis(200), &[Collector::Subscriptions]));
    config.notify = alertmanagers(&[&real.url()]);
    let app = TestApp::ready(&config, Clock::system()).await;
    let prometheus = judging(&app, &real).await;
    app.until(async || !firing(&prometheus).await.is_empty() && !told(&real, "firing").await.is_empty()).await;
    until_sent_by_prometheus(&app, &real, &firing(&prometheus).await).await;
    let held = held(&real).await;
    let held: Vec<&Labels> = held.keys().filter(|alert| alert["alertname"] != "GcoreWatchdog").collect();
    assert_eq!(held.len(), 1, "{held:?}");
    is_renewed.store(true, Ordering::Relaxed);
    app.until(async || firing(&prometheus).await.is_empty()).await;
    until("an end", async || told(&real, "resolved").await.len() == 1).await;
    let words = real.told().await.into_iter().filter(|told| !told.starts_with("GcoreWatchdog"));
    assert_eq!(words.collect::<Vec<_>>(), ["GcoreSubscriptionExpiring firing", "GcoreSubscriptionExpiring resolved"]);
    app.stop().await;
}

/// Every alert of both sides, in every severity, for the same labels.
#[tokio::test]
async fn no_lesser_severity_silences_a_critical_alert() {
    let real = Real::with_the_shipped_rules().await;
    let rules: String = shipped_rules().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let shipped = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let names: BTreeSet<&str> = shipped.chain(Rule::ALL.map(|rule| rule.profile().alertname)).collect();
    let about = json!({ "account": "main", "project_id": "__all__", "currency": "EUR", "budget": "prod",
        "task_type": "Report", "collector": "cost", "subscription_id": "1" });
    let mut alerts = Vec::new();
    for name in &names {
        for severity in ["critical", "warning", "info"] {
            let mut labels = about.clone();
            labels["alertname"] = (*name).into();
            labels["severity"] = severity.into();
            if severity != "critical" {
                labels["report_uuid"] = "1".into();
            }
            alerts.push(json!({ "labels": labels }));
        }
    }
    let sent = http().post(format!("{}/api/v2/alerts", real.url())).header("content-type", "application/json");
    let sent = sent.body(json!(alerts).to_string()).send().await.unwrap();
    assert!(sent.status().is_success());
    // An alert of lower severity is inhibited, so the rules work.
    let is_silenced = |name: &str, severity: &str, held: &[Value]| {
        let is = |alert: &&Value| alert["labels"]["alertname"] == name && alert["labels"]["severity"] == severity;
        held.iter().find(is).is_some_and(|alert| alert["status"]["state"] == "suppressed")
    };
    until("a silence", async || is_silenced("GcoreSpendAboveMedian", "warning", &real.held().await)).await;
    let held = real.held().await;
    for name in names {
        assert!(!is_silenced(name, "critical", &held), "{name}");
    }
}

//! Alerts of the whole daemon on the simulated account, before and after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::delivery::{stories, taking, webhook, webhooks};
use crate::harness::{FakeClock, Listener, REPORTS, TestApp, asked, config, every, json, noon};
use crate::prometheus::demo_config;

const HOUR: Duration = Duration::from_secs(3_600);

/// The alerts of `/api/v1/alerts` by fingerprint. `None` before the first evaluation.
pub(crate) async fn alerts(app: &Listener) -> Option<BTreeMap<String, Value>> {
    let text = app.get("/api/v1/alerts").await.text().await.unwrap();
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(alerts) = answer["alerts"].take() else { panic!("{text}") };
    let alerts = alerts.into_iter().map(|alert| (alert["fingerprint"].as_str().unwrap().to_owned(), alert));
    answer["judged"].as_bool().unwrap().then(|| alerts.collect())
}

pub(crate) fn named<'a>(alerts: &'a BTreeMap<String, Value>, name: &str) -> Vec<&'a Value> {
    alerts.values().filter(|alert| alert["labels"]["alertname"] == name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulated_account_has_alerts_that_outlive_the_daemon() {
    let (now, folder) = (noon(), TempDir::new().unwrap());
    let clock = Clock::frozen(now);
    let (mut config, world) = demo_config(&clock, HOUR).await;
    config.storage.path = Some(folder.path().join("state.db"));
    // Each daemon has its own port, which must not change its alerts.
    config.notify.external_url = Some("http://daemon.example".parse().unwrap());
    let history = &mut config.collect.history;
    history.schedule = config.collect.cost.schedule;
    history.schedule.timeout = HOUR;
    history.days = 60;
    let app = TestApp::ready(&config, clock.clone()).await;
    app.until(async || alerts(&app).await.is_some_and(|alerts| !named(&alerts, "GcoreSpendAnomaly").is_empty())).await;

    let before = alerts(&app).await.unwrap();
    let spikes = named(&before, "GcoreSpendAnomaly");
    let scripted = world.spikes().into_iter().find(|spike| spike.last.to_string() == "2026-11-21").unwrap();
    let (project, region, kind, _) = &scripted.group;
    assert_eq!(spikes.len(), 1, "its roll-ups say nothing more: {spikes:#?}");
    let labels = &spikes[0]["labels"];
    assert_eq!(
        (&labels["project_id"], &labels["region_id"]),
        (&Value::from(project.to_string()), &Value::from(region.to_string()))
    );
    assert_eq!((labels["resource_type"].as_str(), spikes[0]["state"].as_str()), (Some(kind.as_str()), Some("firing")));
    assert_eq!(spikes[0]["starts_at"], "2026-11-22T00:00:00Z", "the end of its day");
    assert!(spikes[0]["value"].as_f64() > spikes[0]["threshold"].as_f64());
    let failed: f64 = app
        .metrics()
        .await
        .lines()
        .filter(|line| line.starts_with("gcore_report_tasks{") && line.contains("status=\"Failed\""))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a few tasks")]
    let told = named(&before, "GcoreReportTaskFailed").len() as f64;
    assert!(failed > 0.0 && (told - failed).abs() < f64::EPSILON, "one for each of {failed}: {told}");
    assert!(!named(&before, "GcoreSubscriptionExpiring").is_empty());
    assert_eq!(named(&before, "GcoreWatchdog").len(), 1);
    let watchdog = "gcore_alerts{alertname=\"GcoreWatchdog\",severity=\"none\",state=\"firing\"}";
    assert_eq!(app.value(watchdog).await.as_deref(), Some("1"));
    let page = app.get("/").await.text().await.unwrap();
    assert!(page.contains("api/v1/alerts\""), "{page}");
    app.stop().await;

    // A daemon that cannot reach the API learns nothing new, so the alerts keep their state.
    for account in config.accounts.values_mut() {
        account.api_url = "http://127.0.0.1:9/".parse().unwrap();
    }
    let app = TestApp::start(&config, clock).await;
    app.until(async || alerts(&app).await.is_some()).await;
    let after = alerts(&app).await.unwrap();
    let lasting = |alerts: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
        let of_data = |name: &str| !["GcoreCollectorFailing", "GcoreDataStale"].contains(&name);
        let kept = alerts.iter().filter(|(_, alert)| of_data(alert["labels"]["alertname"].as_str().unwrap()));
        kept.map(|(number, alert)| (number.clone(), alert.clone())).collect()
    };
    assert_eq!(lasting(&after), lasting(&before));
    app.stop().await;
}

/// One task within the look-back.
fn task(status: &str) -> ResponseTemplate {
    json(&format!(
        r#"{{"count": 1, "results": [{{"uuid": "0a-1", "task_type": "Report", "status": "{status}",
            "created_at": "2026-11-22T09:00:00Z", "updated_at": "2026-11-22T10:00:00Z"}}]}}"#
    ))
}

#[tokio::test]
async fn a_failed_task_is_told_until_it_completes_and_while_nothing_can_be_read() {
    let api = MockServer::start().await;
    let hands = FakeClock::at(noon());
    let working = Arc::new(AtomicU8::new(0));
    let answers = Arc::clone(&working);
    asked(REPORTS)
        .respond_with(move |_: &Request| match answers.load(Ordering::Relaxed) {
            0 => task("Failed"),
            1 => ResponseTemplate::new(400),
            _ => task("Completed"),
        })
        .mount(&api)
        .await;
    let app =
        TestApp::ready(&config(&api.uri(), every(Duration::from_millis(100), &[Collector::Reports])), hands.clock())
            .await;
    let one = async |name: &str| alerts(&app).await.and_then(|alerts| named(&alerts, name).first().copied().cloned());
    app.until(async || one("GcoreReportTaskFailed").await.is_some()).await;
    let fired = one("GcoreReportTaskFailed").await.unwrap();
    assert_eq!((&fired["state"], &fired["labels"]["report_uuid"]), (&Value::from("firing"), &Value::from("0a-1")));
    assert_eq!(fired["starts_at"], "2026-11-22T10:00:00Z", "when it failed");

    working.store(1, Ordering::Relaxed);
    app.until(async || one("GcoreCollectorFailing").await.is_some()).await;
    assert_eq!(one("GcoreCollectorFailing").await.unwrap()["state"], "pending", "half an hour must pass");
    assert_eq!(one("GcoreReportTaskFailed").await, Some(fired), "no reading says that it is over");

    // A later reading: two at the same time count as one.
    hands.forward(SignedDuration::from_secs(1));
    working.store(2, Ordering::Relaxed);
    app.until(async || one("GcoreReportTaskFailed").await.unwrap()["state"] == "resolved").await;
    let over = one("GcoreReportTaskFailed").await.unwrap();
    assert_eq!(over["annotations"]["reason"], "cleared");
    app.until(async || one("GcoreCollectorFailing").await.is_none()).await;
    app.stop().await;
}

#[tokio::test]
async fn a_reading_that_is_old_after_a_restart_is_not_called_stale_at_once() {
    let (api, receiver, folder) = (MockServer::start().await, taking().await, TempDir::new().unwrap());
    let is_answering = Arc::new(AtomicU8::new(1));
    let answers = Arc::clone(&is_answering);
    asked(REPORTS)
        .respond_with(move |_: &Request| match answers.load(Ordering::Relaxed) {
            0 => ResponseTemplate::new(400),
            _ => task("Completed"),
        })
        .mount(&api)
        .await;
    let mut config = config(&api.uri(), every(Duration::from_millis(100), &[Collector::Reports]));
    config.storage.path = Some(folder.path().join("state.db"));
    config.notify = webhooks([webhook("ops", &receiver.uri(), &[])]);
    TestApp::ready(&config, Clock::frozen(noon())).await.stop().await;

    is_answering.store(0, Ordering::Relaxed);
    let app = TestApp::ready(&config, Clock::frozen(noon() + SignedDuration::from_hours(2))).await;
    let one = async |name: &str| alerts(&app).await.and_then(|alerts| named(&alerts, name).first().copied().cloned());
    app.until(async || one("GcoreDataStale").await.is_some()).await;
    assert_eq!(one("GcoreDataStale").await.unwrap()["state"], "pending");
    is_answering.store(1, Ordering::Relaxed);
    app.until(async || one("GcoreDataStale").await.is_none()).await;
    app.stop().await;
    assert_eq!(stories(&receiver).await, ["GcoreWatchdog firing"], "and of nothing else");
}

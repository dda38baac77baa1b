//! Refused sources: those that were readable before, those that never were, and refusals by something other than the
//! API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::alerts::{alerts, named};
use crate::harness::{COST, FakeClock, TestApp, asked, config, every, forbidden, json, noon};

const PAGE: &str = r#"{"count": 1, "price_status": "show", "results": [
    {"type": "instance", "cost": 1.25, "currency": "EUR", "project_id": 101, "region_id": 7}]}"#;
const SERIES: &str = concat!(
    r#"gcore_cost_today_amount{account="main",project_id="101",project_name="101",region_id="7",region_name="7","#,
    r#"resource_type="instance",currency="EUR"}"#
);

/// An API whose cost report is good, or the answer that the test sets.
struct Report {
    api: MockServer,
    answer: Arc<AtomicU8>,
}

const GOOD: u8 = 0;
const FORBIDDEN: u8 = 1;
const FIREWALL: u8 = 2;
const EMPTY_404: u8 = 3;
const BROKEN: u8 = 4;

impl Report {
    async fn that_answers(first: u8) -> Self {
        let (api, answer) = (MockServer::start().await, Arc::new(AtomicU8::new(first)));
        let next = Arc::clone(&answer);
        let page = "<html><h1>403 Forbidden</h1></html>";
        let respond = move |_: &Request| match next.load(Ordering::Relaxed) {
            GOOD => json(PAGE),
            FORBIDDEN => forbidden(),
            FIREWALL => ResponseTemplate::new(403).set_body_raw(page, "text/html"),
            EMPTY_404 => ResponseTemplate::new(404),
            _ => ResponseTemplate::new(409),
        };
        asked(COST).respond_with(respond).mount(&api).await;
        Self { api, answer }
    }

    fn answers(&self, answer: u8) {
        self.answer.store(answer, Ordering::Relaxed);
    }

    fn config(&self) -> gcore_billing_exporter::config::Config {
        config(&self.api.uri(), every(Duration::from_millis(50), &[Collector::Cost]))
    }
}

async fn is(app: &TestApp, family: &str, value: &str) -> bool {
    let series = format!(r#"{family}{{account="main",collector="cost"}}"#);
    app.value(&series).await.as_deref() == Some(value)
}

async fn alert(app: &TestApp, name: &str) -> Option<Value> {
    alerts(app).await.and_then(|alerts| named(&alerts, name).first().copied().cloned())
}

#[tokio::test]
async fn costs_that_were_readable_and_are_refused_are_told_over_restarts_until_they_are_read_again() {
    let (report, folder, hands) = (Report::that_answers(GOOD).await, TempDir::new().unwrap(), FakeClock::at(noon()));
    let mut config = report.config();
    config.storage.path = Some(folder.path().join("state.db"));
    let app = TestApp::ready(&config, hands.clock()).await;
    assert!(is(&app, "gcore_collector_access_lost", "0").await);
    report.answers(FORBIDDEN);
    app.until(async || is(&app, "gcore_collector_access_lost", "1").await).await;
    assert!(is(&app, "gcore_collector_supported", "0").await);
    app.until(async || alert(&app, "GcoreAccessLost").await.is_some()).await;
    let pending = alert(&app, "GcoreAccessLost").await.unwrap();
    assert_eq!((&pending["state"], &pending["labels"]["severity"]), (&"pending".into(), &"critical".into()));
    assert_eq!(app.get("/-/ready").await.status().as_u16(), 200, "what is served is whole");
    app.stop().await;

    hands.forward(SignedDuration::from_mins(31));
    report.answers(BROKEN);
    let app = TestApp::ready(&config, hands.clock()).await;
    app.until(async || alert(&app, "GcoreAccessLost").await.is_some_and(|alert| alert["state"] == "firing")).await;
    assert!(is(&app, "gcore_collector_access_lost", "1").await, "a poll that fails says nothing of the right");
    report.answers(GOOD);
    app.until(async || alert(&app, "GcoreAccessLost").await.is_some_and(|alert| alert["state"] == "resolved")).await;
    app.until(async || is(&app, "gcore_collector_access_lost", "0").await).await;
    app.stop().await;
}

#[tokio::test]
async fn costs_that_no_account_could_ever_read_are_no_access_lost() {
    let report = Report::that_answers(FORBIDDEN).await;
    let app = TestApp::ready(&report.config(), Clock::frozen(noon())).await;
    assert!(is(&app, "gcore_collector_access_lost", "0").await);
    app.until(async || alert(&app, "GcoreCostsUnreadable").await.is_some()).await;
    assert_eq!(alert(&app, "GcoreCostsUnreadable").await.unwrap()["labels"]["severity"], "critical");
    assert_eq!(alert(&app, "GcoreAccessLost").await, None);
    app.stop().await;
}

#[tokio::test]
async fn a_refusal_that_is_not_the_apis_is_a_failing_poll() {
    for (name, refusal) in [("the page of a firewall", FIREWALL), ("a proxy without a word", EMPTY_404)] {
        let report = Report::that_answers(GOOD).await;
        let app = TestApp::ready(&report.config(), Clock::frozen(noon())).await;
        report.answers(refusal);
        app.until(async || is(&app, "gcore_up", "0").await).await;
        assert!(is(&app, "gcore_collector_supported", "1").await, "{name}");
        let failures = r#"gcore_poll_failures_total{account="main",collector="cost",reason="bad_body"}"#;
        assert!(app.value(failures).await.is_some(), "{name}");
        assert_eq!(app.value(SERIES).await.as_deref(), Some("1.25"), "{name}: the last good reading stays");
        app.until(async || alert(&app, "GcoreCollectorFailing").await.is_some()).await;
        app.stop().await;
    }
}

//! The shipped rules, tested with a real Prometheus that scrapes the daemon. `scripts/check-dashboards` tests the
//! dashboards.

use std::collections::BTreeSet;
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::{midnight, utc_date};
use jiff::ToSpan;
use serde_json::Value;

use crate::harness::TestApp;
use crate::insights::{budget, with_history};
use crate::prometheus::Prometheus;

/// Now, but never in the first minutes of a day, because they have no samples.
pub(crate) fn some_time_today() -> Clock {
    Clock::from_fn(|| {
        let now = Clock::system().now();
        now.max(midnight(utc_date(now)) + 10.minutes())
    })
}

/// The history waits for all other polls. If these take longer than the interval, it never runs.
async fn scraped_demo(interval: Duration) -> (TestApp, Prometheus) {
    let budgets = vec![budget("shop", "0.01", &[41001])];
    let (app, _) = with_history(some_time_today(), interval, budgets).await;
    let prometheus = Prometheus::scraping(&app).await;
    (app, prometheus)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rules_fire_on_the_demo() {
    let (app, prometheus) = scraped_demo(Duration::from_secs(3_600)).await;
    let firing = |name: &str| format!(r#"ALERTS{{alertname="{name}",alertstate="firing"}}"#);
    for name in [
        "GcoreSpendAnomaly",
        "GcoreBudgetUsed",
        "GcoreReportTaskFailed",
        "GcoreReportTaskStuck",
        "GcoreSubscriptionExpiring",
    ] {
        app.until(async || !prometheus.query(&firing(name)).await.is_empty()).await;
    }
    let alerts = prometheus.api("alerts", &[]).await;
    let is_anomaly = |alert: &&Value| alert["labels"]["alertname"] == "GcoreSpendAnomaly";
    let summary = &alerts["alerts"].as_array().unwrap().iter().find(is_anomaly).unwrap()["annotations"]["summary"];
    assert!(summary.as_str().unwrap().contains(" of project media-spike cost "), "projects have names: {summary}");
    let health = async || -> BTreeSet<String> {
        let groups = prometheus.api("rules", &[]).await;
        let rules = groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
        rules.map(|rule| rule["health"].as_str().unwrap().to_owned()).collect()
    };
    app.until(async || !health().await.contains("unknown")).await;
    assert_eq!(health().await, ["ok".to_owned()].into(), "{:#}", prometheus.api("rules", &[]).await);
    let about_itself = "GcoreCollectorFailing|GcoreDataStale|GcoreKeyRefused|GcoreStore.*";
    let wrong = prometheus.query(&format!(r#"ALERTS{{alertname=~"{about_itself}"}}"#)).await;
    assert!(wrong.is_empty(), "a healthy daemon raises no alert about itself: {wrong:?}");
    app.stop().await;
}

//! The days of the past, read beside everything else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gcore_billing_exporter::clock::Clock;
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::snapshot::Collector;
use serde_json::Value;
use tokio::time::Instant;
use wiremock::{MockServer, Request};

use crate::harness::{COST, TestApp, asked, config, every, json, noon};

#[tokio::test]
async fn days_of_the_past_wait_while_a_regular_poll_is_under_way() {
    const SLOW: Duration = Duration::from_millis(400);
    // What is on its way already when a poll begins arrives a little later.
    const ON_ITS_WAY: Duration = Duration::from_millis(150);
    let api = MockServer::start().await;
    let arrivals = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let noted = Arc::clone(&arrivals);
    let report = move |request: &Request| {
        let is_regular = request.body_json::<Value>().unwrap()["time_from"] == "2026-11-22T00:00:00Z";
        let mut noted = noted.lock().unwrap();
        let (regular, past) = &mut *noted;
        if is_regular { regular } else { past }.push(Instant::now());
        json(r#"{"count": 0, "price_status": "show", "results": []}"#).set_delay(if is_regular {
            SLOW
        } else {
            Duration::from_millis(5)
        })
    };
    asked(COST).respond_with(report).mount(&api).await;
    let mut collect = every(SLOW * 2, &[Collector::Cost, Collector::History]);
    collect.cost_method = Method::Resources;
    collect.history.days = 400;
    let app = TestApp::start(&config(&api.uri(), collect), Clock::frozen(noon())).await;
    app.until(async || arrivals.lock().unwrap().0.len() > 4).await;
    app.stop().await;

    let (regular, past) = &*arrivals.lock().unwrap();
    assert!(past.len() > 20, "{} days were read between the polls", past.len());
    let disturbed = |poll: &&Instant| past.iter().any(|past| (ON_ITS_WAY..SLOW).contains(&past.duration_since(**poll)));
    assert_eq!(regular.iter().filter(disturbed).count(), 0, "of {} polls", regular.len());
}

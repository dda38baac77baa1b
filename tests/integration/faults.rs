//! `/metrics` while the API fails.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::snapshot::Collector;
use jiff::SignedDuration;
use serde_json::json;
use tokio::time::Instant;
use wiremock::matchers::body_partial_json;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::harness::{
    COST, COST_TOTALS, FakeClock, REPORTS, TestApp, USAGE, asked, config, every, forbidden, json as answer, noon, only,
};

const UP: &str = r#"gcore_up{account="main",collector="cost"}"#;
const ONE_ROW: &str = r#"{"count": 1, "price_status": "show", "results": [
    {"type": "instance", "cost": 1.25, "currency": "EUR", "project_id": 101, "region_id": 7}]}"#;
const ONE_SERIES: &str = concat!(
    r#"gcore_cost_today_amount{account="main",project_id="101",project_name="101",region_id="7",region_name="7","#,
    r#"resource_type="instance",currency="EUR"}"#
);

fn failures(reason: &str) -> String {
    format!(r#"gcore_poll_failures_total{{account="main",collector="cost",reason="{reason}"}}"#)
}

#[tokio::test]
async fn a_server_that_stays_broken_is_given_up() {
    let api = MockServer::start().await;
    asked(COST).respond_with(ResponseTemplate::new(502)).expect(4).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Cost])), Clock::frozen(noon())).await;
    assert_eq!(app.value(UP).await.as_deref(), Some("0"));
    assert_eq!(app.value(&failures("server_error")).await.as_deref(), Some("1"));
    let retries = r#"gcore_api_retries_total{account="main",endpoint="cost_report_resources",reason="server_error"}"#;
    assert_eq!(app.value(retries).await.as_deref(), Some("3"));
    app.stop().await;
}

#[tokio::test]
async fn waiting_longer_than_the_poll_may_last_is_no_option() {
    let api = MockServer::start().await;
    let fault = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    asked(COST).respond_with(fault).expect(1).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Cost])), Clock::frozen(noon())).await;
    assert_eq!(app.value(&failures("rate_limited")).await.as_deref(), Some("1"));
    app.stop().await;
}

#[tokio::test]
async fn a_pause_that_one_endpoint_asks_for_is_kept_by_all() {
    let api = MockServer::start().await;
    let pause = ResponseTemplate::new(429).insert_header("retry-after", "2");
    asked(USAGE).respond_with(pause).mount(&api).await;
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&arrivals);
    let note = move |_: &Request| {
        seen.lock().unwrap().push(Instant::now());
        answer(ONE_ROW)
    };
    asked(COST).respond_with(note).mount(&api).await;
    let mut config = config(&api.uri(), every(Duration::from_millis(50), &[Collector::Cost, Collector::Usage]));
    // The interval is the longest pause that the client accepts.
    config.collect.usage.schedule.interval = Duration::from_secs(2);
    let app = TestApp::start(&config, Clock::frozen(noon())).await;
    let longest = || arrivals.lock().unwrap().windows(2).map(|pair: &[Instant]| pair[1] - pair[0]).max();
    // A request that left before the pause may arrive later on a busy machine, but not each time.
    app.until(async || longest() > Some(Duration::from_millis(1500))).await;
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_key_is_not_hammered() {
    let api = MockServer::start().await;
    asked(COST).respond_with(ResponseTemplate::new(401)).expect(1).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost]));
    config.collect.cost.windows = gcore_api::billing::period::Window::ALL.to_vec();
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert_eq!(app.value(&failures("unauthorized")).await.as_deref(), Some("1"), "one request for four windows");
    app.stop().await;
}

#[tokio::test]
async fn of_what_was_never_read_nothing_is_said() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(forbidden()).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;
    for (family, value) in [("gcore_up", "0"), ("gcore_collector_supported", "0")] {
        let series = format!(r#"{family}{{account="main",collector="reports"}}"#);
        assert_eq!(app.value(&series).await.as_deref(), Some(value), "{family}");
    }
    assert!(!app.metrics().await.contains("gcore_report_tasks{"));
    app.stop().await;
}

#[tokio::test]
async fn a_report_of_which_no_row_can_be_read_leaves_the_last_one() {
    let api = MockServer::start().await;
    let garbage = r#"{"count": 2, "price_status": "show", "results": [1, 2]}"#;
    asked(COST).respond_with(answer(ONE_ROW)).up_to_n_times(1).mount(&api).await;
    asked(COST).respond_with(answer(garbage)).mount(&api).await;
    let config = config(&api.uri(), every(Duration::from_millis(100), &[Collector::Cost]));
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    app.until(async || app.value(UP).await.as_deref() == Some("0")).await;
    assert!(app.value(&failures("bad_body")).await.is_some());
    assert_eq!(app.value(ONE_SERIES).await.as_deref(), Some("1.25"), "the last good reading stays");
    app.stop().await;
}

#[tokio::test]
async fn a_project_of_which_no_line_can_be_read_does_not_fail_the_others() {
    let api = MockServer::start().await;
    let line = |cost: &str, project: u64| json!({"type": "instance", "cost": cost, "currency": "EUR", "project_id": project, "region_id": 7});
    let (good, bad) = (line("1.25", 101), line("NaN", 102));
    let report = move |request: &Request| {
        let asked: serde_json::Value = request.body_json().unwrap();
        let lines: Vec<_> = if asked["projects"] == json!([101]) {
            vec![&good]
        } else if asked["projects"] == json!([102]) {
            vec![&bad]
        } else {
            vec![&good, &bad]
        };
        answer(&json!({"count": lines.len(), "price_status": "show", "results": lines}).to_string())
    };
    asked(COST_TOTALS).respond_with(report.clone()).mount(&api).await;
    asked(COST).respond_with(report).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost]));
    config.collect.cost_method = Method::Totals;
    config.accounts.values_mut().for_each(|account| account.filter.projects = vec![101, 102]);
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert_eq!(app.value(UP).await.as_deref(), Some("1"));
    assert_eq!(app.value(ONE_SERIES).await.as_deref(), Some("1.25"));
    app.stop().await;
}

#[tokio::test]
async fn one_window_down_leaves_the_others_alone() {
    use gcore_api::billing::period::Window;
    let api = MockServer::start().await;
    let window = |from: &str| asked(COST).and(body_partial_json(json!({ "time_from": from })));
    window("2026-11-21T00:00:00Z").respond_with(answer("[]")).mount(&api).await;
    window("2026-11-22T00:00:00Z").respond_with(answer(ONE_ROW)).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost]));
    config.collect.cost.windows = vec![Window::Yesterday, Window::Today];
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert_eq!(app.value(UP).await.as_deref(), Some("0"), "one window failed");
    assert_eq!(app.value(ONE_SERIES).await.as_deref(), Some("1.25"), "the other did not");
    assert!(!app.metrics().await.contains("gcore_cost_yesterday_amount{"));
    app.stop().await;
}

#[tokio::test]
async fn a_server_with_a_lower_page_limit_or_no_taste_for_today_is_humoured() {
    let api = MockServer::start().await;
    let refuse = |text: &str| ResponseTemplate::new(400).set_body_raw(text, "application/json");
    let limit = asked(COST).and(body_partial_json(json!({ "limit": 1000 })));
    limit.respond_with(refuse(r#"{"message": "limit is too large"}"#)).expect(1).mount(&api).await;
    let last_day = asked(COST).and(body_partial_json(json!({ "enable_last_day": true })));
    last_day.respond_with(refuse(r#"{"message": "time_to must be after time_from"}"#)).expect(1).mount(&api).await;
    let taken = json!({"limit": 100, "time_from": "2026-11-22T00:00:00Z", "time_to": "2026-11-23T00:00:00Z"});
    asked(COST).and(body_partial_json(taken)).respond_with(answer(ONE_ROW)).mount(&api).await;
    let config = config(&api.uri(), every(Duration::from_millis(200), &[Collector::Cost]));
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert_eq!(app.value(ONE_SERIES).await.as_deref(), Some("1.25"));
    let polls = r#"gcore_polls_total{account="main",collector="cost"}"#;
    app.until(async || app.value(polls).await.is_some_and(|n| n.parse::<u64>().unwrap() >= 3)).await;
    assert_eq!(app.value(UP).await.as_deref(), Some("1"));
    app.stop().await;
    api.verify().await;
}

#[tokio::test]
async fn a_reading_ends_with_its_age() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(ONE_ROW)).mount(&api).await;
    for (name, seconds_later, is_there) in [("just before it is stale", 6 * 3600 - 1, true), ("stale", 6 * 3600, false)]
    {
        let hands = FakeClock::at(noon());
        let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Cost])), hands.clock()).await;
        hands.forward(SignedDuration::from_secs(seconds_later));
        assert_eq!(app.value(ONE_SERIES).await.is_some(), is_there, "{name}");
        app.stop().await;
    }
}

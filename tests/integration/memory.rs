//! Answers that exceed the memory limits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use serde_json::Value;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::harness::{COST, KEY, PROJECTS, REGIONS, REPORTS, TestApp, USAGE, asked, config, every, json, noon, only};
use crate::program::{config_file, config_flag, finish, program};

/// A good page with one row after this many blanks.
fn padded(bytes: usize) -> ResponseTemplate {
    json(&format!(
        r#"{{{}"count": 1, "price_status": "show", "results": [
            {{"type": "instance", "cost": 1.25, "currency": "EUR", "project_id": 101, "region_id": 7}}]}}"#,
        " ".repeat(bytes)
    ))
}

#[tokio::test]
async fn a_page_that_is_too_large_is_refused_with_what_to_do() {
    let api = MockServer::start().await;
    for path in [COST, USAGE, REPORTS, PROJECTS] {
        asked(path).respond_with(padded(10 << 20)).mount(&api).await;
    }
    for (collector, endpoint, limit, advice) in [
        ("cost", "cost_report_resources", "8.8 MiB that a page of 1000 rows may have", "lower page_size"),
        ("usage", "usage_report", "8.8 MiB that a page of 1000 rows may have", "lower page_size"),
        (
            "reports",
            "reports",
            "1.8 MiB that a page of 100 rows may have",
            "check that api_url and proxies lead to the API",
        ),
        (
            "names",
            "projects",
            "8.8 MiB that a page of 1000 rows may have",
            "check that api_url and proxies lead to the API",
        ),
    ] {
        let config = config_file(&api.uri(), "", &[collector]);
        let ended = finish(program(&["once", &config_flag(&config)])).await;
        assert_eq!(ended.code, Some(3), "{collector}");
        for part in ["reason=bad_body", endpoint, limit, advice] {
            assert!(ended.stderr.contains(part), "{collector}: {part}: {}", ended.stderr);
        }
        assert_eq!(ended.stderr.contains("page_size"), advice.contains("page_size"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_page_may_be_large_where_many_rows_are_asked_for() {
    let api = MockServer::start().await;
    asked(COST).respond_with(padded(5 << 20)).mount(&api).await;
    for (page_size, up) in [(1000, "1"), (100, "0")] {
        let mut config = config(&api.uri(), only(&[Collector::Cost]));
        config.accounts.values_mut().for_each(|account| account.page_size = page_size);
        let app = TestApp::ready(&config, Clock::frozen(noon())).await;
        let series = r#"gcore_up{account="main",collector="cost"}"#;
        assert_eq!(app.value(series).await.as_deref(), Some(up), "{page_size} rows");
        app.stop().await;
    }
}

#[tokio::test]
async fn accounts_with_large_pages_wait_for_each_other() {
    const ACCOUNTS: usize = 24;
    let api = MockServer::start().await;
    asked(COST).respond_with(padded(5 << 20)).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost]));
    let account = config.accounts.pop_first().unwrap().1;
    config.accounts = (0..ACCOUNTS).map(|number| (format!("n{number}").parse().unwrap(), account.clone())).collect();
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    for number in 0..ACCOUNTS {
        let series = format!(r#"gcore_up{{account="n{number}",collector="cost"}}"#);
        assert_eq!(app.value(&series).await.as_deref(), Some("1"), "{series}");
    }
    app.stop().await;
}

/// Pages whose rows are all in different groups.
fn new_groups(request: &Request) -> ResponseTemplate {
    const ROWS: u64 = 30_000;
    let asked: Value = request.body_json().unwrap();
    let Some(offset) = asked["offset"].as_u64() else { return ResponseTemplate::new(500) };
    let row =
        |number: u64| format!(r#"{{"type":"i","cost":1,"currency":"EUR","project_id":{number},"uuid":"{number}"}}"#);
    let rows: Vec<_> = (offset..offset + ROWS).map(row).collect();
    json(&format!(r#"{{"count":100000000,"price_status":"show","results":[{}]}}"#, rows.join(",")))
}

#[tokio::test]
async fn groups_without_an_end_find_no_room() {
    let api = MockServer::start().await;
    asked(COST).respond_with(new_groups).mount(&api).await;
    let config = config_file(&api.uri(), "", &["cost"]);
    let ended = finish(program(&["once", &config_flag(&config)])).await;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    for part in [
        "there is no room for more records",
        "cost_report_resources: window today",
        "may take 22 MiB",
        "metrics.series_limit",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains(KEY));
}

#[tokio::test]
async fn room_for_records_comes_back_with_the_next_reading() {
    let api = MockServer::start().await;
    // Each reading fills a third of the memory, with another part of all projects.
    let readings = AtomicU64::new(0);
    let list = move |_: &Request| {
        let first = readings.fetch_add(1, Ordering::SeqCst) * 20_000;
        let row = |number: u64| format!(r#"{{"id":{number},"name":"a name of some length {number}"}}"#);
        let rows: Vec<_> = (first..first + 20_000).map(row).collect();
        json(&format!(r#"{{"count":20000,"results":[{}]}}"#, rows.join(",")))
    };
    asked(PROJECTS).respond_with(list).mount(&api).await;
    asked(REGIONS).respond_with(json(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let app = TestApp::start(
        &config(&api.uri(), every(Duration::from_millis(1), &[Collector::Names])),
        Clock::frozen(noon()),
    )
    .await;
    let polls = r#"gcore_polls_total{account="main",collector="names"}"#;
    app.until(async || app.value(polls).await.is_some_and(|polls| polls.parse::<u64>().unwrap() >= 6)).await;
    let failures = app.metrics().await.lines().filter(|line| line.starts_with("gcore_poll_failures_total")).count();
    assert_eq!(failures, 0);
    app.stop().await;
}

#[tokio::test]
async fn long_texts_are_cut_where_they_are_shown_and_refused_where_they_tell_things_apart() {
    let (api, long) = (MockServer::start().await, "ä".repeat(300));
    let row = |resource_type: &str, currency: &str| {
        format!(
            r#"{{"type": "{resource_type}", "cost": 1, "currency": "{currency}", "project_id": 101, "region_id": 7}}"#
        )
    };
    let rows = [row("instance", "EUR"), row(&long, "EUR"), row("instance", &long)].join(",");
    asked(COST)
        .respond_with(json(&format!(r#"{{"count": 3, "price_status": "show", "results": [{rows}]}}"#)))
        .mount(&api)
        .await;
    asked(PROJECTS)
        .respond_with(json(&format!(r#"{{"count": 1, "results": [{{"id": 101, "name": "a{long}"}}]}}"#)))
        .mount(&api)
        .await;
    asked(REGIONS).respond_with(json(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let app =
        TestApp::ready(&config(&api.uri(), only(&[Collector::Names, Collector::Cost])), Clock::frozen(noon())).await;
    let rejected = r#"gcore_rejected_records_total{account="main",collector="cost",reason="too_long"}"#;
    assert_eq!(app.value(rejected).await.as_deref(), Some("2"));
    let name = format!("a{}", "ä".repeat(49));
    let series = format!(
        r#"gcore_cost_today_amount{{account="main",project_id="101",project_name="{name}",region_id="7",region_name="7",resource_type="instance",currency="EUR"}}"#
    );
    assert_eq!(app.value(&series).await.as_deref(), Some("1"), "{}", app.metrics().await);
    app.stop().await;
}

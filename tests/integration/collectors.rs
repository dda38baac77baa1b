//! Each collector: fixture pages in, the whole text of `/metrics` out.

use common::clock::Clock;
use gcore_api::billing::period::Window;
use gcore_billing_exporter::snapshot::Collector;
use serde_json::json;
use wiremock::MockServer;
use wiremock::matchers::body_partial_json;

use crate::harness::{
    COST, COST_TOTALS, PROJECTS, REPORTS, RESERVATION_TOTALS, RESERVATIONS, SUBSCRIPTIONS, TestApp, USAGE, asked,
    bodies, config, json as answer, mount_names, noon, only, queries,
};

#[tokio::test]
async fn cost() {
    let api = MockServer::start().await;
    mount_names(&api).await;
    let page = |offset: u64| asked(COST).and(body_partial_json(json!({ "offset": offset })));
    page(0).respond_with(answer(include_str!("pages/cost_1.json"))).mount(&api).await;
    page(6).respond_with(answer(include_str!("pages/cost_2.json"))).mount(&api).await;

    asked(COST_TOTALS).respond_with(answer(include_str!("pages/cost_totals.json"))).mount(&api).await;

    let config = config(&api.uri(), only(&[Collector::Cost, Collector::Names]));
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;

    app.expect_metrics("cost.prom").await;
    let today = json!({"time_from": "2026-11-22T00:00:00Z", "time_to": "2026-11-22T00:00:00Z", "enable_last_day": true,
        "limit": 1000, "offset": 0});
    let mut second = today.clone();
    second["offset"] = json!(6);
    assert_eq!(bodies(&api, COST).await, [today, second], "only documented keys, and the offset by rows received");
    app.stop().await;
}

#[tokio::test]
async fn usage() {
    let api = MockServer::start().await;
    asked(USAGE).respond_with(answer(include_str!("pages/usage.json"))).mount(&api).await;

    let mut config = config(&api.uri(), only(&[Collector::Usage]));
    config.collect.usage.windows = vec![Window::Today, Window::Yesterday];
    for account in config.accounts.values_mut() {
        account.filter.projects = vec![101, 102];
        account.filter.regions = vec![7];
        account.filter.types = vec!["instance".into()];
        account.page_size = 50;
    }
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;

    app.expect_metrics("usage.prom").await;
    let filter = |body: serde_json::Value| {
        let mut body = body;
        body["projects"] = json!([101, 102]);
        body["regions"] = json!([7]);
        body["types"] = json!(["instance"]);
        body["limit"] = json!(50);
        body["offset"] = json!(0);
        body
    };
    let today =
        json!({"time_from": "2026-11-22T00:00:00Z", "time_to": "2026-11-22T00:00:00Z", "enable_last_day": true});
    let yesterday = json!({"time_from": "2026-11-21T00:00:00Z", "time_to": "2026-11-22T00:00:00Z"});
    assert_eq!(bodies(&api, USAGE).await, [filter(today), filter(yesterday)]);
    app.stop().await;
}

#[tokio::test]
async fn reports() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(answer(include_str!("pages/reports.json"))).mount(&api).await;

    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;

    app.expect_metrics("reports.prom").await;
    let query = "created_after=2026-11-15T12%3A00%3A00Z&ordering=created_at%2Cuuid&limit=100&offset=0";
    assert_eq!(queries(&api, REPORTS).await, [query], "the link to the next page names another host");
    app.stop().await;
}

#[tokio::test]
async fn subscriptions() {
    let api = MockServer::start().await;
    asked(SUBSCRIPTIONS).respond_with(answer(include_str!("pages/subscriptions.json"))).mount(&api).await;

    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Subscriptions])), Clock::frozen(noon())).await;

    app.expect_metrics("subscriptions.prom").await;
    app.stop().await;
}

/// The part of each series of a family from the id on, with its value.
fn by_id(text: &str, family: &str, label: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(family)?.split_once(label));
    lines.map(|(_, rest)| rest.replacen('"', "", 1).replace("\"}", "")).collect()
}

#[tokio::test]
async fn subscriptions_of_one_feature_and_start_have_an_id_and_an_end_of_their_own() {
    let row = |client: &str, end: &str| {
        format!(
            r#"{{{client}, "feature": {{"id": 77, "name": "CDN"}}, "product": {{"name": "CDN"}},
                "prices": [{{"active_range": {{"start": "2026-01-01T00:00:00Z", "end": "{end}"}}}}]}}"#
        )
    };
    let rows = [
        row(r#""client_id": 9"#, "2026-12-01T00:00:00Z"),
        row(r#""client": {"id": 8}"#, "2026-12-02T00:00:00Z"),
        row(r#""client_id": 9"#, "2026-12-03T00:00:00Z"),
    ];
    let mut rows: Vec<_> = rows.iter().map(String::as_str).collect();
    for order in ["as it comes", "the other way round"] {
        let api = MockServer::start().await;
        let list = format!(r#"{{"count": 3, "results": [{}]}}"#, rows.join(","));
        asked(SUBSCRIPTIONS).respond_with(answer(&list)).mount(&api).await;
        let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Subscriptions])), Clock::frozen(noon())).await;
        let text = app.metrics().await;
        let ends = by_id(&text, "gcore_subscription_active_end_timestamp_seconds{", "subscription_id=\"");
        let want = [
            "8:77@2026-01-01T00:00:00Z} 1796169600",
            "9:77@2026-01-01T00:00:00Z} 1796083200",
            "9:77@2026-01-01T00:00:00Z#2} 1796256000",
        ];
        assert_eq!(ends, want, "{order}");
        assert_eq!(by_id(&text, "gcore_subscription_info{", "subscription_id=\"").len(), 3, "{order}: one for each id");
        app.stop().await;
        rows.reverse();
    }
}

#[tokio::test]
async fn an_end_is_read_in_every_form_and_one_that_cannot_be_read_is_not_open() {
    let ends = [
        r#""2026-12-31T24:00:00Z""#,
        "1798761600",
        r#""1798761600000""#,
        r#""soon""#,
        "[]",
        "null",
        "7",
        r#""2027-01-01""#,
    ];
    let rows: Vec<_> = (1..).zip(ends).map(|(id, end)| (id, format!(r#""start": null, "end": {end}"#))).collect();
    let api = MockServer::start().await;
    let list = |rows: Vec<String>| {
        answer(
            &json!({"count": rows.len(), "results": "?"})
                .to_string()
                .replace("\"?\"", &format!("[{}]", rows.join(","))),
        )
    };
    let subscription = |(id, range): &(u32, String)| format!(r#"{{"id": {id}, "active_range": {{{range}}}}}"#);
    asked(SUBSCRIPTIONS).respond_with(list(rows.iter().map(subscription).collect())).mount(&api).await;
    let commitment = |(id, range): &(u32, String)| {
        format!(
            r#"{{"id": {id}, "commit": {{{}}}}}"#,
            range.replace("start", "active_from").replace("end", "active_to")
        )
    };
    asked(RESERVATIONS).respond_with(list(rows.iter().map(commitment).collect())).mount(&api).await;
    asked(RESERVATION_TOTALS).respond_with(answer(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let task = |(id, range): &(u32, String)| {
        let ended = range.replace("start", "created_at").replace("end", "updated_at");
        format!(r#"{{"uuid": "{id}", "task_type": "Report", "status": "Failed", {ended}}}"#)
    };
    asked(REPORTS).respond_with(list(rows.iter().map(task).collect())).mount(&api).await;
    let collectors = [Collector::Subscriptions, Collector::Commitments, Collector::Reports];
    let app = TestApp::ready(&config(&api.uri(), only(&collectors)), Clock::frozen(noon())).await;

    let text = app.metrics().await;
    let want = ["1} 1798761600", "2} 1798761600", "3} 1798761600", "8} 1798761600"];
    assert_eq!(by_id(&text, "gcore_subscription_active_end_timestamp_seconds{", "subscription_id=\""), want);
    assert_eq!(by_id(&text, "gcore_commit_end_timestamp_seconds{", "reservation_id=\""), want);
    let value = async |series: &str| app.value(series).await.unwrap_or_default();
    let state = |state: &str| format!(r#"gcore_subscriptions{{account="main",product="",state="{state}"}}"#);
    assert_eq!([value(&state("active")).await, value(&state("unknown")).await], ["5", "3"], "four end, one is open");
    let failed = r#"gcore_report_tasks{account="main",task_type="Report",status="Failed"}"#;
    assert_eq!(value(failed).await, "8", "a task counts without its time");
    for collector in collectors {
        let labels = format!(r#"account="main",collector="{}",reason="bad_time""#, collector.as_str());
        assert_eq!(value(&format!("gcore_rejected_records_total{{{labels}}}")).await, "3", "{collector:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn names() {
    let api = MockServer::start().await;
    mount_names(&api).await;

    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Names])), Clock::frozen(noon())).await;

    app.expect_metrics("names.prom").await;
    assert_eq!(queries(&api, PROJECTS).await, ["include_deleted=true&limit=1000&offset=0"]);
    app.stop().await;
}

#[tokio::test]
async fn commitments() {
    let api = MockServer::start().await;
    asked(RESERVATIONS).respond_with(answer(include_str!("pages/reservations.json"))).mount(&api).await;
    asked(RESERVATION_TOTALS).respond_with(answer(include_str!("pages/reservation_totals.json"))).mount(&api).await;

    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Commitments])), Clock::frozen(noon())).await;

    app.expect_metrics("commitments.prom").await;
    let query = "time_from=2026-11-01T00%3A00%3A00Z&time_to=2026-11-23T00%3A00%3A00Z";
    assert_eq!(queries(&api, RESERVATIONS).await, [query], "at most 31 days, and no paging that is not documented");
    assert_eq!(bodies(&api, RESERVATION_TOTALS).await, [json!({"year_month": "2026-11"})]);
    app.stop().await;
}

#[tokio::test]
async fn without_an_active_commitment_the_month_is_not_asked_for() {
    let api = MockServer::start().await;
    let ended = r#"{"count": 1, "results": [{"commit": {"active_to": "2026-11-02T00:00:00Z", "subscription_id": 1}}]}"#;
    asked(RESERVATIONS).respond_with(answer(ended)).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Commitments])), Clock::frozen(noon())).await;
    assert_eq!(app.value(r#"gcore_plan_has_commits{account="main"}"#).await.as_deref(), Some("0"));
    assert_eq!(app.value(r#"gcore_up{account="main",collector="commitments"}"#).await.as_deref(), Some("1"));
    app.stop().await;
}

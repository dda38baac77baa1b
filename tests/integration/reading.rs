//! Costs by resources and by totals. No amount is lost or invented.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::snapshot::Collector;
use jiff::SignedDuration;
use serde_json::{Value, json};
use wiremock::matchers::body_partial_json;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::harness::{
    COST, COST_TOTALS, FakeClock, PROJECTS, REGIONS, TestApp, USAGE, asked, bodies, config, every, json as answer,
    noon, only,
};
use crate::program::{Process, config_file};
use crate::prometheus::demo_config;

/// Every cost series with its value.
fn cost_series(text: &str) -> BTreeMap<String, f64> {
    let series = text.lines().filter(|line| line.starts_with("gcore_cost_") && line.contains("_amount{account"));
    let series = series.filter(|line| !line.contains("reconciliation"));
    series
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_methods_give_the_same_costs_up_to_the_rounding_of_rows() {
    let clock = Clock::frozen(noon());
    let mut read = Vec::new();
    for method in [Method::Resources, Method::Totals] {
        let (mut config, _) = demo_config(&clock, Duration::from_millis(500)).await;
        config.collect.cost_method = method;
        let app = TestApp::ready(&config, clock.clone()).await;
        // The first poll may come before the names. The second has them.
        let polls = r#"gcore_polls_total{account="demo",collector="cost"}"#;
        app.until(async || app.value(polls).await.is_some_and(|n| n.parse::<u64>().unwrap() >= 3)).await;
        let text = app.metrics().await;
        let requests = r#"gcore_api_requests_total{account="demo",endpoint="cost_report_totals"} "#;
        let by_totals = text.lines().find_map(|line| line.strip_prefix(requests)).unwrap().parse::<u64>().unwrap();
        assert_eq!(by_totals > 40, method == Method::Totals, "{method:?}: {by_totals} requests for totals");
        let differences = text.lines().filter(|line| line.starts_with("gcore_cost_reconciliation_difference_amount{"));
        for line in differences {
            let tolerance = line.replace("difference", "tolerance");
            let (series, value) = line.rsplit_once(' ').unwrap();
            let tolerance = tolerance.rsplit_once(' ').unwrap().0.to_owned();
            let bound: f64 = app.value(&tolerance).await.unwrap().parse().unwrap();
            assert!(value.parse::<f64>().unwrap().abs() <= bound, "{method:?}: {series} is {value}, bound {bound}");
        }
        read.push(cost_series(&text));
        app.stop().await;
    }
    let [resources, totals] = [&read[0], &read[1]];
    assert!(resources.len() > 200, "an account worth comparing");
    assert_eq!(resources.keys().collect::<Vec<_>>(), totals.keys().collect::<Vec<_>>(), "the same series");
    let mut exact = 0;
    for (series, by_resources) in resources {
        // No group of the demo has 100 rows, and each row differs by at most half of the fifth decimal.
        let difference = (by_resources - totals[series]).abs();
        assert!(difference <= 100.0 * 0.5e-5, "{series}: {by_resources} by resources, {} by totals", totals[series]);
        exact += usize::from(difference == 0.0);
    }
    assert!(exact > resources.len() / 2, "most groups are one row and exact");
}

const ONE_PROJECT: &str = r#"{"count": 1, "results": [{"id": 101, "name": "shop", "state": "ACTIVE"}]}"#;
const NO_REGIONS: &str = r#"{"count": 0, "results": []}"#;

fn line(cost: &Value) -> Value {
    json!({"type": "instance", "region_id": 7, "cost": cost, "currency": "EUR", "err": null})
}

fn page(rows: &[Value]) -> ResponseTemplate {
    answer(&json!({"count": rows.len(), "price_status": "show", "results": rows}).to_string())
}

/// The resources have another sum than their line, so that the test sees the method.
#[tokio::test]
async fn a_line_without_a_plain_price_is_read_by_resources() {
    for (name, odd, amount, difference, unpriced) in [
        ("no price", json!({"cost": null}), "12", "2", Some("1")),
        ("a price and an error", json!({"cost": 10, "err": "x"}), "22", "2", None),
    ] {
        let with_project = |cost: &Value| {
            let mut row = line(cost);
            row["project_id"] = json!(101);
            row
        };
        let (mut faulty_line, mut faulty_row) = (line(&json!(null)), with_project(&json!(null)));
        for row in [&mut faulty_line, &mut faulty_row] {
            row.as_object_mut().unwrap().extend(odd.as_object().unwrap().clone());
        }
        let api = MockServer::start().await;
        asked(PROJECTS).respond_with(answer(ONE_PROJECT)).mount(&api).await;
        asked(REGIONS).respond_with(answer(NO_REGIONS)).mount(&api).await;
        asked(COST_TOTALS).respond_with(page(&[line(&json!(10)), faulty_line])).mount(&api).await;
        asked(COST).respond_with(page(&[with_project(&json!(12)), faulty_row])).mount(&api).await;
        let mut config = config(&api.uri(), every(Duration::from_millis(300), &[Collector::Cost, Collector::Names]));
        config.collect.cost_method = Method::Totals;
        let app = TestApp::ready(&config, Clock::frozen(noon())).await;
        let by_project = json!([101]);
        app.until(async || bodies(&api, COST).await.iter().any(|body| body["projects"] == by_project)).await;
        let labels = r#"{account="main",project_id="101",project_name="shop",region_id="7",region_name="7","#;
        let series = format!(r#"gcore_cost_today_amount{labels}resource_type="instance",currency="EUR"}}"#);
        app.until(async || app.value(&series).await.is_some()).await;
        assert_eq!(app.value(&series).await.as_deref(), Some(amount), "{name}");
        let compared = r#"gcore_cost_reconciliation_difference_amount{account="main",currency="EUR",window="today"}"#;
        assert_eq!(app.value(compared).await.as_deref(), Some(difference), "{name}: of what is published");
        let records = r#"gcore_cost_unpriced_records{account="main",resource_type="instance",reason="null_cost"}"#;
        assert_eq!(app.value(records).await.as_deref(), unpriced, "{name}");
        app.stop().await;
    }
}

/// The float sum of these amounts depends on their order.
#[tokio::test]
async fn the_order_in_which_pages_come_changes_no_digit() {
    for late in [2, 4] {
        let api = MockServer::start().await;
        for (offset, costs) in
            [(0, ["0.1", "0.2"]), (2, ["1000000000000.3", "0.000000000001"]), (4, ["-1000000000000.3", "0.4"])]
        {
            let rows: Vec<Value> = (offset..).zip(costs).map(|(number, cost)| {
                json!({"type": "instance", "cost": cost, "currency": "EUR", "project_id": 101, "region_id": 7, "uuid": number})
            }).collect();
            let page = answer(&json!({"count": 6, "price_status": "show", "results": rows}).to_string());
            let delay = Duration::from_millis(if offset == late { 400 } else { 0 });
            let asked = asked(COST).and(body_partial_json(json!({ "offset": offset })));
            asked.respond_with(page.set_delay(delay)).expect(1).mount(&api).await;
        }
        let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Cost])), Clock::frozen(noon())).await;
        let series = concat!(
            r#"gcore_cost_today_amount{account="main",project_id="101",project_name="101",region_id="7","#,
            r#"region_name="7",resource_type="instance",currency="EUR"}"#
        );
        assert_eq!(app.value(series).await.as_deref(), Some("0.700000000001"), "the page at row {late} comes last");
        app.stop().await;
        api.verify().await;
    }
}

/// An account with this number of rows, in pages of ten. Its cost is always 60. So totals agree with each other while a
/// test changes the number.
async fn account_of(rows: &Arc<AtomicU64>) -> MockServer {
    let api = MockServer::start().await;
    asked(PROJECTS).respond_with(answer(ONE_PROJECT)).mount(&api).await;
    asked(REGIONS).respond_with(answer(NO_REGIONS)).mount(&api).await;
    let all = Arc::clone(rows);
    let resources = move |request: &Request| {
        let (count, offset) =
            (all.load(Ordering::SeqCst), request.body_json::<Value>().unwrap()["offset"].as_u64().unwrap());
        let row = |number: u64| {
            let mut row = line(&json!(60 / count));
            (row["project_id"], row["uuid"]) = (json!(101), json!(number));
            row
        };
        let rows: Vec<Value> = (offset..count.min(offset + 10)).map(row).collect();
        answer(&json!({"count": count, "price_status": "show", "results": rows}).to_string())
    };
    asked(COST).respond_with(resources).mount(&api).await;
    asked(COST_TOTALS).respond_with(page(&[line(&json!(60))])).mount(&api).await;
    api
}

#[tokio::test]
async fn auto_turns_to_totals_where_they_are_cheaper_and_says_why() {
    let api = account_of(&Arc::new(AtomicU64::new(60))).await;
    let daemon = Process::serving(config_file(&api.uri(), "page_size = 10", &["cost", "names"]), &[]);
    let choices = |log: &str| -> Vec<String> {
        let lines = log.lines().filter(|line| line.contains("reading costs") && line.contains("window=today"));
        lines.map(str::to_owned).collect()
    };
    daemon.until(async || choices(&daemon.log()).len() >= 2).await;
    let log = daemon.stop().await.stderr;
    for (said, method, why) in [
        (0, "method=resources", "the number of resources is not known yet"),
        (1, "method=totals", "3 requests instead of 6"),
    ] {
        let line = &choices(&log)[said];
        assert!(line.contains("level=info") && line.contains(method) && line.contains(why), "{line}");
    }
}

#[tokio::test]
async fn auto_turns_back_to_resources_a_day_after_they_became_few() {
    let rows = Arc::new(AtomicU64::new(60));
    let api = account_of(&rows).await;
    let hands = FakeClock::at(noon());
    let mut config = config(&api.uri(), every(Duration::from_millis(100), &[Collector::Cost, Collector::Names]));
    config.accounts.values_mut().next().unwrap().page_size = 10;
    let app = TestApp::ready(&config, hands.clock()).await;
    let by_totals = async || {
        let one = json!([101]);
        bodies(&api, COST_TOTALS).await.iter().filter(|body| body["projects"] == one).count()
    };
    let pages = async || bodies(&api, COST).await.len();
    app.until(async || by_totals().await >= 1).await;
    rows.store(5, Ordering::SeqCst);
    let (pages_before, totals_before) = (pages().await, by_totals().await);
    app.until(async || by_totals().await >= totals_before + 5).await;
    assert_eq!(pages().await, pages_before, "what the day began with holds for the day");
    hands.forward(SignedDuration::from_hours(24));
    app.until(async || pages().await >= pages_before + 5).await;
    let totals_before = by_totals().await;
    let pages_before = pages().await;
    app.until(async || pages().await >= pages_before + 3).await;
    assert_eq!(by_totals().await, totals_before, "by resources from then on");
    app.stop().await;
}

/// The page that starts at a row.
type Page = fn(&[Value], usize) -> Vec<Value>;

/// Reads costs and usage in pages of four, and returns the series of both collectors.
async fn read_in_fours(rows: Vec<Value>, concurrency: usize, page: Page) -> [String; 4] {
    let api = MockServer::start().await;
    let total = rows.len();
    let answer = move |request: &Request| {
        let offset = usize::try_from(request.body_json::<Value>().unwrap()["offset"].as_u64().unwrap()).unwrap();
        let rows = page(&rows, offset);
        answer(&json!({"count": total, "price_status": "show", "results": rows, "resources": rows}).to_string())
    };
    asked(COST).respond_with(answer.clone()).mount(&api).await;
    asked(USAGE).respond_with(answer).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost, Collector::Usage]));
    config.collect.cost_method = Method::Resources;
    config.accounts.values_mut().next().unwrap().concurrency = concurrency;
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    let group = concat!(
        r#"{account="main",project_id="101",project_name="101",region_id="7",region_name="7","#,
        r#"resource_type="external_ip","#
    );
    let mut seen = Vec::new();
    for series in [
        format!(r#"gcore_cost_today_amount{group}currency="EUR"}}"#),
        r#"gcore_up{account="main",collector="cost"}"#.into(),
        format!(r#"gcore_usage_today_billing_value{group}unit="minutes"}}"#),
        r#"gcore_up{account="main",collector="usage"}"#.into(),
    ] {
        seen.push(app.value(&series).await.unwrap_or_default());
    }
    app.stop().await;
    seen.try_into().unwrap()
}

fn slice(rows: &[Value], offset: usize) -> Vec<Value> {
    rows.iter().skip(offset).take(4).cloned().collect()
}

/// An IP address without uuid and name, as in the API.
fn address(port: u64, address: &str) -> Value {
    json!({"type": "external_ip", "cost": 0.5, "currency": "EUR", "err": null, "billing_value": 30,
        "billing_value_unit": "minutes", "billing_metric_name": "externalip_min", "project_id": 101, "region_id": 7,
        "port_id": format!("port-{port}"), "ip_address": address})
}

#[tokio::test]
async fn equal_rows_are_two_resources_wherever_a_page_ends() {
    let one_port = |addresses: [&str; 10]| -> Vec<Value> {
        (0..).zip(addresses).map(|(n, ip)| address(if ip.starts_with('t') { 99 } else { n }, ip)).collect()
    };
    for (name, addresses) in [
        ("two addresses of one port", ["a", "b", "c", "t1", "t2", "d", "e", "f", "g", "h"]),
        ("no address either", ["a", "b", "c", "t", "t", "d", "e", "f", "g", "h"]),
        ("some at each page end", ["a", "b", "t", "t", "t", "d", "e", "t", "t", "h"]),
        ("far from the page end", ["t", "b", "c", "d", "e", "f", "g", "t", "h", "i"]),
        ("all the same", ["t"; 10]),
    ] {
        for concurrency in [1, 4] {
            let seen = read_in_fours(one_port(addresses), concurrency, slice).await;
            assert_eq!(seen, ["5", "1", "300", "1"], "{name}, {concurrency} at a time");
        }
    }
}

#[tokio::test]
async fn a_list_that_moves_between_its_pages_is_refused_though_its_count_fits() {
    let rows: Vec<Value> = (0..10).map(|number| address(number, "")).collect();
    // Each of these lists claims ten rows and returns ten.
    let faults: [(&str, Page); 4] = [
        ("the first page over and over", |rows, offset| slice(rows, 0)[..4.min(10 - offset)].to_vec()),
        ("one row late from the second page on", |rows, offset| {
            rows.iter().skip(offset - usize::from(offset >= 4)).take(4.min(10 - offset)).cloned().collect()
        }),
        ("another order with each answer", |rows, offset| {
            let mut rows = rows.to_vec();
            rows.rotate_right(offset % 3);
            slice(&rows, offset)
        }),
        ("twins on a page that repeats", |rows, offset| {
            let twin = &rows[0];
            [twin, twin, &rows[1], &rows[2]].into_iter().take(10 - offset).cloned().collect()
        }),
    ];
    for (name, page) in faults {
        for concurrency in [1, 4] {
            let seen = read_in_fours(rows.clone(), concurrency, page).await;
            assert_eq!(seen, ["", "0", "", "0"], "{name}, {concurrency} at a time");
        }
    }
}

//! The JSON API: exact sums, CSV, and refused queries.

use std::collections::BTreeMap;
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::Window;
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::snapshot::Collector;
use reqwest::Method as Verb;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::harness::{COST, TestApp, asked, config, forbidden, noon, only};
use crate::insights::{budget, with_history};
use crate::prometheus::demo_app;

const HOUR: Duration = Duration::from_secs(3_600);

async fn get(app: &TestApp, path: &str) -> Value {
    let response = app.request(Verb::GET, path).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn costs_are_exact_in_every_window_and_grouping() {
    let now = noon();
    let (app, world) = demo_app(Clock::frozen(now), HOUR).await;
    for window in Window::ALL {
        let period = window.period(now);
        let ledger = world.cost_ledger(period.first()..period.end(), now);
        for columns in 0..8_usize {
            let dimensions = [("project", "project_id"), ("region", "region_id"), ("resource_type", "resource_type")];
            let asked: Vec<_> = (0..3).filter(|bit| columns >> bit & 1 == 1).map(|bit| dimensions[bit]).collect();
            let group_by = asked.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(",");
            let mut want = BTreeMap::<Vec<String>, Decimal>::new();
            for ((project, region, kind, currency), amount) in &ledger {
                let parts = [project.to_string(), region.to_string(), format!("{kind:?}")];
                let key = (0..3).filter(|bit| columns >> bit & 1 == 1).map(|bit| parts[bit].clone());
                *want.entry(key.chain([currency.clone()]).collect()).or_default() += *amount;
            }
            let answer = get(&app, &format!("/api/v1/costs?window={}&group_by={group_by}", window.as_str())).await;
            let row = |row: &Value| {
                let key = asked.iter().map(|(_, column)| row[column].to_string());
                let key = key.chain([row["currency"].as_str().unwrap().to_owned()]).collect();
                (key, row["amount"].as_str().unwrap().parse::<Decimal>().unwrap())
            };
            let rows = answer["costs"].as_array().unwrap();
            let got: BTreeMap<Vec<String>, Decimal> = rows.iter().map(row).collect();
            assert_eq!(got.len(), rows.len(), "no sum twice");
            assert_eq!(got, want, "{} by {group_by}", window.as_str());
            assert_eq!(answer["unknown"], json!([]));
        }
    }
    let csv = app.request_with(Verb::GET, "/api/v1/costs?group_by=region", &[("accept", "text/csv")]).await;
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().await.unwrap();
    assert!(
        csv.starts_with("window,from,to,region_id,region_name,currency,amount\nmonth_to_date,2026-11-01,2026-11-22,")
    );
    let json = get(&app, "/api/v1/costs?group_by=region").await;
    assert_eq!(csv.lines().count() - 1, json["costs"].as_array().unwrap().len());
    app.stop().await;
}

#[tokio::test]
async fn an_account_that_is_not_read_is_unknown_and_has_no_sum() {
    let api = MockServer::start().await;
    asked(COST).respond_with(forbidden()).mount(&api).await;
    let mut collect = only(&[Collector::Cost]);
    collect.cost_method = Method::Resources;
    let app = TestApp::ready(&config(&api.uri(), collect), Clock::frozen(noon())).await;
    let answer = get(&app, "/api/v1/costs?window=today&account=main").await;
    assert_eq!((&answer["costs"], &answer["unknown"]), (&json!([]), &json!(["main"])));
    let csv = app.request(Verb::GET, "/api/v1/costs?window=today&format=csv").await.text().await.unwrap();
    assert_eq!(csv, "window,from,to,account,currency,amount\ntoday,2026-11-22,2026-11-22,main,,\n");
    let forecasts = get(&app, "/api/v1/forecasts").await;
    assert_eq!(forecasts, json!({ "month": "2026-11-01", "forecasts": [], "unknown": ["main"] }));
    let status = get(&app, "/api/v1/status").await;
    let collector = &status["accounts"][0]["collectors"][0];
    assert_eq!((&collector["state"], &collector["may_read"]), (&json!("unsupported"), &json!(false)));
    assert_eq!(collector["last_failure"]["reason"], "unsupported");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forecasts_and_budgets_are_those_of_the_metrics() {
    let budgets = vec![budget("all", "1000000", &[]), budget("shop", "0.01", &[41001])];
    let (app, _) = with_history(Clock::frozen(noon()), HOUR, budgets).await;
    let answer = get(&app, "/api/v1/budgets?account=demo").await;
    assert_eq!((answer["budgets"].as_array().unwrap().len(), &answer["unknown"]), (2, &json!([])));
    for budget in answer["budgets"].as_array().unwrap() {
        let name = budget["budget"].as_str().unwrap();
        for (field, family) in [("limit", "limit"), ("spent", "actual")] {
            let series = format!("gcore_budget_{family}_amount{{account=\"demo\",budget=\"{name}\",currency=\"EUR\"}}");
            let metric: f64 = app.value(&series).await.unwrap().parse().unwrap();
            let exact: f64 = budget[field].as_str().unwrap().parse().unwrap();
            assert_eq!(exact.to_bits(), metric.to_bits(), "{name}: {field}");
        }
    }
    let answer = get(&app, "/api/v1/forecasts").await;
    let estimate = |of: &dyn Fn(&&Value) -> bool| {
        let all = answer["forecasts"].as_array().unwrap();
        all.iter().find(|one| one["currency"] == "EUR" && of(one)).unwrap()["estimate"].as_f64().unwrap()
    };
    let whole = estimate(&|one| one["subject"]["roll_up"] == "account");
    let shop = estimate(&|one| one["subject"]["project_id"] == 41001);
    let value = async |series: &str| app.value(series).await.unwrap().parse::<f64>().unwrap();
    let family = "gcore_cost_month_forecast_amount{account=\"demo\",project_id=\"41001\",project_name=\"shop\",currency=\"EUR\"}";
    assert_eq!(shop.to_bits(), value(family).await.to_bits());
    let all = value("gcore_budget_forecast_amount{account=\"demo\",budget=\"all\",currency=\"EUR\"}").await;
    assert!((whole - all).abs() < 1e-4, "a budget of everything ends as the account: {whole} {all}");
    app.stop().await;
}

#[tokio::test]
async fn a_bad_query_is_refused_with_the_key_and_the_allowed_values() {
    let api = MockServer::start().await;
    let app = TestApp::start(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;
    let windows = json!(["today", "yesterday", "month_to_date", "previous_month"]);
    let dimensions = json!(["account", "project", "region", "resource_type"]);
    for (query, message, key, value, allowed) in [
        ("costs?window=week", "the value is not allowed", "window", json!("week"), windows.clone()),
        ("costs?window=", "the value is not allowed", "window", json!(""), windows),
        ("costs?window=today&window=today", "the key is repeated", "window", json!(null), json!([])),
        ("costs?group_by=project,tag", "the value is not allowed", "group_by", json!("tag"), dimensions),
        ("costs?account=other", "the value is not allowed", "account", json!("other"), json!(["main"])),
        ("costs?format=xml", "the value is not allowed", "format", json!("xml"), json!(["json", "csv"])),
        (
            "costs?%3Cscript%3E=1",
            "the key is unknown",
            "<script>",
            json!(null),
            json!(["window", "group_by", "account", "format"]),
        ),
        ("budgets?window=today", "the key is unknown", "window", json!(null), json!(["account"])),
        ("forecasts?account=x%00", "the value is not allowed", "account", json!("x\u{0}"), json!(["main"])),
        ("status?x", "the key is unknown", "x", json!(null), json!(["account"])),
        ("alerts?x=1", "the key is unknown", "x", json!(null), json!([])),
        ("anomalies?x=1", "the key is unknown", "x", json!(null), json!(["account"])),
        ("openapi.yaml?x=1", "the key is unknown", "x", json!(null), json!([])),
    ] {
        let response = app.request(Verb::GET, &format!("/api/v1/{query}")).await;
        assert_eq!(response.status().as_u16(), 400, "{query}");
        assert_eq!(response.headers()["content-type"], "application/json", "{query}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{query}");
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let want = json!({ "error": { "message": message, "key": key, "value": value, "allowed": allowed } });
        assert_eq!(body, want, "{query}");
    }
    let yaml = app.request(Verb::GET, "/api/v1/openapi.yaml").await;
    assert_eq!(yaml.headers()["content-type"], "application/yaml");
    assert!(yaml.text().await.unwrap().starts_with("openapi: 3.1.0\n"));
    app.stop().await;
}

//! The pages for people: figures, hostile names, odd requests, and the links of notifications.

use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::{Period, Window};
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::snapshot::Collector;
use gcore_simulator::world::World;
use jiff::Timestamp;
use reqwest::{Method as Verb, Response, StatusCode};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wiremock::{MockServer, Request};

use crate::channels::reports;
use crate::delivery::{labels, received, taking, until, webhook, webhooks};
use crate::harness::{
    COST, PROJECTS, REGIONS, REPORTS, TestApp, asked, config, every, forbidden, json as answer, noon, only,
};
use crate::insights::{budget, with_history};

const HOUR: Duration = Duration::from_secs(3_600);

/// The text of a page without its markup. Blanks stand where elements end.
fn text(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<') {
        let (_, words) = part.split_once('>').unwrap_or(("", part));
        text.push_str(words);
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn page(app: &TestApp, path: &str) -> String {
    let response = app.request(Verb::GET, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    is_strict(path, &response);
    response.text().await.unwrap()
}

/// Fails unless the headers forbid everything but the page's own style and icon.
fn is_strict(path: &str, response: &Response) {
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'";
    assert_eq!(header("content-security-policy").as_deref(), Some(policy), "{path}");
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
    assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"), "{path}");
    assert_eq!(header("cache-control").as_deref(), Some("no-store"), "{path}");
}

/// The costs of a period in the simulator's ledger, as on a page: rounded to cents, with separators.
fn truth(world: &World, period: Period, now: Timestamp, currency: &str, project: Option<u64>) -> String {
    let groups = world.cost_ledger(period.first()..period.end(), now).into_iter();
    let counted = groups
        .filter(|((of, _, _, in_currency), _)| in_currency == currency && project.is_none_or(|project| *of == project));
    let sum: Decimal = counted.map(|(_, amount)| amount).sum();
    let text = sum.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero).to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (thousands, rest) = whole.split_at(whole.len().saturating_sub(3));
    let whole = if thousands.is_empty() { rest.to_owned() } else { format!("{thousands},{rest}") };
    format!("{whole}.{fraction:0<2}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_page_shows_the_figures_of_the_account() {
    let now = noon();
    let (app, world) = with_history(Clock::frozen(now), HOUR, vec![budget("all", "1000000", &[])]).await;
    app.until(async || text(&app.get("/").await.text().await.unwrap()).contains("Change: 15–21 Nov against 8–14 Nov"))
        .await;
    app.until(async || !text(&app.get("/").await.text().await.unwrap()).contains("not evaluated yet")).await;
    let shown = text(&page(&app, "/").await);
    for currency in ["EUR", "USD"] {
        let of = |window: Window| truth(&world, window.period(now), now, currency, None);
        assert!(
            shown.contains(&format!("Costs in {currency} This month {} 1–22 Nov", of(Window::MonthToDate))),
            "{shown}"
        );
        assert!(shown.contains(&format!("Today so far {} 22 Nov, provisional", of(Window::Today))), "{shown}");
        assert!(shown.contains(&format!("Yesterday {} 21 Nov", of(Window::Yesterday))), "{shown}");
    }
    // A project with its month and the week that ends with the last closed day.
    let days = |first: &str, end: &str| Period::new(first.parse().unwrap(), end.parse().unwrap()).unwrap();
    let shop = |period| truth(&world, period, now, "EUR", Some(41001));
    let (month, week) = (shop(Window::MonthToDate.period(now)), shop(days("2026-11-15", "2026-11-22")));
    assert!(shown.contains(&format!("shop {month} {week} ")), "{month} {week} in {shown}");
    for words in ["Forecast for November", "Budgets all", "Anomalies", "Collectors", "Subscriptions ending next"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    // Only a project whose costs vanished at once is unknown.
    let (_, vanished) = shown.split_once("summer-campaign").unwrap();
    assert!(vanished.split_whitespace().skip(1).take(2).eq(["unknown"; 2]), "{vanished}");
    // The anomalies of its wholes say so too.
    let (unknown, assumed) = (shown.matches("unknown").count(), shown.matches("parts whose cost is unknown").count());
    assert_eq!((unknown - assumed, assumed), (2 + 1, 2), "and the note on records without a price: {shown}");

    // The project's own page.
    let project = text(&page(&app, "/projects/41001").await);
    assert!(project.contains("Project shop Id 41001, account demo"), "{project}");
    assert!(project.contains(&format!("This month {month} 1–22 Nov")), "{project}");
    assert!(project.contains("egress_traffic") && project.contains("Frankfurt"), "{project}");
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_known_is_shown_as_unknown_and_never_as_zero() {
    let api = MockServer::start().await;
    asked(COST).respond_with(forbidden()).mount(&api).await;
    let mut collect = only(&[Collector::Cost, Collector::History]);
    collect.cost_method = Method::Resources;
    let app = TestApp::ready(&config(&api.uri(), collect), Clock::frozen(noon())).await;
    let shown = text(&page(&app, "/").await);
    assert!(shown.contains("Unknown: no account shows its costs."), "{shown}");
    assert!(shown.contains("Costs Not permitted The key has no access to this source"), "{shown}");
    assert!(shown.contains("Unknown: no judged day is recent."), "{shown}");
    assert!(!shown.contains("0.00"), "{shown}");
    app.stop().await;
}

#[tokio::test]
async fn a_report_without_a_price_says_nothing_about_costs() {
    let row = json!({ "type": "instance", "cost": null, "currency": "EUR", "project_id": 101, "region_id": 7 });
    for rows in [json!([row]), json!([])] {
        let api = MockServer::start().await;
        let report = json!({ "count": rows.as_array().unwrap().len(), "price_status": "hide", "results": rows });
        asked(COST).respond_with(answer(&report.to_string())).mount(&api).await;
        let mut collect = only(&[Collector::Cost]);
        collect.cost_method = Method::Resources;
        collect.cost.windows = Window::ALL.to_vec();
        let app = TestApp::ready(&config(&api.uri(), collect), Clock::frozen(noon())).await;
        let shown = text(&page(&app, "/").await);
        assert!(shown.contains("Unknown: no account shows its costs."), "{shown}");
        assert!(!shown.contains("no costs this month") && !shown.contains("0.00"), "{shown}");
        let costs = app.request(Verb::GET, "/api/v1/costs").await.text().await.unwrap();
        let costs: Value = serde_json::from_str(&costs).unwrap();
        assert_eq!((&costs["costs"], &costs["unknown"]), (&json!([]), &json!(["main"])));
        app.stop().await;
    }
}

#[tokio::test]
async fn an_account_without_the_project_changes_nothing_on_its_page() {
    let (api, closed) = (MockServer::start().await, MockServer::start().await);
    let row = json!({ "type": "instance", "cost": 1.5, "currency": "EUR", "project_id": 101, "region_id": 7 });
    let report = json!({ "count": 1, "price_status": "show", "results": [row] });
    asked(COST).respond_with(answer(&report.to_string())).mount(&api).await;
    asked(COST).respond_with(forbidden()).mount(&closed).await;
    let mut collect = only(&[Collector::Cost]);
    collect.cost_method = Method::Resources;
    collect.cost.windows = Window::ALL.to_vec();
    let mut both = config(&api.uri(), collect.clone());
    let (_, other) = config(&closed.uri(), collect).accounts.pop_first().unwrap();
    both.accounts.insert("refused".parse().unwrap(), other);
    let app = TestApp::ready(&both, Clock::frozen(noon())).await;
    let start = text(&page(&app, "/").await);
    assert!(start.contains("This month 1.50 1–22 Nov, today so far , without account refused"), "{start}");
    assert!(
        start.contains("In EUR , without account refused . This month: 1–22 Nov."),
        "the tables say it too: {start}"
    );
    let project = text(&page(&app, "/projects/101").await);
    assert!(project.contains("This month 1.50 1–22 Nov, today so far Forecast"), "{project}");
    assert!(!project.contains("refused"), "{project}");
    assert!(project.contains("instance 1.50 1.50 1.50"), "{project}");
    assert!(project.contains("Today so far 1.50 22 Nov, provisional Yesterday"), "{project}");
    app.stop().await;
}

/// One account is unknown this month, but its past days are stored.
#[tokio::test]
async fn the_month_of_a_part_is_that_of_the_known_accounts() {
    let (api, closed) = (MockServer::start().await, MockServer::start().await);
    let row = json!({ "type": "instance", "cost": 1.5, "currency": "EUR", "project_id": 101, "region_id": 7 });
    let report = json!({ "count": 1, "price_status": "show", "results": [row] });
    asked(COST).respond_with(answer(&report.to_string())).mount(&api).await;
    let only_past = move |request: &Request| {
        let asked: Value = request.body_json().unwrap();
        let is_today = asked["time_from"] == "2026-11-22T00:00:00Z";
        let is_month = asked["time_from"] == "2026-11-01T00:00:00Z" && asked["time_to"] != "2026-11-02T00:00:00Z";
        if is_today || is_month { forbidden() } else { answer(&report.to_string()) }
    };
    asked(COST).respond_with(only_past).mount(&closed).await;
    let mut collect = every(Duration::from_millis(200), &[Collector::Cost, Collector::History]);
    (collect.cost_method, collect.history.days) = (Method::Resources, 20);
    collect.cost.windows = vec![Window::Today, Window::MonthToDate];
    let mut both = config(&api.uri(), collect.clone());
    let (_, other) = config(&closed.uri(), collect).accounts.pop_first().unwrap();
    both.accounts.insert("refused".parse().unwrap(), other);
    let app = TestApp::ready(&both, Clock::frozen(noon())).await;
    // 1.50 of one account this month, and 1.50 of both on each of seven days.
    app.until(async || text(&page(&app, "/").await).contains("instance 1.50 21.00 0.00")).await;
    assert!(text(&page(&app, "/").await).contains("In EUR , without account refused . This month"));
    app.stop().await;
}

#[tokio::test]
async fn hostile_names_are_text_on_every_page() {
    let api = MockServer::start().await;
    let script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let (reversed, long) = ("\u{202e}gpj.exe", "W".repeat(10_000));
    let names: Vec<Value> = [script, reversed, &long, "=HYPERLINK(\"http://x\")"]
        .iter()
        .zip(101..)
        .map(|(name, id)| json!({ "id": id, "name": name, "state": "ACTIVE" }))
        .collect();
    asked(PROJECTS).respond_with(answer(&json!({ "count": 4, "results": names }).to_string())).mount(&api).await;
    let regions = json!({ "count": 1, "results": [{ "id": 7, "display_name": script, "country": script }] });
    asked(REGIONS).respond_with(answer(&regions.to_string())).mount(&api).await;
    let rows: Vec<Value> = (101..105)
        .map(|project| json!({ "type": script, "cost": 1.5, "currency": "EUR", "project_id": project, "region_id": 7 }))
        .collect();
    let report = json!({ "count": 4, "price_status": "show", "results": rows });
    asked(COST).respond_with(answer(&report.to_string())).mount(&api).await;
    let mut collect = only(&[Collector::Cost, Collector::Names]);
    collect.cost_method = Method::Resources;
    collect.cost.windows = Window::ALL.to_vec();
    let app = TestApp::ready(&config(&api.uri(), collect), Clock::frozen(noon())).await;
    app.until(async || app.get("/").await.text().await.unwrap().contains("&lt;script&gt;")).await;
    for path in ["/", "/projects/101", "/projects/102", "/projects/103", "/alerts"] {
        let page = page(&app, path).await;
        for mark in ["<script", "<img", "\u{202e}"] {
            assert!(!page.contains(mark), "{mark} in {path}: {page}");
        }
        assert!(page.len() < 60_000, "{path} has {} bytes", page.len());
    }
    let start = text(&page(&app, "/").await);
    assert!(start.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&gt;&lt;img src=x"), "{start}");
    assert!(start.contains("\\u202egpj.exe"), "{start}");
    let csv = app.request(Verb::GET, "/api/v1/costs?group_by=project&format=csv").await.text().await.unwrap();
    assert!(csv.contains(",104,\"'=HYPERLINK(\"\"http://x\"\")\",EUR,1.5\n"), "no formula: {csv}");
    assert!(csv.contains(&"W".repeat(100)), "a script gets all that was kept of the name: {csv}");
    app.stop().await;
}

#[tokio::test]
async fn odd_requests_get_clear_answers() {
    let api = MockServer::start().await;
    let app = TestApp::start(&config(&api.uri(), only(&[])), Clock::frozen(noon())).await;
    for (path, status, says) in [
        ("/projects/5", 404, "No such project"),
        ("/projects/05", 404, "No such project"),
        ("/projects/-1", 404, "No such project"),
        ("/projects/99999999999999999999999", 404, "No such project"),
        ("/projects/%3Cscript%3E", 404, "%3Cscript%3E"),
        ("/projects/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "No such project"),
        ("/projects/", 404, "No such project"),
        ("/alerts/0123456789abcdef", 404, "No such alert"),
        ("/alerts/0123456789ABCDEF", 404, "No such alert"),
        ("/alerts/x", 404, "No such alert"),
        ("/alerts/", 404, "No such alert"),
        ("/?a=1&a=2&%ff=%00", 200, "Overview"),
        ("/alerts?<script>", 200, "Alerts"),
    ] {
        let response = app.request(Verb::GET, path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        is_strict(path, &response);
        let page = response.text().await.unwrap();
        assert!(page.contains(says) && !page.contains("<script"), "{path}: {page}");
    }
    for (verb, path, status) in [
        (Verb::GET, "/assets/style.css.map", 404),
        (Verb::GET, "/projects", 404),
        (Verb::POST, "/", 405),
        (Verb::PUT, "/alerts/0123456789abcdef", 405),
        (Verb::DELETE, "/projects/5", 405),
        (Verb::OPTIONS, "/api/v1/costs", 405),
        (Verb::PATCH, "/assets/style.css", 405),
    ] {
        let response = app.request(verb.clone(), path).await;
        assert_eq!(response.status().as_u16(), status, "{verb} {path}");
        assert_eq!(response.headers().contains_key("allow"), status == 405, "{verb} {path}");
    }
    // A client library would resolve these paths before it sends them.
    for path in ["/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "/runbooks/../../etc/passwd", "//etc/passwd"] {
        let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let whole = app.request(Verb::GET, "/assets/style.css").await;
    assert_eq!(whole.headers()["content-type"], "text/css; charset=utf-8");
    is_strict("HEAD /", &app.request(Verb::HEAD, "/").await);
    // The start page changes with each poll, the style never.
    let head = app.request(Verb::HEAD, "/assets/style.css").await;
    let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(length, whole.bytes().await.unwrap().len());
    app.stop().await;
}

#[tokio::test]
async fn the_link_of_a_notification_opens_the_page_of_its_alert() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(reports("Failed")).mount(&api).await;
    let receiver = taking().await;
    let mut config = config(&api.uri(), every(Duration::from_secs(60), &[Collector::Reports]));
    let (name, mut channel) = webhook("ops", &receiver.uri(), &[]);
    channel.route.matchers = labels(&[("alertname", "GcoreReportTaskFailed")]);
    config.notify = webhooks([(name, channel)]);
    let app = TestApp::ready(&config, Clock::system()).await;
    until("its beginning", async || !received(&receiver).await.is_empty()).await;
    let message: Value = received(&receiver).await[0].body_json().unwrap();
    let alert = &message["alerts"][0];
    let link = alert["generatorURL"].as_str().unwrap().strip_prefix(&app.url).unwrap().to_owned();
    let fingerprint = alert["fingerprint"].as_str().unwrap();
    assert_eq!(link, format!("/alerts/{fingerprint}"));
    let shown = text(&page(&app, &link).await);
    assert!(shown.contains(alert["annotations"]["summary"].as_str().unwrap()), "{shown}");
    assert!(shown.contains("What to do") && shown.contains("GcoreReportTaskFailed"), "{shown}");
    let list = page(&app, "/alerts").await;
    assert!(list.contains(&format!("id=\"{fingerprint}\"")) && list.contains(&format!("href=\".{link}\"")), "{list}");
    app.stop().await;
}

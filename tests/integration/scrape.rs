//! Scrapes: complete bodies in the requested encoding, with current values.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::clock::Clock;
use flate2::bufread::GzDecoder;
use gcore_api::billing::period::Window;
use gcore_billing_exporter::snapshot::Collector;
use reqwest::Method;
use serde_json::json;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::harness::{
    COST, FakeClock, PATIENCE, REPORTS, SUBSCRIPTIONS, TestApp, asked, config, every, json as answer, mount_names,
    noon, only, until_met,
};
use crate::prometheus::{Prometheus, demo_app};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

const ONE_ROW: &str = r#"{"count": 1, "price_status": "show", "results": [
    {"type": "instance", "cost": 1.25, "currency": "EUR", "project_id": 101, "region_id": 7}]}"#;

/// Lines that are the same in all scrapes.
fn stable(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("process_")).collect()
}

/// The output of a program for `input`.
fn piped(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let pipe = || Stdio::piped();
    let mut child =
        Command::new(program).args(arguments).stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().expect(program);
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gzip_answer_is_one_member_that_every_reader_knows() {
    let (app, _) = demo_app(Clock::frozen(noon()), HOUR).await;
    let get = |headers| app.request_with(Method::GET, "/metrics", headers);
    // Alerts are evaluated shortly after a reading. After that nothing changes.
    app.until(async || app.metrics().await.contains("\ngcore_alerts{alertname=\"GcoreWatchdog\"")).await;

    let plain = get(&[]).await;
    assert_eq!(plain.headers()["vary"], "accept, accept-encoding");
    assert!(!plain.headers().contains_key("content-encoding"));
    let length: usize = plain.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let plain = plain.text().await.unwrap();
    assert_eq!(plain.len(), length);
    assert_eq!(piped("promtool", &["check", "metrics"], plain.as_bytes()), "", "nothing to complain about");

    let packed = get(&[("accept-encoding", "br, gzip;q=0.5")]).await;
    assert_eq!(packed.headers()["vary"], "accept, accept-encoding");
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let length: usize = packed.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let packed = packed.bytes().await.unwrap();
    assert_eq!(packed.len(), length);
    assert!(packed.len() * 8 < plain.len(), "{} of {} bytes", packed.len(), plain.len());

    let mut decoder = GzDecoder::new(&packed[..]);
    let mut unpacked = String::new();
    decoder.read_to_string(&mut unpacked).unwrap();
    assert!(decoder.into_inner().is_empty(), "one member and nothing after it");
    assert_eq!(stable(&unpacked), stable(&plain));

    let script = "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
    assert!(piped("python3", &["-c", script], &packed) == unpacked, "Python reads the same");
    let url = format!("{}/metrics", app.url);
    let by_curl =
        tokio::task::spawn_blocking(move || piped("curl", &["--silent", "--show-error", "--compressed", &url], b""));
    assert_eq!(stable(&by_curl.await.unwrap()), stable(&plain), "curl reads the same");

    for (headers, encoding) in [(&[][..], None), (&[("accept-encoding", "gzip")][..], Some("gzip"))] {
        let head = app.request_with(Method::HEAD, "/metrics", headers).await;
        assert_eq!(head.headers().get("content-encoding").map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(head.headers()["vary"], "accept, accept-encoding");
        let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let body = if encoding.is_some() { packed.len() } else { plain.len() };
        assert!(length.abs_diff(body) < 100, "HEAD tells {length} of about {body} bytes");
        assert!(head.bytes().await.unwrap().is_empty());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zstd_answer_is_read_by_its_own_program_and_made_only_when_asked_for() {
    let (app, _) = demo_app(Clock::frozen(noon()), HOUR).await;
    let get = |headers| app.request_with(Method::GET, "/metrics", headers);
    app.until(async || app.metrics().await.contains("\ngcore_alerts{alertname=\"GcoreWatchdog\"")).await;
    let plain = get(&[]).await.text().await.unwrap();
    for _ in 0..2 {
        let packed = get(&[("accept-encoding", "zstd")]).await;
        assert_eq!(packed.headers()["content-encoding"], "zstd");
        assert_eq!(packed.headers()["vary"], "accept, accept-encoding");
        let packed = packed.bytes().await.unwrap();
        assert!(packed.len() * 4 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
        let unpacked = piped("zstd", &["--decompress", "--stdout"], &packed);
        assert_eq!(stable(&unpacked), stable(&plain));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_formats_have_the_same_series_and_a_real_prometheus_takes_open_metrics() {
    let (app, _) = demo_app(Clock::frozen(noon()), HOUR).await;
    app.until(async || app.metrics().await.contains("\ngcore_alerts{alertname=\"GcoreWatchdog\"")).await;
    let get = async |accept: &str| {
        let answer = app.request_with(Method::GET, "/metrics", &[("accept", accept)]).await;
        let media_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (media_type, answer.text().await.unwrap())
    };
    let (plain_type, plain) = get("text/plain; version=0.0.4").await;
    let (open_type, open) = get("application/openmetrics-text; version=1.0.0; escaping=allow-utf-8, */*; q=0.1").await;
    assert_eq!(plain_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(open_type, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
    assert!(open.ends_with("\n# EOF\n") && !plain.contains("# EOF"));
    // A histogram has its bounds in another form, and its sum after its count.
    let sorted = |text: &str| {
        let mut series: Vec<String> = stable(text)
            .iter()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                ["1", "2", "5", "10", "30", "60", "120", "300", "600"].iter().fold((*line).to_owned(), |line, bound| {
                    line.replace(&format!("le=\"{bound}.0\""), &format!("le=\"{bound}\""))
                })
            })
            .collect();
        series.sort_unstable();
        series
    };
    assert_eq!(sorted(&open), sorted(&plain));

    let prometheus = Prometheus::scraping(&app).await;
    let metadata = async || prometheus.api("targets/metadata", &[("metric", "process_cpu_seconds")]).await;
    // Only OpenMetrics has units, and names of counters without their ending.
    until_met(async || metadata().await[0]["unit"] == "seconds", async || metadata().await.to_string()).await;
    assert!(!prometheus.found("process_cpu_seconds_total").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn every_page_answers_to_head_and_health_has_the_names_that_clusters_use() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(answer(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;
    for (path, text) in [
        ("/", None),
        ("/metrics", None),
        ("/-/healthy", Some("alive\n")),
        ("/healthz", Some("alive\n")),
        ("/livez", Some("alive\n")),
        ("/-/ready", Some("ready\n")),
        ("/readyz", Some("ready\n")),
        ("/api/v1/alerts", None),
        ("/api/v1/anomalies", None),
        ("/runbooks", None),
    ] {
        let head = app.request(Method::HEAD, path).await;
        assert_eq!(head.status(), 200, "{path}");
        let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        let got = app.request(Method::GET, path).await.text().await.unwrap();
        assert!(path == "/metrics" || got.len() == length, "{path}: {length} of {} bytes", got.len());
        assert!(text.is_none_or(|text| got == text), "{path}: {got}");
        let refused = app.request(Method::DELETE, path).await;
        assert_eq!(
            (refused.status().as_u16(), refused.headers()["allow"].to_str().unwrap()),
            (405, "GET, HEAD"),
            "{path}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_amid_constant_polls_sees_one_of_them_and_all_of_it() {
    const ROWS: usize = 300;
    let api = MockServer::start().await;
    let polls = AtomicU64::new(0);
    let page = move |_: &Request| {
        let poll = polls.fetch_add(1, Ordering::SeqCst);
        let row =
            |project| json!({"type": "volume", "cost": poll, "currency": "EUR", "project_id": project, "region_id": 7});
        let rows: Vec<_> = (0..ROWS).map(row).collect();
        ResponseTemplate::new(200).set_body_json(json!({"count": ROWS, "price_status": "show", "results": rows}))
    };
    asked(COST).respond_with(page).mount(&api).await;
    let app =
        TestApp::ready(&config(&api.uri(), every(Duration::from_millis(2), &[Collector::Cost])), Clock::frozen(noon()))
            .await;

    let scrape = async || {
        let mut seen = Vec::new();
        while seen.len() < 60 || seen.last() == seen.first() {
            let text = app.metrics().await;
            let values: Vec<u64> = text
                .lines()
                .filter_map(|line| line.strip_prefix("gcore_cost_today_amount{")?.rsplit(' ').next()?.parse().ok())
                .collect();
            assert_eq!(values.len(), ROWS, "all series");
            assert!(values.iter().all(|value| *value == values[0]), "of one poll: {values:?}");
            assert!(text.contains("\ngcore_polls_total{"), "and the own counters");
            seen.push(values[0]);
        }
        assert!(seen.is_sorted(), "never back to an older poll: {seen:?}");
    };
    let scrapes = async { tokio::join!(scrape(), scrape(), scrape()) };
    tokio::time::timeout(PATIENCE, scrapes).await.expect("on to newer polls");
    app.stop().await;
}

const TODAY: &str = concat!(
    r#"gcore_cost_today_amount{account="main",project_id="101",project_name="101",region_id="7",region_name="7","#,
    r#"resource_type="instance",currency="EUR"}"#
);
const SETTLED: &str = r#"gcore_window_settled{account="main",collector="cost",window="yesterday"}"#;

#[tokio::test]
async fn time_alone_changes_the_very_next_scrape() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(ONE_ROW)).expect(2).mount(&api).await;
    let mut collect = only(&[Collector::Cost]);
    collect.cost.windows = vec![Window::Today, Window::Yesterday];
    collect.cost.stale_after = 20 * HOUR;
    collect.cost.settle_after = 18 * HOUR;
    let hands = FakeClock::at("2026-11-22T06:00:00Z".parse().unwrap());
    let app = TestApp::ready(&config(&api.uri(), collect), hands.clock()).await;
    for (name, time, today, settled) in [
        ("as read", "2026-11-22T06:00:00Z", Some("1.25"), Some("0")),
        ("a moment before yesterday settles", "2026-11-22T17:59:59.999Z", Some("1.25"), Some("0")),
        ("settled", "2026-11-22T18:00:00Z", Some("1.25"), Some("1")),
        ("the last moment of the day", "2026-11-22T23:59:59.999Z", Some("1.25"), Some("1")),
        ("midnight: another today, another yesterday", "2026-11-23T00:00:00Z", None, None),
        ("the clock is set back", "2026-11-22T12:00:00Z", Some("1.25"), Some("0")),
    ] {
        hands.set(time.parse().unwrap());
        assert_eq!(app.value(TODAY).await.as_deref(), today, "{name}");
        assert_eq!(app.value(SETTLED).await.as_deref(), settled, "{name}");
        assert_eq!(app.value(r#"gcore_up{account="main",collector="cost"}"#).await.as_deref(), Some("1"), "{name}");
        let exported = app.value(r#"gcore_series{family="gcore_cost_today_amount"}"#).await;
        assert_eq!(exported.as_deref(), Some(if today.is_some() { "1" } else { "0" }), "{name}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_reading_that_goes_stale_is_gone_at_the_next_scrape() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(ONE_ROW)).expect(1).mount(&api).await;
    asked(REPORTS).respond_with(answer(include_str!("pages/reports.json"))).expect(1).mount(&api).await;
    let mut collect = only(&[Collector::Cost, Collector::Reports]);
    collect.cost.stale_after = 2 * HOUR;
    collect.reports.stale_after = HOUR;
    let hands = FakeClock::at("2026-11-22T12:00:00Z".parse().unwrap());
    let app = TestApp::ready(&config(&api.uri(), collect), hands.clock()).await;
    let tasks = r#"gcore_report_tasks{account="main",task_type="Report",status="Failed"}"#;
    for (time, cost, reports) in [
        ("2026-11-22T12:59:59Z", true, true),
        ("2026-11-22T13:00:00Z", true, false),
        ("2026-11-22T13:59:59Z", true, false),
        ("2026-11-22T14:00:00Z", false, false),
    ] {
        hands.set(time.parse().unwrap());
        assert_eq!((app.value(TODAY).await.is_some(), app.value(tasks).await.is_some()), (cost, reports), "{time}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_subscription_begins_and_ends_by_time_alone() {
    let api = MockServer::start().await;
    asked(SUBSCRIPTIONS).respond_with(answer(include_str!("pages/subscriptions.json"))).expect(1).mount(&api).await;
    let mut collect = only(&[Collector::Subscriptions]);
    collect.subscriptions.stale_after = 100 * DAY;
    let hands = FakeClock::at("2026-11-22T12:00:00Z".parse().unwrap());
    let app = TestApp::ready(&config(&api.uri(), collect), hands.clock()).await;
    let state = |product: &str, state: &str| {
        format!(r#"gcore_subscriptions{{account="main",product="{product}",state="{state}"}}"#)
    };
    let end = r#"gcore_subscription_active_end_timestamp_seconds{account="main",subscription_id="31"}"#;
    for (name, time, upcoming, expired, has_own_series) in [
        ("before all", "2026-11-30T23:59:59Z", "1", "2", true),
        ("one begins", "2026-12-01T00:00:00Z", "0", "2", true),
        ("before one ends", "2026-12-31T23:59:59Z", "0", "2", true),
        ("it ends", "2027-01-01T00:00:00Z", "0", "3", true),
        ("for 30 days it is remembered", "2027-01-30T23:59:59Z", "0", "3", true),
        ("and then only counted", "2027-01-31T00:00:00Z", "0", "3", false),
    ] {
        hands.set(time.parse().unwrap());
        assert_eq!(app.value(&state("CDN", "upcoming")).await.as_deref(), Some(upcoming), "{name}");
        assert_eq!(app.value(&state("Cloud", "expired")).await.as_deref(), Some(expired), "{name}");
        assert_eq!(app.value(end).await.is_some(), has_own_series, "{name}");
    }
    app.stop().await;
}

#[tokio::test]
async fn past_the_limit_the_smallest_costs_fold_and_lists_end() {
    let api = MockServer::start().await;
    mount_names(&api).await;
    let row = |project: u64, cost: &str, currency: &str| {
        format!(
            r#"{{"type": "volume", "cost": {cost}, "currency": "{currency}", "project_id": {project}, "region_id": 7}}"#
        )
    };
    let rows = [
        row(101, "12.5", "EUR"),
        row(102, "0.30001", "EUR"),
        row(103, "-0.1", "EUR"),
        row(104, "0.00002", "EUR"),
        row(105, "0.00001", "USD"),
        row(106, "1e-12", "USD"),
    ];
    let page = format!(r#"{{"count": 6, "price_status": "show", "results": [{}]}}"#, rows.join(","));
    asked(COST).respond_with(answer(&page)).mount(&api).await;
    let mut config = config(&api.uri(), only(&[Collector::Cost, Collector::Names]));
    config.metrics.series_limit = 3;
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;

    let text = app.metrics().await;
    let of = |family: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(family)).map(str::to_owned).collect()
    };
    let other = concat!(
        r#"{account="main",project_id="__other__",project_name="__other__",region_id="__other__","#,
        r#"region_name="__other__",resource_type="__other__",currency="#
    );
    let own = concat!(
        r#"{account="main",project_id="101",project_name="web \"shop\"",region_id="7",region_name="Helsinki","#,
        r#"resource_type="volume",currency="EUR"} 12.5"#
    );
    assert_eq!(
        of("gcore_cost_today_amount"),
        [own.to_owned(), format!("{other}\"EUR\"}} 0.20003"), format!("{other}\"USD\"}} 0.000010000001")]
    );
    for (family, exported, dropped) in [
        ("gcore_cost_today_amount", "3", "5"),
        ("gcore_cost_yesterday_amount", "0", "0"),
        ("gcore_project_info", "3", "0"),
        ("gcore_cost_price_status", "3", "0"),
    ] {
        let label = format!(r#"{{family="{family}"}} "#);
        assert_eq!(of(&format!("gcore_series{label}")), [exported], "{family}");
        assert_eq!(of(&format!("gcore_series_limit{label}")), ["3"], "{family}");
        assert_eq!(of(&format!("gcore_series_dropped{label}")), [dropped], "{family}");
    }
    app.stop().await;

    config.metrics.series_limit = 2;
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert!(app.metrics().await.contains("\ngcore_project_info{account=\"main\",project_id=\"102\""));
    assert!(!app.metrics().await.contains("\ngcore_project_info{account=\"main\",project_id=\"103\""));
    let dropped = r#"gcore_series_dropped{family="gcore_project_info"}"#;
    assert_eq!(app.value(dropped).await.as_deref(), Some("1"));
    app.stop().await;
}

//! The past days, which are read while other collectors poll.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::utc_date;
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::snapshot::Collector;
use gcore_billing_exporter::store::series::Kind;
use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan as _};
use reqwest::Method as Verb;
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::matchers::body_partial_json;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::backfill::{fill, series};
use crate::harness::{
    COST, COST_TOTALS, FakeClock, KEY, PROJECTS, REGIONS, TestApp, asked, bodies, config, every, json as answer, noon,
    refusal,
};
use crate::program::Process;

const NOTHING: &str = r#"{"count": 0, "price_status": "show", "results": []}"#;

/// A request: of a regular poll, or of a past day, then for one project or the whole account.
#[derive(Clone, PartialEq)]
enum Came {
    Regular(Instant),
    Past { at: Instant, day: String, is_of_a_project: bool },
}

#[tokio::test]
async fn days_of_the_past_wait_while_a_regular_poll_is_under_way() {
    const SLOW: Duration = Duration::from_millis(400);
    /// The number of requests in flight. These may have left before a poll began.
    const LANES: usize = 4;
    for method in [Method::Resources, Method::Totals] {
        let api = MockServer::start().await;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&arrivals);
        let report = move |request: &Request| {
            let (asked, at): (Value, _) = (request.body_json().unwrap(), Instant::now());
            let (day, is_of_a_project) =
                (asked["time_from"].as_str().unwrap().to_owned(), asked["projects"].is_array());
            let delay = match (day == "2026-11-22T00:00:00Z", is_of_a_project) {
                (true, false) => {
                    noted.lock().unwrap().push(Came::Regular(at));
                    SLOW
                }
                (true, true) => Duration::ZERO,
                (false, _) => {
                    noted.lock().unwrap().push(Came::Past { at, day, is_of_a_project });
                    if is_of_a_project { SLOW / 4 } else { SLOW / 100 }
                }
            };
            answer(NOTHING).set_delay(delay)
        };
        let projects: Vec<_> = (1..=40).map(|id| json!({"id": id, "name": format!("p{id}")})).collect();
        let projects = json!({"count": 40, "results": projects}).to_string();
        asked(PROJECTS).respond_with(answer(&projects)).mount(&api).await;
        asked(REGIONS).respond_with(answer(r#"{"count": 0, "results": []}"#)).mount(&api).await;
        asked(if method == Method::Totals { COST_TOTALS } else { COST }).respond_with(report).mount(&api).await;
        let collectors = [Collector::Cost, Collector::History, Collector::Names];
        let mut collect = every(SLOW * 4, &collectors[..if method == Method::Totals { 3 } else { 2 }]);
        (collect.cost_method, collect.history.days) = (method, 400);
        let app = TestApp::start(&config(&api.uri(), collect), Clock::frozen(noon())).await;
        // Polls run between the requests for the projects of a day, not only after them.
        let has_seen = |arrivals: &[Came]| {
            let regular = arrivals.iter().filter(|came| matches!(came, Came::Regular(_))).count();
            regular > 10 && arrivals.len() > 50 && (method == Method::Resources || is_ever_interrupted(arrivals))
        };
        app.until(async || has_seen(&arrivals.lock().unwrap())).await;
        app.stop().await;

        let arrivals = arrivals.lock().unwrap();
        let beside = |came: &Came| {
            let Came::Regular(poll) = came else { return 0 };
            let is_beside = |came: &&Came| matches!(came, Came::Past { at, .. } if (*poll..*poll + SLOW).contains(at));
            arrivals.iter().filter(is_beside).count()
        };
        assert!(arrivals.iter().all(|came| beside(came) <= LANES), "{method:?}");
    }
}

/// Whether a regular poll came between the projects of one day.
fn is_ever_interrupted(arrivals: &[Came]) -> bool {
    let parts = arrivals.split(|came| matches!(came, Came::Regular(_))).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.map(|part| (&part[0], &part[part.len() - 1])).collect();
    let day = |came: &Came| match came {
        Came::Past { day, is_of_a_project: true, .. } => Some(day.clone()),
        _ => None,
    };
    parts.windows(2).any(|pair| day(pair[0].1).is_some_and(|last| day(pair[1].0) == Some(last)))
}

/// The text of some days was changed in the file.
#[tokio::test]
async fn a_garbled_day_is_read_again_and_keeps_nothing_from_being_judged() {
    let api = MockServer::start().await;
    let row = r#"{"count": 1, "price_status": "show", "results": [{"type": "instance", "cost": 5, "currency": "EUR",
        "project_id": 1, "region_id": 7}]}"#;
    asked(COST).respond_with(answer(row)).mount(&api).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut collect = every(Duration::from_secs(3600), &[Collector::History]);
    (collect.cost_method, collect.cost.schedule.enabled) = (Method::Resources, true);
    let mut config = config(&api.uri(), collect);
    config.storage.path = Some(path.clone());
    let days = date(2026, 10, 20).series(1.day()).take(33);
    let amounts = || vec![(series(1, Some(7), "instance", "EUR"), "5".to_owned())];
    fill(&config, Kind::Cost, days.map(|day| (day, amounts()))).await;
    let flip = "UPDATE amount SET amount = 'u' WHERE day IN (20261103, 20261121)";
    rusqlite::Connection::open(&path).unwrap().execute_batch(flip).unwrap();

    let app = TestApp::start(&config, Clock::frozen(noon())).await;
    let day = "gcore_anomaly_day_timestamp_seconds{account=\"main\"}";
    let yesterday = "2026-11-21T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second().to_string();
    app.until(async || app.value(day).await.is_some_and(|day| day == yesterday)).await;
    let asked_for: BTreeSet<String> =
        bodies(&api, COST).await.iter().map(|body| body["time_from"].as_str().unwrap()[..10].to_owned()).collect();
    assert!(["2026-11-03", "2026-11-21"].iter().all(|day| asked_for.contains(*day)), "{asked_for:?}");
    assert!(!asked_for.contains("2026-11-04"), "{asked_for:?}");
    assert_eq!(app.value("gcore_store_writable").await.as_deref(), Some("1"));
    app.stop().await;
}

/// The daemon was off for months, so the stored days have a gap.
#[tokio::test]
async fn a_gap_of_months_in_the_stored_days_keeps_nothing_from_being_judged() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(NOTHING)).mount(&api).await;
    let folder = tempfile::tempdir().unwrap();
    let mut collect = every(Duration::from_secs(3600), &[Collector::History]);
    (collect.cost_method, collect.cost.schedule.enabled) = (Method::Resources, true);
    let mut config = config(&api.uri(), collect);
    config.storage.path = Some(folder.path().join("state.db"));

    let days = date(2026, 7, 1).series(1.day()).take(20);
    fill(&config, Kind::Cost, days.map(|day| (day, vec![(series(1, None, "instance", "EUR"), "5".to_owned())]))).await;

    let app = TestApp::start(&config, Clock::frozen(noon())).await;
    let day = "gcore_anomaly_day_timestamp_seconds{account=\"main\"}";
    let yesterday = "2026-11-21T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second().to_string();
    app.until(async || app.value(day).await.is_some_and(|day| day == yesterday)).await;
    app.stop().await;
}

/// The clock is ahead while the daemon fills its history, and right at the next start.
#[tokio::test]
async fn what_a_clock_that_was_ahead_has_stored_is_dropped_and_read_again() {
    let now = Clock::system().now();
    let today = utc_date(now);
    for lead in [3, 730] {
        let api = MockServer::start().await;
        let report = move |request: &Request| {
            let day: Date = request.body_json::<Value>().unwrap()["time_from"].as_str().unwrap()[..10].parse().unwrap();
            let row = r#"{"count": 1, "price_status": "show", "results": [{"type": "instance", "cost": 5,
                "currency": "EUR", "project_id": 1, "region_id": 7}]}"#;
            answer(if day < today { row } else { NOTHING })
        };
        asked(COST).respond_with(report).mount(&api).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let mut collect = every(Duration::from_secs(3600), &[Collector::History]);
        (collect.cost_method, collect.cost.schedule.enabled, collect.history.days) = (Method::Resources, true, 5);
        let mut config = config(&api.uri(), collect);
        config.storage.path = Some(path.clone());
        let app = TestApp::start(&config, Clock::frozen(now + SignedDuration::from_hours(24 * lead))).await;
        let held = r#"gcore_history_readings{account="main",collector="cost"}"#;
        app.until(async || app.value(held).await.as_deref() == Some("5")).await;
        app.stop().await;
        let file = rusqlite::Connection::open(&path).unwrap();
        let seen_at = (now + SignedDuration::from_hours(24 * lead)).as_second();
        let revise = format!("INSERT INTO revision SELECT 20201122, id, {seen_at}, '1', '2' FROM series");
        file.execute_batch(&revise).unwrap();

        let text = format!(
            "[accounts.main]\napi_key = '{KEY}'\napi_url = '{}'\n[storage]\npath = '{}'\n\
             [collect.history]\ninterval = '1s'\ndays = 5\n",
            api.uri(),
            path.display()
        );
        let daemon = Process::serving(crate::program::file(&text), &[]);
        let days = || -> Vec<i64> {
            let mut days = file.prepare("SELECT day FROM reading WHERE kind = 'cost' ORDER BY day").unwrap();
            days.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let number = |day: Date| day.strftime("%Y%m%d").to_string().parse::<i64>().unwrap();
        let first = number(today.saturating_sub(5.days()));
        daemon.until(async || days().first() == Some(&first)).await;
        // It may be after midnight now.
        assert!(days().iter().all(|day| *day < number(utc_date(Clock::system().now()))), "{lead}: {:?}", days());
        let yesterday = number(today.saturating_sub(1.day()));
        let sql = "SELECT amount, settled FROM amount JOIN reading USING (day) WHERE day = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?));
        assert_eq!(
            file.query_row(sql, [yesterday], row),
            Ok(("5".to_owned(), false)),
            "{lead}: it may be corrected yet"
        );
        let revisions = file.query_row("SELECT count(*) FROM revision", [], |row| row.get::<_, i64>(0));
        assert_eq!(revisions, Ok(0), "{lead}");
        let log = daemon.stop().await.stderr;
        let warned = log.lines().find(|line| line.contains("level=warn") && line.contains("clock"));
        assert!(warned.is_some_and(|line| line.contains("days=5") && line.contains("account=main")), "{lead}: {log}");
    }
}

/// Three days are due. Each poll has the time for one or none. A failed day would wait for an hour, and the clock
/// stands still.
#[tokio::test]
async fn a_day_that_had_no_turn_is_read_by_a_poll_soon_after() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(NOTHING)).mount(&api).await;
    let config = three_days(&api, Duration::from_millis(1_100), 0.8);
    let app = TestApp::start(&config, Clock::frozen(noon())).await;
    let held = "gcore_history_readings{account=\"main\",collector=\"cost\"}";
    app.until(async || app.value(held).await.as_deref() == Some("3")).await;
    assert!(!app.metrics().await.contains(FAILED));
    app.stop().await;
}

#[tokio::test]
async fn a_pause_that_the_api_asks_for_puts_off_no_day_that_was_not_asked_for() {
    let api = MockServer::start().await;
    let refusal = ResponseTemplate::new(429).insert_header("retry-after", "60");
    let yesterday = body_partial_json(json!({"time_from": "2026-11-21T00:00:00Z"}));
    asked(COST).and(yesterday).respond_with(refusal).mount(&api).await;
    asked(COST).respond_with(answer(NOTHING)).mount(&api).await;
    let config = three_days(&api, Duration::from_millis(200), 1000.0);
    let app = TestApp::start(&config, Clock::frozen(noon())).await;
    app.until(async || days_asked_for(&api).await == 3).await;
    let failed = format!("{FAILED},reason=\"rate_limited\"}}");
    assert!(app.value(&failed).await.is_some());
    app.stop().await;
}

const FAILED: &str = "gcore_poll_failures_total{account=\"main\",collector=\"history\"";

fn three_days(api: &MockServer, timeout: Duration, rate: f64) -> Config {
    let mut collect = every(Duration::from_millis(600), &[Collector::Cost, Collector::History]);
    (collect.cost_method, collect.cost.schedule.interval) = (Method::Resources, Duration::from_secs(3_600));
    (collect.history.days, collect.history.schedule.timeout) = (3, timeout);
    let mut config = config(&api.uri(), collect);
    config.accounts.values_mut().for_each(|account| account.max_requests_per_second = rate);
    config
}

async fn days_asked_for(api: &MockServer) -> usize {
    let asked_for = bodies(api, COST).await;
    let days: BTreeSet<_> = asked_for.iter().map(|body| &body["time_from"].as_str().unwrap()[..10]).collect();
    days.range("2026-11-19"..="2026-11-21").count()
}

const HISTORY_UP: &str = "gcore_up{account=\"main\",collector=\"history\"}";
const HELD: &str = "gcore_history_readings{account=\"main\",collector=\"cost\"}";

/// The API refuses the days for which `is_refused` is true, such as `2026-11-03`.
async fn mount_refusals(api: &MockServer, is_refused: impl Fn(&str) -> bool + Send + Sync + 'static) {
    let report = move |request: &Request| {
        let asked: Value = request.body_json().unwrap();
        if is_refused(&asked["time_from"].as_str().unwrap()[..10]) { refusal(400) } else { answer(NOTHING) }
    };
    asked(COST).respond_with(report).mount(api).await;
}

/// A daemon with this number of past days and a short interval.
fn wanting(api: &MockServer, days: u16) -> Config {
    let mut collect = every(Duration::from_millis(50), &[Collector::Cost, Collector::History]);
    (collect.cost_method, collect.history.days) = (Method::Resources, days);
    collect.cost.schedule.interval = Duration::from_secs(3_600);
    config(&api.uri(), collect)
}

/// The days before `day` that were requested.
async fn asked_before(api: &MockServer, day: &str) -> BTreeSet<String> {
    let days = bodies(api, COST).await.into_iter().map(|body| body["time_from"].as_str().unwrap()[..10].to_owned());
    days.filter(|asked| asked.as_str() < day).collect()
}

#[tokio::test]
async fn days_that_the_api_does_not_keep_are_learned_and_asked_for_again_only_after_a_week() {
    let (api, folder, hands) = (MockServer::start().await, tempfile::tempdir().unwrap(), FakeClock::at(noon()));
    mount_refusals(&api, |day| day < "2026-11-12").await;
    let mut config = wanting(&api, 100);
    config.storage.path = Some(folder.path().join("state.db"));
    let app = TestApp::start(&config, hands.clock()).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("1")).await;
    assert_eq!(app.value(HELD).await.as_deref(), Some("10"), "what the API keeps");
    let tried = asked_before(&api, "2026-11-12").await;
    assert!(tried.len() <= 3, "not every day is asked for: {tried:?}");
    app.stop().await;

    api.reset().await;
    mount_refusals(&api, |day| day < "2026-10-13").await;
    let app = TestApp::start(&config, hands.clock()).await;
    let polls = async || app.value("gcore_polls_total{account=\"main\",collector=\"history\"}").await;
    app.until(async || polls().await.is_some_and(|polls| polls.parse::<u64>().unwrap() >= 3)).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("1")).await;
    assert_eq!(asked_before(&api, "2026-11-12").await, BTreeSet::new(), "it is known over a restart");

    hands.forward(SignedDuration::from_hours(7 * 24));
    app.until(async || app.value(HELD).await.as_deref() == Some("47")).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("1")).await;
    app.stop().await;
}

#[tokio::test]
async fn one_day_that_the_api_refuses_keeps_no_older_one_from_being_read() {
    let api = MockServer::start().await;
    mount_refusals(&api, |day| day == "2026-11-10").await;
    let app = TestApp::start(&wanting(&api, 20), Clock::frozen(noon())).await;
    app.until(async || app.value(HELD).await.as_deref() == Some("19")).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("0")).await;
    app.stop().await;
}

#[tokio::test]
async fn polls_that_find_nothing_to_read_encode_nothing_anew() {
    let (api, hands) = (MockServer::start().await, FakeClock::at(noon()));
    mount_refusals(&api, |_| false).await;
    let app = TestApp::start(&wanting(&api, 2), hands.clock()).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("1")).await;
    let number = async |family: &str| {
        let series = format!("gcore_{family}{{account=\"main\",collector=\"history\"}}");
        app.value(&series).await.unwrap().parse::<f64>().unwrap()
    };
    let polls = async || number("polls_total").await;
    let (first, read_at) = (polls().await, number("poll_last_success_timestamp_seconds").await);
    hands.forward(SignedDuration::from_mins(10));
    app.until(async || polls().await > first + 3.0).await;
    assert_eq!(number("poll_last_success_timestamp_seconds").await.to_bits(), read_at.to_bits());
    let status = app.request(Verb::GET, "/api/v1/status").await.text().await.unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    let collectors = status["accounts"][0]["collectors"].as_array().unwrap();
    let history = collectors.iter().find(|one| one["collector"] == "history").unwrap();
    assert_eq!(history["last_success"], "2026-11-22T12:10:00Z", "pages and answers know it at once: {history}");
    hands.forward(SignedDuration::from_mins(6));
    app.until(async || number("poll_last_success_timestamp_seconds").await > read_at).await;
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_sees_no_prices_is_tried_on_one_past_day() {
    let (api, hands) = (MockServer::start().await, FakeClock::at(noon()));
    let row = json!({"type": "instance", "cost": null, "currency": null, "project_id": 101, "region_id": 7});
    let report = json!({"count": 1, "price_status": "hide", "results": [row]});
    asked(COST).respond_with(answer(&report.to_string())).mount(&api).await;
    let app = TestApp::start(&wanting(&api, 20), hands.clock()).await;
    let polls = async || app.value("gcore_polls_total{account=\"main\",collector=\"history\"}").await;
    app.until(async || polls().await.is_some_and(|polls| polls.parse::<u64>().unwrap() >= 5)).await;
    // The report of the month begins on the 1st.
    let asked = asked_before(&api, "2026-11-21").await;
    assert!(asked.iter().all(|day| *day == "2026-11-01"), "{asked:?}");
    assert_eq!(app.value(HISTORY_UP).await.as_deref(), Some("0"));
    assert_eq!(app.value(HELD).await.as_deref(), Some("0"), "an unknown day is not stored as zero");
    app.stop().await;
}

#[tokio::test]
async fn an_api_that_refuses_every_day_is_not_taken_for_one_that_keeps_none() {
    let (api, is_mended, hands) = (MockServer::start().await, Arc::new(AtomicBool::new(false)), FakeClock::at(noon()));
    let mended = Arc::clone(&is_mended);
    mount_refusals(&api, move |_| !mended.load(Ordering::Relaxed)).await;
    let app = TestApp::start(&wanting(&api, 20), hands.clock()).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("0")).await;
    is_mended.store(true, Ordering::Relaxed);
    hands.forward(SignedDuration::from_mins(61));
    app.until(async || app.value(HELD).await.as_deref() == Some("20")).await;
    app.until(async || app.value(HISTORY_UP).await.as_deref() == Some("1")).await;
    app.stop().await;
}

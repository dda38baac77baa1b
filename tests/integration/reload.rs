//! A configuration that changes while the daemon runs.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use wiremock::{MockServer, ResponseTemplate};

use crate::harness::{
    COST, KEY, Listener, PATIENCE, REPORTS, SUBSCRIPTIONS, TestApp, asked, config, json as answer, noon, only,
};
use crate::http_conduct::request;
use crate::network::listen;
use crate::program::{Process, config_file, file, program};

/// A part of every key of these tests. No output may hold it.
const SECRET: &str = "to-be-seen";

/// Longer than any of these tests waits.
pub(crate) const HANGING: Duration = Duration::from_secs(3_600);

const COST_ROW: &str = r#"{"count": 1, "price_status": "show", "results": [
    {"type": "instance", "cost": 1.25, "currency": "EUR", "project_id": 101, "region_id": 7}]}"#;

pub(crate) fn cost_row(cost: &str) -> ResponseTemplate {
    answer(&COST_ROW.replace("1.25", cost))
}

/// Tasks without a time, so that every look-back includes them.
fn failed_tasks() -> ResponseTemplate {
    answer(
        r#"{"count": 2, "results": [{"uuid": "t1", "task_type": "Report", "status": "Failed"},
            {"uuid": "t2", "task_type": "Report", "status": "Failed"}]}"#,
    )
}

/// An account in a configuration file. More keys of its table may follow.
pub(crate) fn account(name: &str, api: &MockServer) -> String {
    account_at(name, &api.uri())
}

fn account_at(name: &str, url: &str) -> String {
    format!("[accounts.{name}]\napi_key = '{KEY}'\napi_url = \"{url}\"\nmax_requests_per_second = 1000\n")
}

/// Settings in which only the collectors of these tables poll.
pub(crate) fn collectors(tables: &[(&str, &str)]) -> String {
    let mut text = "[storage]\npath = \"\"\n".to_owned();
    for name in ["cost", "usage", "reports", "subscriptions", "commitments", "names", "history"] {
        match tables.iter().find(|(table, _)| *table == name) {
            Some((_, keys)) => text += &format!("[collect.{name}]\n{keys}\n"),
            None => text += &format!("[collect.{name}]\nenabled = false\n"),
        }
    }
    text
}

pub(crate) async fn value(listener: &Listener, series: &str) -> Option<f64> {
    Some(listener.value(series).await?.parse().unwrap())
}

pub(crate) fn polls(account: &str, collector: &str) -> String {
    format!(r#"gcore_polls_total{{account="{account}",collector="{collector}"}}"#)
}

/// The built daemon with a configuration file that changes.
pub(crate) struct Daemon {
    process: Process,
    pub(crate) listener: Listener,
    config: PathBuf,
}

impl Daemon {
    /// Starts a daemon with all log levels, and waits for its first poll of everything.
    pub(crate) async fn ready(toml: &str, flags: &[&str]) -> Self {
        let config = file(toml);
        let path = config.path().to_owned();
        let process = Process::serving(config, &[&["--log.level=debug"], flags].concat());
        let listener = Listener::new(process.url().await);
        listener.until_ready().await;
        Self { process, listener, config: path }
    }

    /// Changes the configuration file without a reload.
    pub(crate) fn configure(&self, toml: &str) {
        std::fs::write(&self.config, toml).unwrap();
    }

    /// Stops the daemon, and fails if any output holds a key. Returns its log.
    pub(crate) async fn stop(self) -> String {
        let metrics = self.listener.metrics().await;
        let log = self.process.stop().await.stderr;
        let shown = metrics.lines().chain(log.lines()).find(|line| line.contains(SECRET));
        assert_eq!(shown, None, "a key was shown");
        log
    }
}

const SUCCESSFUL: &str = "gcore_config_last_reload_successful";
const SUCCESS_TIME: &str = "gcore_config_last_reload_success_timestamp_seconds";

fn window(name: &str, account: &str) -> String {
    format!(r#"gcore_cost_{name}_amount{{account="{account}","#)
}

#[tokio::test]
async fn a_good_configuration_is_followed_and_what_it_leaves_alone_goes_on() {
    let (api, second) = (MockServer::start().await, MockServer::start().await);
    asked(COST).respond_with(cost_row("1.25")).mount(&api).await;
    asked(REPORTS).respond_with(failed_tasks()).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(answer(r#"{"count": 1, "results": [{"id": 1}]}"#)).mount(&api).await;
    asked(COST).respond_with(cost_row("7").set_delay(HANGING)).mount(&second).await;
    let before = account("main", &api)
        + &collectors(&[
            ("cost", "windows = [\"today\", \"yesterday\"]"),
            ("reports", "look_back = \"400d\""),
            ("subscriptions", ""),
        ]);
    let daemon = Daemon::ready(&before, &[]).await;
    let listener = &daemon.listener;
    let metrics = listener.metrics().await;
    assert!(metrics.contains(&window("today", "main")) && metrics.contains(&window("yesterday", "main")), "{metrics}");
    assert!(metrics.contains("gcore_subscriptions{"), "{metrics}");
    assert_eq!(value(listener, SUCCESSFUL).await, Some(1.0), "the start is a success");
    let last_success = r#"gcore_poll_last_success_timestamp_seconds{account="main",collector="reports"}"#;
    let reports_read_at = listener.value(last_success).await;

    asked(COST).respond_with(cost_row("1.25")).mount(&api).await;
    let after = account("main", &api)
        + &account("other", &second)
        + &collectors(&[("cost", "windows = [\"today\"]\ninterval = \"20m\""), ("reports", "look_back = \"400d\"")]);
    daemon.configure(&after);
    daemon.process.signal("HUP").await;
    listener.until(async || value(listener, &polls("main", "cost")).await == Some(2.0)).await;

    let metrics = listener.metrics().await;
    assert!(metrics.contains(&window("today", "main")), "a reading that is still true stays");
    assert!(!metrics.contains(&window("yesterday", "main")), "a window that left vanishes");
    assert!(!metrics.contains("gcore_subscriptions{"), "so does a collector's reading");
    assert!(!metrics.contains(r#"gcore_up{account="main",collector="subscriptions"}"#), "and its status");
    let interval = r#"gcore_poll_interval_seconds{account="main",collector="cost"}"#;
    assert_eq!(value(listener, interval).await, Some(1200.0));
    assert_eq!(value(listener, &polls("main", "reports")).await, Some(1.0), "not polled anew");
    assert_eq!(listener.value(last_success).await, reports_read_at);
    assert_eq!(value(listener, &polls("main", "subscriptions")).await, Some(1.0), "a counter lives on");
    assert!(metrics.contains(r#"gcore_poll_interval_seconds{account="other",collector="cost"}"#), "the new account");
    assert!(!metrics.contains(r#"gcore_up{account="other",collector="cost"}"#), "which has not been read yet");
    assert_eq!(listener.get("/-/ready").await.status(), StatusCode::OK, "what was ready stays so");

    daemon.configure(&before);
    daemon.process.signal("HUP").await;
    listener.until(async || listener.metrics().await.contains(&window("yesterday", "main"))).await;
    assert!(!listener.metrics().await.contains(r#"{account="other",collector="cost"} 0"#), "its poll was dropped");
    let log = daemon.stop().await;
    for change in ["pollers.stopped=2 pollers.started=3", "pollers.stopped=3 pollers.started=2"] {
        assert_eq!(log.matches(&format!("{change} pollers.unchanged=1")).count(), 1, "{change}: {log}");
    }
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_every_fault_and_the_old_one_goes_on() {
    let api = MockServer::start().await;
    asked(COST).respond_with(cost_row("1.25")).mount(&api).await;
    let good = account("main", &api) + &collectors(&[("cost", "interval = \"1s\"\nwindows = [\"today\"]")]);
    let daemon = Daemon::ready(&good, &["--web.enable-lifecycle"]).await;
    let listener = &daemon.listener;
    let started_at = value(listener, SUCCESS_TIME).await.unwrap();

    let bad = format!("{good}\n[collect.costs]\ninterval = '{KEY}'\n[accounts.other]\napi_key = '{KEY} {KEY}'\n");
    daemon.configure(&bad);
    let response = listener.request(Method::POST, "/-/reload").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = response.text().await.unwrap();
    let faults = [
        "collect.costs (FILE): unknown key; did you mean \"cost\"?",
        "accounts.other.api_key (FILE): the API key has white space inside: it must be a single word",
    ];
    let shown: String = text
        .lines()
        .map(|line| match (line.find('('), line.find("):")) {
            (Some(from), Some(to)) => format!("{}(FILE{}\n", &line[..from], &line[to..]),
            _ => format!("{line}\n"),
        })
        .collect();
    let expected =
        ["not reloaded; the settings before of a faulty file stay in force:", faults[1], faults[0]].join("\n") + "\n";
    assert_eq!(shown, expected);
    assert!(!text.contains(SECRET), "{text}");
    assert_eq!(value(listener, SUCCESSFUL).await, Some(0.0));
    assert_eq!(value(listener, SUCCESS_TIME).await, Some(started_at), "the time of the one that is in force");
    let polled = value(listener, &polls("main", "cost")).await.unwrap();
    listener.until(async || value(listener, &polls("main", "cost")).await.unwrap() > polled + 1.0).await;
    assert!(listener.metrics().await.contains(&window("today", "main")), "the old one goes on");

    daemon.process.signal("HUP").await;
    let told = || daemon.process.log().matches("its settings before stay in force").count();
    listener.until(async || told() == 4).await;
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("ca.pem");
    std::fs::write(&authorities, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let table = format!("[accounts.main]\nca_file = \"{}\"\n", authorities.display());
    daemon.configure(&good.replace("[accounts.main]\n", &table));
    let response = listener.request(Method::POST, "/-/reload").await;
    assert_eq!(
        response.status(),
        StatusCode::INTERNAL_SERVER_ERROR,
        "only a client can tell that it is no certificate"
    );
    assert!(response.text().await.unwrap().contains("account main: cannot use ca_file"));

    daemon.configure(&good);
    // The metric has whole seconds.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a float")]
    listener.until(async || Clock::system().now().as_second() as f64 > started_at).await;
    for verb in [Method::POST, Method::PUT] {
        let response = listener.request(verb, "/-/reload").await;
        assert_eq!((response.status(), response.text().await.unwrap()), (StatusCode::OK, "reloaded\n".into()));
    }
    assert_eq!(value(listener, SUCCESSFUL).await, Some(1.0));
    assert!(value(listener, SUCCESS_TIME).await.unwrap() > started_at);
    let log = daemon.stop().await;
    for problem in ["unknown key; did you mean", "the API key has white space inside"] {
        assert_eq!(log.matches(problem).count(), 2, "{problem}: {log}");
    }
}

#[tokio::test]
async fn reloading_over_http_must_be_allowed() {
    let api = MockServer::start().await;
    asked(COST).respond_with(cost_row("1.25")).mount(&api).await;
    let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Cost])), Clock::frozen(noon())).await;
    for (verb, status, allow) in
        [(Method::POST, 403, None), (Method::PUT, 403, None), (Method::GET, 405, Some("POST, PUT"))]
    {
        let response = app.request(verb.clone(), "/-/reload").await;
        assert_eq!(response.status().as_u16(), status, "{verb}");
        let shown = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(shown.as_deref(), allow, "{verb}");
        let text = response.text().await.unwrap();
        assert_eq!(text.contains("--web.enable-lifecycle"), status == 403, "{text}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_rule_that_is_switched_off_ends_its_alerts() {
    let api = MockServer::start().await;
    asked(SUBSCRIPTIONS).respond_with(answer(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let text = account("main", &api) + &collectors(&[("subscriptions", "")]);
    let daemon = Daemon::ready(&text, &["--web.enable-lifecycle"]).await;
    let listener = &daemon.listener;
    let alerts = async || listener.get("/api/v1/alerts").await.text().await.unwrap();
    listener.until(async || alerts().await.contains(r#""state":"firing""#)).await;
    daemon.configure(&(text + "[alerts.rules.watchdog]\nenabled = false\n"));
    assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK);
    listener.until(async || alerts().await.contains(r#""reason":"rule_removed""#)).await;
    assert!(alerts().await.contains(r#""state":"resolved""#));
    daemon.stop().await;
}

#[tokio::test]
async fn a_failed_task_is_counted_once_whatever_is_reloaded() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(failed_tasks()).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(answer(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let reports = |keys| account("main", &api) + &collectors(&[("reports", keys), ("subscriptions", "")]);
    let daemon = Daemon::ready(&reports("look_back = \"400d\""), &["--web.enable-lifecycle"]).await;
    let listener = &daemon.listener;
    let failures = r#"gcore_report_task_failures_total{account="main",task_type="Report"}"#;
    assert_eq!(value(listener, failures).await, Some(2.0));

    // The poller is replaced by another, then removed, then added again.
    for (keys, polled) in [("look_back = \"399d\"", 2.0), ("enabled = false", 2.0), ("look_back = \"398d\"", 3.0)] {
        daemon.configure(&reports(keys));
        assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK, "{keys}");
        listener.until(async || value(listener, &polls("main", "reports")).await == Some(polled)).await;
        assert_eq!(value(listener, failures).await, Some(2.0), "{keys}");
    }
    daemon.stop().await;
}

/// Each row changes the account, whose next poll then hangs. Meanwhile only readings that are still true are shown.
#[tokio::test]
async fn a_reading_stays_only_where_it_is_still_true() {
    for (name, stays, reports_stay, change) in [
        ("another rate", true, true, "page_size = 10\n"),
        ("another filter", false, true, "projects = [101]\n"),
        ("another API", false, false, ""),
    ] {
        let (api, second) = (MockServer::start().await, MockServer::start().await);
        asked(COST).respond_with(cost_row("1.25")).up_to_n_times(1).mount(&api).await;
        asked(REPORTS).respond_with(failed_tasks()).up_to_n_times(1).mount(&api).await;
        for (server, endpoint) in [(&api, COST), (&api, REPORTS), (&second, COST), (&second, REPORTS)] {
            asked(endpoint).respond_with(ResponseTemplate::new(200).set_delay(HANGING)).mount(server).await;
        }
        let collect = collectors(&[("cost", "windows = [\"today\"]"), ("reports", "look_back = \"400d\"")]);
        let daemon = Daemon::ready(&(account("main", &api) + &collect), &["--web.enable-lifecycle"]).await;
        let listener = &daemon.listener;
        assert!(listener.metrics().await.contains(&window("today", "main")), "{name}");

        let changed = if change.is_empty() { account("main", &second) } else { account("main", &api) + change };
        daemon.configure(&(changed + &collect));
        assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK, "{name}");
        let metrics = listener.metrics().await;
        assert_eq!(metrics.contains(&window("today", "main")), stays, "{name}: {metrics}");
        assert_eq!(metrics.contains(r#"gcore_up{account="main",collector="cost"}"#), stays, "{name}: {metrics}");
        assert_eq!(metrics.contains("gcore_report_tasks{"), reports_stay, "{name}: {metrics}");
        daemon.stop().await;
    }
}

/// Requests without an answer, and those of them whose client left.
#[derive(Default)]
struct Unanswered {
    came: usize,
    given_up: usize,
}

/// Answers requests for one day. A request for another day gets no answer.
async fn tell_of(day: String, stream: TcpStream, unanswered: watch::Sender<Unanswered>) {
    let mut stream = BufReader::new(stream);
    while let Some((path, body)) = request(&mut stream).await {
        let (status, page) = if path == COST { ("200 OK", COST_ROW) } else { ("404 Not Found", "") };
        if path == COST && body["time_from"] != day {
            unanswered.send_modify(|requests| requests.came += 1);
            let left = stream.read_u8().await;
            unanswered.send_modify(|requests| requests.given_up += usize::from(left.is_err()));
            return;
        }
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}", page.len());
        if stream.write_all(format!("{head}\r\n\r\n{page}").as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_poll_under_way_is_dropped_and_publishes_nothing_any_more() {
    let today = format!("{}T00:00:00Z", Clock::system().now().strftime("%Y-%m-%d"));
    let unanswered = watch::Sender::new(Unanswered::default());
    let mut heard = unanswered.subscribe();
    let url = format!("http://{}", listen(move |stream| tell_of(today.clone(), stream, unanswered.clone())).await);
    let cost = |windows: &str| account_at("main", &url) + &collectors(&[("cost", windows)]);
    let daemon = Daemon::ready(&cost("windows = [\"today\"]"), &["--web.enable-lifecycle"]).await;
    let listener = &daemon.listener;

    daemon.configure(&cost("windows = [\"today\", \"yesterday\"]"));
    assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK);
    timeout(PATIENCE, heard.wait_for(|requests| requests.came == 1)).await.unwrap().unwrap();
    daemon.configure(&cost("windows = [\"today\"]"));
    assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK);
    timeout(PATIENCE, heard.wait_for(|requests| requests.given_up == 1)).await.unwrap().unwrap();
    listener.until(async || value(listener, &polls("main", "cost")).await >= Some(2.0)).await;
    assert!(!listener.metrics().await.contains(&window("yesterday", "main")));
    assert_eq!(value(listener, &polls("main", "cost")).await, Some(2.0), "the dropped one does not count");
    daemon.stop().await;
}

/// A request with another key than that of the other tests.
#[tokio::test]
async fn another_series_limit_shows_as_soon_as_it_is_reloaded() {
    let api = MockServer::start().await;
    let row = |project: usize| json!({"type": "volume", "cost": 1, "currency": "EUR", "project_id": project});
    let rows: Vec<_> = (0..150).map(row).collect();
    let page = json!({"count": 150, "price_status": "show", "results": rows});
    asked(COST).respond_with(ResponseTemplate::new(200).set_body_json(page)).expect(1).mount(&api).await;
    let toml = account("main", &api) + &collectors(&[("cost", "windows = [\"today\"]\nmethod = \"resources\"")]);
    let web = file("http_server_config: {headers: {X-Frame-Options: deny}}\n");
    let protected = format!("--web.config.file={}", web.path().display());
    let daemon = Daemon::ready(&toml, &["--web.enable-lifecycle", &protected]).await;
    let listener = &daemon.listener;
    let dropped = r#"gcore_series_dropped{family="gcore_cost_today_amount"}"#;
    assert_eq!(value(listener, dropped).await, Some(0.0));

    daemon.configure(&format!("{toml}[metrics]\nseries_limit = 120\n"));
    assert_eq!(listener.request(Method::POST, "/-/reload").await.status(), StatusCode::OK);
    assert_eq!(value(listener, dropped).await, Some(31.0));

    std::fs::write(web.path(), "basic_auth_users: {prom: plain}\n").unwrap();
    daemon.configure(&format!("{toml}[metrics]\nseries_limit = 100\n"));
    let response = listener.request(Method::POST, "/-/reload").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = response.text().await.unwrap();
    assert!(text.contains("basic_auth_users.prom") && text.lines().count() == 2, "{text}");
    assert_eq!(value(listener, dropped).await, Some(51.0), "a fault of one file does not hold up the other");
    let other = listener.metrics().await.lines().any(|line| line.contains("__other__") && line.ends_with(" 51"));
    assert!(other, "51 of them are in one series");
    daemon.stop().await;
}

#[tokio::test]
async fn a_hangup_before_the_daemon_serves_is_a_reload_too() {
    let (folder, config) = (tempfile::tempdir().unwrap(), config_file("http://127.0.0.1:1", "", &["reports"]));
    let (text, pipe) = (std::fs::read(config.path()).unwrap(), folder.path().join("config.toml"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let flag = format!("--config.file={}", pipe.display());
    let daemon = Process::start(&mut program(&["run", &flag, "--web.listen-address=127.0.0.1:0"]));
    // The pipe opens when the daemon opens it. The daemon then waits for its contents.
    let open = async || {
        let pipe = pipe.clone();
        tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe).unwrap()).await.unwrap()
    };
    let mut first = open().await;
    daemon.signal("HUP").await;
    first.write_all(&text).unwrap();
    drop(first);
    daemon.url().await;
    open().await.write_all(&text).unwrap();
    daemon.until(async || daemon.log().contains("the configuration is reloaded")).await;
    daemon.stop().await;
}

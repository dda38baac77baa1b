//! The log lines of the daemon, and secrets that no output may hold.

use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::Instant;
use wiremock::{MockServer, Request, Respond, ResponseTemplate};

use crate::harness::{COST, KEY, PROJECTS, REPORTS, SUBSCRIPTIONS, USAGE, asked, json, refusal};
use crate::program::{Process, config_file, config_flag, finish, get, program, value};

/// The part of the test account's key that is the same in each form of quotation.
const SECRET: &str = "to-be-seen";

/// Answers, and notes the time of each request.
struct Noting(ResponseTemplate, Arc<Mutex<Vec<Instant>>>);

impl Respond for Noting {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.1.lock().unwrap().push(Instant::now());
        self.0.clone()
    }
}

#[tokio::test]
async fn a_refused_key_is_explained_and_not_tried_faster_than_the_interval() {
    let api = MockServer::start().await;
    let times = Arc::new(Mutex::new(Vec::new()));
    asked(USAGE).respond_with(Noting(ResponseTemplate::new(401), Arc::clone(&times))).mount(&api).await;
    let started = Instant::now();
    let daemon = Process::serving(config_file(&api.uri(), "", &["usage"]), &[]);
    daemon.until(async || times.lock().unwrap().len() >= 3).await;
    let log = daemon.stop().await.stderr;

    // A busy machine delays requests but never makes them early, so the count begins at the start.
    for (nth, time) in (0..).zip(times.lock().unwrap().iter()) {
        let after = *time - started;
        assert!(after >= Duration::from_secs(nth), "request {nth} came after {after:?}; the interval is a second");
    }
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("level=warn")).collect();
    assert_eq!(warnings.len(), 1, "said once: {log}");
    for part in ["account=main", "collector=usage", "reason=unauthorized", "A `$` in a key is eaten by shells"] {
        assert!(warnings[0].contains(part), "{part}: {log}");
    }
}

#[tokio::test]
async fn the_journal_is_told_the_priority_of_each_line() {
    let api = MockServer::start().await;
    asked(USAGE).respond_with(ResponseTemplate::new(401)).mount(&api).await;
    for (is_journal, info, warning) in [(true, "<6>ts=", "<4>ts="), (false, "ts=", "ts=")] {
        let (config, stderr) = (config_file(&api.uri(), "", &["usage"]), NamedTempFile::new().unwrap());
        let file = stderr.as_file().metadata().unwrap();
        let stream = format!("{}:{}", file.dev(), if is_journal { file.ino() } else { file.ino() + 1 });
        let mut command = program(&["once", &config_flag(&config)]);
        command.env("JOURNAL_STREAM", stream).stderr(stderr.reopen().unwrap()).arg("--log.level=debug");
        let ended = command.stdout(Stdio::null()).status().await.unwrap();
        let log = std::fs::read_to_string(stderr.path()).unwrap();
        assert_eq!(ended.code(), Some(3), "{log}");
        let begins =
            |word: &str| log.lines().find(|line| line.contains(word)).map(|line| line.split("20").next().unwrap());
        assert_eq!(begins("level=warn"), Some(warning), "{log}");
        assert_eq!(begins("level=debug"), Some(if is_journal { "<7>ts=" } else { info }), "{log}");
    }
}

#[tokio::test]
async fn what_the_key_may_not_read_is_said_once() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(refusal(403)).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(refusal(404)).mount(&api).await;
    let daemon = Process::serving(config_file(&api.uri(), "", &["reports", "subscriptions"]), &[]);
    let asked_often = async || {
        let requests = api.received_requests().await.unwrap();
        [REPORTS, SUBSCRIPTIONS].iter().all(|path| requests.iter().filter(|r| r.url.path() == *path).count() >= 3)
    };
    daemon.until(asked_often).await;
    let log = daemon.stop().await.stderr;
    for (collector, status) in [("reports", "403 Forbidden"), ("subscriptions", "404 Not Found")] {
        let said: Vec<&str> = log.lines().filter(|line| line.contains(&format!("collector={collector}"))).collect();
        assert_eq!(said.len(), 1, "{log}");
        for part in ["level=warn", "account=main", "unsupported by this key", status] {
            assert!(said[0].contains(part), "{part}: {log}");
        }
    }
}

#[tokio::test]
async fn a_poll_that_outlives_its_interval_is_said_once_and_so_is_the_end_of_it() {
    let api = MockServer::start().await;
    let slow = json(r#"{"count": 0, "results": []}"#).set_delay(Duration::from_millis(1200));
    asked(REPORTS).respond_with(slow).up_to_n_times(2).mount(&api).await;
    asked(REPORTS).respond_with(json(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    let daemon = Process::serving(config_file(&api.uri(), "", &["reports"]), &[]);
    let over = "polls fit their interval again";
    daemon.until(async || daemon.log().contains(over)).await;
    let log = daemon.stop().await.stderr;
    // On a slow machine, later polls may be slow again.
    let until_over = &log[..log.find(over).unwrap()];
    let said: Vec<&str> =
        until_over.lines().filter(|line| line.contains("a poll takes longer than its interval")).collect();
    assert_eq!(said.len(), 1, "two such polls, one word: {log}");
    for part in ["level=warn", "account=main", "collector=reports", "interval_seconds=1"] {
        assert!(said[0].contains(part), "{part}: {log}");
    }
    let took = said[0].split_once("took_seconds=").unwrap().1.split(' ').next().unwrap();
    assert!(took.parse::<f64>().unwrap() >= 1.2, "{log}");
}

#[tokio::test]
async fn no_log_line_moves_a_terminal() {
    let said = async |format: &str| {
        let api = MockServer::start().await;
        let task = r#"{"count": 1, "results": [{"uuid": "t1", "task_type": "Re\u009b2J\u202e\u007fport\n", "status": "Failed"}]}"#;
        asked(REPORTS).respond_with(json(task)).mount(&api).await;
        let config = config_file(&api.uri(), "", &["reports"]);
        let text = std::fs::read_to_string(config.path()).unwrap();
        let store = "path = \"/none\\u009b2J\\u202e/state.db\"";
        std::fs::write(config.path(), text.replace("path = \"\"", store)).unwrap();
        let daemon = Process::serving(config, &[&format!("--log.format={format}")]);
        daemon.until(async || daemon.log().lines().filter(|line| line.contains("alert fires")).count() == 2).await;
        daemon.stop().await.stderr
    };
    let (logfmt, json) = tokio::join!(said("logfmt"), said("json"));
    for log in [&logfmt, &json] {
        assert!(!log.contains(['\u{9b}', '\u{7f}', '\u{202e}']), "{log:?}");
    }
    assert!(logfmt.contains(r"path=/none\u009b2J\u202e/state.db"), "{logfmt}");
    let line = json.lines().find(|line| line.contains("state.db")).unwrap();
    let event: Value = serde_json::from_str(line).unwrap();
    assert_eq!(event["path"], "/none\u{9b}2J\u{202e}/state.db", "nothing is lost: {line}");
}

/// An API that repeats the key in all its answers.
async fn indiscreet_api() -> MockServer {
    let api = MockServer::start().await;
    let echo = format!("you sent Authorization: APIKey {KEY} to me, {KEY}");
    let said = |status| ResponseTemplate::new(status).set_body_string(&echo);
    asked(COST).respond_with(said(400)).mount(&api).await;
    asked(USAGE).respond_with(said(401)).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(said(500)).mount(&api).await;
    asked(PROJECTS).respond_with(json(&format!("{KEY:?}"))).mount(&api).await;
    let elsewhere = format!("http://127.0.0.1:1/?key={KEY}");
    let redirect = said(302).insert_header("location", elsewhere.as_str());
    asked(REPORTS).respond_with(redirect).up_to_n_times(1).mount(&api).await;
    asked(REPORTS).respond_with(said(403)).up_to_n_times(1).mount(&api).await;
    asked(REPORTS).respond_with(ResponseTemplate::new(200).set_body_raw("", &format!("text/{KEY}"))).mount(&api).await;
    api
}

#[tokio::test]
async fn the_key_is_never_said() {
    let said = async |format: &str| {
        let api = indiscreet_api().await;
        let config = config_file(&api.uri(), "", &["cost", "usage", "reports", "subscriptions", "names"]);
        let format = format!("--log.format={format}");
        let daemon = Process::serving(config, &["--log.level=debug", &format]);
        let url = daemon.url().await;
        let polls = r#"gcore_polls_total{account="main",collector="reports"}"#;
        let many = async || value(&get(&format!("{url}/metrics")).await, polls).is_some_and(|n| n != "1" && n != "2");
        daemon.until(many).await;
        let all = ["400 Bad Request", "`$`", "302 Found", "500 Internal Server Error", "403 Forbidden", "***"];
        daemon.until(async || all.iter().all(|told| daemon.log().contains(told))).await;
        daemon.until(async || daemon.log().contains("request failed and is repeated")).await;
        for path in ["/metrics", "/", "/-/ready", "/nothing"] {
            let page = get(&format!("{url}{path}")).await;
            assert!(!page.contains(SECRET), "{path}: {page}");
        }
        let ended = daemon.stop().await;
        assert_eq!(ended.stdout, "", "{format}");
        assert!(!ended.stderr.contains(SECRET), "{format}: {}", ended.stderr);
        ended.stderr
    };
    let (logfmt, json) = tokio::join!(said("logfmt"), said("json"));
    for line in logfmt.lines() {
        let is_event = line.starts_with("ts=20") && line.contains(" level=") && line.contains(" message=");
        assert!(is_event, "{line}");
    }
    for line in json.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["ts", "level", "message"] {
            assert!(event[field].is_string(), "{field}: {line}");
        }
    }
}

/// The field names of a logfmt line, sorted.
fn names_in_logfmt(line: &str) -> Vec<String> {
    // A value stands between quotes. Quotes within it are escaped.
    let bare: String = line.replace("\\\"", "").split('"').step_by(2).collect();
    let mut names: Vec<String> =
        bare.split(' ').filter_map(|field| field.split_once('=')).map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn both_formats_have_the_same_names_and_words() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(ResponseTemplate::new(400)).mount(&api).await;
    let config = config_file(&api.uri(), "", &["reports"]);
    let said = async |format: &str| {
        let flags = ["once", &config_flag(&config), &format!("--log.format={format}")];
        let log = finish(program(&flags)).await.stderr;
        log.lines().find(|line| line.contains("poll failed")).unwrap_or_else(|| panic!("{log}")).to_owned()
    };
    let (logfmt, json) = (said("logfmt").await, said("json").await);
    let event: serde_json::Map<String, Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(names_in_logfmt(&logfmt), event.keys().cloned().collect::<Vec<_>>(), "{logfmt}\n{json}");
    assert!(json.starts_with("{\"ts\":\"20"), "{json}");
    for (name, word) in [("level", "warn"), ("message", "poll failed"), ("account", "main"), ("reason", "bad_request")]
    {
        assert_eq!(event[name], word, "{json}");
        assert!(
            logfmt.contains(&format!("{name}={word}")) || logfmt.contains(&format!("{name}=\"{word}\"")),
            "{logfmt}"
        );
    }
}

#[tokio::test]
async fn an_anomaly_is_logged_once_with_its_explanation() {
    let demo = Process::start(&mut program(&["demo", "--log.level=info"]));
    let lines = || -> Vec<String> {
        let log = demo.log();
        let is_it = |line: &&str| line.contains("project_id=41006") && line.contains("resource_type=egress_traffic");
        log.lines().filter(is_it).map(str::to_owned).collect()
    };
    demo.until(async || !lines().is_empty()).await;
    // The welcome comes after the whole past was judged.
    demo.until(async || demo.printed().contains("Start page ")).await;
    let found = lines();
    assert_eq!(found.len(), 1, "{found:?}");
    for part in ["level=info", "anomaly", "account=demo", "EUR; expected ", ", at most "] {
        assert!(found[0].contains(part), "{part}: {found:?}");
    }
    demo.stop().await;
}

//! The fault suite: one table, a row per fault.
//!
//! Each row has the built program and an API of its own, and lives through three phases: all is well; one endpoint
//! misbehaves while the data moves on; all is well again. In each phase every series of every collector is compared
//! with what it must be.

mod account;
mod rows;
mod server;
mod tls;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gcore_billing_exporter::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use jiff::Timestamp;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

use crate::harness::{KEY, http};
use crate::program::{Process, config_flag, file, program};
use account::{Account, COLLECTORS, Cost, Endpoint, Expected, Picture};
use rows::{Outcome, Row};
use server::{PAGE, Phase, Server};
use tls::Front;

/// Rows at once. Most of their time they wait, for an interval or for another try.
const AT_ONCE: usize = 28;
/// Longer than anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_makes_the_metrics_lie() {
    let elsewhere = Elsewhere::start().await;
    let rows = rows::all(&elsewhere.url);
    check_table(&rows);
    let failed = LocalSet::new().run_until(run(rows)).await;
    assert!(failed.is_empty(), "{} rows failed, as told above: {failed:#?}", failed.len());
    assert_eq!(elsewhere.heard.load(Ordering::SeqCst), 0, "another host heard of a request");
}

/// Runs rows side by side and returns the names of those that failed.
async fn run(rows: Vec<Row>) -> BTreeSet<String> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let mut names = HashMap::new();
    let http = http();
    for row in rows {
        let (name, turns, http) = (row.name.clone(), Arc::clone(&turns), http.clone());
        let task = tasks.spawn_local(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            Test::of(row, http).await.run().await;
        });
        names.insert(task.id(), name);
    }
    let mut failed = BTreeSet::new();
    while let Some(ended) = tasks.join_next_with_id().await {
        failed.extend(ended.err().and_then(|error| names.remove(&error.id())));
    }
    failed
}

/// Fails where the table has holes.
fn check_table(rows: &[Row]) {
    assert!(rows.len() >= 50, "{} rows", rows.len());
    for endpoint in Endpoint::ALL {
        let there = rows.iter().filter(|row| row.fault.endpoint == endpoint).count();
        assert!(there >= 5, "{there} rows for {}", endpoint.label());
    }
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");
}

/// Another host, which must never be asked.
struct Elsewhere {
    url: String,
    heard: Arc<AtomicUsize>,
}

impl Elsewhere {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, heard }
    }
}

/// A row under way.
struct Test {
    row: Row,
    account: Account,
    server: Server,
    /// TLS before the server, and another account that has none.
    tls: Option<(Front, Server)>,
    daemon: Process,
    _config: NamedTempFile,
    url: String,
    http: reqwest::Client,
}

impl Test {
    async fn of(row: Row, http: reqwest::Client) -> Self {
        let account = Account::new();
        let server = Server::start(account, Some(Arc::clone(&row.fault))).await;
        let tls = match row.tls {
            Some(trouble) => Some((Front::of(&server, trouble).await, Server::start(account, None).await)),
            None => None,
        };
        let config = config(&row, &server, tls.as_ref());
        let mut program = program(&["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"]);
        // The system's authorities take longer to read than a poll, and nothing here needs them.
        program.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        let daemon = Process::start(&mut program);
        let url = daemon.url().await;
        Self { row, account, server, tls, daemon, _config: config, url, http }
    }

    async fn run(self) {
        self.daemon.until(async || self.get("/-/ready").await.0 == 200).await;
        let before = self.look().await;
        self.all_is_well(&before.main, Phase::Before, Timestamp::MIN);

        if self.tls.is_some() {
            // A certificate turns bad between two requests too: here not between costs and what they are compared with.
            self.daemon.until(async || self.server.rests_from(Endpoint::Totals)).await;
        }
        let fault_began = self.enter(Phase::Faulty);
        // Two watchers of one page: the first keeps the second from asking as well.
        let (scrape, scraped) = watch::channel(before.clone());
        let lived = async {
            self.polled_since(fault_began, scraped.clone()).await;
            let during = self.look().await;
            self.fault_is_told(fault_began, &during.main);
            if let Some(other) = &during.other {
                self.all_is_well(other, Phase::Faulty, fault_began);
            }
            let fault_ended = self.enter(Phase::After);
            self.polled_since(fault_ended, scraped.clone()).await;
            self.all_is_well(&self.look().await.main, Phase::After, fault_ended);
        };
        tokio::select! {
            () = self.watch(scrape) => {}
            () = lived => {}
        }
        let peak = self.peak_kib();
        assert!(peak < self.row.memory_mib << 10, "{}: {peak} KiB at the worst", self.row.name);
        let log = self.daemon.stop().await.stderr;
        assert!(!log.contains("panicked"), "{}: {log}", self.row.name);
    }

    fn enter(&self, phase: Phase) -> Timestamp {
        self.server.enter(phase);
        if let Some((front, other)) = &self.tls {
            front.turn(phase == Phase::Faulty);
            other.enter(phase);
        }
        Clock::system().now()
    }

    /// Status and text of a page.
    async fn get(&self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.url)).timeout(PATIENCE);
        let response = request.send().await.unwrap_or_else(|error| panic!("{}: {path}: {error:?}", self.row.name));
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// All that `/metrics` says of the accounts.
    async fn look(&self) -> Seen {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{}: {text}", self.row.name);
        let all = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", self.row.name));
        Seen { main: of_account(&all, "main"), other: self.tls.as_ref().map(|_| of_account(&all, "other")) }
    }

    /// Waits until every collector has ended a poll that began after an instant.
    async fn polled_since(&self, instant: Timestamp, mut scraped: watch::Receiver<Seen>) {
        let since = seconds(instant);
        let last =
            |seen: &Picture, collector| number(seen, &of("gcore_poll_last_attempt_timestamp_seconds", collector));
        let all =
            |seen: &Picture| COLLECTORS.iter().all(|collector| last(seen, *collector).is_some_and(|at| at > since));
        let ended = scraped.wait_for(|seen| all(&seen.main) && seen.other.as_ref().is_none_or(all));
        let ended = timeout(PATIENCE, ended).await.is_ok();
        assert!(ended, "{}: polls do not end:\n{}", self.row.name, self.log());
    }

    /// Scrapes without an end; every answer must be one of the truths of these phases.
    async fn watch(&self, scrape: watch::Sender<Seen>) {
        let [before, after] = [Phase::Before, Phase::After].map(|phase| self.expected(phase));
        let [during, undisturbed] = [self.expected_during(), self.expected(Phase::Faulty)];
        let truths = |during: &Expected| {
            COLLECTORS.map(|collector| [&before, during, &after].map(|expected| expected.picture(collector)))
        };
        let (of_main, of_other) = (truths(&during), truths(&undisturbed));
        loop {
            let seen = self.look().await;
            self.is_true(&seen.main, &of_main);
            if let Some(other) = &seen.other {
                self.is_true(other, &of_other);
            }
            scrape.send_replace(seen);
            sleep(Duration::from_millis(300)).await;
        }
    }

    fn is_true(&self, seen: &Picture, truths: &[[Picture; 3]; 6]) {
        for (collector, truths) in COLLECTORS.iter().zip(truths) {
            let part = self.comparable(part_of(*collector, seen));
            let truths = truths.clone().map(|truth| self.comparable(truth));
            if !truths.contains(&part) {
                let differences: String = truths.iter().map(|truth| difference(truth, &part) + "\n").collect();
                panic!("{}: {} is none of its truths:\n{differences}", self.row.name, collector.as_str());
            }
        }
    }

    /// A connection that fails for every endpoint at once may fail between a reading and its comparison with the totals;
    /// that reading is then true without the comparison.
    fn comparable(&self, mut picture: Picture) -> Picture {
        picture.retain(|series, _| self.tls.is_none() || !series.contains("_reconciliation_"));
        picture
    }

    /// Whether the fault concerns a collector.
    fn is_hit(&self, collector: Collector) -> bool {
        self.tls.is_some() || collector == self.row.fault.endpoint.collector()
    }

    fn expected(&self, phase: Phase) -> Expected {
        let mut expected = self.account.expected(phase.version());
        if self.row.fault.by_totals {
            expected.cost = Cost::by_totals(phase.version());
        }
        expected
    }

    /// What is known once the fault has had its effect: nothing newer from a collector that failed.
    fn expected_during(&self) -> Expected {
        let mut expected = self.expected(Phase::Faulty);
        let before = self.expected(Phase::Before);
        match &self.row.outcome {
            Outcome::Passes(_) => {}
            Outcome::Reads { change, .. } => change(&mut expected),
            Outcome::Fails(_) => {
                if self.is_hit(Collector::Cost) {
                    expected.cost = before.cost;
                }
                if self.is_hit(Collector::Usage) {
                    (expected.usage, expected.usage_through) = (before.usage, before.usage_through);
                }
                expected.rest.extend(before.rest.into_iter().filter(|(collector, _)| self.is_hit(*collector)));
            }
        }
        expected
    }

    fn all_is_well(&self, seen: &Picture, phase: Phase, since: Timestamp) {
        for collector in COLLECTORS {
            let name = format!("{}, {phase:?}, {}", self.row.name, collector.as_str());
            same(&self.expected(phase).picture(collector), &part_of(collector, seen), &name);
            assert_eq!(seen.get(&of("gcore_up", collector)).map(String::as_str), Some("1"), "{name}:\n{}", self.log());
            assert_eq!(seen[&of("gcore_collector_supported", collector)], "1", "{name}");
            let success = number(seen, &of("gcore_poll_last_success_timestamp_seconds", collector));
            assert!(success.unwrap() > seconds(since), "{name}");
        }
    }

    /// The fault has its outcome, and everything else went on.
    fn fault_is_told(&self, since: Timestamp, seen: &Picture) {
        let expected = self.expected_during();
        for collector in COLLECTORS {
            let name = format!("{}, during, {}", self.row.name, collector.as_str());
            let reason = match self.row.outcome {
                Outcome::Fails(reason) if self.is_hit(collector) => Some(reason),
                _ => None,
            };
            let log = || format!("{name}:\n{}", self.log());
            let (expected, seen_part) = (expected.picture(collector), part_of(collector, seen));
            same(&self.comparable(expected), &self.comparable(seen_part), &name);
            let up = if reason.is_some() { "0" } else { "1" };
            assert_eq!(seen[&of("gcore_up", collector)], up, "{}", log());
            let supported = if reason == Some("unsupported") { "0" } else { "1" };
            assert_eq!(seen[&of("gcore_collector_supported", collector)], supported, "{}", log());
            assert_eq!(failures(seen, collector), reason.into_iter().collect(), "{}", log());
            let success = number(seen, &of("gcore_poll_last_success_timestamp_seconds", collector)).unwrap();
            assert_eq!(success < seconds(since), reason.is_some(), "{name}: the age of what is served");
        }
        self.requests_are_counted(seen);
        self.rejects_are_counted(seen);
        assert!(self.server.struck() > 0 || self.tls.is_some(), "{}: it never struck", self.row.name);
        if let Some(pause) = self.row.pause {
            let waited = self.server.pause().unwrap();
            assert!(waited >= pause, "{}: asked again after {waited:?} instead of {pause:?}", self.row.name);
        }
    }

    /// A fault that passes shows in the counters of requests; one that cannot is not tried again.
    fn requests_are_counted(&self, seen: &Picture) {
        let endpoint = self.row.fault.endpoint.label();
        let requests = |family: &str, reason: &str| {
            number(seen, &format!(r#"{family}{{account="main",endpoint="{endpoint}",reason="{reason}"}}"#))
        };
        match self.row.outcome {
            Outcome::Passes(reason) => {
                let told = ["gcore_api_request_failures_total", "gcore_api_retries_total"];
                let told = told.map(|family| requests(family, reason));
                assert_eq!(told, [Some(1.0); 2], "{}: {}", self.row.name, self.log());
            }
            Outcome::Fails(reason) if !matches!(reason, "connect" | "timeout" | "rate_limited" | "server_error") => {
                let retries = requests("gcore_api_retries_total", reason);
                assert_eq!(retries, None, "{}: tried again in vain", self.row.name);
            }
            _ => {}
        }
    }

    /// Rows that cannot be read are counted once for each poll that meets them.
    fn rejects_are_counted(&self, seen: &Picture) {
        let endpoint = self.row.fault.endpoint;
        let pages = self.account.rows(endpoint, Phase::Faulty.version(), &[]).len().div_ceil(PAGE);
        let polls = f64::from(u32::try_from(self.server.struck().div_ceil(pages)).unwrap());
        let rejected = with_reason("gcore_rejected_records_total", seen, endpoint.collector());
        let wanted: BTreeMap<&str, f64> = match &self.row.outcome {
            Outcome::Reads { rejects, .. } => rejects.iter().copied().collect(),
            _ => BTreeMap::new(),
        };
        let reasons: Vec<&&str> = wanted.keys().collect();
        assert_eq!(rejected.keys().collect::<Vec<_>>(), reasons, "{}: {}", self.row.name, self.log());
        for (reason, rows) in wanted {
            let (counted, rest) = ((rejected[reason] / rows).floor(), rejected[reason] % rows);
            let is_right = rest == 0.0 && counted >= 1.0 && counted <= polls;
            assert!(is_right, "{}: {} {reason} in {polls} polls", self.row.name, rejected[reason]);
        }
    }

    fn log(&self) -> String {
        self.daemon.log()
    }

    /// The most memory that the program ever had.
    fn peak_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// What `/metrics` says of an account, and of another one where a row has it.
#[derive(Clone)]
struct Seen {
    main: Picture,
    other: Option<Picture>,
}

/// The series of an account, as if it were called `main`.
fn of_account(seen: &Picture, account: &str) -> Picture {
    let label = format!("account=\"{account}\"");
    let own = seen.iter().filter(|(series, _)| series.contains(&label));
    own.map(|(series, value)| (series.replacen(&label, "account=\"main\"", 1), value.clone())).collect()
}

/// The configuration of a row: every collector each second.
fn config(row: &Row, server: &Server, tls: Option<&(Front, Server)>) -> NamedTempFile {
    let mut text = String::new();
    let mut account = |name: &str, url: &str, more: &str| {
        text += &format!("[accounts.{name}]\napi_key = '{KEY}'\napi_url = '{url}'\nmax_requests_per_second = 100\n");
        text += &format!("request_timeout = '{}'\n{more}\n", row.request_timeout);
    };
    match tls {
        Some((front, other)) => {
            account("main", &front.url, &front.authority.line());
            account("other", &other.url, "");
        }
        None => account("main", &server.url, if row.fault.by_totals { "projects = [101, 102]" } else { "" }),
    }
    for collector in COLLECTORS {
        let is_hurried = collector == row.fault.endpoint.collector();
        let timeout = if is_hurried { row.timeout } else { "30s" };
        text += &format!("[collect.{}]\ninterval = '1s'\ntimeout = '{timeout}'\n", collector.as_str());
        if matches!(collector, Collector::Cost | Collector::Usage) {
            // The one window that no midnight ends while a test runs, unless a month ends with it.
            text += "windows = ['previous_month']\n";
        }
        if collector == Collector::Cost {
            text += &format!("method = '{}'\n", if row.fault.by_totals { "totals" } else { "resources" });
        }
    }
    file(&text)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a float")]
fn seconds(instant: Timestamp) -> f64 {
    instant.as_microsecond() as f64 / 1e6
}

/// A series about a collector.
fn of(family: &str, collector: Collector) -> String {
    format!(r#"{family}{{account="main",collector="{}"}}"#, collector.as_str())
}

fn number(seen: &Picture, series: &str) -> Option<f64> {
    seen.get(series).map(|value| value.parse().unwrap())
}

/// The reasons for which polls of a collector have failed.
fn failures(seen: &Picture, collector: Collector) -> BTreeSet<&str> {
    with_reason("gcore_poll_failures_total", seen, collector).into_keys().collect()
}

fn with_reason<'a>(family: &str, seen: &'a Picture, collector: Collector) -> BTreeMap<&'a str, f64> {
    let start = format!(r#"{family}{{account="main",collector="{}",reason=""#, collector.as_str());
    let found = seen.iter().filter_map(|(series, value)| Some((series.strip_prefix(&start)?, value)));
    found.map(|(rest, value)| (rest.trim_end_matches("\"}"), value.parse().unwrap())).collect()
}

/// The series that tell what a collector read, without zeros of task states that a test has no use for.
fn part_of(collector: Collector, seen: &Picture) -> Picture {
    let label = format!(r#"collector="{}""#, collector.as_str());
    let is_part = |series: &str| match collector {
        Collector::Cost => series.starts_with("gcore_cost_"),
        Collector::Usage => series.starts_with("gcore_usage_"),
        Collector::Reports => series.starts_with("gcore_report_task") && !series.contains("failures_total"),
        Collector::Subscriptions => series.starts_with("gcore_subscription"),
        Collector::Commitments => series.starts_with("gcore_plan_") || series.starts_with("gcore_commit_"),
        Collector::Names => series.starts_with("gcore_project_info") || series.starts_with("gcore_region_info"),
    };
    let is_told = |series: &str, value: &str| !(series.starts_with("gcore_report_task") && value == "0");
    seen.iter()
        .filter(|(series, value)| {
            let covers = series.starts_with("gcore_data_through_") && series.contains(&label);
            (is_part(series) || covers) && is_told(series, value)
        })
        .map(|(series, value)| (series.clone(), value.clone()))
        .collect()
}

fn same(expected: &Picture, seen: &Picture, name: &str) {
    assert!(expected == seen, "{name}:\n{}", difference(expected, seen));
}

fn difference(expected: &Picture, seen: &Picture) -> String {
    let of = |a: &Picture, b: &Picture, sign: &str| -> String {
        let missing = a.iter().filter(|(series, value)| b.get(*series) != Some(value));
        missing.map(|(series, value)| format!("{sign} {series} {value}\n")).collect()
    };
    of(expected, seen, "-") + &of(seen, expected, "+")
}

/// Reads Prometheus' text format strictly.
fn parse(text: &str) -> Result<Picture, String> {
    let mut series = Picture::new();
    for line in text.lines() {
        if line.starts_with("# HELP ") || line.starts_with("# TYPE ") {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line}"))?;
        value.parse::<f64>().map_err(|error| format!("{error}: {line}"))?;
        let family = name.split('{').next().unwrap_or_default();
        let is_word = !family.is_empty() && family.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let labels = &name[family.len()..];
        if !is_word || !(labels.is_empty() || are_labels(labels)) {
            return Err(format!("no series: {line}"));
        }
        if series.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("twice: {line}"));
        }
    }
    Ok(series)
}

/// Whether a text is `{name="value",…}` with every quote and backslash in a value escaped.
fn are_labels(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('{') else { return false };
    loop {
        let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let Some(value) = rest[name..].strip_prefix("=\"") else { return false };
        let mut end = 0;
        while end < value.len() && value.as_bytes()[end] != b'"' {
            end += if value.as_bytes()[end] == b'\\' { 2 } else { 1 };
        }
        match value.get(end..).and_then(|tail| tail.strip_prefix('"')) {
            Some("}") => return name > 0,
            Some(tail) if tail.starts_with(',') => rest = &tail[1..],
            _ => return false,
        }
    }
}

/// The trust in every other comparison here: the model itself, against figures worked out by hand.
#[test]
fn the_expected_sums_are_right() {
    let cost = Account::new().expected(1).picture(Collector::Cost);
    for (part, value) in [
        (r#"project_id="101",project_name="p101",region_id="7",region_name="r7",resource_type="instance""#, "0.60003"),
        (r#"resource_type="volume",currency="USD""#, "-0.25001"),
        (r#"resource_type="baremetal",currency="EUR""#, "0"),
        (r#"region_id="8",region_name="r8",resource_type="instance",currency="EUR""#, "12.5"),
        (r#"unpriced_records{account="main",resource_type="inference",reason="null_cost"}"#, "1"),
        (r#"difference_amount{account="main",currency="EUR",window="previous_month"}"#, "0"),
        // Ten rows and seven lines.
        (r#"tolerance_amount{account="main",currency="USD",window="previous_month"}"#, "0.000085"),
    ] {
        let found: Vec<&String> =
            cost.iter().filter(|(series, _)| series.contains(part)).map(|(_, value)| value).collect();
        assert_eq!(found, [value], "{part} in {cost:#?}");
    }
    assert_eq!(cost.len(), 6 + 1 + 3 + 2 * 2 + 1, "{cost:#?}");
}

//! One run of the program through the phases of a trial.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use jiff::Timestamp;
use tempfile::NamedTempFile;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::account::{Account, COLLECTORS, Picture};
use super::expected::{Cost, Expected};
use super::exposition::{difference, failures, number, of, of_account, parse, part_of, same, seconds, with_reason};
use super::rows::{Outcome, POLL, Row};
use super::server::{PAGE, Phase, Server};
use super::tls::Front;
use crate::harness::KEY;
use crate::program::{Process, config_flag, file, program};

/// The timeout of all waits, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);
/// The pause between two scrapes.
const PAUSE: Duration = Duration::from_millis(300);

/// The built program and the API of its account.
pub(super) struct Trial {
    /// At most one row for each collector.
    rows: Vec<Row>,
    name: String,
    account: Account,
    server: Server,
    /// A TLS listener before the server, and another account without TLS.
    tls: Option<(Front, Server)>,
    daemon: Process,
    _config: NamedTempFile,
    url: String,
    http: reqwest::Client,
}

/// The metrics of the account, and of the other account if a trial has one.
#[derive(Clone)]
struct Seen {
    main: Picture,
    other: Option<Picture>,
}

impl Trial {
    pub(super) async fn of(rows: Vec<Row>, http: reqwest::Client) -> Self {
        let account = Account::new();
        let server = Server::start(account, rows.iter().map(|row| Arc::clone(&row.fault)).collect()).await;
        let tls = match rows.iter().find_map(|row| row.tls) {
            Some(trouble) => Some((Front::of(&server, trouble).await, Server::start(account, Vec::new()).await)),
            None => None,
        };
        let config = config(&rows, &server, tls.as_ref());
        let mut program = program(&["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"]);
        // To load the system's authorities takes longer than a poll, and no test needs them.
        program.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        let daemon = Process::start(&mut program);
        let url = daemon.url().await;
        let name = rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(" + ");
        Self { rows, name, account, server, tls, daemon, _config: config, url, http }
    }

    pub(super) async fn run(self) {
        let begun = self.begin().await;
        self.all_is_well(&begun.main, Phase::Before);
        let (scrape, scraped) = watch::channel(begun);
        let lived = async {
            let fault_began = self.enter(Phase::Faulty);
            let during = self.wait(&scraped, |seen| is_polled_since(seen, fault_began)).await;
            self.faults_are_told(&during.main, fault_began);
            if let Some(other) = &during.other {
                self.all_is_well(other, Phase::Faulty);
            }
            let fault_ended = self.enter(Phase::After);
            let after = self.wait(&scraped, |seen| is_well_since(seen, fault_ended)).await;
            self.all_is_well(&after.main, Phase::After);
        };
        tokio::select! {
            () = self.watch(&scrape) => {}
            () = lived => {}
        }
        let peak = self.peak_kib();
        let most = self.rows.iter().map(|row| row.memory_mib).max().unwrap();
        assert!(peak < most << 10, "{}: {peak} KiB at the worst", self.name);
        let log = self.daemon.stop().await.stderr;
        assert!(!log.contains("panicked"), "{}: {log}", self.name);
    }

    /// Scrapes until everything is read. Costs may come before the names, which is correct, so earlier scrapes are not
    /// compared.
    async fn begin(&self) -> Seen {
        let expected = self.expected(Phase::Before);
        let is_there = |seen: &Picture, collector| expected.picture(collector) == part_of(collector, seen);
        let mut seen = self.look().await;
        let waiting = async {
            while !(is_well_since(&seen, Timestamp::MIN) && all(&seen, is_there)) {
                sleep(PAUSE).await;
                seen = self.look().await;
            }
        };
        // The comparison that follows reports missing series.
        let _ = timeout(PATIENCE, waiting).await;
        seen
    }

    fn enter(&self, phase: Phase) -> Timestamp {
        self.server.enter(phase);
        if let Some((front, other)) = &self.tls {
            front.turn(phase == Phase::Faulty);
            other.enter(phase);
        }
        Clock::system().now()
    }

    /// One scrape of the accounts.
    async fn look(&self) -> Seen {
        let answer = self.http.get(format!("{}/metrics", self.url)).timeout(PATIENCE).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error:?}:\n{}", self.name, self.daemon.log()));
        assert_eq!(answer.status().as_u16(), 200, "{}", self.name);
        let all = parse(&answer.text().await.unwrap()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        Seen { main: of_account(&all, "main"), other: self.tls.as_ref().map(|_| of_account(&all, "other")) }
    }

    /// The first scrape that meets a condition.
    async fn wait(&self, scraped: &watch::Receiver<Seen>, condition: impl Fn(&Seen) -> bool) -> Seen {
        let mut scraped = scraped.clone();
        let met = timeout(PATIENCE, scraped.wait_for(condition)).await;
        met.unwrap_or_else(|_| panic!("{}: it does not come:\n{}", self.name, self.daemon.log())).unwrap().clone()
    }

    /// Scrapes without an end. Every answer must match one of the phases.
    async fn watch(&self, scrape: &watch::Sender<Seen>) {
        let [before, after] = [Phase::Before, Phase::After].map(|phase| self.expected(phase));
        let [during, undisturbed] = [self.expected_during(), self.expected(Phase::Faulty)];
        let truths = |during: &Expected| {
            COLLECTORS
                .map(|collector| [&before, during, &after].map(|expected| self.comparable(expected.picture(collector))))
        };
        let (of_main, of_other) = (truths(&during), truths(&undisturbed));
        loop {
            let seen = self.look().await;
            self.is_true(&seen.main, &of_main);
            if let Some(other) = &seen.other {
                self.is_true(other, &of_other);
            }
            scrape.send_replace(seen);
            sleep(PAUSE).await;
        }
    }

    fn is_true(&self, seen: &Picture, truths: &[[Picture; 3]; 6]) {
        for (collector, truths) in COLLECTORS.iter().zip(truths) {
            let part = self.comparable(part_of(*collector, seen));
            if !truths.contains(&part) {
                let differences: String = truths.iter().map(|truth| difference(truth, &part) + "\n").collect();
                panic!("{}: none of its truths:\n{differences}", self.name_of(*collector));
            }
        }
    }

    /// A fault of all endpoints at once may come between a reading and its comparison with the totals. Such a reading
    /// is true without the comparison.
    fn comparable(&self, mut picture: Picture) -> Picture {
        picture.retain(|series, _| self.tls.is_none() || !series.contains("_reconciliation_"));
        picture
    }

    /// The row for a collector.
    fn row_of(&self, collector: Collector) -> Option<&Row> {
        self.rows.iter().find(|row| row.tls.is_some() || row.fault.endpoint.collector() == collector)
    }

    fn name_of(&self, collector: Collector) -> String {
        let name = self.row_of(collector).map_or_else(|| format!("beside {}", self.name), |row| row.name.clone());
        format!("{name}, {}", collector.as_str())
    }

    fn expected(&self, phase: Phase) -> Expected {
        let mut expected = self.account.expected(phase.version());
        if self.rows.iter().any(|row| row.fault.by_totals) {
            expected.cost = Cost::by_totals(phase.version());
        }
        expected
    }

    /// The expected metrics after the faults took effect: nothing newer from a failed collector.
    fn expected_during(&self) -> Expected {
        let mut expected = self.expected(Phase::Faulty);
        for collector in COLLECTORS {
            match self.row_of(collector).map(|row| &row.outcome) {
                Some(Outcome::Reads { change, .. }) => change(&mut expected),
                Some(Outcome::Fails(_)) => expected.copy(collector, &self.expected(Phase::Before)),
                Some(Outcome::Passes(_)) | None => {}
            }
        }
        expected
    }

    fn all_is_well(&self, seen: &Picture, phase: Phase) {
        for collector in COLLECTORS {
            let name = format!("{}, {phase:?}", self.name_of(collector));
            same(&self.expected(phase).picture(collector), &part_of(collector, seen), &name);
            assert_eq!(seen[&of("gcore_up", collector)], "1", "{name}:\n{}", self.daemon.log());
            assert_eq!(seen[&of("gcore_collector_supported", collector)], "1", "{name}");
        }
    }

    /// Each fault has its outcome, and all other collectors go on.
    fn faults_are_told(&self, seen: &Picture, since: Timestamp) {
        let expected = self.expected_during();
        for collector in COLLECTORS {
            let name = format!("{}, during:\n{}", self.name_of(collector), self.daemon.log());
            let row = self.row_of(collector);
            let reason = match row.map(|row| &row.outcome) {
                Some(Outcome::Fails(reason)) => Some(*reason),
                _ => None,
            };
            let [expected, part] = [expected.picture(collector), part_of(collector, seen)];
            same(&self.comparable(expected), &self.comparable(part), &name);
            let up = if reason.is_some() { "0" } else { "1" };
            assert_eq!(seen[&of("gcore_up", collector)], up, "{name}");
            let supported = if reason == Some("unsupported") { "0" } else { "1" };
            assert_eq!(seen[&of("gcore_collector_supported", collector)], supported, "{name}");
            assert_eq!(failures(seen, collector), reason.into_iter().collect::<BTreeSet<_>>(), "{name}");
            let success = number(seen, &of("gcore_poll_last_success_timestamp_seconds", collector)).unwrap();
            assert_eq!(success < seconds(since), reason.is_some(), "the age of what is served: {name}");
            if let Some(row) = row.filter(|row| row.fault.endpoint.collector() == collector) {
                self.requests_are_counted(row, seen);
                self.rejects_are_counted(row, seen);
                let (struck, pause) = self.server.strikes(row.fault.endpoint);
                assert!(struck > 0 || self.tls.is_some(), "it never struck: {name}");
                assert!(row.pause.is_none_or(|wanted| pause.unwrap() >= wanted), "waited {pause:?}: {name}");
            }
        }
    }

    /// A fault with a retry shows in the counters of requests. A fault without one has no retry.
    fn requests_are_counted(&self, row: &Row, seen: &Picture) {
        let endpoint = row.fault.endpoint.label();
        let requests = |family: &str, reason: &str| {
            number(seen, &format!(r#"{family}{{account="main",endpoint="{endpoint}",reason="{reason}"}}"#))
        };
        match row.outcome {
            Outcome::Passes(reason) => {
                let told = ["gcore_api_request_failures_total", "gcore_api_retries_total"];
                let told = told.map(|family| requests(family, reason));
                assert_eq!(told, [Some(1.0); 2], "{}: {}", row.name, self.daemon.log());
            }
            Outcome::Fails(reason) if !row.is_slow() => {
                let retries = requests("gcore_api_retries_total", reason);
                assert_eq!(retries, None, "{}: tried again in vain", row.name);
            }
            _ => {}
        }
    }

    /// Each poll counts the rows that it rejects.
    fn rejects_are_counted(&self, row: &Row, seen: &Picture) {
        let endpoint = row.fault.endpoint;
        let pages = self.account.rows(endpoint, Phase::Faulty.version(), &[]).len().div_ceil(PAGE);
        let polls = f64::from(u32::try_from(self.server.strikes(endpoint).0.div_ceil(pages)).unwrap());
        let rejected = with_reason("gcore_rejected_records_total", seen, endpoint.collector());
        let wanted: BTreeMap<&str, f64> = match &row.outcome {
            Outcome::Reads { rejects, .. } => rejects.iter().copied().collect(),
            _ => BTreeMap::new(),
        };
        assert_eq!(rejected.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{}", row.name);
        for (reason, rows) in wanted {
            let (counted, rest) = ((rejected[reason] / rows).floor(), rejected[reason] % rows);
            let is_right = rest == 0.0 && counted >= 1.0 && counted <= polls;
            assert!(is_right, "{}: {} {reason} in {polls} polls", row.name, rejected[reason]);
        }
    }

    /// The peak memory of the program.
    fn peak_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Whether every collector has ended a poll, good or bad, that began after an instant.
fn is_polled_since(seen: &Seen, instant: Timestamp) -> bool {
    all_since("gcore_poll_last_attempt_timestamp_seconds", seen, instant)
}

/// Whether every collector's last poll was good and began after an instant. On a busy machine a poll may exceed a short
/// timeout without a fault; the next one does not.
fn is_well_since(seen: &Seen, instant: Timestamp) -> bool {
    all(seen, |seen, collector| number(seen, &of("gcore_up", collector)) == Some(1.0))
        && all_since("gcore_poll_last_success_timestamp_seconds", seen, instant)
}

fn all_since(family: &str, seen: &Seen, instant: Timestamp) -> bool {
    all(seen, |seen, collector| number(seen, &of(family, collector)).is_some_and(|at| at > seconds(instant)))
}

fn all(seen: &Seen, is_so: impl Fn(&Picture, Collector) -> bool) -> bool {
    let everywhere = |seen: &Picture| COLLECTORS.iter().all(|collector| is_so(seen, *collector));
    everywhere(&seen.main) && seen.other.as_ref().is_none_or(everywhere)
}

/// The configuration of a trial: every collector polls each second.
fn config(rows: &[Row], server: &Server, tls: Option<&(Front, Server)>) -> NamedTempFile {
    let by_totals = rows.iter().any(|row| row.fault.by_totals);
    let request_timeout = rows[0].request_timeout;
    // Enough for all collectors while the requests of several hang.
    let concurrency = if rows.iter().any(Row::is_limited) { 8 } else { 4 };
    let mut text = String::from("[storage]\npath = ''\n[collect.history]\nenabled = false\n");
    let mut account = |name: &str, url: &str, more: &str| {
        text += &format!("[accounts.{name}]\napi_key = '{KEY}'\napi_url = '{url}'\nmax_requests_per_second = 100\n");
        text += &format!("request_timeout = '{request_timeout}'\nconcurrency = {concurrency}\n{more}\n");
    };
    match tls {
        Some((front, other)) => {
            account("main", &front.url, &front.authority.line());
            account("other", &other.url, "");
        }
        None => account("main", &server.url, if by_totals { "projects = [101, 102]" } else { "" }),
    }
    for collector in COLLECTORS {
        let row = rows.iter().find(|row| row.fault.endpoint.collector() == collector);
        let timeout = row.map_or(POLL, |row| row.timeout);
        text += &format!("[collect.{}]\ninterval = '1s'\ntimeout = '{timeout}'\n", collector.as_str());
        if matches!(collector, Collector::Cost | Collector::Usage) {
            // The only window that does not change at midnight, except at the end of a month.
            text += "windows = ['previous_month']\n";
        }
        if collector == Collector::Cost {
            text += &format!("method = '{}'\n", if by_totals { "totals" } else { "resources" });
        }
    }
    file(&text)
}

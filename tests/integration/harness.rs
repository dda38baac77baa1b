//! A daemon on its own port, and the API that it polls.

use std::fs::DirEntry;
use std::net::SocketAddr;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, Window};
use gcore_api::http::settings::Settings as Account;
use gcore_billing_exporter::alert::settings::Settings as Alerts;
use gcore_billing_exporter::app::{App, Web};
use gcore_billing_exporter::collect::settings::{Schedule, Settings as Collect};
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::exposition::settings::Settings as Metrics;
use gcore_billing_exporter::notify::settings::Settings as Notify;
use gcore_billing_exporter::snapshot::Collector;
use gcore_billing_exporter::store::Settings as Storage;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Response, StatusCode};
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The timeout of all waits. It only ends a test whose condition never comes, because no machine is as slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The key of every test account. No output may hold it in any form of quotation.
pub(crate) const KEY: &str = r#"555$never"\to-be-seen"#;

/// A Sunday noon in a month of 30 days.
pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// An amount of the simulator's ledger, as the client's type.
pub(crate) fn amount(ledger: rust_decimal::Decimal) -> Amount {
    ledger.to_string().parse().unwrap()
}

/// The days of a period, as the simulator takes them.
pub(crate) fn days(period: Period) -> Range<Date> {
    period.first()..period.end()
}

/// A clock that only a test moves.
#[derive(Clone)]
pub(crate) struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    pub(crate) fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(time.as_microsecond())))
    }

    pub(crate) fn set(&self, time: Timestamp) {
        self.0.store(time.as_microsecond(), Ordering::SeqCst);
    }

    pub(crate) fn forward(&self, time: SignedDuration) {
        self.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Clock {
        let shown = Arc::clone(&self.0);
        Clock::from_fn(move || Timestamp::from_microsecond(shown.load(Ordering::SeqCst)).unwrap())
    }
}

/// A bound port without a listener: connections are refused, and the kernel gives it to no other program. A program
/// that gets its number can listen there, also after a restart.
pub(crate) struct Port(TcpSocket);

impl Port {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Two sockets can share a port if both set this option and only one listens. Programs in Go set it.
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

/// Waits for a condition. Fails with `said` at the timeout.
pub(crate) async fn until_met(condition: impl AsyncFn() -> bool, said: impl AsyncFn() -> String) {
    let met = tokio::time::timeout(PATIENCE, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    if met.await.is_err() {
        panic!("it did not come within {PATIENCE:?}: {}", said().await);
    }
}

/// Waits until no store of this process has the file open: one ends shortly after its daemon.
pub(crate) async fn until_closed(store: &Path) {
    let is_store = |entry: std::io::Result<DirEntry>| {
        entry.and_then(|entry| std::fs::read_link(entry.path())).is_ok_and(|path| path == store)
    };
    let is_closed = async || !std::fs::read_dir("/proc/self/fd").unwrap().any(is_store);
    until_met(is_closed, async || format!("{} is open", store.display())).await;
}

/// Repeats an attempt until it takes less than `limit` once. The attempt returns its duration. A busy machine makes
/// some attempts slow, a fault makes all slow.
pub(crate) async fn until_within(what: &str, limit: Duration, attempt: impl AsyncFn() -> Duration) {
    until_met(async || attempt().await < limit, async || format!("{what} within {limit:?}")).await;
}

/// The HTTP pages of a daemon in any process.
pub(crate) struct Listener {
    pub(crate) url: String,
    http: reqwest::Client,
    plain: reqwest::Client,
}

/// A daemon in the test's own process.
pub(crate) struct TestApp {
    listener: Listener,
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    pub(crate) async fn start(config: &Config, clock: Clock) -> Self {
        Self::at("127.0.0.1:0", config, clock).await
    }

    /// Starts a daemon that listens on `address`.
    pub(crate) async fn at(address: &str, config: &Config, clock: Clock) -> Self {
        Self::with(Web { listen_addresses: vec![address.parse().unwrap()], ..Web::default() }, config, clock).await
    }

    /// Starts a daemon with these settings of its listener.
    pub(crate) async fn with(web: Web, config: &Config, clock: Clock) -> Self {
        if let Some(path) = &config.storage.path {
            until_closed(path).await;
        }
        let app = App::build(config, web, clock).await.unwrap();
        let url = format!("{}://{}", app.scheme(), app.addresses()[0]);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(app.run(async { drop(stopped.await) }));
        Self { listener: Listener::new(url), stop, task }
    }

    /// Starts a daemon and waits for its first poll of everything.
    pub(crate) async fn ready(config: &Config, clock: Clock) -> Self {
        let app = Self::start(config, clock).await;
        app.until_ready().await;
        app
    }
}

impl Deref for TestApp {
    type Target = Listener;

    fn deref(&self) -> &Listener {
        &self.listener
    }
}

impl Listener {
    pub(crate) fn new(url: String) -> Self {
        let plain = client().no_gzip().build().unwrap();
        Self { url, http: http(), plain }
    }

    /// Waits for the first poll of everything.
    pub(crate) async fn until_ready(&self) {
        self.until(async || self.get("/-/ready").await.status() == StatusCode::OK).await;
    }

    /// Sends a GET that accepts gzip, as Prometheus does.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// Sends a plain request and returns the raw answer.
    pub(crate) async fn request(&self, method: reqwest::Method, path: &str) -> Response {
        self.request_with(method, path, &[]).await
    }

    /// The same with more headers.
    pub(crate) async fn request_with(&self, method: reqwest::Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = self.plain.request(method, format!("{}{path}", self.url));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.text().await.unwrap()
    }

    /// The value of one series, if it exists.
    pub(crate) async fn value(&self, series: &str) -> Option<String> {
        self.metrics().await.lines().find_map(|line| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned()))
    }

    /// Fails unless `/metrics` equals the file in `expected`. Saves the actual text for comparison.
    pub(crate) async fn expect_metrics(&self, file: &str) {
        let expected = format!("{}/tests/integration/expected/{file}", env!("CARGO_MANIFEST_DIR"));
        let actual = format!("{}/{file}", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&actual, self.stable_metrics().await).unwrap();
        let same = std::fs::read(&actual).unwrap() == std::fs::read(&expected).unwrap();
        assert!(same, "the metrics are not as expected; see: diff {expected} {actual}");
    }

    /// The text of `/metrics` without values that differ between runs: the process and durations. Also without the
    /// alerts, which are evaluated shortly after a reading.
    async fn stable_metrics(&self) -> String {
        let differs = |line: &&str| {
            let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
            name.starts_with("process_")
                || name.starts_with("gcore_exporter_build_info")
                || name.starts_with("gcore_alert")
                || name.contains("_duration_seconds")
        };
        self.metrics().await.lines().filter(|line| !differs(line)).map(|line| format!("{line}\n")).collect()
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, condition: impl AsyncFn() -> bool) {
        until_met(condition, async || format!("the metrics are\n{}", self.metrics().await)).await;
    }
}

impl TestApp {
    /// Stops the daemon and fails if it did not end well.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// A client for pages on this host.
pub(crate) fn http() -> reqwest::Client {
    client().build().unwrap()
}

/// The settings of such a client.
pub(crate) fn client() -> reqwest::ClientBuilder {
    // Fails if another test has installed it before.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    // On a machine that stands still for a while, a kept connection may end just when it is used again.
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0)
}

/// One account `main` with its API at `url`.
pub(crate) fn config(url: &str, collect: Collect) -> Config {
    let mut account = Account::new(SecretString::from(KEY), url.parse().unwrap());
    account.max_requests_per_second = 1000.0;
    Config {
        accounts: [("main".parse().unwrap(), account)].into(),
        collect,
        alerts: Alerts::default(),
        metrics: Metrics::default(),
        storage: Storage { path: None },
        notify: Notify::default(),
    }
}

/// Settings in which only these collectors poll, once in a test.
pub(crate) fn only(collectors: &[Collector]) -> Collect {
    every(Duration::from_secs(3600), collectors)
}

/// Settings in which only these collectors poll, for today's window only.
pub(crate) fn every(interval: Duration, collectors: &[Collector]) -> Collect {
    let schedule = |collector| Schedule { enabled: collectors.contains(&collector), interval, timeout: PATIENCE };
    let mut collect = Collect::default();
    collect.cost.schedule = schedule(Collector::Cost);
    collect.cost.windows = vec![Window::Today];
    collect.usage.schedule = schedule(Collector::Usage);
    collect.usage.windows = vec![Window::Today];
    collect.reports.schedule = schedule(Collector::Reports);
    collect.subscriptions.schedule = schedule(Collector::Subscriptions);
    collect.commitments.schedule = schedule(Collector::Commitments);
    collect.names = schedule(Collector::Names);
    collect.history.schedule = schedule(Collector::History);
    collect
}

/// The path of each endpoint.
pub(crate) const COST: &str = "/cloud/v1/cost_report/resources";
pub(crate) const COST_TOTALS: &str = "/cloud/v1/cost_report/totals";
pub(crate) const RESERVATIONS: &str = "/cloud/v2/reservations";
pub(crate) const RESERVATION_TOTALS: &str = "/cloud/v1/reservation_cost_report/totals";
pub(crate) const USAGE: &str = "/cloud/v1/usage_report";
pub(crate) const REPORTS: &str = "/billing/org/v1/reports";
pub(crate) const SUBSCRIPTIONS: &str = "/billing/org/v1/subscriptions";
pub(crate) const PROJECTS: &str = "/cloud/v1/projects";
pub(crate) const REGIONS: &str = "/cloud/v1/regions";

/// A request to an endpoint with the key in the documented form.
pub(crate) fn asked(endpoint: &str) -> wiremock::MockBuilder {
    let verb = if [COST, COST_TOTALS, RESERVATION_TOTALS, USAGE].contains(&endpoint) { "POST" } else { "GET" };
    Mock::given(method(verb)).and(path(endpoint)).and(header("authorization", format!("APIKey {KEY}")))
}

/// An answer with this JSON text, byte for byte.
pub(crate) fn json(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "application/json")
}

/// The refusal of a key without access.
pub(crate) fn forbidden() -> ResponseTemplate {
    refusal(403)
}

/// An error answer in the API's own form.
pub(crate) fn refusal(status: u16) -> ResponseTemplate {
    let body = r#"{"exception_class": "ForbiddenError", "message": "You have no access", "request_id": "1"}"#;
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

/// Adds the names of the fixtures' projects and regions to the API.
pub(crate) async fn mount_names(api: &MockServer) {
    asked(PROJECTS).respond_with(json(include_str!("pages/projects.json"))).mount(api).await;
    asked(REGIONS).respond_with(json(include_str!("pages/regions.json"))).mount(api).await;
}

/// The JSON bodies sent to an endpoint, in order.
pub(crate) async fn bodies(api: &MockServer, endpoint: &str) -> Vec<Value> {
    let requests = api.received_requests().await.unwrap();
    requests.iter().filter(|r| r.url.path() == endpoint).map(|r| r.body_json().unwrap()).collect()
}

/// The queries sent to an endpoint, in order.
pub(crate) async fn queries(api: &MockServer, endpoint: &str) -> Vec<String> {
    let requests = api.received_requests().await.unwrap();
    requests.iter().filter(|r| r.url.path() == endpoint).map(|r| r.url.query().unwrap_or_default().to_owned()).collect()
}

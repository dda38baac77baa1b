//! A real Prometheus that scrapes the daemon on the simulated account.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::Window;
use gcore_api::http::settings::Settings as Account;
use gcore_billing_exporter::alert::settings::Settings as Alerts;
use gcore_billing_exporter::collect::settings::{Schedule, Settings as Collect};
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::exposition::settings::Settings as Metrics;
use gcore_billing_exporter::notify::settings::Settings as Notify;
use gcore_billing_exporter::store::Settings as Storage;
use gcore_simulator::api::Api;
use gcore_simulator::world::World;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;

use crate::harness::{PATIENCE, Port, TestApp, amount, days, http, noon, until_met};
use crate::program::server;

const SEED: u64 = 7;
const HOUR: Duration = Duration::from_secs(3600);

/// A running Prometheus with its own folder.
pub(crate) struct Prometheus {
    url: String,
    http: reqwest::Client,
    _process: Child,
    folder: TempDir,
    _port: Port,
}

/// The labels of a series without its name, job and instance.
pub(crate) type Labels = BTreeMap<String, String>;

/// The rule files of this repository, sorted by name.
pub(crate) fn shipped_rules() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/rules");
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

impl Prometheus {
    /// Starts one that scrapes the daemon every second, with the rules of this repository.
    pub(crate) async fn scraping(app: &TestApp) -> Self {
        Self::scraping_with(app, "").await
    }

    /// The same with more configuration.
    pub(crate) async fn scraping_with(app: &TestApp, more: &str) -> Self {
        Self::scraping_all(&[app], more).await
    }

    /// The same with several daemons as the targets of one job.
    pub(crate) async fn scraping_all(apps: &[&TestApp], more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        for file in shipped_rules() {
            // Tests do not wait for rules that are evaluated every few minutes.
            let rules = std::fs::read_to_string(&file).unwrap();
            let is_kept = |line: &&str| !line.starts_with("    interval: ");
            let rules = rules.lines().filter(is_kept).map(|line| format!("{line}\n")).collect::<String>();
            std::fs::write(folder.path().join("rules").join(file.file_name().unwrap()), rules).unwrap();
        }
        let targets = apps.iter().map(|app| format!("'{}'", app.url.trim_start_matches("http://")));
        let targets = targets.collect::<Vec<_>>().join(", ");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{cluster: west}}}}\n\
             rule_files: [rules/*.yml]\n\
             scrape_configs: [{{job_name: gcore-billing, static_configs: [{{targets: [{targets}]}}]}}]\n{more}"
        );
        let prometheus = Self::start(folder, &config);
        let answering = async || prometheus.query("count(up == 1)").await.into_values().next();
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let all = apps.len() as f64;
        until_met(async || answering().await == Some(all), async || format!("{targets} answer")).await;
        prometheus
    }

    /// Starts one on the blocks in `data` of its folder, of any age.
    pub(crate) fn start(folder: TempDir, config: &str) -> Self {
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = Port::new();
        let flags = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            "--storage.tsdb.retention.time=100y".to_owned(),
            format!("--web.listen-address={}", port.address()),
        ];
        let process = server("prometheus", folder.path(), &flags);
        Self { url: port.url(), http: http(), _process: process, folder, _port: port }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A GET of Prometheus' own API. Returns its `data`, or null without an answer.
    pub(crate) async fn api(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(format!("{}/api/v1/{path}", self.url)).query(query);
        let Ok(response) = request.send().await else { return Value::Null };
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
        assert_ne!(answer["status"], "error", "{path} {query:?}: {answer}");
        answer["data"].clone()
    }

    /// The series and values of an instant query.
    pub(crate) async fn query(&self, expression: &str) -> BTreeMap<Labels, f64> {
        self.query_with(&[("query", expression)]).await
    }

    /// The same as of a time.
    pub(crate) async fn query_at(&self, expression: &str, at: Timestamp) -> BTreeMap<Labels, f64> {
        self.query_with(&[("query", expression), ("time", &at.to_string())]).await
    }

    /// Repeats an instant query until it has a result, because a scrape that takes longer than a second leaves out all
    /// series.
    pub(crate) async fn found(&self, expression: &str) -> BTreeMap<Labels, f64> {
        let found = RefCell::default();
        let is_there = async || {
            let now = self.query(expression).await;
            let is_there = !now.is_empty();
            found.replace(now);
            is_there
        };
        until_met(is_there, async || format!("data for {expression}")).await;
        found.into_inner()
    }

    async fn query_with(&self, query: &[(&str, &str)]) -> BTreeMap<Labels, f64> {
        let data = self.api("query", query).await;
        let rows = data["result"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .map(|row| {
                let mut labels: Labels = serde_json::from_value(row["metric"].clone()).unwrap();
                labels.retain(|name, _| !["__name__", "job", "instance"].contains(&name.as_str()));
                (labels, row["value"][1].as_str().unwrap().parse().unwrap())
            })
            .collect()
    }
}

/// Settings for the simulated account at the given clock. The world is a second copy for comparison.
pub(crate) async fn demo_config(clock: &Clock, interval: Duration) -> (Config, World) {
    let born = clock.now();
    let address = "127.0.0.1:0".parse().unwrap();
    let api = Api::bind(address, World::new(SEED, born), gcore_simulator::KEY, clock.clone()).await.unwrap();
    let mut account = Account::new(SecretString::from(gcore_simulator::KEY), api.url().parse().unwrap());
    account.max_requests_per_second = 1000.0;
    account.page_size = 100;
    tokio::spawn(api.run(std::future::pending()));
    let mut collect = Collect::default();
    let schedule = Schedule { enabled: true, interval, timeout: PATIENCE };
    collect.cost.schedule = schedule;
    collect.usage.schedule = schedule;
    collect.usage.windows = Window::ALL.to_vec();
    collect.reports.schedule = schedule;
    collect.subscriptions.schedule = schedule;
    collect.commitments.schedule = schedule;
    collect.names = schedule;
    collect.history.schedule.enabled = false;
    let accounts = [("demo".parse().unwrap(), account)].into();
    let (alerts, metrics, notify) = (Alerts::default(), Metrics::default(), Notify::default());
    let storage = Storage { path: None };
    (Config { accounts, collect, alerts, metrics, storage, notify }, World::new(SEED, born))
}

/// The daemon on the simulated account.
pub(crate) async fn demo_app(clock: Clock, interval: Duration) -> (TestApp, World) {
    let (config, world) = demo_config(&clock, interval).await;
    (TestApp::ready(&config, clock).await, world)
}

/// The documented labels of a group.
fn labels(world: &World, project: u64, region: u64, resource_type: &str, measure: (&str, &str)) -> Labels {
    let project_name = world.projects().iter().find(|p| p.id == project).unwrap().name;
    let region_name = world.regions().iter().find(|r| r.id == region).unwrap().display_name;
    [
        ("account", "demo"),
        ("project_id", &project.to_string()),
        ("project_name", project_name),
        ("region_id", &region.to_string()),
        ("region_name", region_name),
        ("resource_type", resource_type),
        measure,
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_series_of_every_window_equals_the_ledger() {
    let now = noon();
    let (app, world) = demo_app(Clock::frozen(now), HOUR).await;
    let prometheus = Prometheus::scraping(&app).await;

    for window in Window::ALL {
        let (name, period) = (window.as_str(), window.period(now));
        let ledger = world.cost_ledger(days(period), now);
        assert!(ledger.len() > 50, "{name}: a ledger worth comparing, {} groups", ledger.len());
        let truth: BTreeMap<Labels, f64> = ledger
            .iter()
            .map(|((project, region, kind, currency), cost)| {
                (labels(&world, *project, *region, kind, ("currency", currency)), as_float(amount(*cost)))
            })
            .collect();
        compare(&prometheus.found(&format!("gcore_cost_{name}_amount")).await, &truth, name);

        let usage = world.usage_ledger(days(period), now);
        let truth: BTreeMap<Labels, f64> = usage
            .iter()
            .map(|((project, region, kind, unit), value)| {
                (labels(&world, *project, *region, kind, ("unit", unit)), as_float(amount(*value)))
            })
            .collect();
        compare(&prometheus.found(&format!("gcore_usage_{name}_billing_value")).await, &truth, name);

        let mut sums: BTreeMap<Labels, Amount> = BTreeMap::new();
        for ((project, _, _, currency), cost) in ledger {
            let key = [("project_id", project.to_string()), ("currency", currency)].map(|(k, v)| (k.to_owned(), v));
            let sum = sums.entry(key.into()).or_default();
            *sum = sum.checked_add(amount(cost)).unwrap();
        }
        let expression = format!("sum by (project_id, currency) (gcore_cost_{name}_amount)");
        let summed = prometheus.found(&expression).await;
        assert_eq!(summed.len(), sums.len(), "{expression}");
        for (key, sum) in sums {
            assert_eq!(format!("{:.5}", summed[&key]), format!("{:.5}", as_float(sum)), "{expression} {key:?}");
        }
    }
    app.stop().await;
}

fn as_float(amount: Amount) -> f64 {
    amount.to_string().parse().unwrap()
}

fn compare(seen: &BTreeMap<Labels, f64>, truth: &BTreeMap<Labels, f64>, window: &str) {
    let bits = |map: &BTreeMap<Labels, f64>| map.iter().map(|(k, v)| (k.clone(), v.to_bits())).collect::<Vec<_>>();
    for (labels, value) in truth {
        let found = seen.get(labels).unwrap_or_else(|| panic!("{window}: {labels:?} is missing"));
        assert_eq!(found.to_bits(), value.to_bits(), "{window}: {labels:?} is {found}, should be {value}");
    }
    assert_eq!(bits(seen).len(), bits(truth).len(), "{window}: series that the ledger does not know");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_agrees_with_the_ledger_on_awkward_days() {
    for now in [
        "2026-11-01T00:00:31Z",
        "2026-12-01T12:00:00Z",
        "2026-10-31T23:59:59Z",
        "2027-01-01T00:10:00Z",
        "2028-02-29T12:00:00Z",
        "2028-03-31T12:00:00Z",
    ] {
        let now: Timestamp = now.parse().unwrap();
        let (app, world) = demo_app(Clock::frozen(now), HOUR).await;
        let text = app.metrics().await;
        for window in Window::ALL {
            let name = format!("gcore_cost_{}_amount{{", window.as_str());
            let mut seen: Vec<u64> = text
                .lines()
                .filter_map(|line| line.strip_prefix(&name)?.rsplit(' ').next())
                .map(|value| value.parse::<f64>().unwrap().to_bits())
                .collect();
            let mut truth: Vec<u64> = world
                .cost_ledger(days(window.period(now)), now)
                .values()
                .map(|a| as_float(amount(*a)).to_bits())
                .collect();
            seen.sort_unstable();
            truth.sort_unstable();
            assert!(!truth.is_empty(), "{now} {name}");
            assert_eq!(seen, truth, "{now} {name}");
        }
        app.stop().await;
    }
}

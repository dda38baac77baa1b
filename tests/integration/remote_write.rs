//! Remote write: an agent scrapes the daemon and sends the samples on, and VictoriaMetrics returns them.

use std::path::Path;
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::Window;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Child;

use crate::harness::{Port, TestApp, http, noon, until_met};
use crate::program::server;
use crate::prometheus::demo_app;

/// A query for the number of cost series, of all windows.
const ALL_COSTS: &str = "count({__name__=~\"gcore_cost_(today|yesterday|month_to_date|previous_month)_amount\"})";

/// A VictoriaMetrics.
struct Storage {
    url: String,
    http: reqwest::Client,
    _process: Child,
    _folder: TempDir,
    _port: Port,
}

impl Storage {
    fn start() -> Self {
        let (port, folder) = (Port::new(), TempDir::new().unwrap());
        let flags = [
            "-storageDataPath=data".to_owned(),
            format!("-httpListenAddr={}", port.address()),
            // By default it hides the samples of the last 30 s.
            "-search.latencyOffset=0s".to_owned(),
        ];
        let process = server("victoria-metrics", folder.path(), &flags);
        Self { url: port.url(), http: http(), _process: process, _folder: folder, _port: port }
    }

    /// The newest value of each series that a selector finds, if it has the external label. Empty without an answer.
    async fn found(&self, selector: &str) -> Vec<f64> {
        let query = [("query", selector), ("extra_label", "cluster=west")];
        let Ok(response) = self.http.get(format!("{}/api/v1/query", self.url)).query(&query).send().await else {
            return Vec::new();
        };
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
        let rows = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }
}

/// The scrape configuration of docs/remote-write.md for this daemon and storage.
fn documented_config(app: &TestApp, storage: &Storage) -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/remote-write.md")).unwrap();
    let (_, block) = page.split_once("```yaml\n").unwrap();
    let (config, _) = block.split_once("```").unwrap();
    let replacements = [
        ("scrape_interval: 30s", "scrape_interval: 1s"),
        ("127.0.0.1:10061", app.url.trim_start_matches("http://")),
        ("http://storage.example.com:8428", storage.url.as_str()),
    ];
    replacements.into_iter().fold(config.to_owned(), |config, (old, new)| {
        assert!(config.contains(old), "docs/remote-write.md has no {old}");
        config.replace(old, new)
    })
}

/// Waits until every cost series of `/metrics` is in the storage with the same value, bit by bit, and no other one. The
/// folder is that of the agent.
async fn expect_costs(app: &TestApp, storage: &Storage, folder: &Path) {
    let text = app.metrics().await;
    let names = Window::ALL.map(|window| format!("gcore_cost_{}_amount{{", window.as_str()));
    let lines = text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    let shown: Vec<(&str, f64)> = lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series, value.parse().unwrap()))
        .collect();
    let log = || std::fs::read_to_string(folder.join("log")).unwrap();
    assert!(shown.len() > 200, "{} series of all windows", shown.len());
    // The text of a series is a selector that finds it.
    for (selector, value) in shown.iter().copied().chain([(ALL_COSTS, shown.len() as f64)]) {
        let is_there =
            async || matches!(storage.found(selector).await[..], [found] if found.to_bits() == value.to_bits());
        let said = async || {
            let found = storage.found(selector).await;
            format!("{selector} is {found:?} in the storage, should be {value}; the agent said {}", log())
        };
        until_met(is_there, said).await;
    }
}

async fn demo() -> TestApp {
    demo_app(Clock::frozen(noon()), Duration::from_secs(3600)).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_agent_brings_each_cost_to_the_storage() {
    let (app, storage) = (demo().await, Storage::start());
    let (folder, port) = (TempDir::new().unwrap(), Port::new());
    std::fs::write(folder.path().join("agent.yml"), documented_config(&app, &storage)).unwrap();
    let flags = ["--enable-feature=agent", "--config.file=agent.yml", "--storage.agent.path=data"].map(str::to_owned);
    let flags = [flags.as_slice(), &[format!("--web.listen-address={}", port.address())]].concat();
    let _agent = server("prometheus", folder.path(), &flags);
    expect_costs(&app, &storage, folder.path()).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vmagent_brings_each_cost_to_the_storage() {
    let (app, storage) = (demo().await, Storage::start());
    let (folder, port) = (TempDir::new().unwrap(), Port::new());
    let config = documented_config(&app, &storage);
    let (scrape, _) = config.split_once("remote_write:").unwrap();
    std::fs::write(folder.path().join("scrape.yml"), scrape).unwrap();
    let flags = [
        "-promscrape.config=scrape.yml".to_owned(),
        "-remoteWrite.tmpDataPath=data".to_owned(),
        format!("-remoteWrite.url={}/api/v1/write", storage.url),
        format!("-httpListenAddr={}", port.address()),
    ];
    let _agent = server("vmagent", folder.path(), &flags);
    expect_costs(&app, &storage, folder.path()).await;
    app.stop().await;
}

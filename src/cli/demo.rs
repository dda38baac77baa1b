//! The daemon against a simulated account: the same code path as production, only URL, key and pace differ.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use secrecy::SecretString;

use crate::alert;
use crate::alert::settings::Threshold;
use crate::alert::{Labels, Route};
use crate::app::{App, Web};
use crate::billing::account::AccountName;
use crate::billing::period::Window;
use crate::billing::resource::{Currency, ProjectId, ResourceType};
use crate::clock::Clock;
use crate::collect;
use crate::collect::settings::{History, Schedule};
use crate::config::Config;
use crate::demo;
use crate::demo::api::Api;
use crate::demo::world::World;
use crate::exposition;
use crate::gcore;
use crate::notify;
use crate::notify::settings::Alertmanager;
use crate::outlook::budget::{Budget, Selector};
use crate::shutdown;
use crate::store;

use super::say;

/// What the account is called.
const ACCOUNT: &str = "demo";

/// The same company every time.
const SEED: u64 = 2026;

/// What a demo can do without.
pub(super) struct Extras {
    /// Where the history is kept.
    pub(super) store: Option<PathBuf>,
    /// Who is told of alerts.
    pub(super) alertmanager: Option<Url>,
}

/// Starts the simulated API and the daemon, says where they are, and runs both until a signal comes.
pub(super) async fn run(api_address: SocketAddr, extras: Extras, web: Web) -> anyhow::Result<()> {
    let signal = shutdown::signals()?;
    let clock = Clock::system();
    let api = Api::bind(api_address, World::new(SEED, clock.now()), demo::KEY, clock.clone())
        .await
        .context("the simulated API cannot start; choose another address with --demo.api-address")?;
    let api_url = api.url();
    let telemetry_path = web.telemetry_path.clone();
    let app = App::build(&config(&api_url, extras)?, web, clock).await?;
    let daemon = app.addresses().first().copied().context("no address to listen on")?;
    say(&mut io::stdout(), &welcome(daemon, &telemetry_path, &api_url));

    let (trigger, stop) = shutdown::channel();
    let api = tokio::spawn(api.run(stop.requested()));
    let outcome = app.run(signal).await;
    trigger.stop();
    api.await.context("the simulated API failed")?;
    outcome
}

/// One account at the simulated API, polled every few seconds.
fn config(api_url: &str, extras: Extras) -> anyhow::Result<Config> {
    let mut account = gcore::settings::Settings::new(SecretString::from(demo::KEY), api_url.parse()?);
    account.max_requests_per_second = 100.0;
    let mut collect = collect::settings::Settings::default();
    let every =
        |seconds| Schedule { enabled: true, interval: Duration::from_secs(seconds), timeout: Duration::from_secs(60) };
    collect.cost.schedule = every(5);
    collect.usage.schedule = every(5);
    collect.reports.schedule = every(5);
    collect.subscriptions.schedule = every(15);
    collect.commitments.schedule = every(15);
    collect.names = every(30);
    collect.history =
        History { schedule: every(5), days: 120, recheck_after: Duration::from_secs(120), budgets: budgets()? };
    Ok(Config {
        accounts: BTreeMap::from([(ACCOUNT.parse::<AccountName>()?, account)]),
        collect,
        alerts: alert::settings::Settings { thresholds: vec![threshold()?], ..Default::default() },
        metrics: exposition::settings::Settings::default(),
        storage: store::Settings { path: extras.store },
        notify: notify::settings::Settings { alertmanagers: alertmanagers(extras.alertmanager), ..Default::default() },
    })
}

/// The Alertmanager, if there is one.
fn alertmanagers(url: Option<Url>) -> BTreeMap<String, Alertmanager> {
    let one = |url| {
        let route = Route { channel: "alertmanager.demo".into(), ..Route::default() };
        ("demo".to_owned(), Alertmanager { route, urls: vec![url], credentials: None, ca_file: None })
    };
    url.map(one).into_iter().collect()
}

/// A limit that yesterday's spike is above. It waits for three minutes of readings, to show an alert that is pending.
fn threshold() -> anyhow::Result<Threshold> {
    Ok(Threshold {
        name: "media-traffic".into(),
        account: ACCOUNT.parse()?,
        selector: Selector {
            projects: vec![ProjectId(41006)],
            types: vec![ResourceType::new("egress_traffic")],
            ..Selector::default()
        },
        window: Window::Yesterday,
        amount: "50".parse()?,
        currency: Currency::new("EUR"),
        severity: "warning".into(),
        readings: 36,
        keep_firing_for: Duration::ZERO,
        labels: Labels::new(),
        annotations: Labels::new(),
    })
}

/// One budget of each kind: safe, about to be passed, and passed.
fn budgets() -> anyhow::Result<Vec<Budget>> {
    let budget = |name: &str, projects: &[u64], amount: &str| {
        let projects = projects.iter().copied().map(ProjectId).collect();
        Ok(Budget {
            name: name.into(),
            account: ACCOUNT.parse()?,
            selector: Selector { projects, ..Selector::default() },
            amount: amount.parse()?,
            currency: Currency::new("EUR"),
        })
    };
    [("shop", &[41001][..], "2500"), ("company", &[], "5500"), ("data-platform", &[41002], "1000")]
        .into_iter()
        .map(|(name, projects, amount)| budget(name, projects, amount))
        .collect()
}

fn welcome(daemon: SocketAddr, telemetry_path: &str, api_url: &str) -> String {
    let key = demo::KEY;
    format!(
        "\
The demo runs: a simulated Gcore account at {api_url}, polled every few seconds over HTTP.

  Metrics      http://{daemon}{telemetry_path}
  Alerts       http://{daemon}/api/v1/alerts
  Anomalies    http://{daemon}/api/v1/anomalies
  Start page   http://{daemon}/

Watch today's cost grow:

  watch -n 5 'curl -s http://{daemon}{telemetry_path} | grep ^gcore_cost_today_amount | head'

See where the month will end, and what is left of the budgets:

  curl -s http://{daemon}{telemetry_path} | grep -E '^gcore_(cost_month_forecast|budget)'

See who would be told what; within half a minute of the spike, too:

  gcore-billing-exporter alerts --alerts.url=http://{daemon}

Read the same account with the command `once`:

  GCORE_BASE_URL={api_url} GCORE_API_KEY='{key}' gcore-billing-exporter once

Scrape it with this prometheus.yml:

  scrape_configs:
    - job_name: gcore-billing
      scrape_interval: 15s
      metrics_path: {telemetry_path}
      static_configs:
        - targets: ['{daemon}']

Ctrl-C stops everything.
"
    )
}

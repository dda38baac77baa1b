//! `demo`: the daemon against a simulated account. Only URL, key and intervals differ from production.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use secrecy::SecretString;

use crate::account::AccountName;
use crate::alert;
use crate::alert::settings::Threshold;
use crate::alert::{Labels, Route};
use crate::app::{App, Web};
use crate::collect;
use crate::collect::settings::{History, Schedule};
use crate::config::Config;
use crate::exposition;
use crate::insights::budget::{Budget, Selector};
use crate::notify;
use crate::notify::settings::Alertmanager;
use crate::shutdown;
use crate::store;
use common::clock::Clock;
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::{Currency, ProjectId, ResourceType};
use gcore_simulator::api::Api;
use gcore_simulator::world::World;

use super::say;

/// The name of the account.
const ACCOUNT: &str = "demo";

/// The default address of the simulated API.
const API_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10_062);
/// Any free port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The seed. A fixed one gives the same company each time.
const SEED: u64 = 2026;

/// The optional settings of the demo.
pub(super) struct Extras {
    /// The address of the simulated API.
    pub(super) api_address: Option<SocketAddr>,
    /// Whether the command line sets the listen addresses.
    pub(super) is_address_asked: bool,
    /// The file of the store.
    pub(super) store: Option<PathBuf>,
    /// The Alertmanager for the alerts.
    pub(super) alertmanager: Option<Url>,
}

/// Whether another program uses the address, such as another demo.
fn is_taken(error: &anyhow::Error) -> bool {
    let is_in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(is_in_use))
}

/// The simulated API at the given address. Without one: at the default address, or at any port if that is taken.
async fn bind(asked: Option<SocketAddr>, clock: &Clock) -> anyhow::Result<Api> {
    let at = async |address| -> anyhow::Result<Api> {
        let api = Api::bind(address, World::new(SEED, clock.now()), gcore_simulator::KEY, clock.clone()).await;
        api.context("the simulated API cannot start; choose another address with --demo.api-address")
    };
    match at(asked.unwrap_or(API_ADDRESS)).await {
        Err(error) if asked.is_none() && is_taken(&error) => at(ANY_PORT).await,
        bound => bound,
    }
}

/// The daemon at its addresses. If a default address is taken, it uses any port.
async fn build(config: &Config, web: Web, is_asked: bool, clock: &Clock) -> anyhow::Result<App> {
    match App::build(config, web.clone(), clock.clone()).await {
        Err(error) if !is_asked && is_taken(&error) => {
            App::build(config, Web { listen_addresses: vec![ANY_PORT], ..web }, clock.clone()).await
        }
        built => built,
    }
}

/// Starts the simulated API and the daemon, prints their URLs when everything is read, and runs both until a signal.
/// `program` is the command that starts this program in another terminal.
pub(super) async fn run(extras: Extras, web: Web, program: &str) -> anyhow::Result<()> {
    let signal = shutdown::signals()?;
    let clock = Clock::system();
    let api = bind(extras.api_address, &clock).await?;
    let api_url = api.url();
    let telemetry_path = web.telemetry_path.clone();
    let is_asked = extras.is_address_asked;
    let app = build(&config(&api_url, extras)?, web, is_asked, &clock).await?;
    let daemon = app.addresses().first().copied().context("no address to listen on")?;
    say(&mut io::stdout(), "The demo starts. Where it is follows as soon as it has read everything once.\n");
    let (ready, welcome) =
        (app.ready(), welcome(&format!("{}://{daemon}", app.scheme()), &telemetry_path, &api_url, program));
    let telling = tokio::spawn(async move {
        ready.await;
        say(&mut io::stdout(), &welcome);
    });

    let (trigger, stop) = shutdown::channel();
    let api = tokio::spawn(api.run(stop.requested()));
    let outcome = app.run(signal).await;
    telling.abort();
    trigger.stop();
    api.await.context("the simulated API failed")?;
    outcome
}

/// One account at the simulated API, polled every few seconds.
fn config(api_url: &str, extras: Extras) -> anyhow::Result<Config> {
    let mut account =
        gcore_api::http::settings::Settings::new(SecretString::from(gcore_simulator::KEY), api_url.parse()?);
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
    collect.history = History {
        schedule: every(5),
        days: 120,
        recheck_after: Duration::from_secs(120),
        budgets: budgets()?,
        ..collect.history
    };
    Ok(Config {
        accounts: BTreeMap::from([(ACCOUNT.parse::<AccountName>()?, account)]),
        collect,
        alerts: alert::settings::Settings { thresholds: vec![threshold()?], ..Default::default() },
        metrics: exposition::settings::Settings::default(),
        storage: store::Settings { path: extras.store },
        notify: notify::settings::Settings { alertmanagers: alertmanagers(extras.alertmanager), ..Default::default() },
    })
}

/// The Alertmanager, if one is given.
fn alertmanagers(url: Option<Url>) -> BTreeMap<String, Alertmanager> {
    let one = |url| {
        let route = Route { channel: "alertmanager.demo".into(), ..Route::default() };
        ("demo".to_owned(), Alertmanager { route, urls: vec![url], credentials: None, ca_file: None })
    };
    url.map(one).into_iter().collect()
}

/// A threshold below yesterday's costs. It needs three minutes of readings, to show a pending alert.
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

/// One budget of each kind: safe, soon exceeded, and exceeded.
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

fn welcome(daemon: &str, telemetry_path: &str, api_url: &str, program: &str) -> String {
    let (scheme, target) = daemon.split_once("://").unwrap_or(("http", daemon));
    let scheme = if scheme == "http" { "" } else { "      scheme: https\n" };
    let key = gcore_simulator::KEY;
    format!(
        "
Watch today's cost grow:

  watch -n 5 'curl -s {daemon}{telemetry_path} | grep ^gcore_cost_today_amount | head'

See where the month will end, and what is left of the budgets:

  curl -s {daemon}{telemetry_path} | grep -E '^gcore_(cost_month_forecast|budget)'

List the alerts; half a minute after the start, the daemon knows the past and finds more of them:

  {program} alerts --alerts.url={daemon}

Read the same account with the command `once`:

  GCORE_BASE_URL={api_url} GCORE_API_KEY='{key}' {program} once

Scrape it with this prometheus.yml:

  scrape_configs:
    - job_name: gcore-billing
      scrape_interval: 15s
{scheme}      metrics_path: {telemetry_path}
      static_configs:
        - targets: ['{target}']

Ctrl-C stops everything. With --log.level=info the demo says what it does.

The demo runs: a simulated Gcore account at {api_url}, polled every few seconds over HTTP.

  Metrics      {daemon}{telemetry_path}
  Alerts       {daemon}/alerts
  API          {daemon}/api/v1/openapi.yaml
  Start page   {daemon}/
"
    )
}

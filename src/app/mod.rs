//! Connects the parts of the daemon.
//!
//! Data flow from the pollers through the snapshot to the listener. The stop signal goes to the pollers and the
//! listener. Each other part ends when its input ends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use hyper::Request;
use hyper::body::Incoming;
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::alert::channels::Channels;
use crate::alert::engine::{AlertConfig, Engine};
use crate::config::Config;
use crate::exposition;
use crate::exposition::encoder::Encoder;
use crate::http::app_state::AppState;
use crate::http::guard::Guard;
use crate::http::routes;
use crate::http::server::Server;
use crate::http::web_config::WebConfig;
use crate::http::web_config::current::CurrentWebConfig;
use crate::http::web_config::fault::Faults;
use crate::notify;
use crate::notify::ExternalUrl;
use crate::notify::dispatcher;
use crate::notify::dispatcher::{Dispatcher, Shared};
use crate::shutdown;
use crate::snapshot::{Collector, Outcome};
use crate::store;
use crate::store::Store;
use common::clock::Clock;
use common::transport;

pub mod backfill;
mod persisted_readings;
mod persister;
mod poller_manager;
pub mod probe;
mod reload;
mod reload_state;
mod watchdog;

use persister::Persister;
use poller_manager::PollerManager;
use reload::Reloader;
pub use reload::Reloads;
use watchdog::Watchdog;

/// The HTTP settings of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// The listen addresses. For port 0 the system chooses the port.
    pub listen_addresses: Vec<SocketAddr>,
    /// The path of the metrics.
    pub telemetry_path: String,
    /// Whether a POST to `/-/reload` reloads the configuration. Default false.
    pub enable_lifecycle: bool,
    /// The file with TLS, passwords and headers of the listener. Default none: plain HTTP for everybody who reaches it.
    pub config_file: Option<PathBuf>,
}

impl Default for Web {
    /// Loopback only, because billing data are confidential.
    fn default() -> Self {
        Self {
            listen_addresses: vec![SocketAddr::from(([127, 0, 0, 1], 10_061))],
            telemetry_path: "/metrics".into(),
            enable_lifecycle: false,
            config_file: None,
        }
    }
}

impl Web {
    /// Reads the file of the listener's TLS and passwords. `None` without one.
    ///
    /// # Errors
    /// All [`Faults`] of the file.
    pub fn read_config(&self, clock: &Clock) -> Result<Option<WebConfig>, Faults> {
        self.config_file.as_deref().map(|path| WebConfig::read(path, clock.now())).transpose()
    }

    /// The warning for links to a loopback address in messages that are read on other machines.
    #[must_use]
    pub fn misleading_links(&self, notify: &notify::settings::Settings) -> Option<String> {
        let own = self.listen_addresses.first().map_or_else(String::new, |address| own_url("http", address));
        let external_url = notify.external_url_or(&ExternalUrl::new(&own));
        let elsewhere = notify.read_elsewhere();
        if elsewhere.is_empty() || !external_url.url().parse().is_ok_and(|url| transport::is_loopback(&url)) {
            return None;
        }
        let verb = if elsewhere.len() == 1 { "is" } else { "are" };
        Some(format!(
            "notify.external_url: links in notifications lead to {}, which only this machine reaches, but {} {verb} read \
             elsewhere: set it to where its readers reach this daemon",
            external_url.url(),
            elsewhere.join(", ")
        ))
    }
}

/// A daemon with bound addresses, before its start.
pub struct App {
    server: Server,
    scheme: &'static str,
    guard: Guard,
    external_url: ExternalUrl,
    site: Arc<AppState>,
    encoder: Arc<Encoder>,
    /// `None` in a shard after the first.
    engine: Option<Engine>,
    alert_config: watch::Sender<Arc<AlertConfig>>,
    dispatcher: Dispatcher,
    manager: PollerManager,
    /// `None` without a store file.
    persister: Option<Persister>,
    reloader: Reloader,
}

impl App {
    /// Builds the daemon and binds its addresses.
    ///
    /// # Errors
    /// Fails if an address is taken or an account's client cannot be built.
    pub async fn build(config: &Config, web: Web, clock: Clock) -> anyhow::Result<Self> {
        let registry = Registry::new();
        exposition::process::register(&registry)?;
        let (reloader, requests) = Reloader::new(&registry, clock.clone())?;
        let reloads = web.enable_lifecycle.then_some(requests);
        let server = Server::bind(&web.listen_addresses)
            .await
            .context("cannot serve; another address can be chosen with --web.listen-address")?;
        let protection = match &web.config_file {
            Some(path) => Some(Arc::new(CurrentWebConfig::open(path, clock.clone()).await?)),
            None => None,
        };
        let has_tls = protection.as_ref().is_some_and(|protection| protection.in_force().tls().is_some());
        let scheme = if has_tls { "https" } else { "http" };
        let (server, guard) = (server.protected_by(protection.clone()), Guard::new(protection)?);
        let store = Store::open(&config.storage, &registry)?;
        let (manager, snapshot) = PollerManager::new(config.clone(), clock.clone(), &registry, store.clone())?;
        manager.recall().await;
        let persister = (!store.is_in_memory()).then(|| Persister::new(store.clone(), snapshot.clone()));
        let encoder = Arc::new(Encoder::new(snapshot.clone(), config.metrics, clock.clone()));
        let own = server.addresses().first().map_or_else(String::new, |address| own_url(scheme, address));
        let external_url = ExternalUrl::new(&own);
        let (alert_config, alert_config_changes) = watch::channel(manager.alert_config(&external_url));
        let channels = Channels::default();
        let shard = config.metrics.shard;
        let (engine, alerts) = if shard.is_first() {
            let (snapshot, store, channels) = (snapshot.clone(), store.clone(), channels.clone());
            let clock = clock.clone();
            let (engine, alerts) = Engine::new(snapshot, alert_config_changes, store, channels, clock, &registry)?;
            (Some(engine), alerts)
        } else {
            (None, watch::channel(None).1)
        };
        let dispatcher = Dispatcher::new(Shared {
            alerts: alerts.clone(),
            store: store.clone(),
            clock: clock.clone(),
            metrics: notify::metrics::Metrics::register(&registry)?,
            channels,
            external_url: external_url.clone(),
            shard,
        });
        let (telemetry_path, shared) = (web.telemetry_path, Arc::clone(&encoder));
        let site =
            AppState { encoder: shared, clock, snapshot, alerts, shard, store, registry, telemetry_path, reloads };
        Ok(Self {
            server,
            scheme,
            guard,
            external_url,
            site: Arc::new(site),
            encoder,
            engine,
            alert_config,
            dispatcher,
            manager,
            persister,
            reloader,
        })
    }

    /// Adds the source of reloads, if there is one.
    #[must_use]
    pub fn reloading(mut self, reloads: Option<Reloads>) -> Self {
        self.reloader.enable(reloads);
        self
    }

    /// The bound addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    /// `https` if the listener speaks TLS, else `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Done when `/-/ready` answers 200.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let encoder = Arc::clone(&self.encoder);
        async move { encoder.ready().await }
    }

    /// Polls and serves until `stop` is done.
    ///
    /// # Errors
    /// Fails if a part ends by itself, and names it.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (trigger, stopped) = shutdown::channel();
        let mut tasks = JoinSet::new();
        let mut names: HashMap<_, String> = HashMap::new();
        let (mut manager, mut reloader, mut dispatcher) = (self.manager, self.reloader, self.dispatcher);
        dispatcher.follow(dispatcher.plan(manager.notify_settings().clone())?).await;
        manager.start();
        let (site, guard) = (self.site, self.guard.clone());
        let handler = move |request: Request<Incoming>| {
            let (site, guard, (head, _)) = (Arc::clone(&site), guard.clone(), request.into_parts());
            async move { guard.answer(&head, routes::answer(&site, &head)).await }
        };
        let encoder = self.encoder;
        names.insert(tasks.spawn(Arc::clone(&encoder).run()).id(), "the encoder of the metrics".into());
        if let Some(engine) = self.engine {
            names.insert(tasks.spawn(engine.run()).id(), "the engine of the alerts".into());
        }
        if let Some(persister) = self.persister {
            names.insert(tasks.spawn(persister.run()).id(), "the persister of the last readings".into());
        }
        names.insert(tasks.spawn(self.server.run(handler, stopped.requested())).id(), "the listener".into());

        let (mut stop, mut watchdog) = (pin!(stop), Watchdog::from_environment());
        let outcome = loop {
            tokio::select! {
                () = &mut stop => break Ok(()),
                () = watchdog.is_due() => watchdog.feed(&manager.stuck(watchdog.tolerance())),
                Some(ended) = tasks.join_next_with_id() => {
                    let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
                    break Err(ended_unasked(&names[&id], ended.err().as_ref()));
                }
                error = manager.ended() => break Err(error),
                (name, error) = dispatcher.ended() => break Err(ended_unasked(&name, error.as_ref())),
                request = reloader.asked() => {
                    let outcome = reloader.reload(&mut manager, &mut dispatcher, &self.guard).await;
                    // After a refusal, these are the settings in force.
                    encoder.follow(manager.metrics_settings()).await;
                    self.alert_config.send_replace(manager.alert_config(&self.external_url));
                    if let Some(request) = request {
                        // The client that asked may have left.
                        let _ = request.send(outcome);
                    }
                }
            }
        };
        trigger.stop();
        manager.stop().await;
        // Alerts end with the snapshots. The last ones are sent first.
        dispatcher.finish().await;
        // Reload requests that still wait get an error.
        drop(reloader);
        while tasks.join_next().await.is_some() {}
        outcome
    }
}

/// The URL of a listen address. The host name replaces an unspecified address, because a link to 0.0.0.0 does not work.
fn own_url(scheme: &str, address: &SocketAddr) -> String {
    match rustix::system::uname().nodename().to_str() {
        Ok(host) if address.ip().is_unspecified() => format!("{scheme}://{host}:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

fn ended_unasked(name: &str, error: Option<&JoinError>) -> anyhow::Error {
    let how = error.map_or_else(|| "ended".to_owned(), |error| format!("failed: {error}"));
    anyhow::anyhow!("{name} {how} without being asked to; this is a bug, please report it")
}

/// Builds every client of a configuration and uses none.
///
/// # Errors
/// Fails if a client cannot be built.
pub fn prove(config: &Config) -> anyhow::Result<()> {
    let registry = Registry::new();
    let store = Store::open(&store::Settings { path: None }, &registry)?;
    PollerManager::new(config.clone(), Clock::system(), &registry, store)?;
    Ok(dispatcher::prove(&config.notify)?)
}

/// The result of one poll of everything.
pub struct Once {
    /// The text of `/metrics`.
    pub exposition: String,
    /// The outcome of each collector's poll.
    pub outcomes: Vec<Outcome>,
}

/// Polls every collector of every account once. `progress` gets the number of finished polls, and that of all.
///
/// # Errors
/// Fails if an account's client cannot be built. A failed poll is an outcome, not an error.
pub async fn once(config: &Config, clock: Clock, progress: impl Fn(usize, usize)) -> anyhow::Result<Once> {
    let registry = Registry::new();
    exposition::process::register(&registry)?;
    // A single poll must not write to the store of a running daemon.
    let store = Store::open(&store::Settings { path: None }, &registry)?;
    let (manager, snapshot) = PollerManager::new(config.clone(), clock.clone(), &registry, store)?;
    let mut tasks = JoinSet::new();
    for (_, mut poller) in manager.pollers().into_iter().filter(|((_, collector), _)| *collector != Collector::History)
    {
        tasks.spawn(async move { poller.poll().await });
    }
    let (all, mut outcomes) = (tasks.len(), Vec::new());
    progress(0, all);
    while let Some(outcome) = tasks.join_next().await {
        outcomes.push(outcome.context("a poll failed; this is a bug, please report it")?);
        progress(outcomes.len(), all);
    }
    let snapshot = Arc::clone(&snapshot.borrow());
    let exposition = exposition::text(&snapshot, config.metrics, &registry, clock.now());
    Ok(Once { exposition, outcomes })
}

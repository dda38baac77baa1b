//! The wiring: which part gets which end of what.
//!
//! Data flows from the pollers through the snapshot to the listener. The stop signal enters at the pollers and the
//! listener; everything else ends because nobody writes to it any more.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use hyper::Request;
use hyper::body::Incoming;
use prometheus::Registry;
use tokio::task::{Id, JoinError, JoinSet};

use crate::clock::Clock;
use crate::collect;
use crate::collect::poller::Poller;
use crate::config::Config;
use crate::exposition;
use crate::exposition::encoder::Encoder;
use crate::gcore;
use crate::gcore::client::Client;
use crate::http::routes;
use crate::http::routes::Site;
use crate::http::server::Server;
use crate::shutdown;
use crate::snapshot;
use crate::snapshot::{Outcome, Reader, Snapshot};

/// How the daemon is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Where it listens; a port 0 is chosen by the system.
    pub listen_addresses: Vec<SocketAddr>,
    /// The path of the metrics.
    pub telemetry_path: String,
}

impl Default for Web {
    /// Loopback only: this is billing data.
    fn default() -> Self {
        Self { listen_addresses: vec![SocketAddr::from(([127, 0, 0, 1], 10_061))], telemetry_path: "/metrics".into() }
    }
}

/// A daemon that has its addresses and does nothing yet.
pub struct App {
    server: Server,
    site: Arc<Site>,
    encoder: Arc<Encoder>,
    pollers: Vec<Poller>,
}

/// The pollers with what they write to.
struct Parts {
    pollers: Vec<Poller>,
    snapshot: Reader,
    registry: Registry,
}

impl App {
    /// Builds the daemon and binds its addresses.
    ///
    /// # Errors
    /// Fails where an address is taken or an account's client cannot be made.
    pub async fn build(config: &Config, web: Web, clock: Clock) -> anyhow::Result<Self> {
        let Parts { pollers, snapshot, registry } = assemble(config, &clock)?;
        let server = Server::bind(&web.listen_addresses)
            .await
            .context("cannot serve; another address can be chosen with --web.listen-address")?;
        let encoder = Arc::new(Encoder::new(snapshot, config.metrics, clock));
        let site = Arc::new(Site { encoder: Arc::clone(&encoder), registry, telemetry_path: web.telemetry_path });
        Ok(Self { server, site, encoder, pollers })
    }

    /// The addresses that it listens on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.server.addresses()
    }

    /// Polls and serves until `stop` is done.
    ///
    /// # Errors
    /// Fails where a part ends without being asked to, and says which.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (trigger, stopped) = shutdown::channel();
        let mut tasks = JoinSet::new();
        let mut names = HashMap::new();
        for poller in self.pollers {
            let name = poller.to_string();
            names.insert(tasks.spawn(poller.run(stopped.clone())).id(), name);
        }
        let site = self.site;
        let handler = move |request: Request<Incoming>| {
            let (site, (head, _)) = (Arc::clone(&site), request.into_parts());
            async move { routes::answer(&site, &head).await }
        };
        names.insert(tasks.spawn(self.encoder.run()).id(), "the encoder of the metrics".into());
        names.insert(tasks.spawn(self.server.run(handler, stopped.requested())).id(), "the listener".into());

        let unasked = tokio::select! {
            () = stop => None,
            ended = tasks.join_next_with_id() => ended,
        };
        trigger.stop();
        while tasks.join_next().await.is_some() {}
        match unasked {
            None => Ok(()),
            Some(ended) => Err(ended_unasked(&ended, &names)),
        }
    }
}

fn ended_unasked(ended: &Result<(Id, ()), JoinError>, names: &HashMap<Id, String>) -> anyhow::Error {
    let (id, how) = match ended {
        Ok((id, ())) => (*id, "ended".to_owned()),
        Err(error) => (error.id(), format!("failed: {error}")),
    };
    anyhow::anyhow!("{} {how} without being asked to; this is a bug, please report it", names[&id])
}

/// One poll of everything.
pub struct Once {
    /// What `/metrics` would say.
    pub exposition: Vec<u8>,
    /// What came of each collector's poll.
    pub outcomes: Vec<Outcome>,
}

/// Polls every collector of every account once.
///
/// # Errors
/// Fails where an account's client cannot be made; a failing poll is an outcome, not an error.
pub async fn once(config: &Config, clock: Clock) -> anyhow::Result<Once> {
    let Parts { pollers, snapshot, registry } = assemble(config, &clock)?;
    let mut tasks = JoinSet::new();
    for mut poller in pollers {
        tasks.spawn(async move { poller.poll().await });
    }
    let outcomes = tasks.join_all().await;
    let snapshot = Arc::clone(&snapshot.borrow());
    let exposition =
        exposition::text(&snapshot, config.metrics, &registry, clock.now()).context("cannot write the metrics")?;
    Ok(Once { exposition, outcomes })
}

fn assemble(config: &Config, clock: &Clock) -> anyhow::Result<Parts> {
    let registry = Registry::new();
    exposition::process::register(&registry)?;
    let api_metrics = gcore::metrics::Metrics::register(&registry)?;
    let poll_metrics = collect::metrics::Metrics::register(&registry)?;
    let enabled = config.accounts.keys().flat_map(|account| {
        config.collect.enabled().map(|(collector, schedule)| (account.clone(), collector, schedule.interval))
    });
    let (writer, snapshot) = snapshot::channel(Snapshot::before_the_first_poll(enabled));
    let mut pollers = Vec::new();
    for (account, settings) in &config.accounts {
        let client = Arc::new(Client::new(account.as_str(), settings.clone(), clock.clone(), &api_metrics)?);
        pollers.extend(collect::pollers(account, &client, &config.collect, clock, &writer, &poll_metrics));
    }
    Ok(Parts { pollers, snapshot, registry })
}

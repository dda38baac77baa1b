//! The clients and pollers of all accounts, and their change when the configuration is reloaded.
//!
//! A client or poller with equal settings keeps running, with its rate limit and schedule. A reading outlives its
//! poller while it is true for the configuration.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use crate::account::AccountName;
use crate::alert::engine::AlertConfig;
use crate::collect;
use crate::collect::Shared;
use crate::collect::poller::{Memory, Poller};
use crate::config::Config;
use crate::exposition;
use crate::http::pages::RUNBOOKS;
use crate::notify;
use crate::notify::ExternalUrl;
use crate::shutdown;
use crate::shutdown::Trigger;
use crate::snapshot;
use crate::snapshot::{Collector, Reader, Snapshot};
use crate::store::Store;
use common::clock::Clock;
use gcore_api::http::client::Client;
use gcore_api::http::connection::BuildError;
use gcore_api::http::memory_limit::MemoryLimit;

use super::{persisted_readings, reload_state};

/// The pollers of one configuration.
pub(super) struct PollerManager {
    config: Config,
    clients: Clients,
    running: BTreeMap<Place, Running>,
    /// The memories of stopped pollers.
    memories: BTreeMap<Place, Memory>,
    shared: Shared,
    api_metrics: gcore_api::http::metrics::Metrics,
    memory: Arc<MemoryLimit>,
}

/// One client for each account. Its pollers share the rate limit.
type Clients = BTreeMap<AccountName, Arc<Client>>;

/// The identity of a poller.
type Place = (AccountName, Collector);

struct Running {
    task: JoinHandle<Memory>,
    stop: Trigger,
    /// By when the poller will have ended or begun a poll.
    next_step: watch::Receiver<Instant>,
}

/// The number of pollers that a reload changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) stopped: usize,
    pub(super) started: usize,
    pub(super) unchanged: usize,
}

impl PollerManager {
    /// All pollers of `config`, not started.
    pub(super) fn new(
        config: Config,
        clock: Clock,
        registry: &Registry,
        store: Store,
    ) -> anyhow::Result<(Self, Reader)> {
        let api_metrics = gcore_api::http::metrics::Metrics::register(registry)?;
        let metrics = collect::metrics::Metrics::register(registry)?;
        let memory = MemoryLimit::new(config.accounts.len(), config.metrics.series_limit);
        let enabled = config.accounts.keys().flat_map(|account| {
            config.collect.enabled().map(|(collector, schedule)| (account.clone(), collector, schedule.interval))
        });
        let mut first = Snapshot::before_the_first_poll(enabled);
        for (account, settings) in &config.accounts {
            first.accounts.entry(account.clone()).or_default().scope = settings.scope().into();
        }
        let (writer, reader) = snapshot::channel(first);
        let (clients, running, memories) = Default::default();
        let shared = Shared { clock, store, writer, metrics };
        let mut manager = Self { config, clients, running, memories, shared, api_metrics, memory: Arc::new(memory) };
        manager.clients = manager.clients_for(&manager.config)?;
        Ok((manager, reader))
    }

    /// Loads the readings of the process before, as far as they are true for the configuration. Call it before any poll
    /// or scrape.
    pub(super) async fn recall(&self) {
        let Shared { store, clock, writer, .. } = &self.shared;
        let collect = &self.config.collect;
        let mut was_ready = true;
        for (name, settings) in &self.config.accounts {
            // The store logs its failure. Then the daemon starts without readings.
            let rows = store.kept(name, &settings.scope()).await.unwrap_or_default();
            let now = clock.now();
            writer.update(name, |account| {
                persisted_readings::restore(account, rows, collect, now);
                reload_state::drop_unasked(account, collect);
                was_ready &= reload_state::is_complete(account, collect, now);
            });
        }
        writer.replace(|snapshot| Snapshot { was_ready, ..snapshot.clone() });
    }

    /// Starts every poller that does not run. Returns their number.
    pub(super) fn start(&mut self) -> usize {
        let mut started = 0;
        for (place, mut poller) in self.pollers() {
            if self.running.contains_key(&place) {
                continue;
            }
            if let Some(memory) = self.memories.remove(&place) {
                poller.remember(memory);
            }
            let (stop, stopped) = shutdown::channel();
            let (steps, next_step) = watch::channel(Instant::now());
            let task = tokio::spawn(poller.run(stopped, steps));
            self.running.insert(place, Running { task, stop, next_step });
            started += 1;
        }
        started
    }

    /// The pollers that are later than `tolerance` with what they do next.
    pub(super) fn stuck(&self, tolerance: Duration) -> Vec<String> {
        let now = Instant::now();
        let is_stuck = |running: &Running| *running.next_step.borrow() + tolerance < now;
        self.running.iter().filter(|(_, running)| is_stuck(running)).map(|(place, _)| name(place)).collect()
    }

    /// The configuration of metrics.
    pub(super) fn metrics_settings(&self) -> exposition::settings::Settings {
        self.config.metrics
    }

    /// The configuration of channels.
    pub(super) fn notify_settings(&self) -> &notify::settings::Settings {
        &self.config.notify
    }

    /// The configuration of the alert engine. `external_url` is the daemon's own URL.
    pub(super) fn alert_config(&self, external_url: &ExternalUrl) -> Arc<AlertConfig> {
        let mut settings = self.config.alerts.clone();
        let own_page = || format!("{}{}", self.config.notify.external_url_or(external_url).url(), RUNBOOKS);
        settings.runbook_url.get_or_insert_with(own_page);
        settings.budgets.clone_from(&self.config.collect.history.budgets);
        settings.series_limit = self.config.metrics.series_limit;
        settings.shard = self.config.metrics.shard;
        Arc::new(AlertConfig { settings, routes: self.config.notify.outbox_routes() })
    }

    /// New pollers that have not polled.
    pub(super) fn pollers(&self) -> Vec<(Place, Poller)> {
        let collect = &self.config.collect;
        let of = |(account, client)| {
            collect::pollers(account, client, collect, &self.shared)
                .into_iter()
                .map(|poller| ((account.clone(), poller.collector()), poller))
        };
        self.clients.iter().flat_map(of).collect()
    }

    /// Applies another configuration.
    ///
    /// # Errors
    /// Fails if a client cannot be built. Then nothing changes.
    pub(super) async fn follow(&mut self, config: Config) -> Result<Change, BuildError> {
        let clients = self.clients_for(&config)?;
        let goes_on = |(account, collector): &Place| {
            let same = |(client, before)| Arc::ptr_eq(client, before);
            clients.get(account).zip(self.clients.get(account)).is_some_and(same)
                && config.collect.agrees(&self.config.collect, *collector)
        };
        let (unchanged, leaving) = std::mem::take(&mut self.running).into_iter().partition(|(place, _)| goes_on(place));
        self.running = unchanged;
        let stopped = leaving.len();
        // After their end, the old pollers cannot publish a reading.
        self.retire(leaving).await;
        if config.storage != self.config.storage {
            tracing::warn!("storage.path has changed; that takes a restart, until then the store stays where it is");
        }
        self.memory.resize(config.accounts.len(), config.metrics.series_limit);
        let before = std::mem::replace(&mut self.config, config);
        self.clients = clients;
        self.shared.writer.replace(|snapshot| reload_state::over(snapshot, &before, &self.config));
        let unchanged = self.running.len();
        Ok(Change { stopped, started: self.start(), unchanged })
    }

    /// Returns an error with the name of a poller that ended by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        if self.running.is_empty() {
            return pending().await;
        }
        let tasks = self.running.values_mut().map(|running| &mut running.task);
        let (outcome, index, _) = select_all(tasks).await;
        let place = self.running.keys().nth(index).cloned();
        let name = place.map_or_else(String::new, |place| {
            self.running.remove(&place);
            name(&place)
        });
        super::ended_unasked(&name, outcome.err().as_ref())
    }

    /// Stops every poller and drops polls in flight. Afterwards no reading is written.
    pub(super) async fn stop(mut self) {
        let running = std::mem::take(&mut self.running);
        self.retire(running).await;
    }

    async fn retire(&mut self, leaving: BTreeMap<Place, Running>) {
        let mut ending = Vec::new();
        for (place, Running { task, stop, .. }) in leaving {
            stop.stop();
            ending.push((place, task));
        }
        for (place, task) in ending {
            match task.await {
                Ok(memory) => drop(self.memories.insert(place, memory)),
                Err(error) => tell_broken(&name(&place), &error),
            }
        }
    }

    /// The clients of a configuration. Clients with equal settings are reused.
    fn clients_for(&self, config: &Config) -> Result<Clients, BuildError> {
        let client = |(name, settings): (&AccountName, &gcore_api::http::settings::Settings)| {
            let client = match self.clients.get(name).filter(|client| client.fits(settings)) {
                Some(client) => Arc::clone(client),
                None => {
                    let clock = self.shared.clock.clone();
                    Arc::new(Client::new(name.as_str(), settings.clone(), clock, &self.api_metrics, &self.memory)?)
                }
            };
            Ok((name.clone(), client))
        };
        config.accounts.iter().map(client).collect()
    }
}

fn name((account, collector): &Place) -> String {
    format!("collector {} of account {account}", collector.as_str())
}

fn tell_broken(name: &str, error: &JoinError) {
    tracing::error!(%error, "{name} failed while it was stopped; this is a bug, please report it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use crate::shard::Shard;
    use crate::store;

    #[tokio::test(start_paused = true)]
    async fn a_poller_that_misses_its_next_step_is_stuck() {
        let environment = [("GCORE_API_KEY".to_owned(), "1234$abcdef".to_owned())].into();
        let config = Source { file: None, environment, shard: Shard::default() }.load().unwrap().config;
        let registry = Registry::new();
        let store = Store::open(&store::Settings { path: None }, &registry).unwrap();
        let (mut manager, _) = PollerManager::new(config, Clock::system(), &registry, store).unwrap();
        let late = Duration::from_secs(60);
        let (steps, next_step) = watch::channel(Instant::now() + late);
        let place = (manager.config.accounts.keys().next().unwrap().clone(), Collector::Cost);
        let running = Running { task: tokio::spawn(pending()), stop: shutdown::channel().0, next_step };
        manager.running.insert(place, running);
        tokio::time::advance(2 * late).await;
        assert!(manager.stuck(late).is_empty(), "as late as is allowed");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(manager.stuck(late), ["collector cost of account default"]);
        steps.send_replace(Instant::now());
        assert!(manager.stuck(late).is_empty(), "it has gone on");
    }
}

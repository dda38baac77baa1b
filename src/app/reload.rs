//! Reloads the configuration after SIGHUP or an HTTP request, and reports the outcome.

use std::future::pending;

use prometheus::{IntGauge, Registry};
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use crate::config::Source;
use crate::http::guard::Guard;
use crate::http::reload::{Outcome, ReloadRequest, ReloadRequests};
use crate::notify::dispatcher::Dispatcher;
use common::clock::Clock;

use super::poller_manager::PollerManager;

/// The largest number of HTTP requests that wait during a reload.
const WAITING: usize = 8;

/// The source of the configuration, and the signal that requests a reload.
pub struct Reloads {
    source: Source,
    hangup: Signal,
}

impl Reloads {
    /// A reload for each SIGHUP from `hangup`.
    #[must_use]
    pub fn on_hangup(hangup: Signal, source: Source) -> Self {
        Self { source, hangup }
    }
}

/// Performs reloads.
pub(super) struct Reloader {
    requests: mpsc::Receiver<ReloadRequest>,
    reloads: Option<Reloads>,
    clock: Clock,
    is_successful: IntGauge,
    succeeded_at: IntGauge,
}

impl Reloader {
    /// Registers the metric families of reloads. The start counts as the first success.
    pub(super) fn new(registry: &Registry, clock: Clock) -> prometheus::Result<(Self, ReloadRequests)> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let is_successful = gauge(
            "gcore_config_last_reload_successful",
            "Whether the last reload of the configuration succeeded; 0: the configuration before it goes on.",
        )?;
        let succeeded_at = gauge(
            "gcore_config_last_reload_success_timestamp_seconds",
            "When the configuration that is in force was read.",
        )?;
        let (sender, requests) = mpsc::channel(WAITING);
        let reloader = Self { requests, reloads: None, clock, is_successful, succeeded_at };
        reloader.note(true);
        Ok((reloader, sender))
    }

    pub(super) fn enable(&mut self, reloads: Option<Reloads>) {
        self.reloads = reloads;
    }

    /// Waits for a reload request. `None` if a signal made it.
    pub(super) async fn asked(&mut self) -> Option<ReloadRequest> {
        let hangup = async {
            match &mut self.reloads {
                Some(reloads) => reloads.hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = hangup => None,
            Some(request) = self.requests.recv() => Some(request),
        }
    }

    /// Reads the configuration and applies it to pollers and channels. A faulty one changes nothing. The web
    /// configuration is a file of its own, so a fault of one of the two does not hold up the other.
    pub(super) async fn reload(
        &self,
        manager: &mut PollerManager,
        dispatcher: &mut Dispatcher,
        guard: &Guard,
    ) -> Outcome {
        let of_web = guard.reload().await;
        let outcome = match (of_web, self.try_reload(manager, dispatcher).await) {
            (Err(of_web), Err(faults)) => Err(format!("{faults}\n{of_web}")),
            (of_web, outcome) => outcome.and(of_web),
        };
        self.note(outcome.is_ok());
        if let Err(faults) = &outcome {
            for fault in faults.lines() {
                tracing::error!(fault, "a file is not reloaded; its settings before stay in force");
            }
        }
        outcome
    }

    async fn try_reload(&self, manager: &mut PollerManager, dispatcher: &mut Dispatcher) -> Outcome {
        let Some(reloads) = &self.reloads else {
            return Err("there is nothing to read again: the settings of this daemon are built in".into());
        };
        let loaded = reloads.source.load().map_err(|faults| faults.to_string())?;
        let plan = dispatcher.plan(loaded.config.notify.clone()).map_err(|error| error.to_string())?;
        let change = manager.follow(loaded.config).await.map_err(|error| error.to_string())?;
        dispatcher.follow(plan).await;
        for warning in loaded.warnings {
            tracing::warn!("{warning}");
        }
        tracing::info!(
            pollers.stopped = change.stopped,
            pollers.started = change.started,
            pollers.unchanged = change.unchanged,
            "the configuration is reloaded"
        );
        Ok(())
    }

    fn note(&self, is_successful: bool) {
        self.is_successful.set(i64::from(is_successful));
        if is_successful {
            self.succeeded_at.set(self.clock.now().as_second());
        }
    }
}

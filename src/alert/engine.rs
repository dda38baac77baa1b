//! The loop that evaluates rules on each snapshot and every minute, stores the changes and publishes the alerts.
//!
//! Changes are stored before they are published, so that a restart knows each alert that a channel was sent. If the
//! file cannot be written, the memory fallback keeps the changes. The store logs that, and a rule alerts on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus::Registry;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::snapshot;
use crate::store::Store;
use crate::store::alerts::OutboxRow;
use common::clock::Clock;

use super::alert::{Alert, Queued, Status};
use super::channels::Channels;
use super::evaluate::{Facts, evaluate};
use super::metrics;
use super::route::Route;
use super::settings::Settings;
use super::states::AlertStates;
use super::{Current, Reader};

/// A poll publishes its windows in quick succession. This delay evaluates several of them at once.
const BURST: Duration = Duration::from_millis(10);
/// The interval of evaluations without new data.
const TICK: Duration = Duration::from_secs(60);
/// After a first start, the first evaluation ends when everything was polled, history included, or after this time.
const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(5);

/// The configuration of the engine. A reload sends a new one.
#[derive(Clone, Debug, Default)]
pub struct AlertConfig {
    /// The rules, thresholds, mutes and budgets.
    pub settings: Settings,
    /// The routes of the edge-triggered channels, which get each transition once.
    pub routes: Vec<Route>,
}

/// Evaluates rules, stores and publishes alerts.
pub struct Engine {
    snapshots: snapshot::Reader,
    config: watch::Receiver<Arc<AlertConfig>>,
    store: Store,
    channels: Channels,
    clock: Clock,
    started_at: Timestamp,
    states: AlertStates,
    /// Whether the stored states were loaded. Until then, `states` holds only alerts of this process.
    is_recalled: bool,
    current: watch::Sender<Current>,
    unwritten: Unwritten,
    /// The latest end of the first evaluation. `None`: it has ended.
    first_look_until: Option<Timestamp>,
}

/// Changes that could not be written. The next write includes them.
#[derive(Default)]
struct Unwritten {
    states: BTreeMap<u64, Option<String>>,
    transitions: Vec<Arc<Alert>>,
}

impl Engine {
    /// An engine without alerts, and the reader of its alerts. Registers its metric families.
    ///
    /// # Errors
    /// Fails if the registry already has the families.
    pub fn new(
        snapshots: snapshot::Reader,
        config: watch::Receiver<Arc<AlertConfig>>,
        store: Store,
        channels: Channels,
        clock: Clock,
        registry: &Registry,
    ) -> prometheus::Result<(Self, Reader)> {
        let (current, reader) = watch::channel(None);
        metrics::register(registry, reader.clone())?;
        let (states, unwritten, started_at) = (AlertStates::default(), Unwritten::default(), clock.now());
        let engine = Self {
            snapshots,
            config,
            store,
            channels,
            clock,
            started_at,
            states,
            is_recalled: false,
            current,
            unwritten,
            first_look_until: None,
        };
        Ok((engine, reader))
    }

    /// Runs until all writers of snapshots are gone. The last snapshot is evaluated too.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once.
        loop {
            let goes_on = tokio::select! {
                changed = self.snapshots.changed() => {
                    if changed.is_ok() {
                        tokio::time::sleep(BURST).await;
                    }
                    changed.is_ok()
                }
                // When no sender of configurations is left, the current one stays.
                Ok(()) = self.config.changed() => true,
                _ = ticks.tick() => true,
            };
            self.judge().await;
            if !goes_on {
                return;
            }
        }
    }

    /// Loads the states of the process before. If the store cannot be read, the next round tries again.
    async fn recall(&mut self) {
        let bodies = match self.store.alerts().await {
            Ok(bodies) => bodies,
            Err(error) => {
                // The store logs its own failure.
                tracing::debug!(%error, "cannot read the stored alerts; all are judged anew until they can be read");
                return;
            }
        };
        let (known, lost) = self.states.load(&bodies);
        self.unwritten.states.retain(|fingerprint, _| !known.contains(fingerprint));
        self.unwritten.transitions.retain(|alert| !known.contains(&alert.fingerprint()));
        self.is_recalled = true;
        if lost > 0 {
            tracing::warn!(lost, "stored alerts cannot be read, and are judged anew");
        }
        // A restart during the first evaluation continues it.
        let begun_at = self.states.oldest().unwrap_or(self.started_at).min(self.started_at);
        self.first_look_until = begun_at.checked_add(FIRST_LOOK).ok().filter(|until| self.started_at < *until);
    }

    async fn judge(&mut self) {
        if !self.is_recalled {
            self.recall().await;
        }
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let config = Arc::clone(&self.config.borrow_and_update());
        let now = self.clock.now();
        let is_whole = snapshot.everything_was_polled();
        let (store_is_writable, channels) = (self.store.is_writable(), self.channels.all());
        let facts = Facts { started_at: self.started_at, store_is_writable, channels };
        let asked = Arc::clone(&config);
        let judgements = tokio::task::spawn_blocking(move || evaluate(&snapshot, &asked.settings, &facts, now)).await;
        let Ok(judgements) = judgements else {
            tracing::error!("judging the alerts failed; they stay as they are; this is a bug, please report it");
            return;
        };
        let changes = self.states.advance(judgements, now);
        changes.transitions.iter().for_each(|alert| tell(alert));
        self.unwritten.transitions.extend(changes.transitions);
        self.unwritten.states.extend(changes.states);
        let is_queued = self.write(&config.routes).await | self.end_first_look(is_whole, now, &config.routes).await;
        let listed = self.states.listed(now);
        self.current.send_if_modified(|current| {
            // Without a change, readers need no wake-up.
            let is_news = is_queued || current.as_ref().is_none_or(|current| **current != listed);
            if is_news {
                *current = Some(Arc::new(listed));
            }
            is_news
        });
    }

    /// Ends the first evaluation when everything was polled or its time is over, and releases its messages. Returns
    /// whether it ended.
    async fn end_first_look(&mut self, is_whole: bool, now: Timestamp, routes: &[Route]) -> bool {
        if self.first_look_until.is_none_or(|until| !is_whole && now < until) {
            return false;
        }
        self.first_look_until = None;
        for route in routes.iter().filter(|route| route.for_people) {
            // The store logs its failure. These messages then wait until the latest end of the first evaluation.
            let _ = self.store.outbox_release(route.channel.clone(), now).await;
        }
        true
    }

    /// Writes all pending changes in one transaction. Returns whether there are messages to send.
    async fn write(&mut self, routes: &[Route]) -> bool {
        // A write is also the chance for a failed store to write the rows that it keeps in memory.
        if self.unwritten.states.is_empty() && self.unwritten.transitions.is_empty() && self.store.is_writable() {
            return false;
        }
        let until = self.first_look_until;
        let rows: Vec<_> = self.unwritten.transitions.iter().flat_map(|alert| rows(alert, routes, until)).collect();
        let (is_queued, states) = (!rows.is_empty(), self.unwritten.states.clone().into_iter().collect());
        let is_written = self.store.commit_alerts(states, rows).await.is_ok();
        if is_written {
            self.unwritten = Unwritten::default();
        }
        is_queued && is_written
    }
}

/// One row for each channel whose route takes the alert. During the first evaluation, rows for people wait for its end.
fn rows(alert: &Alert, routes: &[Route], first_look_until: Option<Timestamp>) -> Vec<OutboxRow> {
    let until = first_look_until.filter(|_| alert.status == Status::Firing);
    let body = |first_look| serde_json::to_string(&Queued { alert: alert.clone(), first_look }).ok();
    let (plain, held_back) = (body(false), until.and_then(|_| body(true)));
    let row = |route: &Route| {
        let until = until.filter(|_| route.for_people);
        Some(OutboxRow {
            channel: route.channel.clone(),
            fingerprint: alert.fingerprint(),
            notification_id: alert.message_id(),
            body: if until.is_some() { held_back.clone() } else { plain.clone() }?,
            created_at: alert.since,
            due_at: until.unwrap_or(alert.since),
        })
    };
    routes.iter().filter(|route| route.takes(&alert.labels)).filter_map(row).collect()
}

fn tell(alert: &Alert) {
    let (alertname, severity, account) = (alert.label("alertname"), alert.label("severity"), alert.label("account"));
    let summary = alert.annotations.get("summary").map_or("", |summary| summary.as_str());
    if alert.status == Status::Firing {
        tracing::info!(alertname, severity, account, summary, "alert fires");
    } else {
        let reason = alert.annotations.get(super::states::REASON).map_or("", |reason| reason.as_str());
        tracing::info!(alertname, severity, account, summary, reason, "alert is resolved");
    }
}

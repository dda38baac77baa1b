//! The tasks of all channels, and their change when the configuration is reloaded.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use tokio::task::{JoinError, JoinHandle};

use crate::alert::channels::Channels;
use crate::alert::{Alert, Reader, Route};
use crate::shard::Shard;
use crate::store::Store;
use common::clock::Clock;

use super::ExternalUrl;
use super::alertmanager::{Alertmanager, AlertmanagerClient};
use super::failure::Failure;
use super::metrics::Metrics;
use super::notification::Notification;
use super::outbox::{Outbox, Recipient};
use super::post::{Answer, BuildError};
use super::settings::Settings;
use super::slack::Slack;
use super::webhook::Webhook;

/// How long channels may take to send the last alerts after the stop signal.
const GRACE: Duration = Duration::from_secs(3);

/// The parts that all channels share.
#[derive(Clone)]
pub struct Shared {
    /// The current alerts.
    pub alerts: Reader,
    /// The store with the outbox and the notification log.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// The counters of deliveries.
    pub metrics: Metrics,
    /// Receives the delivery state of each channel.
    pub channels: Channels,
    /// The default base URL of links.
    pub external_url: ExternalUrl,
    /// The shard of this daemon. Only the first one has channels.
    pub shard: Shard,
}

/// All channels of one configuration.
pub struct Dispatcher {
    shared: Shared,
    settings: Settings,
    running: BTreeMap<String, JoinHandle<()>>,
}

/// The channels of a new configuration, built but not started.
pub struct Plan {
    settings: Settings,
    tasks: BTreeMap<String, Task>,
}

/// A channel's task before its start.
enum Task {
    Alertmanager(AlertmanagerClient, Route),
    Outbox(Recipient),
}

impl Dispatcher {
    /// A dispatcher without channels.
    #[must_use]
    pub fn new(shared: Shared) -> Self {
        Self { shared, settings: Settings::default(), running: BTreeMap::new() }
    }

    /// Builds the channels of a configuration without starting them.
    ///
    /// # Errors
    /// [`BuildError`] if a channel's client cannot be built.
    pub fn plan(&self, settings: Settings) -> Result<Plan, BuildError> {
        let tasks = tasks(&settings, &settings.external_url_or(&self.shared.external_url))?;
        Ok(Plan { settings, tasks })
    }

    /// Replaces the channels by those of the plan. Channels with equal settings keep running.
    pub async fn follow(&mut self, plan: Plan) {
        let Plan { settings, mut tasks } = plan;
        let same_external_url = settings.external_url == self.settings.external_url;
        let goes_on =
            |name: &str| same_external_url && tasks.contains_key(name) && agree(&settings, &self.settings, name);
        let gone: Vec<String> = self.running.keys().filter(|name| !goes_on(name)).cloned().collect();
        for task in gone.iter().filter_map(|name| self.running.remove(name)) {
            task.abort();
            // A message in flight is sent again. A webhook's receiver recognizes it by its id.
            let _ = task.await;
        }
        tasks.retain(|name, _| !self.running.contains_key(name));
        let channels = tasks.keys().chain(self.running.keys()).cloned().collect();
        // A shard without channels must not give up the messages of the first one, whose store it may have got by mistake.
        if self.shared.shard.is_first() {
            // If the store fails, it logs the reason, and the rows stay until the next start.
            let _ = self.shared.store.tidy_channels(channels, self.shared.clock.now()).await;
        }
        for (name, task) in tasks {
            let handle = self.spawn(&name, task);
            self.running.insert(name, handle);
        }
        self.shared.channels.retain(|channel| self.running.contains_key(channel));
        self.settings = settings;
    }

    /// Returns the name of a channel whose task ended although alerts still come.
    pub async fn ended(&mut self) -> (String, Option<JoinError>) {
        if self.running.is_empty() {
            return pending().await;
        }
        let (outcome, index, _) = select_all(self.running.values_mut()).await;
        let name = self.running.keys().nth(index).cloned().unwrap_or_default();
        self.running.remove(&name);
        (format!("channel {name}"), outcome.err())
    }

    /// Waits a short time until every channel has sent its last alerts. The writer of alerts must be gone.
    pub async fn finish(mut self) {
        let mut running = std::mem::take(&mut self.running);
        if tokio::time::timeout(GRACE, join_all(running.values_mut())).await.is_err() {
            tracing::info!(
                "notifications still under way at the end were cut; what waits is sent after the next start"
            );
            running.values().for_each(JoinHandle::abort);
        }
    }

    fn spawn(&self, name: &str, task: Task) -> JoinHandle<()> {
        let Shared { alerts, store, clock, metrics, channels, .. } = self.shared.clone();
        let metrics = metrics.of(name, channels);
        match task {
            Task::Alertmanager(client_of, route) => {
                tokio::spawn(Alertmanager::new(client_of, route, store, clock, metrics).run(alerts))
            }
            Task::Outbox(recipient) => tokio::spawn(Outbox::new(recipient, store, clock, metrics).run(alerts)),
        }
    }
}

/// Sends one alert to one channel at once, without the outbox, and returns the answer of each address.
///
/// # Errors
/// [`BuildError`] if the channel's client cannot be built. An unknown channel gives no answers.
pub async fn test(
    settings: &Settings,
    external_url: &ExternalUrl,
    channel: &str,
    alert: &Alert,
    clock: &Clock,
) -> Result<Vec<(String, Result<Answer, Failure>)>, BuildError> {
    let mut answers = Vec::new();
    for (name, task) in tasks(settings, &settings.external_url_or(external_url))? {
        let now = clock.now();
        let answer = match task {
            Task::Alertmanager(client_of, route) if route.channel == channel => {
                client_of.post([alert].into_iter(), now).await
            }
            Task::Outbox(recipient) if name == channel => {
                recipient.deliver(&Notification { id: &alert.message_id(), alert, others: &[] }, now).await
            }
            _ => continue,
        };
        answers.push((name, answer));
    }
    Ok(answers)
}

/// Builds every channel of the settings and uses none.
///
/// # Errors
/// [`BuildError`] if a channel cannot be built.
pub fn prove(settings: &Settings) -> Result<(), BuildError> {
    tasks(settings, &ExternalUrl::new("")).map(drop)
}

/// One task for each queue. Members of a cluster after the first have a number in their queue's name.
fn tasks(settings: &Settings, external_url: &ExternalUrl) -> Result<BTreeMap<String, Task>, BuildError> {
    let mut tasks = BTreeMap::new();
    for alertmanager in settings.alertmanagers.values() {
        let route = &alertmanager.route;
        for (index, client_of) in AlertmanagerClient::all(alertmanager, external_url)?.into_iter().enumerate() {
            let number = if index == 0 { String::new() } else { format!(".{}", index + 1) };
            tasks.insert(format!("{}{number}", route.channel), Task::Alertmanager(client_of, route.clone()));
        }
    }
    for webhook in settings.webhooks.values() {
        let recipient = Recipient::Webhook(Webhook::new(webhook, external_url)?);
        tasks.insert(webhook.route.channel.clone(), Task::Outbox(recipient));
    }
    for slack in settings.slacks.values() {
        tasks.insert(slack.route.channel.clone(), Task::Outbox(Recipient::Slack(Slack::new(slack, external_url)?)));
    }
    Ok(tasks)
}

/// Whether both settings configure the channel of a queue alike.
fn agree(one: &Settings, other: &Settings, queue: &str) -> bool {
    let mut parts = queue.split('.');
    let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match kind {
        "alertmanager" => one.alertmanagers.get(name) == other.alertmanagers.get(name),
        "webhook" => one.webhooks.get(name) == other.webhooks.get(name),
        _ => one.slacks.get(name) == other.slacks.get(name),
    }
}

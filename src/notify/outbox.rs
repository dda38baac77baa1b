//! Edge-triggered channels. Each gets every transition once, from a queue in the store that survives a restart.
//!
//! A message leaves the queue when the channel accepts it. So delivery is at least once: after a crash in between, the
//! same message is sent again with the same id. Messages of one alert are sent in order. Other alerts do not wait for a
//! message that is refused.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use reqwest::Url;
use tokio::time::Instant;

use crate::alert::{Queued, Reader};
use crate::store::Store;
use crate::store::outbox::{DeliveryOutcome, Waiting};
use common::clock::Clock;

use super::failure::{Failure, Reason};
use super::metrics::ChannelMetrics;
use super::notification::Notification;
use super::post::Answer;
use super::retry_schedule;
use super::slack::Slack;
use super::webhook::Webhook;

/// The longest pause between two reads of the queue. `alerts dead-letters replay` of another process may add messages.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The largest number of alerts in one message to people.
const MAX_ALERTS_PER_REQUEST: u32 = 1_000;
/// The pause while the store fails.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// The receiver of a channel.
pub(super) enum Recipient {
    /// A signed webhook.
    Webhook(Webhook),
    /// An incoming webhook of Slack.
    Slack(Slack),
}

/// The consequence of a failure for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureEffect {
    /// The message is retried.
    Retry,
    /// The message is given up: no retry helps.
    GiveUp,
    /// The message is given up, and the endpoint accepts nothing any more.
    EndpointGone,
}

impl Recipient {
    /// Sends one message.
    pub(super) async fn deliver(&self, notification: &Notification<'_>, now: Timestamp) -> Result<Answer, Failure> {
        match self {
            Self::Webhook(webhook) => webhook.deliver(notification, now).await,
            Self::Slack(slack) => slack.deliver(notification, now).await,
        }
    }

    /// The address of the receiver. `None` if its file cannot be read.
    fn address(&self) -> Option<Url> {
        match self {
            Self::Webhook(webhook) => Some(webhook.address().clone()),
            Self::Slack(slack) => slack.address().ok().map(|address| address.url().clone()),
        }
    }

    fn effect(&self, failure: &Failure) -> FailureEffect {
        match (self, failure.reason) {
            (_, Reason::Gone) | (Self::Slack(_), Reason::NotFound) => FailureEffect::EndpointGone,
            (_, Reason::Garbled) | (Self::Slack(_), Reason::BadRequest) => FailureEffect::GiveUp,
            _ => FailureEffect::Retry,
        }
    }

    /// The number of messages to read at once, the number in flight, and the pause after them.
    fn pace(&self) -> (u32, usize, Duration) {
        match self {
            Self::Webhook(_) => (64, 8, Duration::ZERO),
            Self::Slack(_) => (MAX_ALERTS_PER_REQUEST, 1, Duration::from_secs(1)),
        }
    }

    /// Groups the due messages. Each group is one request.
    fn batches(&self, mut due: Vec<Waiting>) -> Vec<Vec<Waiting>> {
        match self {
            Self::Webhook(_) => due.into_iter().map(|waiting| vec![waiting]).collect(),
            Self::Slack(_) => {
                let is_of_first_look = |waiting: &Waiting| read(waiting).is_ok_and(|queued| queued.first_look);
                if due.first().is_some_and(is_of_first_look) {
                    due.retain(is_of_first_look);
                } else {
                    due.truncate(1);
                }
                vec![due]
            }
        }
    }
}

/// The task of one channel.
pub(super) struct Outbox {
    recipient: Recipient,
    store: Store,
    clock: Clock,
    metrics: ChannelMetrics,
    /// Delivery outcomes that are not stored yet.
    unwritten: Vec<(i64, DeliveryOutcome)>,
    /// An address that answered that it no longer exists.
    gone: Option<Url>,
    /// The end of the wait that the receiver asked for.
    paused_until: Option<Instant>,
}

impl Outbox {
    pub(super) fn new(recipient: Recipient, store: Store, clock: Clock, metrics: ChannelMetrics) -> Self {
        Self { recipient, store, clock, metrics, unwritten: Vec::new(), gone: None, paused_until: None }
    }

    /// Sends the queue after each write to it, until the writer of alerts is gone.
    pub(super) async fn run(mut self, mut alerts: Reader) {
        let mut has_ended = false;
        self.retry_all_now().await;
        loop {
            alerts.mark_unchanged();
            let pause = self.send_due().await;
            if has_ended {
                return;
            }
            tokio::select! {
                changed = alerts.changed() => has_ended = changed.is_err(),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Makes all messages due at once, or when the receiver allows it: a restart often means that a fault was fixed.
    async fn retry_all_now(&mut self) {
        let now = self.clock.now();
        // The store logs its failure. Then each message waits until it is due.
        let Ok(Some(until)) = self.store.outbox_retry_now(self.metrics.channel().to_owned(), now).await else { return };
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        self.paused_until = Some(Instant::now() + wait.min(retry_schedule::LONGEST));
    }

    /// Sends all due messages. Returns the time until the next ones are due.
    async fn send_due(&mut self) -> Duration {
        let (limit, at_once, pause) = self.recipient.pace();
        loop {
            // Without stored outcomes, the same messages would be sent again and again. The store logs its failure.
            if !self.unwritten.is_empty() {
                if self.store.outbox_settle(self.unwritten.clone(), self.clock.now()).await.is_err() {
                    return STORE_PAUSE;
                }
                self.unwritten.clear();
                tokio::time::sleep(pause).await;
            }
            let now = self.clock.now();
            let remaining = self.paused_until.map(|until| until.saturating_duration_since(Instant::now()));
            let remaining = remaining.filter(|remaining| !remaining.is_zero());
            // During a pause, the queue is only counted.
            let limit = if remaining.is_some() { 0 } else { limit };
            let Ok(heads) = self.store.outbox_heads(self.metrics.channel().to_owned(), now, limit).await else {
                return STORE_PAUSE;
            };
            self.metrics.waiting(heads.waiting);
            self.metrics.dead_letters(heads.dead);
            if let Some(remaining) = remaining {
                return remaining.min(LONGEST_PAUSE);
            }
            if heads.due.is_empty() {
                let wait = heads.next_at.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
                return wait.unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
            }
            let is_gone = self.gone.is_some() && self.gone == self.recipient.address();
            let recipient = if is_gone { None } else { Some(&self.recipient) };
            let is_paused = &AtomicBool::new(false);
            let outcomes: Vec<_> = stream::iter(self.recipient.batches(heads.due))
                .take_while(|_| ready(!is_paused.load(Ordering::Relaxed)))
                .map(|batch| async move {
                    let outcome = deliver(recipient, &batch, now).await;
                    let asks_for_time = matches!(&outcome, Some(Err(failure)) if failure.wait.is_some());
                    is_paused.fetch_or(asks_for_time, Ordering::Relaxed);
                    (batch, outcome)
                })
                .buffer_unordered(at_once)
                .collect()
                .await;
            for (batch, outcome) in outcomes {
                self.note(&batch, outcome.as_ref());
            }
        }
    }

    /// Notes the outcome of one request for each of its messages. Each has its own number of attempts.
    fn note(&mut self, batch: &[Waiting], outcome: Option<&Result<Answer, Failure>>) {
        let now = self.clock.now();
        if let Some(outcome) = outcome {
            self.metrics.note(outcome, now);
            if let Err(failure) = outcome {
                self.note_failure(failure);
            }
        }
        // One chance for all, so that messages of one request are retried together.
        let chance = fastrand::f64();
        for waiting in batch {
            let delivery = match outcome {
                None => DeliveryOutcome::Dead { error: "the endpoint said before that it is gone".into() },
                Some(Ok(_)) => DeliveryOutcome::Delivered,
                Some(Err(failure)) => self.delivery_outcome(waiting, failure, chance, now),
            };
            self.unwritten.push((waiting.id, delivery));
        }
    }

    /// Notes the pause that the receiver asks for, and whether the endpoint is gone.
    fn note_failure(&mut self, failure: &Failure) {
        if let Some(pause) = pause(failure) {
            // Requests in flight together may ask for different pauses. The longest counts.
            self.paused_until = self.paused_until.max(Some(Instant::now() + pause));
        }
        let address = self.recipient.address();
        if self.recipient.effect(failure) == FailureEffect::EndpointGone && self.gone != address {
            self.gone = address;
            tracing::error!(
                channel = self.metrics.channel(),
                error = %failure,
                "the endpoint is gone: nothing is sent to it until its URL changes or this process starts again"
            );
        }
    }

    fn delivery_outcome(&self, waiting: &Waiting, failure: &Failure, chance: f64, now: Timestamp) -> DeliveryOutcome {
        let (channel, error) = (self.metrics.channel(), failure.to_string());
        let wait = retry_schedule::wait(waiting.attempts.saturating_add(1), failure.wait, chance);
        let is_retried = self.recipient.effect(failure) == FailureEffect::Retry;
        match wait.filter(|_| is_retried).and_then(|wait| now.checked_add(wait).ok()) {
            Some(next_at) => {
                let paused_until = pause(failure).and_then(|pause| now.checked_add(pause).ok());
                DeliveryOutcome::Later { next_at, paused_until, error }
            }
            None => {
                tracing::error!(channel, notification = waiting.notification_id, %error, "a message is given up; it can be replayed");
                DeliveryOutcome::Dead { error }
            }
        }
    }
}

/// The pause that the receiver asks for, at most the longest wait of the schedule.
fn pause(failure: &Failure) -> Option<Duration> {
    failure.wait.map(|asked| asked.min(retry_schedule::LONGEST))
}

fn read(waiting: &Waiting) -> serde_json::Result<Queued> {
    serde_json::from_str(&waiting.body)
}

/// Sends one request, if there is a receiver.
async fn deliver(recipient: Option<&Recipient>, batch: &[Waiting], now: Timestamp) -> Option<Result<Answer, Failure>> {
    let recipient = recipient?;
    let read: serde_json::Result<Vec<_>> =
        batch.iter().map(|waiting| read(waiting).map(|queued| queued.alert)).collect();
    let alerts = match read {
        Ok(alerts) => alerts,
        Err(error) => {
            return Some(Err(Failure::new(Reason::Garbled, format!("the stored message cannot be read: {error}"))));
        }
    };
    let (Waiting { notification_id, .. }, (alert, others)) = (batch.first()?, alerts.split_first()?);
    Some(recipient.deliver(&Notification { id: notification_id, alert, others }, now).await)
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};
    use secrecy::SecretString;

    use super::super::secret::Secret;
    use super::super::{ExternalUrl, metrics, settings};
    use super::*;
    use crate::alert::Route;
    use crate::alert::channels::Channels;
    use crate::store::Settings;
    use crate::store::alerts::OutboxRow;

    const CHANNEL: &str = "slack.ops";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// A channel of Slack whose clock stands still, and its metrics.
    fn outbox() -> (Outbox, Registry) {
        let registry = Registry::new();
        let store = Store::open(&Settings { path: None }, &Registry::new()).unwrap();
        let url = Secret::Text(SecretString::from("http://127.0.0.1:9/"));
        let route = Route { channel: CHANNEL.into(), for_people: true, ..Route::default() };
        let slack = settings::Slack { route, url, allow_http: false };
        let slack = Slack::new(&slack, &ExternalUrl::new("http://daemon.example")).unwrap();
        let metrics = metrics::Metrics::register(&registry).unwrap().of(CHANNEL, Channels::default());
        (Outbox::new(Recipient::Slack(slack), store, Clock::frozen(at(0)), metrics), registry)
    }

    fn value(registry: &Registry, family: &str) -> Option<u64> {
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(family)?.strip_prefix('{')?.split_once("} ")?.1.parse().ok())
    }

    fn waiting(id: i64, attempts: u32) -> Waiting {
        Waiting { id, fingerprint: id.unsigned_abs(), notification_id: id.to_string(), body: "{}".into(), attempts }
    }

    fn failure(wait: Option<u64>) -> Option<Result<Answer, Failure>> {
        let wait = wait.map(Duration::from_secs);
        Some(Err(Failure { wait, ..Failure::new(Reason::RateLimited, "too much") }))
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_pause_that_the_receiver_asks_for_counts() {
        let (mut outbox, _) = outbox();
        let day = 24 * 3_600;
        for (name, attempts, asked, want) in [
            ("as asked", 0, Some(600), 600),
            ("a shorter one", 0, Some(1), 600),
            ("none", 0, None, 600),
            ("after the last attempt", 9, Some(900), 900),
            ("without an end", 0, Some(u64::MAX), day),
        ] {
            outbox.note(&[waiting(1, attempts)], failure(asked).as_ref());
            let pause = outbox.paused_until.unwrap() - Instant::now();
            assert_eq!(pause, Duration::from_secs(want), "{name}");
        }
    }

    #[tokio::test]
    async fn each_message_of_a_request_has_its_own_number_of_attempts() {
        let (mut outbox, registry) = outbox();
        outbox.note(&[waiting(1, 9), waiting(2, 0), waiting(3, 1)], failure(None).as_ref());
        let next = |(_, outcome): &(i64, DeliveryOutcome)| match outcome {
            DeliveryOutcome::Later { next_at, .. } => Some(next_at.duration_since(at(0)).as_secs()),
            _ => None,
        };
        let waits: Vec<_> = outbox.unwritten.iter().map(next).collect();
        assert!(
            matches!(waits[..], [None, Some(5..=6), Some(300..=360)]),
            "the first is given up, the others are retried: {waits:?}"
        );
        assert_eq!(value(&registry, "gcore_notifications_total"), Some(1), "it was one request");
        assert_eq!(value(&registry, "gcore_notification_failures_total"), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_in_a_pause_shows_the_queue() {
        let (mut outbox, registry) = outbox();
        let row = |fingerprint: u64| OutboxRow {
            channel: CHANNEL.into(),
            fingerprint,
            notification_id: fingerprint.to_string(),
            body: "{}".into(),
            created_at: at(0),
            due_at: at(0),
        };
        outbox.store.commit_alerts(Vec::new(), vec![row(1), row(2), row(3)]).await.unwrap();
        let error = || "too much".to_owned();
        let later = DeliveryOutcome::Later { next_at: at(600), paused_until: Some(at(600)), error: error() };
        let outcomes = vec![(1, later), (2, DeliveryOutcome::Dead { error: error() })];
        outbox.store.outbox_settle(outcomes, at(0)).await.unwrap();
        outbox.retry_all_now().await;
        assert_eq!(outbox.send_due().await, LONGEST_PAUSE);
        assert_eq!(value(&registry, "gcore_notification_queue_length"), Some(2));
        assert_eq!(value(&registry, "gcore_notification_dead_letters"), Some(1));
        assert_eq!(value(&registry, "gcore_notifications_total"), Some(0), "nothing was sent");
    }
}

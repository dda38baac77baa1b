//! Counters of deliveries, and the log lines when a channel begins or stops to fail.

use prometheus::{
    IntCounterVec, IntGaugeVec, Registry, register_int_counter_vec_with_registry, register_int_gauge_vec_with_registry,
};

use jiff::Timestamp;

use crate::alert::channels::Channels;

use super::failure::{Failure, Reason};

/// The metric families of all channels.
#[derive(Clone)]
pub struct Metrics {
    sent: IntCounterVec,
    failures: IntCounterVec,
    waiting: IntGaugeVec,
    dead_letters: IntGaugeVec,
    up: IntGaugeVec,
    last_success: IntGaugeVec,
}

impl Metrics {
    /// Registers the families.
    ///
    /// # Errors
    /// Fails if the registry already has the families.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            sent: register_int_counter_vec_with_registry!(
                "gcore_notifications_total",
                "Requests sent to a channel, repeated ones included.",
                &["channel"],
                registry
            )?,
            failures: register_int_counter_vec_with_registry!(
                "gcore_notification_failures_total",
                "Requests that a channel did not take.",
                &["channel", "reason"],
                registry
            )?,
            waiting: register_int_gauge_vec_with_registry!(
                "gcore_notification_queue_length",
                "Alerts or messages that a channel has yet to take.",
                &["channel"],
                registry
            )?,
            dead_letters: register_int_gauge_vec_with_registry!(
                "gcore_notification_dead_letters",
                "Messages that were given up, and that `alerts dead-letters` lists.",
                &["channel"],
                registry
            )?,
            up: register_int_gauge_vec_with_registry!(
                "gcore_notification_up",
                "Whether a channel took the last request; no series before the first.",
                &["channel"],
                registry
            )?,
            last_success: register_int_gauge_vec_with_registry!(
                "gcore_notification_last_success_timestamp_seconds",
                "When a channel last took a request; no series before.",
                &["channel"],
                registry
            )?,
        })
    }

    /// The metrics of one channel.
    pub(super) fn of(&self, channel: &str, channels: Channels) -> ChannelMetrics {
        self.sent.with_label_values(&[channel]);
        self.waiting.with_label_values(&[channel]);
        channels.begin(channel);
        ChannelMetrics { metrics: self.clone(), channels, channel: channel.to_owned(), is_failing: false }
    }
}

/// The metrics of one channel. Its gauges are removed with it. Its counters stay, because the channel may come back.
pub(super) struct ChannelMetrics {
    metrics: Metrics,
    channels: Channels,
    channel: String,
    is_failing: bool,
}

impl ChannelMetrics {
    /// The channel's name.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// Counts the outcome of a request.
    pub(super) fn note<T>(&mut self, outcome: &Result<T, Failure>, now: Timestamp) {
        let channel = self.channel.as_str();
        self.metrics.sent.with_label_values(&[channel]).inc();
        let failure = outcome.as_ref().err().map(|failure| failure.reason);
        // An unreadable message was never sent.
        if failure != Some(Reason::Garbled) {
            self.metrics.up.with_label_values(&[channel]).set(i64::from(failure.is_none()));
            self.channels.note(channel, failure.map(Reason::as_str), now);
        }
        match outcome {
            Ok(_) => {
                self.metrics.last_success.with_label_values(&[channel]).set(now.as_second());
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(channel, "the channel takes notifications again");
                }
            }
            Err(failure) => {
                self.metrics.failures.with_label_values(&[channel, failure.reason.as_str()]).inc();
                // A refused message does not mean that the channel refuses others.
                if failure.reason != Reason::BadRequest && !std::mem::replace(&mut self.is_failing, true) {
                    let reason = failure.reason.as_str();
                    tracing::warn!(channel, reason, error = %failure, "the channel does not take notifications; it is tried again");
                }
            }
        }
    }

    /// Sets the number of waiting messages.
    pub(super) fn waiting(&self, number: u64) {
        self.metrics.waiting.with_label_values(&[&self.channel]).set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Sets the number of dead letters.
    pub(super) fn dead_letters(&self, number: u64) {
        self.metrics.dead_letters.with_label_values(&[&self.channel]).set(i64::try_from(number).unwrap_or(i64::MAX));
    }
}

impl Drop for ChannelMetrics {
    fn drop(&mut self) {
        // The series are missing if nothing was sent or accepted.
        let _ = self.metrics.dead_letters.remove_label_values(&[&self.channel]);
        let _ = self.metrics.waiting.remove_label_values(&[&self.channel]);
        let _ = self.metrics.up.remove_label_values(&[&self.channel]);
        let _ = self.metrics.last_success.remove_label_values(&[&self.channel]);
    }
}

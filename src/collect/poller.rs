//! The loop of all collectors: poll, publish, log the result, wait.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::account::AccountName;
use crate::shutdown::Stop;
use crate::snapshot::{Collector, Outcome, Status, Writer};
use common::clock::Clock;
use gcore_api::http::client::Client;
use gcore_api::http::error::{Error, Reason};
use gcore_api::http::poll_deadline::PollDeadline;

use super::metrics::Metrics;
use super::poll::Poll;
use super::poll_timer::PollTimer;
use super::settings::Schedule;
use super::source::Source;

/// Polls one source of one account, repeatedly or once.
pub struct Poller {
    pub(super) account: AccountName,
    pub(super) client: Arc<Client>,
    pub(super) source: Source,
    pub(super) schedule: Schedule,
    pub(super) clock: Clock,
    pub(super) writer: Writer,
    pub(super) metrics: Metrics,
    pub(super) last_failure: Option<Reason>,
    pub(super) is_overrun: bool,
}

/// State that passes to the next poller after a reload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    last_failure: Option<Reason>,
}

impl Poller {
    /// The collector of this poller.
    #[must_use]
    pub fn collector(&self) -> Collector {
        self.source.collector()
    }

    /// Continues with the state of an earlier poller of the same account and collector.
    pub fn remember(&mut self, memory: Memory) {
        self.last_failure = memory.last_failure;
    }

    /// Polls until `stop`, which also cancels a poll in progress. `next_step` is told by when the poll in progress ends or
    /// the next one begins.
    pub async fn run(mut self, stop: Stop, next_step: watch::Sender<Instant>) -> Memory {
        let forever = async {
            let mut timer = PollTimer::new(self.schedule.interval, self.source.follows_the_calendar(), self.phase());
            loop {
                let (started, now) = (Instant::now(), self.clock.now());
                next_step.send_replace(started + self.schedule.timeout);
                self.poll().await;
                let took = started.elapsed();
                // A poll that yields to others is expected to take long.
                self.tell_overrun(took, timer.is_overrun(took) && !self.source.yields());
                let next = started + timer.pause(now);
                next_step.send_replace(next);
                tokio::time::sleep_until(next).await;
            }
        };
        tokio::select! {
            () = forever => {}
            () = stop.requested() => {}
        }
        self.source.stop().await;
        Memory { last_failure: self.last_failure }
    }

    /// Polls once, and logs the result.
    pub async fn poll(&mut self) -> Outcome {
        let (started, now) = (Instant::now(), self.clock.now());
        let poll = Poll {
            account: &self.account,
            now,
            deadline: PollDeadline {
                until: started + self.schedule.timeout,
                longest_wait: self.schedule.interval,
                yields: self.source.yields(),
            },
            metrics: &self.metrics,
            collector: self.source.collector().as_str(),
            writer: &self.writer,
        };
        let under_way = (!self.source.yields()).then(|| self.client.poll_begins());
        let result = self.source.poll(&poll).await;
        drop(under_way);
        let outcome = match &result {
            Ok(()) => Outcome::Good,
            Err(error) if error.reason == Reason::Unsupported => Outcome::Unsupported,
            Err(_) => Outcome::Failed,
        };
        self.count(&result, started.elapsed());
        self.tell(&result);
        self.writer.change(&self.account, |account| {
            let last = account.collectors.get(&self.source.collector());
            let last_success =
                if outcome == Outcome::Good { Some(now) } else { last.and_then(|status| status.last_success) };
            let interval = self.schedule.interval;
            let last_failure = result.as_ref().err().map(|error| error.reason);
            let access_lost = match outcome {
                Outcome::Good => false,
                Outcome::Failed => last.is_some_and(|status| status.access_lost),
                Outcome::Unsupported => account.was_read(self.source.collector()),
            };
            let (last_outcome, last_attempt) = (Some(outcome), Some(now));
            let status = Status { interval, last_outcome, last_failure, last_attempt, last_success, access_lost };
            // Each snapshot that wakes its readers has all series encoded anew.
            let is_news =
                last.is_none_or(|last| (last.last_outcome, last.last_failure) != (last_outcome, last_failure));
            account.collectors.insert(self.source.collector(), status);
            is_news || !self.source.is_idle()
        });
        outcome
    }

    /// A number from 0 to 1 that differs between pollers and is constant for each.
    #[expect(clippy::cast_precision_loss, reason = "a phase needs no precision")]
    fn phase(&self) -> f64 {
        let mut hasher = DefaultHasher::new();
        (&self.account, self.source.collector()).hash(&mut hasher);
        hasher.finish() as f64 / u64::MAX as f64
    }

    /// Logs when polls begin to take longer than their interval, and when that ends.
    fn tell_overrun(&mut self, took: Duration, is_overrun: bool) {
        if std::mem::replace(&mut self.is_overrun, is_overrun) == is_overrun {
            return;
        }
        let (account, collector) = (self.account.as_str(), self.source.collector().as_str());
        let (took_seconds, interval_seconds) = (took.as_secs_f64(), self.schedule.interval.as_secs_f64());
        if is_overrun {
            tracing::warn!(
                account,
                collector,
                took_seconds,
                interval_seconds,
                "a poll takes longer than its interval; raise the interval or max_requests_per_second"
            );
        } else {
            tracing::info!(account, collector, took_seconds, interval_seconds, "polls fit their interval again");
        }
    }

    fn count(&self, result: &Result<(), Error>, took: Duration) {
        let labels = [self.account.as_str(), self.source.collector().as_str()];
        self.metrics.polls.with_label_values(&labels).inc();
        self.metrics.duration.with_label_values(&labels).observe(took.as_secs_f64());
        if let Err(error) = result {
            self.metrics.failures.with_label_values(&[labels[0], labels[1], error.reason.as_str()]).inc();
        }
    }

    /// Logs the start, a change and the end of a failure, but no repetition.
    fn tell(&mut self, result: &Result<(), Error>) {
        let (account, collector) = (self.account.as_str(), self.source.collector().as_str());
        let reason = result.as_ref().err().map(|error| error.reason);
        let is_news = reason != self.last_failure;
        match result {
            Err(error) if error.reason == Reason::Unsupported && is_news => {
                tracing::warn!(account, collector, %error, "unsupported by this key; the collector may be disabled");
            }
            Err(error) if is_news => {
                tracing::warn!(account, collector, reason = error.reason.as_str(), %error, "poll failed");
            }
            Err(error) => {
                tracing::debug!(account, collector, reason = error.reason.as_str(), %error, "poll failed again");
            }
            Ok(()) if is_news => tracing::info!(account, collector, "poll succeeded again"),
            Ok(()) => tracing::debug!(account, collector, "poll succeeded"),
        }
        self.last_failure = reason;
    }
}

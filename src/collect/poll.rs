//! One poll in progress.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout_at;

use crate::account::AccountName;
use crate::snapshot::{Account, Reading, Writer};
use gcore_api::billing::record::RejectReason;
use gcore_api::http::poll_deadline::PollDeadline;

use super::metrics::Metrics;

/// One poll in progress: its times, and the receivers of its results.
pub(super) struct Poll<'a> {
    pub(super) account: &'a AccountName,
    /// The start of the poll. Every reading of the poll has this time.
    pub(super) now: Timestamp,
    /// The poll deadline, and the longest wait.
    pub(super) deadline: PollDeadline,
    pub(super) metrics: &'a Metrics,
    pub(super) collector: &'static str,
    pub(super) writer: &'a Writer,
}

impl Poll<'_> {
    /// Publishes a change of the account.
    pub(super) fn publish(&self, change: impl FnOnce(&mut Account)) {
        self.writer.update(self.account, change);
    }

    /// Waits until the names are known or have failed, at most until the poll deadline.
    pub(super) async fn names_settled(&self) {
        // Without names the poll still continues.
        let _ = timeout_at(self.deadline.until, self.writer.names_settled(self.account)).await;
    }

    /// The account in the current snapshot.
    pub(super) fn account_so_far(&self) -> Account {
        self.writer.account(self.account)
    }

    /// A reading of this poll, which becomes stale after `stale_after`.
    pub(super) fn reading<T>(&self, data: T, stale_after: Duration) -> Reading<T> {
        Reading::new(data, self.now, stale_after)
    }

    /// Counts the rejected records.
    pub(super) fn reject(&self, rejected: &BTreeMap<RejectReason, u64>) {
        for (reason, rows) in rejected {
            let labels = [self.account.as_str(), self.collector, reason.as_str()];
            self.metrics.rejected_records.with_label_values(&labels).inc_by(*rows);
            tracing::debug!(account = labels[0], collector = labels[1], reason = labels[2], rows, "rejected rows");
        }
    }
}

//! Report tasks within the look-back, and a count of failures that sees each failed task once.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::aggregate::report_tasks::ReportTaskTotals;
use crate::billing::report_task::{ReportTask, TaskType};
use crate::gcore::client::Client;
use crate::gcore::error::Error;
use crate::gcore::reports;

use super::poller::Poll;
use super::settings::Reports;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Reports,
    /// Failed tasks that were counted and may still be listed; those that left the list are forgotten.
    pub(super) counted: HashSet<SmolStr>,
}

impl Source {
    pub(super) async fn poll(&mut self, poll: &Poll<'_>) -> Result<(), Error> {
        let since = poll.now.checked_sub(self.settings.look_back).unwrap_or(Timestamp::MIN);
        let listing = reports::read::<Vec<ReportTask>>(&self.client, since, poll.patience).await?;
        poll.reject(&listing.rejected);
        let mut totals = ReportTaskTotals::default();
        let mut failed: Vec<(SmolStr, TaskType)> = Vec::new();
        // The server's filter may compare whole days, so tasks from before the look-back are dropped here.
        let is_recent = |task: &ReportTask| task.created_at.is_none_or(|created| created >= since);
        for task in listing.data.into_iter().filter(is_recent) {
            totals.add(&task);
            if task.status.is_failed() {
                failed.push((task.uuid, task.task_type));
            }
        }
        let failures = &poll.metrics.report_task_failures;
        for task_type in TaskType::KNOWN {
            failures.with_label_values(&[poll.account.as_str(), task_type]).inc_by(0);
        }
        for (uuid, task_type) in &failed {
            if !self.counted.contains(uuid) {
                failures.with_label_values(&[poll.account.as_str(), task_type.as_str()]).inc();
            }
        }
        self.counted = failed.into_iter().map(|(uuid, _)| uuid).collect();
        poll.publish(|account| account.reports = Some(poll.reading(totals, self.settings.stale_after)));
        Ok(())
    }
}

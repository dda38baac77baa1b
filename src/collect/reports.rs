//! Report tasks within the look-back, and a count of failures that sees each failed task once.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::aggregate::report_tasks::ReportTaskTotals;
use crate::billing::report_task::TaskType;
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
        let mut totals = ReportTaskTotals::default();
        let mut failed: Vec<(SmolStr, TaskType)> = Vec::new();
        let since = poll.now.checked_sub(self.settings.look_back).unwrap_or(Timestamp::MIN);
        reports::read(&self.client, since, poll.deadline, |task| match task {
            // The server's filter compares days, so tasks just past the look-back arrive as well.
            Ok(task) if task.created_at.is_some_and(|created| created < since) => {}
            Ok(task) => {
                totals.add(&task);
                if task.status.is_failed() {
                    failed.push((task.uuid, task.task_type));
                }
            }
            Err(reason) => poll.reject(reason),
        })
        .await?;
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

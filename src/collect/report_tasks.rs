//! Reads report tasks within the look-back, and counts each failed task once.

use std::sync::Arc;

use jiff::Timestamp;

use crate::aggregate::report_tasks::ReportTaskTotals;
use crate::snapshot::Collector;
use crate::store::Store;
use gcore_api::billing::report_task::{ReportTask, TaskType};
use gcore_api::endpoints::report_tasks;
use gcore_api::http::client::Client;
use gcore_api::http::error::Error;

use super::poll::Poll;
use super::settings::Reports;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Reports,
    pub(super) store: Store,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        let since = poll.now.checked_sub(self.settings.look_back).unwrap_or(Timestamp::MIN);
        let listing = report_tasks::read::<Vec<ReportTask>>(&self.client, since, poll.deadline).await?;
        poll.reject(&listing.rejected);
        let mut totals = ReportTaskTotals::default();
        let mut failed = Vec::new();
        // The server's filter may compare whole days, so tasks from before the look-back are dropped here.
        let is_recent = |task: &ReportTask| task.created_at.is_none_or(|created| created >= since);
        for task in listing.data.into_iter().filter(is_recent) {
            totals.add(&task);
            if task.status.is_failed() {
                failed.push((task.uuid.into(), task.task_type));
            }
        }
        self.count(poll, failed).await;
        // Undocumented types and statuses may be as numerous as tasks.
        poll.publish(|account| {
            account.reports = Some(poll.reading(totals, self.settings.stale_after));
            account.shares.insert(Collector::Reports, vec![listing.share]);
        });
        Ok(())
    }

    /// Sets the counters to the stored totals, which include earlier runs.
    async fn count(&self, poll: &Poll<'_>, failed: Vec<(String, TaskType)>) {
        // When the store fails, it logs that itself. The tasks are counted when it works again.
        let Ok(mut counted) = self.store.count_failures(poll.account, failed).await else { return };
        for task_type in TaskType::KNOWN {
            counted.entry(TaskType::new(task_type)).or_default();
        }
        for (task_type, total) in counted {
            let labels = [poll.account.as_str(), task_type.as_str()];
            let counter = poll.metrics.report_task_failures.with_label_values(&labels);
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }
}

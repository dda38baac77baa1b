//! Report tasks: background tasks of the billing system, which can fail or hang.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::resource::word;

word! {
    /// The type of a task. See [`TaskType::KNOWN`].
    TaskType
}

word! {
    /// The status of a task. See [`TaskStatus::KNOWN`].
    TaskStatus
}

impl TaskType {
    /// The task types that the API documents. Other types are accepted.
    pub const KNOWN: [&str; 4] = ["ClosingPeriod", "ImportData", "Report", "StopSubscriptions"];
}

impl TaskStatus {
    /// The statuses that the API documents. Other statuses are accepted.
    pub const KNOWN: [&str; 5] = ["Pending", "InProgress", "Completed", "Failed", "Cancelled"];

    /// Whether the task failed.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.as_str() == "Failed"
    }

    /// Whether the task completed.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.as_str() == "Completed"
    }

    /// Whether the task is pending or in progress.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        matches!(self.as_str(), "Pending" | "InProgress")
    }
}

/// One report task (`GET /billing/org/v1/reports`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTask {
    /// Its identity.
    pub uuid: SmolStr,
    /// Its type.
    pub task_type: TaskType,
    /// Its status.
    pub status: TaskStatus,
    /// The time of its creation.
    pub created_at: Option<Timestamp>,
    /// The time of its last change. For a finished task, the time when it ended.
    pub updated_at: Option<Timestamp>,
    /// Entries in `processing_notes.errors`.
    pub errors: u64,
    /// Entries in `processing_notes.warnings`.
    pub warnings: u64,
}

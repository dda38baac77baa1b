//! Report tasks: background jobs of the billing system that can fail or hang.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::resource::word;

word! {
    /// What a task does. See [`TaskType::KNOWN`].
    TaskType
}

word! {
    /// How far a task has come. See [`TaskStatus::KNOWN`].
    TaskStatus
}

impl TaskType {
    /// The task types that the API documents. Others are read all the same.
    pub const KNOWN: [&str; 4] = ["ClosingPeriod", "ImportData", "Report", "StopSubscriptions"];
}

impl TaskStatus {
    /// The statuses that the API documents. Others are read all the same.
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

    /// Whether the task is still waiting or at work.
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
    /// What it does.
    pub task_type: TaskType,
    /// How far it has come.
    pub status: TaskStatus,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
    /// When it last changed: for a finished task, when it ended.
    pub updated_at: Option<Timestamp>,
    /// Entries in `processing_notes.errors`.
    pub errors: u64,
    /// Entries in `processing_notes.warnings`.
    pub warnings: u64,
}

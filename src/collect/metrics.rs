//! Metrics of the collectors.

use prometheus::{
    HistogramVec, IntCounterVec, Registry, register_histogram_vec_with_registry, register_int_counter_vec_with_registry,
};

/// The collectors' metrics, registered once.
#[derive(Clone)]
pub struct Metrics {
    pub(super) polls: IntCounterVec,
    pub(super) failures: IntCounterVec,
    pub(super) duration: HistogramVec,
    pub(super) rejected_records: IntCounterVec,
    pub(super) report_task_failures: IntCounterVec,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// Fails when the registry already has them.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register_int_counter_vec_with_registry!(name, help, labels, registry)
        };
        let poll = ["account", "collector"];
        let with_reason = ["account", "collector", "reason"];
        let duration = register_histogram_vec_with_registry!(
            "gcore_poll_duration_seconds",
            "Time that a poll took, all its requests together.",
            &poll,
            vec![0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0],
            registry
        )?;
        Ok(Self {
            polls: counter("gcore_polls_total", "Finished polls, good or bad.", &poll)?,
            failures: counter("gcore_poll_failures_total", "Polls that were not wholly good.", &with_reason)?,
            duration,
            rejected_records: counter(
                "gcore_rejected_records_total",
                "Rows that could not be read; the rows around them count.",
                &with_reason,
            )?,
            report_task_failures: counter(
                "gcore_report_task_failures_total",
                "Failed report tasks, each counted once, across restarts where the store outlives the process.",
                &["account", "task_type"],
            )?,
        })
    }
}

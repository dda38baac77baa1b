//! Counters of the collectors' own work.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// The collectors' counters, registered once.
#[derive(Clone)]
pub struct Metrics {
    pub(super) polls: IntCounterVec,
    pub(super) failures: IntCounterVec,
    pub(super) duration: HistogramVec,
    pub(super) rejected_records: IntCounterVec,
    pub(super) report_task_failures: IntCounterVec,
}

impl Metrics {
    /// Registers the counters.
    ///
    /// # Errors
    /// Fails where the registry already has them.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let poll = ["account", "collector"];
        let with_reason = ["account", "collector", "reason"];
        let duration = HistogramVec::new(
            HistogramOpts::new("gcore_poll_duration_seconds", "Time that a poll took, all its requests together.")
                .buckets(vec![0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]),
            &poll,
        )?;
        registry.register(Box::new(duration.clone()))?;
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
                "Failed report tasks, each counted once since the start of this process.",
                &["account", "task_type"],
            )?,
        })
    }
}

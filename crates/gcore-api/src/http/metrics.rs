//! Metrics of the requests.

use prometheus::{
    HistogramVec, IntCounterVec, Registry, register_histogram_vec_with_registry, register_int_counter_vec_with_registry,
};

/// The request metrics of all accounts, registered once.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) requests: IntCounterVec,
    pub(crate) failures: IntCounterVec,
    pub(crate) retries: IntCounterVec,
    pub(crate) duration: HistogramVec,
    pub(crate) response_bytes: IntCounterVec,
    pub(crate) pages: IntCounterVec,
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
        let call = ["account", "endpoint"];
        let outcome = ["account", "endpoint", "reason"];
        let duration = register_histogram_vec_with_registry!(
            "gcore_api_request_duration_seconds",
            "Time from sending a request to the last byte of its answer.",
            &call,
            vec![0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0],
            registry
        )?;
        Ok(Self {
            requests: counter("gcore_api_requests_total", "Requests sent, repeated ones included.", &call)?,
            failures: counter("gcore_api_request_failures_total", "Requests without a usable answer.", &outcome)?,
            retries: counter("gcore_api_retries_total", "Requests repeated after a passing failure.", &outcome)?,
            duration,
            response_bytes: counter("gcore_api_response_bytes_total", "Bytes of answers, decompressed.", &call)?,
            pages: counter("gcore_api_pages_total", "Pages read completely.", &call)?,
        })
    }
}

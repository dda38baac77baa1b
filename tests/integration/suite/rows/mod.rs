//! The table: the fault, its endpoint, and the expected outcome.

mod bodies;
mod fields;
mod lists;
mod statuses;
mod transport;
mod values;

use std::sync::Arc;
use std::time::Duration;

use super::account::Endpoint;
use super::expected::Expected;
use super::reply::Reply;
use super::tls::Trouble;

/// The timeout of a poll and a request in rows that do not test timeouts. No machine is as slow.
pub(super) const POLL: &str = "10m";
const REQUEST: &str = "5m";

/// A fault and its outcome.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) fault: Arc<Fault>,
    pub(super) outcome: Outcome,
    /// The poll timeout of the faulty collector.
    pub(super) timeout: &'static str,
    pub(super) request_timeout: &'static str,
    /// The memory limit of the program.
    pub(super) memory_mib: usize,
    /// The shortest time without requests after the fault.
    pub(super) pause: Option<Duration>,
    /// Whether it needs its own daemon.
    pub(super) is_alone: bool,
    /// The TLS fault, if the row tests TLS. It concerns every collector of the account.
    pub(super) tls: Option<Trouble>,
}

/// The change that a server makes to its answers.
pub(super) struct Fault {
    pub(super) endpoint: Endpoint,
    /// The number of answers with the fault.
    pub(super) times: usize,
    /// Whether costs are read by totals.
    pub(super) by_totals: bool,
    pub(super) change: Box<Change>,
}

type Change = dyn Fn(&mut Reply) + Send + Sync;

/// The expected outcome of a fault.
pub(super) enum Outcome {
    /// The poll fails with this reason, and the last good reading stays.
    Fails(&'static str),
    /// The request fails with this reason, and a retry succeeds.
    Passes(&'static str),
    /// The poll succeeds. It reads the data after the change, without the rejected rows.
    Reads { rejects: Vec<(&'static str, f64)>, change: Box<dyn Fn(&mut Expected) + Send + Sync> },
}

/// Every row.
pub(super) fn all(elsewhere: &str) -> Vec<Row> {
    [statuses::rows(elsewhere), transport::rows(), bodies::rows(), fields::rows(), values::rows(), lists::rows()]
        .into_iter()
        .flatten()
        .collect()
}

fn row(
    name: impl Into<String>,
    endpoint: Endpoint,
    outcome: Outcome,
    change: impl Fn(&mut Reply) + Send + Sync + 'static,
) -> Row {
    let times = if matches!(outcome, Outcome::Passes(_)) { 1 } else { usize::MAX };
    Row {
        name: format!("{}: {}", endpoint.label(), name.into()),
        fault: Arc::new(Fault { endpoint, times, by_totals: false, change: Box::new(change) }),
        outcome,
        timeout: POLL,
        request_timeout: REQUEST,
        memory_mib: 48,
        pause: None,
        is_alone: false,
        tls: None,
    }
}

fn fails(
    name: impl Into<String>,
    endpoint: Endpoint,
    reason: &'static str,
    change: impl Fn(&mut Reply) + Send + Sync + 'static,
) -> Row {
    row(name, endpoint, Outcome::Fails(reason), change)
}

fn passes(
    name: impl Into<String>,
    endpoint: Endpoint,
    reason: &'static str,
    change: impl Fn(&mut Reply) + Send + Sync + 'static,
) -> Row {
    row(name, endpoint, Outcome::Passes(reason), change)
}

/// A fault that changes the readings. `expected` describes the effect.
fn reads(
    name: impl Into<String>,
    endpoint: Endpoint,
    expected: impl Fn(&mut Expected) + Send + Sync + 'static,
    change: impl Fn(&mut Reply) + Send + Sync + 'static,
) -> Row {
    row(name, endpoint, Outcome::Reads { rejects: Vec::new(), change: Box::new(expected) }, change)
}

/// A fault without an effect.
fn tolerates(name: impl Into<String>, endpoint: Endpoint, change: impl Fn(&mut Reply) + Send + Sync + 'static) -> Row {
    reads(name, endpoint, |_| (), change)
}

/// A fault of the totals for the comparison: costs are read, and the comparison is missing.
fn leaves_uncompared(name: impl Into<String>, change: impl Fn(&mut Reply) + Send + Sync + 'static) -> Row {
    reads(name, Endpoint::Totals, |expected| expected.cost.totals = None, change)
}

impl Row {
    /// A poll rejects this number of rows.
    fn rejecting(mut self, reason: &'static str, rows: u32) -> Self {
        if let Outcome::Reads { rejects, .. } = &mut self.outcome {
            rejects.push((reason, f64::from(rows)));
        }
        self
    }

    /// With costs read by totals.
    fn by_totals(mut self) -> Self {
        let fault = Arc::get_mut(&mut self.fault).unwrap();
        fault.by_totals = true;
        self.name += " (method totals)";
        self
    }

    /// With its own daemon, because it concerns the whole account.
    fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Whether the outcome comes only after a timeout.
    pub(super) fn is_limited(&self) -> bool {
        self.timeout != POLL || self.request_timeout != REQUEST
    }

    /// Whether the outcome comes only after retries.
    pub(super) fn is_slow(&self) -> bool {
        match self.outcome {
            Outcome::Fails(reason) => matches!(reason, "connect" | "timeout" | "rate_limited" | "server_error"),
            Outcome::Passes(_) => true,
            Outcome::Reads { .. } => false,
        }
    }

    /// With this poll timeout.
    fn within(self, timeout: &'static str) -> Self {
        Self { timeout, ..self }
    }

    fn request_within(self, request_timeout: &'static str) -> Self {
        Self { request_timeout, ..self }
    }

    fn with_memory(self, memory_mib: usize) -> Self {
        Self { memory_mib, is_alone: true, ..self }
    }

    fn after(self, pause: Duration) -> Self {
        Self { pause: Some(pause), is_alone: true, ..self }
    }
}

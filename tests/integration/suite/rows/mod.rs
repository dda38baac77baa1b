//! The table itself: what goes wrong, where, and what must come of it.

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

/// The limits of a poll and of a request where a row is not about them: no machine is as busy as that.
pub(super) const POLL: &str = "10m";
const REQUEST: &str = "5m";

/// A fault and its outcome.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) fault: Arc<Fault>,
    pub(super) outcome: Outcome,
    /// The faulty collector's.
    pub(super) timeout: &'static str,
    pub(super) request_timeout: &'static str,
    /// The most memory that the program may ever need.
    pub(super) memory_mib: usize,
    /// How long the server is left alone after the fault, at least.
    pub(super) pause: Option<Duration>,
    /// Whether it needs a daemon for itself.
    pub(super) is_alone: bool,
    /// What is wrong with TLS, in a row that is about that; every collector of the account meets it.
    pub(super) tls: Option<Trouble>,
}

/// What a server does to its answers.
pub(super) struct Fault {
    pub(super) endpoint: Endpoint,
    /// How often.
    pub(super) times: usize,
    /// Whether costs are read by totals.
    pub(super) by_totals: bool,
    pub(super) change: Box<Change>,
}

type Change = dyn Fn(&mut Reply) + Send + Sync;

/// What must come of a fault.
pub(super) enum Outcome {
    /// The poll fails for this reason, and the last good reading stays.
    Fails(&'static str),
    /// The request fails for this reason, and is repeated with success.
    Passes(&'static str),
    /// The poll is good and reads what the change makes of the data, less the rows it cannot read.
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

/// A fault that changes what is read, in the way that `expected` is changed.
fn reads(
    name: impl Into<String>,
    endpoint: Endpoint,
    expected: impl Fn(&mut Expected) + Send + Sync + 'static,
    change: impl Fn(&mut Reply) + Send + Sync + 'static,
) -> Row {
    row(name, endpoint, Outcome::Reads { rejects: Vec::new(), change: Box::new(expected) }, change)
}

/// A fault that changes nothing.
fn tolerates(name: impl Into<String>, endpoint: Endpoint, change: impl Fn(&mut Reply) + Send + Sync + 'static) -> Row {
    reads(name, endpoint, |_| (), change)
}

/// A fault of the totals that are only compared with: costs are read, and nothing is said of the comparison.
fn leaves_uncompared(name: impl Into<String>, change: impl Fn(&mut Reply) + Send + Sync + 'static) -> Row {
    reads(name, Endpoint::Totals, |expected| expected.cost.totals = None, change)
}

impl Row {
    /// So many rows of a poll cannot be read.
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

    /// With a daemon for itself, since the whole account feels it.
    fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Whether a limit of time passes before the outcome is there.
    pub(super) fn is_limited(&self) -> bool {
        self.timeout != POLL || self.request_timeout != REQUEST
    }

    /// Whether requests are tried again before the outcome is there.
    pub(super) fn is_slow(&self) -> bool {
        match self.outcome {
            Outcome::Fails(reason) => matches!(reason, "connect" | "timeout" | "rate_limited" | "server_error"),
            Outcome::Passes(_) => true,
            Outcome::Reads { .. } => false,
        }
    }

    /// With a poll that may only take so long.
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

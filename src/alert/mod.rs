//! Alerts: from a snapshot to alerts with a state.
//!
//! - [`rule`]: the rules and their defaults; [`settings`]: their configuration.
//! - [`rule_judgement`]: the judgement of a rule on one place; [`evaluate`] makes all of them.
//! - [`states`]: the states of all alerts, advanced by judgements.
//! - [`engine`]: the loop around these.
//! - [`channels`]: the delivery state of each channel.
//!
//! This module knows the name, the route and the delivery state of a channel, and nothing else of it.

#[expect(clippy::module_inception, reason = "it holds the type `Alert`")]
mod alert;
pub mod channels;
pub mod engine;
pub mod evaluate;
mod metrics;
mod route;
pub mod rule;
pub mod rule_judgement;
pub mod settings;
pub mod states;

use std::sync::Arc;

use tokio::sync::watch;

pub use alert::{Alert, Labels, Queued, Status, severity_rank};
pub use metrics::LABELS;
pub use route::Route;

/// The pending, firing and recently resolved alerts, by fingerprint. `None` before the first evaluation, because an
/// empty list would mean that all alerts are resolved.
pub type Current = Option<Arc<Vec<Arc<Alert>>>>;

/// The reading end of [`Current`].
pub type Reader = watch::Receiver<Current>;

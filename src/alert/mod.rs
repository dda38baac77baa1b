//! Alerts: from a snapshot to what somebody should be told.
//!
//! - [`rule`]: what is watched, with its defaults, and [`settings`], how closely.
//! - [`judgement`]: what a rule says of one place on the data that there are; [`evaluate`] makes all of them.
//! - [`states`]: the states of all alerts, moved on by judgements.
//! - [`engine`]: the loop around these.
//! - [`channels`]: whether what is told arrives.
//!
//! Of a channel nothing but its name, its route and whether it takes anything is known here.

#[expect(clippy::module_inception, reason = "it holds the type `Alert`")]
mod alert;
pub mod channels;
pub mod engine;
pub mod evaluate;
pub mod judgement;
mod metrics;
mod route;
pub mod rule;
pub mod settings;
pub mod states;

use std::sync::Arc;

use tokio::sync::watch;

pub use alert::{Alert, Labels, Queued, Status, gravity};
pub use metrics::LABELS;
pub use route::Route;

/// The alerts that are pending, firing or just resolved, by fingerprint. `None`: not yet judged, so nothing is known;
/// a start must not pass for a recovery.
pub type Current = Option<Arc<Vec<Arc<Alert>>>>;

/// Where [`Current`] is read.
pub type Reader = watch::Receiver<Current>;

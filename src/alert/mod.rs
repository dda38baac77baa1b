//! Alerts: from a snapshot to what somebody should be told.
//!
//! - [`rule`]: what is watched, with its defaults, and [`settings`], how closely.
//! - [`judgement`]: what a rule says of one place on the data that there are; [`evaluate`] makes all of them.
//! - [`ledger`]: the states of all alerts, moved on by judgements.
//! - [`engine`]: the loop around these.
//! - [`channels`]: whether what is told arrives.
//!
//! Of a channel nothing but its name, its route and whether it takes anything is known here.

pub mod channels;
pub mod engine;
pub mod evaluate;
pub mod judgement;
pub mod ledger;
mod metrics;
mod route;
pub mod rule;
pub mod settings;
mod told;

use std::sync::Arc;

use tokio::sync::watch;

pub use metrics::LABELS;
pub use route::Route;
pub use told::{Alert, Labels, Queued, Status, gravity};

/// The alerts that are pending, firing or just resolved, by fingerprint. `None`: not yet judged, so nothing is known;
/// a start must not pass for a recovery.
pub type Current = Option<Arc<Vec<Arc<Alert>>>>;

/// Where [`Current`] is read.
pub type Reader = watch::Receiver<Current>;

//! Alerts: from a snapshot to what somebody should be told.
//!
//! Of a channel nothing but its name is known here.

mod route;
mod told;

use std::sync::Arc;

use tokio::sync::watch;

pub use route::Route;
pub use told::{Alert, Labels, Status};

/// The alerts that are pending, firing or just resolved, by fingerprint. `None`: not yet judged, so nothing is known;
/// a start must not pass for a recovery.
pub type Current = Option<Arc<Vec<Alert>>>;

/// Where [`Current`] is read.
pub type Reader = watch::Receiver<Current>;

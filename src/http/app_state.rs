//! The data for all handlers.

use std::sync::Arc;

use prometheus::Registry;

use crate::alert;
use crate::exposition::encoder::Encoder;
use crate::shard::Shard;
use crate::snapshot::Reader;
use crate::store::Store;
use common::clock::Clock;

use super::reload;

/// The data for all handlers.
pub struct AppState {
    /// The encoded metrics.
    pub encoder: Arc<Encoder>,
    /// The clock.
    pub clock: Clock,
    /// The current snapshot.
    pub snapshot: Reader,
    /// The current alerts.
    pub alerts: alert::Reader,
    /// The shard. Only the first one has alerts.
    pub shard: Shard,
    /// The store, with the notification log.
    pub store: Store,
    /// The registry of the daemon's own metrics.
    pub registry: Registry,
    /// The path of the metrics, `/metrics` by default.
    pub telemetry_path: String,
    /// Receives reload requests. `None`: a reload is answered with 403.
    pub reloads: Option<reload::ReloadRequests>,
}

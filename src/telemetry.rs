//! Logs: one line an event on standard error, as logfmt or JSON.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Sends the process's events to standard error from now on.
///
/// # Errors
/// Fails where a process does it twice.
pub fn init(level: LevelFilter, format: Format) -> Result<(), TryInitError> {
    let registry = tracing_subscriber::registry().with(level);
    match format {
        Format::Logfmt => {
            registry.with(tracing_logfmt::builder().with_target(false).layer().with_writer(io::stderr)).try_init()
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
            registry.with(layer.with_writer(io::stderr)).try_init()
        }
    }
}

//! From a snapshot to the text that Prometheus reads.
//!
//! The business families are made anew from the snapshot, so nothing that left the data can linger; counters of the
//! daemon's own work come from a lasting registry. Labels are joined with names here, and only here.

pub mod catalog;
mod collectors;
mod family;
mod lists;
pub mod process;
mod windows;

use jiff::Timestamp;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};
use smol_str::SmolStr;

use crate::snapshot::Snapshot;

/// The media type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything to be exported at `now`, in Prometheus' text format.
///
/// # Errors
/// Fails where a family cannot be written, which means a mistake in the catalogue.
pub fn text(snapshot: &Snapshot, registry: &Registry, now: Timestamp) -> prometheus::Result<Vec<u8>> {
    let mut families = families(snapshot, now);
    families.extend(registry.gather());
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(text)
}

/// The business families of a snapshot at `now`, those without a series left out.
#[must_use]
pub fn families(snapshot: &Snapshot, now: Timestamp) -> Vec<MetricFamily> {
    [
        windows::amounts(snapshot, now),
        windows::coverage(snapshot, now),
        windows::reconciliation(snapshot, now),
        lists::commitments(snapshot, now),
        lists::names(snapshot),
        lists::report_tasks(snapshot, now),
        lists::subscriptions(snapshot, now),
        collectors::collectors(snapshot),
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect()
}

fn word(text: &str) -> SmolStr {
    SmolStr::new(text)
}

/// Seconds since 1970, as Prometheus counts time.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a float until the year 2255")]
fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

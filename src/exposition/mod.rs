//! Turns a snapshot into the text that Prometheus reads.
//!
//! The billing metrics are made anew from each snapshot, so removed data cannot remain. Metrics of the daemon's own
//! work come from a permanent registry. Only this module joins labels with names.
//!
//! [`business`] is a pure function of the snapshot. The [`encoder`] calls it once per snapshot, not once per scrape.

pub mod catalog;
mod collectors;
pub mod daily;
mod details;
pub mod encoded;
pub mod encoder;
mod expiry;
mod family;
mod gzip;
mod insights;
mod lists;
pub mod own;
pub mod process;
mod series;
mod series_limit;
pub mod settings;
mod sums;
mod text;
mod windows;

use jiff::Timestamp;
use prometheus::Registry;
use smol_str::SmolStr;

use crate::snapshot::Snapshot;

use family::Families;
use settings::Settings;

/// The media type of Prometheus' text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The compression of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// None.
    Identity,
    /// One gzip member.
    Gzip,
    /// Two Zstandard frames.
    Zstd,
}

/// All metrics at `now`, in Prometheus' text format.
#[must_use]
pub fn text(snapshot: &Snapshot, settings: Settings, registry: &Registry, now: Timestamp) -> String {
    business(snapshot, settings, now) + &own::text(registry, Format::Text)
}

/// The billing metrics of a snapshot at `now`, in Prometheus' text format: those of the shard in the settings. Families
/// without a series are omitted.
#[must_use]
pub fn business(snapshot: &Snapshot, settings: Settings, now: Timestamp) -> String {
    business_of_about(0, snapshot, settings, now)
}

/// The same with an initial capacity of `length` bytes. A large text that grows in small steps leaves as much unused
/// memory.
fn business_of_about(length: usize, snapshot: &Snapshot, settings: Settings, now: Timestamp) -> String {
    let mut families = Families::new(settings, length);
    sums::write(&mut families, snapshot, now);
    details::write(&mut families, snapshot, now);
    families.write(windows::coverage(snapshot, now));
    families.write(windows::reconciliation(snapshot, now));
    insights::write(&mut families, snapshot, settings.anomaly_groups, now);
    families.write(lists::commitments(snapshot, now));
    families.write(lists::names(snapshot));
    families.write(lists::report_tasks(snapshot, now));
    families.write(lists::subscriptions(snapshot, now));
    families.write(collectors::collectors(snapshot));
    families.finish()
}

/// The first instant after `now` at which [`business`] may return another text for the same snapshot.
#[must_use]
pub fn valid_until(snapshot: &Snapshot, now: Timestamp) -> Timestamp {
    expiry::valid_until(snapshot, now)
}

fn word(text: &str) -> SmolStr {
    SmolStr::new(text)
}

/// Seconds since 1970, the unit of time in Prometheus.
#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a float until the year 2255")]
fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

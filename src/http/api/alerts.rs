//! `/api/v1/alerts`: the pending, firing and recently resolved alerts.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::alert::{Alert, Current, Labels, Status};
use crate::shard::Shard;
use crate::store::notification_log::Telling;

#[derive(Serialize)]
pub(super) struct List<'a> {
    judged: bool,
    /// Null without shards.
    shard: Option<String>,
    alerts: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    fingerprint: String,
    state: Status,
    since: Timestamp,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    value: Option<f64>,
    threshold: Option<f64>,
    labels: &'a Labels,
    annotations: &'a Labels,
    told: Vec<Told<'a>>,
}

/// The last notification that a channel accepted.
#[derive(Serialize)]
struct Told<'a> {
    channel: &'a str,
    state: Status,
    at: Timestamp,
}

/// Every alert, by name and labels. `judged` is false before the first evaluation, and always in a shard after the first.
pub(super) fn list<'a>(current: &'a Current, shard: Shard, tellings: &'a BTreeMap<u64, Vec<Telling>>) -> List<'a> {
    let mut alerts: Vec<&Alert> = current.iter().flat_map(|alerts| alerts.iter()).map(Arc::as_ref).collect();
    alerts.sort_by_key(|alert| (alert.label("alertname"), &alert.labels));
    let alerts = alerts.into_iter().map(|alert| listed(alert, tellings)).collect();
    List { judged: current.is_some(), shard: shard.name(), alerts }
}

fn listed<'a>(alert: &'a Alert, tellings: &'a BTreeMap<u64, Vec<Telling>>) -> Listed<'a> {
    let number = alert.fingerprint();
    let told = |telling: &'a Telling| {
        let state = if telling.has_ended { Status::Resolved } else { Status::Firing };
        Told { channel: &telling.channel, state, at: telling.at }
    };
    Listed {
        fingerprint: format!("{number:016x}"),
        state: alert.status,
        since: alert.since,
        starts_at: alert.starts_at,
        ends_at: alert.ends_at,
        value: alert.value,
        threshold: alert.threshold,
        labels: &alert.labels,
        annotations: &alert.annotations,
        told: tellings.get(&number).into_iter().flatten().map(told).collect(),
    }
}

//! `/api/v1/alerts`: what is pending, firing or just resolved, and why.

use serde_json::{Value, json};

use std::collections::BTreeMap;

use crate::alert::{Alert, Current, Labels, Status};
use crate::store::outbox::Telling;

/// Where they are.
pub(super) const PATH: &str = "/api/v1/alerts";

/// Every alert as JSON, by name and labels. `judged` is false as long as nothing is known since the start.
pub(super) fn list(current: &Current, tellings: &BTreeMap<u64, Vec<Telling>>) -> String {
    let mut alerts: Vec<&Alert> = current.iter().flat_map(|alerts| alerts.iter()).collect();
    alerts.sort_by_key(|alert| (alert.label("alertname"), &alert.labels));
    let told = |alert: &Alert| tellings.get(&alert.fingerprint()).map_or(&[][..], Vec::as_slice);
    let list: Vec<Value> = alerts.into_iter().map(|one| alert(one, told(one))).collect();
    format!("{}\n", json!({ "judged": current.is_some(), "alerts": list }))
}

fn alert(alert: &Alert, told: &[Telling]) -> Value {
    let texts =
        |texts: &Labels| -> Value { texts.iter().map(|(name, text)| (name.to_string(), json!(**text))).collect() };
    json!({
        "fingerprint": format!("{:016x}", alert.fingerprint()),
        "state": alert.status.as_str(),
        "since": alert.since.to_string(),
        "starts_at": alert.starts_at.to_string(),
        "ends_at": alert.ends_at.map(|end| end.to_string()),
        "value": alert.value,
        "threshold": alert.threshold,
        "labels": texts(&alert.labels),
        "annotations": texts(&alert.annotations),
        "told": told.iter().map(telling).collect::<Vec<_>>(),
    })
}

/// What a channel took last.
fn telling(telling: &Telling) -> Value {
    let state = if telling.has_ended { Status::Resolved } else { Status::Firing };
    json!({ "channel": telling.channel, "state": state.as_str(), "at": telling.at.to_string() })
}

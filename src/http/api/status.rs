//! `/api/v1/status`: the health of the exporter, of each collector and of each window.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::AccountName;
use crate::alert;
use crate::http::app_state::AppState;
use crate::http::wording::{State, sentence};
use crate::snapshot::{Account, Collector, Snapshot, Status, WindowReading};
use crate::store::series::Kind;
use gcore_api::billing::period::Window;

use super::query::Query;
use super::{Answer, json as line};

/// The answer to a query.
pub(super) fn answer(site: &AppState, snapshot: &Snapshot, mut query: Query, now: Timestamp) -> Answer {
    let accounts = query.accounts(snapshot)?;
    query.end(&["account"])?;
    // Writers of alerts do not wait while the answer is made.
    let current = site.alerts.borrow().clone();
    let accounts: Vec<Value> = accounts.map(|(name, account)| self::account(name, account, now)).collect();
    Ok(line(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": now,
        "ready": site.encoder.published().untried().is_empty(),
        "store_writable": site.store.is_writable(),
        "shard": site.shard.name(),
        "alerts": alerts(&current),
        "accounts": accounts,
    })))
}

/// The number of firing alerts by severity. Null before the first evaluation, and in a shard after the first.
fn alerts(current: &alert::Current) -> Option<BTreeMap<String, u64>> {
    let mut firing = BTreeMap::new();
    for alert in current.as_ref()?.iter().filter(|alert| alert.status == alert::Status::Firing) {
        *firing.entry(alert.label("severity").to_owned()).or_default() += 1;
    }
    Some(firing)
}

fn account(name: &AccountName, account: &Account, now: Timestamp) -> Value {
    let collectors: Vec<Value> =
        account.collectors.iter().map(|(collector, status)| self::collector(*collector, status, now)).collect();
    let windows: Vec<Value> =
        windows(Collector::Cost, &account.cost, now).chain(windows(Collector::Usage, &account.usage, now)).collect();
    let days = |kind| account.history_days.get(&kind).copied();
    json!({
        "account": name.as_str(),
        "names_known": account.names_are_known(),
        "stored_days": { "cost": days(Kind::Cost), "usage": days(Kind::Usage) },
        "collectors": collectors,
        "windows": windows,
    })
}

fn collector(collector: Collector, status: &Status, now: Timestamp) -> Value {
    let state = State::of(collector, status, now);
    let failure = status.last_failure.map(|reason| json!({ "reason": reason.as_str(), "text": sentence(reason) }));
    json!({
        "collector": collector.as_str(),
        "state": state.as_str(),
        "may_read": state.may_read(status),
        "interval_seconds": status.interval.as_secs_f64(),
        "last_attempt": status.last_attempt,
        "last_success": status.last_success,
        "age_seconds": status.last_success.map(|at| now.duration_since(at).as_secs().max(0)),
        "last_failure": failure,
    })
}

fn windows<T>(
    collector: Collector,
    readings: &BTreeMap<Window, WindowReading<T>>,
    now: Timestamp,
) -> impl Iterator<Item = Value> {
    readings.iter().map(move |(window, reading)| {
        json!({
            "collector": collector.as_str(),
            "window": window.as_str(),
            "from": reading.period.first(),
            "to": reading.period.last(),
            "read_at": reading.read_at(),
            "current": reading.current(*window, now).is_some(),
            "settled": reading.settled_at <= now,
        })
    })
}

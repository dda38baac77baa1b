//! The last readings as JSON rows of the store, and back.
//!
//! A row holds the data and their time, and no settings. The current configuration decides whether and how long a row
//! counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::collect::settings::{Settings, Windowed};
use crate::snapshot::{Account, Collector, Reading, WindowReading};
use gcore_api::billing::names::Names;
use gcore_api::billing::period::Window;

/// The name of the row with each collector's last success.
const SUCCESSES: &str = "successes";
/// The name of the row with the collectors that lost access.
const ACCESS_LOST: &str = "access_lost";

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    read_at: Timestamp,
    data: T,
}

/// Encodes the body of a row. It runs later, because a large reading takes a while.
pub(super) type Encode = Box<dyn FnOnce() -> serde_json::Result<Vec<u8>> + Send>;

/// The rows of `after` that differ from those of `before`, by name. Without `before`, the stored rows are unknown, so
/// both rows of the status are written, even if they are empty.
pub(super) fn changes(before: Option<&Account>, after: &Account) -> Vec<(String, Encode)> {
    let nothing = Account::default();
    let known = before.filter(|before| before.scope == after.scope);
    let before = known.unwrap_or(&nothing);
    let mut rows = Vec::new();
    for (window, reading) in &after.cost {
        let last = before.cost.get(window).map(WindowReading::reading);
        rows.extend(row(named(Collector::Cost, Some(*window)), last, Some(reading.reading())));
    }
    for (window, reading) in &after.usage {
        let last = before.usage.get(window).map(WindowReading::reading);
        rows.extend(row(named(Collector::Usage, Some(*window)), last, Some(reading.reading())));
    }
    let name = |collector| named(collector, None);
    rows.extend(row(name(Collector::Reports), before.reports.as_ref(), after.reports.as_ref()));
    rows.extend(row(name(Collector::Subscriptions), before.subscriptions.as_ref(), after.subscriptions.as_ref()));
    rows.extend(row(name(Collector::Commitments), before.commitments.as_ref(), after.commitments.as_ref()));
    if after.names_are_known() && !Arc::ptr_eq(&before.names, &after.names) {
        let names = Arc::clone(&after.names);
        rows.push((name(Collector::Names), Box::new(move || serde_json::to_vec(&*names))));
    }
    // The stored rows may list collectors that are good now.
    let is_unknown = known.is_none();
    let successes = successes(after);
    if is_unknown || successes != self::successes(before) {
        rows.push((SUCCESSES.into(), Box::new(move || serde_json::to_vec(&successes))));
    }
    let lost = access_lost(after);
    if is_unknown || lost != access_lost(before) {
        rows.push((ACCESS_LOST.into(), Box::new(move || serde_json::to_vec(&lost))));
    }
    rows
}

fn row<T>(name: String, before: Option<&Reading<T>>, after: Option<&Reading<T>>) -> Option<(String, Encode)>
where
    T: Clone + Serialize + Send + Sync + 'static,
{
    let reading = after.filter(|after| before.is_none_or(|before| !before.is(after)))?.clone();
    let encode = move || serde_json::to_vec(&Kept { read_at: reading.read_at(), data: reading.last() });
    Some((name, Box::new(encode)))
}

fn named(collector: Collector, window: Option<Window>) -> String {
    match window {
        Some(window) => format!("{} {}", collector.as_str(), window.as_str()),
        None => collector.as_str().into(),
    }
}

fn successes(account: &Account) -> BTreeMap<&'static str, Timestamp> {
    let of =
        |(collector, status): (&Collector, &crate::snapshot::Status)| Some((collector.as_str(), status.last_success?));
    account.collectors.iter().filter_map(of).collect()
}

fn access_lost(account: &Account) -> BTreeSet<&'static str> {
    let lost = account.collectors.iter().filter(|(_, status)| status.access_lost);
    lost.map(|(collector, _)| collector.as_str()).collect()
}

/// The names in the rows; empty if they are missing or unreadable.
pub(super) fn names(rows: &[(String, Vec<u8>)]) -> Names {
    let name = named(Collector::Names, None);
    let body = rows.iter().find(|(row, _)| *row == name).map(|(_, body)| body);
    body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
}

/// Restores the rows of an account before its first poll. Unreadable rows, such as those of another version, are left
/// out.
pub(super) fn restore(account: &mut Account, rows: Vec<(String, Vec<u8>)>, collect: &Settings, now: Timestamp) {
    for (name, body) in rows {
        if let Err(error) = restore_row(account, &name, &body, collect, now) {
            tracing::warn!(row = name, %error, "a kept reading cannot be used, and the next poll replaces it");
        }
    }
}

fn restore_row(
    account: &mut Account,
    name: &str,
    body: &[u8],
    collect: &Settings,
    now: Timestamp,
) -> anyhow::Result<()> {
    if name == SUCCESSES {
        let successes: BTreeMap<String, Timestamp> = serde_json::from_slice(body)?;
        for (collector, status) in &mut account.collectors {
            status.last_success = successes.get(collector.as_str()).copied().filter(|at| *at <= now);
        }
        return Ok(());
    }
    if name == ACCESS_LOST {
        let lost: BTreeSet<String> = serde_json::from_slice(body)?;
        for (collector, status) in &mut account.collectors {
            status.access_lost = lost.contains(collector.as_str());
        }
        return Ok(());
    }
    let (collector, window) = name.split_once(' ').unwrap_or((name, ""));
    let collector = Collector::ALL.into_iter().find(|known| known.as_str() == collector);
    let window = || Window::ALL.into_iter().find(|known| known.as_str() == window).context("there is no such window");
    match collector.context("there is no such collector")? {
        Collector::Cost => {
            let window = window()?;
            account.cost.insert(window, window_reading(body, window, &collect.cost, now)?);
        }
        Collector::Usage => {
            let window = window()?;
            account.usage.insert(window, window_reading(body, window, &collect.usage, now)?);
        }
        Collector::Reports => account.reports = Some(reading(body, collect.reports.stale_after, now)?),
        Collector::Subscriptions => {
            account.subscriptions = Some(reading(body, collect.subscriptions.stale_after, now)?);
        }
        Collector::Commitments => account.commitments = Some(reading(body, collect.commitments.stale_after, now)?),
        Collector::Names => account.names = serde_json::from_slice(body).map(Arc::new)?,
        // The history itself finds out how far back the API keeps days.
        Collector::History => {}
    }
    Ok(())
}

fn reading<T: DeserializeOwned>(body: &[u8], good_for: Duration, now: Timestamp) -> anyhow::Result<Reading<T>> {
    let Kept { read_at, data } = serde_json::from_slice(body)?;
    // A reading from the future would never become stale.
    anyhow::ensure!(read_at <= now, "it was read at {read_at}, which has yet to come");
    Ok(Reading::new(data, read_at, good_for))
}

fn window_reading<T: DeserializeOwned>(
    body: &[u8],
    window: Window,
    settings: &Windowed,
    now: Timestamp,
) -> anyhow::Result<WindowReading<T>> {
    let reading = reading(body, settings.stale_after, now)?;
    let period = window.period(reading.read_at());
    Ok(WindowReading::new(reading, period, settings.settle_after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Status;

    fn account(access_lost: bool) -> Account {
        let status = Status { access_lost, ..Status::before_the_first_poll(Duration::from_secs(60)) };
        Account { collectors: [(Collector::Cost, status)].into(), ..Account::default() }
    }

    /// The rows as the store has them after `changes`.
    fn write(stored: &mut BTreeMap<String, Vec<u8>>, before: Option<&Account>, after: &Account) {
        stored.extend(changes(before, after).into_iter().map(|(name, encode)| (name, encode().unwrap())));
    }

    #[test]
    fn a_regained_access_is_written_although_the_stored_rows_are_unknown() {
        let (lost, regained) = (account(true), account(false));
        let other = Account { scope: "other".into(), ..regained.clone() };
        for (name, before, after) in [
            ("as before", Some(&lost), &regained),
            ("after a failed write", None, &regained),
            ("after a reload with the filter of earlier", Some(&other), &regained),
        ] {
            let mut stored = BTreeMap::new();
            write(&mut stored, None, &lost);
            assert_eq!(stored[ACCESS_LOST], br#"["cost"]"#, "{name}");
            write(&mut stored, before, after);
            assert_eq!(stored[ACCESS_LOST], b"[]", "{name}");
            assert_eq!(stored[SUCCESSES], b"{}", "{name}");
        }
        assert!(changes(Some(&regained), &regained).is_empty(), "nothing has changed");
    }
}

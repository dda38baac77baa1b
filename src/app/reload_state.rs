//! Which readings stay true for a new configuration, after a reload or a start.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::aggregate::cost_details::CostDetails;
use crate::collect::settings::{Details, Settings};
use crate::config::Config;
use crate::snapshot::{Account, Collector, Snapshot, Status, current};
use crate::store::series::Kind;

/// The part of a snapshot that is true for the new configuration.
pub(super) fn over(snapshot: &Snapshot, before: &Config, after: &Config) -> Snapshot {
    let account = |(name, settings): (&_, &gcore_api::http::settings::Settings)| {
        let known = snapshot.accounts.get(name).zip(before.accounts.get(name));
        let known = known.filter(|(_, before)| before.api_url == settings.api_url);
        let mut account = known.map(|(account, _)| account.clone()).unwrap_or_default();
        account.scope = settings.scope().into();
        if known.is_some_and(|(_, before)| before.filter != settings.filter) {
            forget(&mut account, Collector::Cost);
            forget(&mut account, Collector::Usage);
            forget(&mut account, Collector::History);
        }
        drop_unasked(&mut account, &after.collect);
        for (collector, schedule) in after.collect.enabled() {
            let interval = schedule.interval;
            let status = account.collectors.get(&collector).copied();
            let status = status.unwrap_or_else(|| Status::before_the_first_poll(interval));
            account.collectors.insert(collector, Status { interval, ..status });
        }
        (name.clone(), account)
    };
    Snapshot { accounts: after.accounts.iter().map(account).collect(), was_ready: snapshot.every_collector_has_tried() }
}

/// Removes readings of collectors and windows that are not configured. Also removes details and labels that the
/// configuration does not ask for in this form.
pub(super) fn drop_unasked(account: &mut Account, collect: &Settings) {
    let enabled: BTreeSet<_> = collect.enabled().map(|(collector, _)| collector).collect();
    for collector in Collector::ALL.into_iter().filter(|collector| !enabled.contains(collector)) {
        forget(account, collector);
    }
    account.cost.retain(|window, _| collect.cost.windows.contains(window));
    for reading in account.cost.values_mut() {
        if reading.last().details.as_ref().is_some_and(|found| !is_asked(found, &collect.cost_details)) {
            reading.amend(|totals| totals.details = None);
        }
    }
    let by_metric = collect.usage_by_metric;
    account.usage.retain(|window, reading| {
        let totals = reading.last();
        let is_fit = if by_metric { totals.values.is_empty() } else { totals.by_metric.is_empty() };
        is_fit && collect.usage.windows.contains(window)
    });
}

fn is_asked(found: &CostDetails, asked: &Details) -> bool {
    let top_resources = found.resources.as_ref().map_or(0, |resources| resources.asked);
    let tag_keys: BTreeSet<_> = asked.tag_keys.iter().collect();
    top_resources == asked.top_resources && found.tags.keys().eq(tag_keys)
}

/// Whether every collector has a fresh reading of everything that is configured. The history is not required.
pub(super) fn is_complete(account: &Account, collect: &Settings, now: Timestamp) -> bool {
    collect.enabled().all(|(collector, _)| match collector {
        Collector::Cost => collect.cost.windows.iter().all(|window| current(&account.cost, *window, now).is_some()),
        Collector::Usage => collect.usage.windows.iter().all(|window| current(&account.usage, *window, now).is_some()),
        Collector::Reports => account.reports.as_ref().is_some_and(|reading| reading.current(now).is_some()),
        Collector::Subscriptions => {
            account.subscriptions.as_ref().is_some_and(|reading| reading.current(now).is_some())
        }
        Collector::Commitments => account.commitments.as_ref().is_some_and(|reading| reading.current(now).is_some()),
        Collector::Names => account.names_are_known(),
        Collector::History => true,
    })
}

/// Removes the readings and the status of a collector.
fn forget(account: &mut Account, collector: Collector) {
    account.collectors.remove(&collector);
    account.shares.remove(&collector);
    match collector {
        Collector::Cost => {
            account.cost.clear();
            account.history_days.remove(&Kind::Cost);
        }
        Collector::Usage => {
            account.usage.clear();
            account.history_days.remove(&Kind::Usage);
        }
        Collector::Reports => account.reports = None,
        Collector::Subscriptions => account.subscriptions = None,
        Collector::Commitments => account.commitments = None,
        Collector::Names => account.names = Arc::default(),
        Collector::History => {
            account.insights = None;
            account.history_days.clear();
        }
    }
}

//! Families of names, report tasks and subscriptions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use crate::snapshot::Snapshot;
use gcore_api::billing::commitment::Commitment;
use gcore_api::billing::subscription::{Subscription, SubscriptionState};

use super::catalog;
use super::family::Gauges;
use super::{seconds, word};

/// The time for which an expired subscription keeps its own series. After that it is only counted.
const EXPIRED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Projects and regions to join by id.
pub(super) fn names(snapshot: &Snapshot) -> [Gauges; 2] {
    let mut projects = Gauges::new(catalog::PROJECT_INFO);
    let mut regions = Gauges::new(catalog::REGION_INFO);
    for (name, account) in &snapshot.accounts {
        for (id, project) in &account.names.projects {
            let id = format_smolstr!("{}", id.0);
            projects.set([word(name.as_str()), id, project.name.clone(), project.state.clone()], 1.0);
        }
        for (id, region) in &account.names.regions {
            let id = format_smolstr!("{}", id.0);
            regions.set([word(name.as_str()), id, region.name.clone(), region.country.clone()], 1.0);
        }
    }
    [projects, regions]
}

/// Commitments.
pub(super) fn commitments(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 3] {
    let mut has_commits = Gauges::new(catalog::HAS_COMMITS);
    let mut month = Gauges::new(catalog::COMMIT_MONTH);
    let mut end = Gauges::new(catalog::COMMIT_END);
    for (name, account) in &snapshot.accounts {
        let Some(totals) = account.commitments.as_ref().and_then(|reading| reading.current(now)) else { continue };
        let name = word(name.as_str());
        has_commits.set([name.clone()], f64::from(u8::from(totals.has_active(now))));
        for (currency, amount) in totals.current_month_amounts(now) {
            month.set([name.clone(), word(currency.as_str())], amount.to_f64());
        }
        for commitment in totals.commitments.iter().filter(|commitment| commitment.is_active(now)) {
            if let Some(at) = commitment.end {
                end.set([name.clone(), commitment.id.clone()], seconds(at));
            }
        }
    }
    [has_commits, month, end]
}

/// Report tasks.
#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 tasks or notes")]
pub(super) fn report_tasks(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 5] {
    let mut tasks = Gauges::new(catalog::REPORT_TASKS);
    let mut last_completed = Gauges::new(catalog::REPORT_LAST_COMPLETED);
    let mut last_failed = Gauges::new(catalog::REPORT_LAST_FAILED);
    let mut oldest_unfinished = Gauges::new(catalog::REPORT_OLDEST_UNFINISHED);
    let mut notes = Gauges::new(catalog::REPORT_NOTES);
    for (name, account) in &snapshot.accounts {
        let Some(totals) = account.reports.as_ref().and_then(|reading| reading.current(now)) else { continue };
        let name = word(name.as_str());
        for ((task_type, status), number) in &totals.tasks {
            tasks.set([name.clone(), word(task_type.as_str()), word(status.as_str())], *number as f64);
        }
        for (task_type, at) in &totals.last_completed {
            last_completed.set([name.clone(), word(task_type.as_str())], seconds(*at));
        }
        for (task_type, at) in &totals.last_failed {
            last_failed.set([name.clone(), word(task_type.as_str())], seconds(*at));
        }
        for ((task_type, status), at) in &totals.oldest_unfinished {
            let labels = [name.clone(), word(task_type.as_str()), word(status.as_str())];
            oldest_unfinished.set(labels, seconds(*at));
        }
        for (task_type, on_newest) in &totals.notes {
            for (severity, number) in [("error", on_newest.errors), ("warning", on_newest.warnings)] {
                notes.set([name.clone(), word(task_type.as_str()), word(severity)], number as f64);
            }
        }
    }
    [tasks, last_completed, last_failed, oldest_unfinished, notes]
}

/// Subscriptions.
pub(super) fn subscriptions(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 5] {
    let mut info = Gauges::new(catalog::SUBSCRIPTION_INFO);
    let mut start = Gauges::new(catalog::SUBSCRIPTION_START);
    let mut end = Gauges::new(catalog::SUBSCRIPTION_END);
    let mut price = Gauges::new(catalog::SUBSCRIPTION_PRICE);
    let mut by_state = Gauges::new(catalog::SUBSCRIPTIONS);
    for (name, account) in &snapshot.accounts {
        let Some(list) = account.subscriptions.as_ref().and_then(|reading| reading.current(now)) else { continue };
        let name = word(name.as_str());
        for ((product, state), number) in count_by_state(list, now) {
            by_state.set([name.clone(), product, word(state.as_str())], f64::from(number));
        }
        for subscription in list.iter().filter(|subscription| has_own_series(subscription, now)) {
            let Subscription { id, client_id, product, feature, calc_rule_type, .. } = subscription.clone();
            let own = || [name.clone(), subscription.id.clone()];
            info.set([name.clone(), id, client_id, product, feature, calc_rule_type], 1.0);
            if let Some(at) = subscription.start {
                start.set(own(), seconds(at));
            }
            if let Some(at) = subscription.end {
                end.set(own(), seconds(at));
            }
            if let Some(amount) = subscription.price {
                let [account, id] = own();
                price.set([account, id, subscription.currency.clone()], amount.to_f64());
            }
        }
    }
    [info, start, end, price, by_state]
}

fn has_own_series(subscription: &Subscription, now: Timestamp) -> bool {
    forgotten_at(subscription).is_none_or(|at| now < at)
}

fn forgotten_at(subscription: &Subscription) -> Option<Timestamp> {
    Some(subscription.end?.checked_add(EXPIRED_FOR).unwrap_or(Timestamp::MAX))
}

/// The first instant after `now` at which a commitment begins or ends.
pub(super) fn next_edge(commitment: &Commitment, now: Timestamp) -> Option<Timestamp> {
    [commitment.start, commitment.end].into_iter().flatten().filter(|at| *at > now).min()
}

/// The first instant after `now` at which the passage of time changes the series of a subscription.
pub(super) fn next_change(subscription: &Subscription, now: Timestamp) -> Option<Timestamp> {
    [subscription.start, subscription.end, forgotten_at(subscription)]
        .into_iter()
        .flatten()
        .filter(|at| *at > now)
        .min()
}

/// The number of subscriptions per product and state, including zeros, so that an alert on one can resolve.
fn count_by_state(list: &[Subscription], now: Timestamp) -> BTreeMap<(SmolStr, SubscriptionState), u32> {
    let mut counts = BTreeMap::new();
    for subscription in list {
        for state in SubscriptionState::ALL {
            let count = counts.entry((subscription.product.clone(), state)).or_default();
            *count += u32::from(subscription.state(now) == state);
        }
    }
    counts
}

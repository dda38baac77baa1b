//! The billing service: report tasks and subscriptions.

use jiff::Timestamp;
use serde::Serialize;

use super::query::Params;
use super::refusal::Refusal;
use super::{Account, Asked, to_json};
use crate::api::STATUSES;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// A page of a billing list.
#[derive(Serialize)]
struct Page<T> {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

/// `GET /billing/org/v1/reports`
///
/// It simulates the documented filters `created_after`, `created_before` and `status`. The documents name no default
/// order; here it is newest first.
pub(super) fn reports(account: &Account, now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let mut params = asked.params.check();
    let (after, before) = (params.instant("created_after"), params.instant("created_before"));
    let statuses = params.all("status");
    if statuses.iter().any(|status| !STATUSES.contains(status)) {
        params.fault("status", format!("Choose among {}.", STATUSES.join(", ")));
    }
    let ordering = params.ordering("-created_at", &["uuid", "created_at", "task_type", "status"]);
    let (limit, offset) = params.paging(DEFAULT_LIMIT, MAX_LIMIT);
    params.finish()?;
    let mut tasks = account.simulator.tasks(now);
    tasks.retain(|task| {
        after.is_none_or(|after| task.created_at > after)
            && before.is_none_or(|before| task.created_at < before)
            && (statuses.is_empty() || statuses.contains(&task.status))
    });
    sort(&mut tasks, &ordering, |task, key| match key {
        "uuid" => task.uuid.clone(),
        "task_type" => task.task_type.to_string(),
        "status" => task.status.to_string(),
        _ => task.created_at.to_string(),
    });
    to_json(&page(tasks, &asked.params, &asked.path, (limit, offset)))
}

/// `GET /billing/org/v1/subscriptions`. It simulates none of the documented filters, and only the ordering `id`.
pub(super) fn subscriptions(account: &Account, _now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let mut params = asked.params.check();
    let ordering = params.ordering("id", &["id"]);
    let paging = params.paging(DEFAULT_LIMIT, MAX_LIMIT);
    params.finish()?;
    let mut subscriptions = account.simulator.subscriptions();
    sort(&mut subscriptions, &ordering, |subscription, _| subscription.id);
    to_json(&page(subscriptions, &asked.params, &asked.path, paging))
}

/// Sorts by several keys. A key with `-` is descending.
fn sort<T, K: Ord>(rows: &mut [T], ordering: &[&str], key_of: impl Fn(&T, &str) -> K) {
    // The least important key comes first, because sorts are stable.
    for key in ordering.iter().rev() {
        match key.strip_prefix('-') {
            Some(key) => rows.sort_by_key(|row| std::cmp::Reverse(key_of(row, key))),
            None => rows.sort_by_key(|row| key_of(row, key)),
        }
    }
}

fn page<T>(rows: Vec<T>, params: &Params, path: &str, (limit, offset): (usize, usize)) -> Page<T> {
    let count = rows.len();
    let (next, previous) = (offset.saturating_add(limit), offset.saturating_sub(limit));
    Page {
        count,
        next: (next < count).then(|| params.link(path, limit, next)),
        previous: (offset > 0).then(|| params.link(path, limit, previous)),
        results: rows.into_iter().skip(offset).take(limit).collect(),
    }
}

//! `/api/v1/budgets`: the status of every budget in the current month.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::insights::budget::BudgetStatus;
use crate::snapshot::Snapshot;
use gcore_api::billing::period::utc_date;

use super::query::Query;
use super::{Answer, json as line};

/// The answer to a query. An account whose history is not read has unknown budgets.
pub(super) fn answer(snapshot: &Snapshot, mut query: Query, now: Timestamp) -> Answer {
    let accounts = query.accounts(snapshot)?;
    query.end(&["account"])?;
    let (mut budgets, mut unknown) = (Vec::new(), Vec::new());
    for (name, account) in accounts {
        match &account.insights {
            Some(insights) => budgets.extend(insights.budgets.iter().map(|status| budget(status, now))),
            None => unknown.push(name.as_str()),
        }
    }
    Ok(line(&json!({ "budgets": budgets, "unknown": unknown })))
}

/// A budget of an ended month has no figures until the history was read in the new one.
fn budget(status: &BudgetStatus, now: Timestamp) -> Value {
    let known = status.of_this_month(now);
    let budget = &status.budget;
    let selector = &budget.selector;
    json!({
        "account": budget.account.as_str(),
        "budget": budget.name,
        "currency": budget.currency,
        "month": utc_date(now).first_of_month(),
        "limit": budget.amount,
        "spent": known.and_then(|known| known.actual),
        "used_ratio": known.and_then(BudgetStatus::used_ratio),
        "forecast": known.and_then(|known| known.forecast),
        "exhausted_at": known.and_then(|known| known.exhausted_at),
        "projects": selector.projects,
        "regions": selector.regions,
        "resource_types": selector.types,
    })
}

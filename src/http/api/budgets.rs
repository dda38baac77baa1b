//! `/api/v1/budgets`: the status of every budget in the current month.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::insights::budget::BudgetStatus;
use crate::snapshot::Snapshot;
use gcore_api::billing::period::utc_date;

use super::query::Query;
use super::{Answer, json as line};

/// The answer to a query.
pub(super) fn answer(snapshot: &Snapshot, mut query: Query, now: Timestamp) -> Answer {
    let account = query.account(snapshot)?;
    query.end(&["account"])?;
    let all = snapshot.accounts.iter().filter(|(name, _)| account.is_none_or(|account| account == *name));
    let statuses = all.filter_map(|(_, account)| account.insights.as_ref()).flat_map(|insights| &insights.budgets);
    let budgets: Vec<Value> = statuses.map(|status| budget(status, now)).collect();
    Ok(line(&json!({ "budgets": budgets })))
}

/// A budget of an ended month has no figures until the history was read in the new one.
fn budget(status: &BudgetStatus, now: Timestamp) -> Value {
    let month = utc_date(now).first_of_month();
    let is_current = status.month == month;
    let budget = &status.budget;
    let selector = &budget.selector;
    json!({
        "account": budget.account.as_str(),
        "budget": budget.name,
        "currency": budget.currency,
        "month": month,
        "limit": budget.amount,
        "spent": status.actual.filter(|_| is_current),
        "used_ratio": status.used_ratio().filter(|_| is_current),
        "forecast": status.forecast.filter(|_| is_current),
        "exhausted_at": status.exhausted_at.filter(|_| is_current),
        "projects": selector.projects,
        "regions": selector.regions,
        "resource_types": selector.types,
    })
}

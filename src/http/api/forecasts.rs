//! `/api/v1/forecasts`: the forecast of the month, of each account and project.

use jiff::Timestamp;
use serde_json::{Value, json};

use cost_insights::Forecast;

use crate::account::AccountName;
use crate::snapshot::{Account, Snapshot};
use gcore_api::billing::period::utc_date;
use gcore_api::billing::resource::Currency;

use super::query::Query;
use super::{Answer, json as line};

/// The answer to a query. An account without current forecasts is in `unknown`.
pub(super) fn answer(snapshot: &Snapshot, mut query: Query, now: Timestamp) -> Answer {
    let accounts = query.accounts(snapshot)?;
    query.end(&["account"])?;
    let (mut forecasts, mut unknown) = (Vec::new(), Vec::new());
    for (name, account) in accounts {
        match of_account(name, account, now) {
            Some(found) => forecasts.extend(found),
            None => unknown.push(name.as_str()),
        }
    }
    let month = utc_date(now).first_of_month();
    Ok(line(&json!({ "month": month, "forecasts": forecasts, "unknown": unknown })))
}

fn of_account(name: &AccountName, account: &Account, now: Timestamp) -> Option<Vec<Value>> {
    let findings = &account.insights.as_ref()?.findings;
    if !findings.foretells(now) {
        return None;
    }
    let whole = findings.account.iter().map(|(currency, forecast)| {
        let subject = json!({ "roll_up": "account" });
        self::forecast(name, &subject, currency, forecast)
    });
    let projects = findings.forecasts.iter().map(|((project, currency), forecast)| {
        let project_name = account.names.project(*project);
        let subject = json!({ "roll_up": "project", "project_id": project.0, "project_name": project_name });
        self::forecast(name, &subject, currency, forecast)
    });
    Some(whole.chain(projects).collect())
}

fn forecast(account: &AccountName, subject: &Value, currency: &Currency, forecast: &Forecast) -> Value {
    let Forecast { month_to_date, estimate, lower, upper } = forecast;
    json!({
        "account": account.as_str(),
        "subject": subject,
        "currency": currency,
        "closed_days": month_to_date,
        "estimate": estimate,
        "lower": lower,
        "upper": upper,
    })
}

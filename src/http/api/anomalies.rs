//! `/api/v1/anomalies`: the anomalies of the last closed day, and their contributors.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::AccountName;
use crate::aggregate::group::Group;
use crate::http::anomaly_list;
use crate::http::anomaly_list::{Anomalies, Anomaly};
use crate::insights::{Judged, Subject};
use crate::snapshot::Snapshot;
use gcore_api::billing::names::Names;

use super::query::Query;
use super::{Answer, json as line};

/// The answer to a query: every anomaly, the highest score first. An account without a recent judged day is in
/// `unknown`.
pub(super) fn answer(snapshot: &Snapshot, mut query: Query, now: Timestamp) -> Answer {
    let accounts = query.accounts(snapshot)?;
    query.end(&["account"])?;
    let Anomalies { list, unknown } = anomaly_list::anomalies(accounts, now);
    let list: Vec<Value> = list
        .iter()
        .map(|Anomaly { account: (name, account), day, judged }| {
            anomaly(name, &account.names, &day.to_string(), judged)
        })
        .collect();
    let unknown: Vec<&str> = unknown.into_iter().map(AccountName::as_str).collect();
    Ok(line(&json!({ "anomalies": list, "unknown": unknown })))
}

fn anomaly(account: &AccountName, names: &Names, day: &str, judged: &Judged) -> Value {
    let Judged { currency, subject, judgement, contributors } = judged;
    let contributors = contributors
        .iter()
        .map(|part| json!({ "group": group(names, &part.group), "excess": part.excess, "share": part.share }));
    json!({
        "account": account.as_str(),
        "day": day,
        "currency": currency.as_str(),
        "subject": self::subject(names, subject),
        "actual": judgement.actual,
        "expected": judgement.expected,
        "upper": judgement.upper,
        "score": judgement.score,
        "reason": judgement.reason.as_str(),
        "explanation": judgement.explanation(currency.as_str()),
        "low_confidence": judgement.low_confidence,
        "contributors": contributors.collect::<Vec<_>>(),
    })
}

fn subject(names: &Names, subject: &Subject) -> Value {
    match subject {
        Subject::Account | Subject::Budget(_) => json!({ "roll_up": "account" }),
        Subject::Project(id) => {
            json!({ "roll_up": "project", "project_id": id.0, "project_name": names.project(*id).as_str() })
        }
        Subject::Type(word) => json!({ "roll_up": "resource_type", "resource_type": word.as_str() }),
        Subject::Group(one) => group(names, one),
    }
}

fn group(names: &Names, group: &Group) -> Value {
    json!({
        "project_id": group.project.0,
        "project_name": names.project(group.project).as_str(),
        "region_id": group.region.map(|region| region.0),
        "region_name": names.region(group.region).as_str(),
        "resource_type": group.resource_type.as_str(),
    })
}

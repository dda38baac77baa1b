//! `/api/v1/anomalies`: the anomalies of the last closed day, and their contributors.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::AccountName;
use crate::aggregate::group::Group;
use crate::insights::{Judged, Subject};
use crate::snapshot::Snapshot;
use gcore_api::billing::names::Names;

/// Every anomaly, the largest excess first.
pub(super) fn list(snapshot: &Snapshot, now: Timestamp) -> Value {
    let mut found: Vec<(f64, Value)> = Vec::new();
    for (name, account) in &snapshot.accounts {
        let judged = account.insights.as_ref().and_then(|insights| insights.findings.news(now));
        for (day, judged) in judged.into_iter().flat_map(|(day, judged)| judged.iter().map(move |judged| (day, judged)))
        {
            if judged.judgement.anomaly {
                found.push((judged.judgement.excess(), anomaly(name, &account.names, &day.to_string(), judged)));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let list: Vec<Value> = found.into_iter().map(|(_, anomaly)| anomaly).collect();
    json!({ "anomalies": list })
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

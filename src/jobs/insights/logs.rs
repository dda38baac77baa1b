//! Logs anomalies, vanished series and idle budgets once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Missing;
use crate::escaping::escaped;
use crate::insights::budget::Budget;
use crate::insights::{DailyAnalysis, Judged, Subject, Whole};
use gcore_api::billing::names::Project;
use gcore_api::billing::resource::{Currency, ProjectId};

/// Logs each anomaly of the newest day once.
pub(super) fn log_anomalies(
    account: &str,
    logged: &mut Option<(Date, BTreeSet<(Subject, Currency)>)>,
    found: &DailyAnalysis,
) {
    let Some(judged) = &found.judged else { return };
    let day = judged.day;
    if logged.as_ref().is_none_or(|(of, _)| *of != day) {
        *logged = Some((day, BTreeSet::new()));
    }
    let Some((_, logged)) = logged else { return };
    for Judged { currency, subject, judgement, .. } in judged.anomalies() {
        if logged.insert((subject.clone(), currency.clone())) {
            let [project_id, region_id, resource_type] = subject.places();
            let (project_id, region_id) = (project_id.as_str(), region_id.as_str());
            let resource_type = escaped(&resource_type);
            let explanation = judgement.explanation(currency.as_str());
            let explanation = escaped(&explanation);
            tracing::info!(account, %day, project_id, region_id, %resource_type, %explanation, "anomaly");
        }
    }
}

/// Logs series that vanished at once, when that is new.
pub(super) fn warn_of_missing(account: &str, before: Option<&Missing>, now: &Missing) {
    let is_new = |(key, since): &(&(Whole, Currency), &Date)| {
        let is_account = key.0 == Whole::Account;
        let is_part = !is_account && now.contains_key(&(Whole::Account, key.1.clone()));
        !is_part && before.is_none_or(|before| before.get(key) != Some(since))
    };
    for ((whole, currency), since) in now.iter().filter(is_new) {
        let what = match whole {
            Whole::Account => "account".to_owned(),
            Whole::Project(project) => format!("project {}", project.0),
            Whole::Region(region) => format!("region {}", region.0),
        };
        tracing::warn!(
            account,
            what,
            currency = currency.as_str(),
            %since,
            "nothing of it has a cost any more; its days count as unknown for ten days, then as its end"
        );
    }
}

/// Logs budgets in a currency that does not occur.
pub(super) fn warn_of_currencies(account: &str, budgets: &[Budget], known: &BTreeSet<Currency>) {
    for budget in budgets.iter().filter(|budget| !known.contains(&budget.currency)) {
        let known = known.iter().map(Currency::as_str).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            account,
            budget = budget.name,
            currency = budget.currency.as_str(),
            "no cost is in the currency of the budget; there is {known}"
        );
    }
}

/// Logs budgets with a project that does not exist.
pub(super) fn warn_of_projects(account: &str, budgets: &[Budget], known: &BTreeMap<ProjectId, Project>) {
    for budget in budgets {
        for project in budget.selector.projects.iter().filter(|id| !known.contains_key(id)) {
            let (budget, project_id) = (budget.name.as_str(), project.0);
            tracing::warn!(account, budget, project_id, "the budget names a project that is not there");
        }
    }
}

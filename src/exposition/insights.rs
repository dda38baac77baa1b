//! Families of the insights: forecasts, anomalies, budgets, revisions.

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use crate::account::AccountName;
use crate::insights::{DailyAnalysis, Judged, JudgedDay, Subject};
use crate::snapshot::Snapshot;
use gcore_api::billing::period::midnight;
use gcore_api::billing::resource::ProjectId;

use super::catalog;
use super::catalog::Family;
use super::family::{Families, Gauges};
use super::series::Place;
use super::sums::{collect, write_groups};
use super::{seconds, word};

/// The value of a judged series in a family.
type Value = fn(&Judged) -> f64;

/// Writes the families. Without a history they have no series.
pub(super) fn write(families: &mut Families, snapshot: &Snapshot, all_groups: bool, now: Timestamp) {
    families.write(forecasts(snapshot, now));
    families.write(budgets(snapshot, now));
    write_anomalies(families, snapshot, all_groups, now);
    let sums = collect(snapshot, |account| {
        let revisions = account.insights.as_ref()?.revisions.iter();
        Some(revisions.map(|(series, revision)| (Place::Own(&series.group), &series.measure, revision.change)))
    });
    write_groups(families, &catalog::COST_REVISION, snapshot, sums, SmolStr::as_str);
}

/// The accounts with a history.
fn findings(snapshot: &Snapshot) -> impl Iterator<Item = (&AccountName, &DailyAnalysis)> {
    snapshot.accounts.iter().filter_map(|(name, account)| Some((name, &*account.insights.as_ref()?.findings)))
}

fn forecasts(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 3] {
    let families = [catalog::MONTH_FORECAST, catalog::MONTH_FORECAST_LOWER, catalog::MONTH_FORECAST_UPPER];
    let mut gauges = families.map(Gauges::new);
    for (name, findings) in findings(snapshot).filter(|(_, findings)| findings.is_of_this_month(now)) {
        let names = &snapshot.accounts[name].names;
        for ((project, currency), forecast) in &findings.forecasts {
            let id = format_smolstr!("{}", project.0);
            let labels = [word(name.as_str()), id, names.project(*project), word(currency.as_str())];
            let values = [forecast.estimate, forecast.lower, forecast.upper];
            for (gauges, value) in gauges.iter_mut().zip(values).filter(|(_, value)| value.is_finite()) {
                gauges.set(labels.clone(), value);
            }
        }
    }
    gauges
}

fn budgets(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 5] {
    let [mut limit, mut actual, mut forecast, mut ratio, mut exhaustion] = [
        catalog::BUDGET_LIMIT,
        catalog::BUDGET_ACTUAL,
        catalog::BUDGET_FORECAST,
        catalog::BUDGET_USED_RATIO,
        catalog::BUDGET_EXHAUSTION,
    ]
    .map(Gauges::new);
    for (name, account) in &snapshot.accounts {
        for status in account.insights.iter().flat_map(|insights| &insights.budgets) {
            let budget = &status.budget;
            let labels = || [word(name.as_str()), word(&budget.name), word(budget.currency.as_str())];
            limit.set(labels(), budget.amount.to_f64());
            let Some(status) = status.of_this_month(now) else { continue };
            for (gauges, value) in [
                (&mut actual, status.actual.map(|amount| amount.to_f64())),
                (&mut forecast, status.forecast),
                (&mut ratio, status.used_ratio()),
                (&mut exhaustion, status.exhausted_at.map(seconds)),
            ] {
                if let Some(value) = value {
                    gauges.set(labels(), value);
                }
            }
        }
    }
    [limit, actual, forecast, ratio, exhaustion]
}

fn write_anomalies(families: &mut Families, snapshot: &Snapshot, all_groups: bool, now: Timestamp) {
    let judged: Vec<(&AccountName, &JudgedDay)> =
        findings(snapshot).filter_map(|(name, findings)| Some((name, findings.news(now)?))).collect();
    let mut days = Gauges::new(catalog::ANOMALY_DAY);
    for (name, judged) in &judged {
        days.set([word(name.as_str())], seconds(midnight(judged.day)));
    }
    families.write([days]);
    let shard = families.shard();
    let series: Vec<(&AccountName, &Judged, [SmolStr; 3])> = judged
        .iter()
        .flat_map(|(name, judged)| judged.judgements().iter().map(|judged| (*name, judged)))
        .filter(|(_, judged)| all_groups || judged.judgement.anomaly || !matches!(judged.subject, Subject::Group(_)))
        .map(|(name, judged)| (name, judged, judged.subject.places()))
        .filter(|(_, _, [project, ..])| shard.holds(project.parse().ok().map(ProjectId)))
        .collect();
    let values: [(Family, Value); 4] = [
        (catalog::ANOMALY_EXPECTED, |judged| judged.judgement.expected),
        (catalog::ANOMALY_UPPER, |judged| judged.judgement.upper),
        (catalog::ANOMALY_ACTUAL, |judged| judged.judgement.actual),
        (catalog::ANOMALY_SCORE, |judged| judged.judgement.score),
    ];
    for (family, value) in values {
        // Unknown values have no series.
        let known = || series.iter().filter(|(_, judged, _)| value(judged).is_finite());
        let count = known().count();
        let exported = count.min(families.series_limit());
        families.begin(&family, exported, count - exported);
        for (name, judged, labels) in known().take(exported) {
            let [project, region, resource_type] = labels;
            let labels = [name.as_str(), judged.currency.as_str(), project, region, resource_type];
            families.text().series(&family, labels, value(judged));
        }
    }
}

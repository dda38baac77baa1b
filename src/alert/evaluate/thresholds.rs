//! Thresholds of the configuration on the costs of a window.

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::snapshot::{Account, Snapshot};
use gcore_api::billing::amount::Amount;

use super::super::settings::{RuleSettings, THRESHOLD, Threshold};
use super::wording::{self, money};
use super::{Case, Facts, HoldDurations, Judgement, Profile, Rule, Settings, Strength, Verdict, Words};

/// A judgement of each threshold.
pub(super) fn judge(snapshot: &Snapshot, settings: &Settings, facts: &Facts, now: Timestamp) -> Vec<Judgement> {
    let judge = |threshold: &Threshold| {
        let mut set = RuleSettings::of(Rule::Watchdog);
        set.severities = vec![threshold.severity.clone()];
        (set.labels, set.annotations) = (threshold.labels.clone(), threshold.annotations.clone());
        let profile = Profile { name: "threshold", alertname: THRESHOLD, ..Rule::Watchdog.profile() };
        let case = Case { profile, set: &set, settings, facts, now };
        let (readings, keep_firing_for) = (threshold.readings, threshold.keep_firing_for);
        let holds = HoldDurations { readings, keep_firing_for, clears: 2, ..HoldDurations::NONE };
        let account = snapshot.accounts.get(&threshold.account);
        let verdict = account.and_then(|account| verdict(&case, account, threshold));
        let place = format!("{}/{}", threshold.account, threshold.name);
        case.judge(&place, holds, verdict.unwrap_or(Verdict::Unknown))
    };
    settings.thresholds.iter().map(judge).collect()
}

fn verdict(case: &Case<'_>, account: &Account, threshold: &Threshold) -> Option<Verdict> {
    let reading = account.cost.get(&threshold.window)?;
    let costs = account.costs(threshold.window, case.now)?;
    let chosen = || {
        costs
            .amounts
            .iter()
            .filter(|(group, currency, _)| **currency == threshold.currency && threshold.selector.selects(group))
    };
    let sum = chosen().map(|(_, _, amount)| amount).fold(Amount::ZERO, Amount::plus);
    let (sum, limit, currency) = (sum.to_f64(), threshold.amount.to_f64(), threshold.currency.as_str());
    let breach = Strength::of(sum, limit).map(|strength| {
        let (name, window) = (&threshold.name, threshold.window.as_str());
        let most = wording::most_costs(&account.names, currency, chosen().map(|(group, _, amount)| (group, amount)));
        let (sum_words, limit_words) = (money(sum, currency), money(limit, currency));
        let summary = format!("Account {}: {name} is at {sum_words}, above {limit_words}", threshold.account);
        let description = format!(
            "The costs of {name}, window {window} ({} to {}, UTC), are {sum_words}; the limit is {limit_words}.{most}",
            reading.period.first(),
            reading.period.last(),
        );
        let own =
            [("threshold", SmolStr::new(name)), ("window", SmolStr::new(window)), ("currency", SmolStr::new(currency))];
        let starts_at = case.since_when(threshold.window, reading.period);
        let breach = case.breach(0, Some(&threshold.account), own, starts_at, Words { summary, description });
        breach.measured(sum, limit).strength(strength)
    });
    Some(Verdict::known(reading.read_at(), breach))
}

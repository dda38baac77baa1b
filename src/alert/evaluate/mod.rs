//! Evaluates every rule on a snapshot.
//!
//! Evaluation is pure and fast: a rule reads sums of groups and never compares groups with each other. If data are
//! missing or stale, the verdict is unknown and alerts keep their state. In complete data, an absent group costs
//! nothing.

mod budgets;
mod data_quality;
mod health;
mod spend;
mod subscriptions;
mod tasks;
mod thresholds;
mod wording;

use std::collections::BTreeMap;

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use crate::account::AccountName;
use crate::snapshot::{Account, Snapshot};
use gcore_api::billing::period::{Period, Window, midnight, utc_date};

use super::alert::Labels;
use super::channels::Delivery;
use super::rule::{Profile, Rule};
use super::rule_judgement::{Breach, HoldDurations, Judgement, Scope, Strength, Verdict};
use super::settings::{RuleSettings, Settings};

/// The state of the daemon itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the daemon started.
    pub started_at: Timestamp,
    /// Whether the store's file can be written.
    pub store_is_writable: bool,
    /// The delivery state of each channel.
    pub channels: BTreeMap<String, Delivery>,
}

/// One judgement for each rule and scope at `now`.
#[must_use]
pub fn evaluate(snapshot: &Snapshot, settings: &Settings, facts: &Facts, now: Timestamp) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    for (rule, set) in settings.rules.iter().filter(|(_, set)| set.enabled) {
        let case = Case { profile: rule.profile(), set, settings, facts, now };
        let of_accounts = |verdict: fn(&Case<'_>, &AccountName, &Account) -> Verdict, holds| {
            let of = move |(name, account): (&AccountName, &Account)| {
                case.judge(name.as_str(), holds, verdict(&case, name, account))
            };
            snapshot.accounts.iter().map(of).collect::<Vec<_>>()
        };
        let twice = HoldDurations { clears: 2, ..HoldDurations::NONE };
        judgements.extend(match rule {
            Rule::SpendAnomaly => of_accounts(spend::anomalies, HoldDurations::NONE),
            Rule::SpendToday => of_accounts(spend::today, twice),
            Rule::NewSpend => of_accounts(spend::novelties, HoldDurations::NONE),
            Rule::BudgetUsed => budgets::used(&case, snapshot),
            Rule::BudgetForecast => budgets::forecast(&case, snapshot),
            Rule::CostUnpriced => of_accounts(data_quality::unpriced, twice),
            Rule::CostMismatch => data_quality::mismatches(&case, snapshot),
            Rule::CostRevised => of_accounts(data_quality::revised, HoldDurations::NONE),
            Rule::CommitmentActive => of_accounts(data_quality::commitments, HoldDurations::NONE),
            Rule::ReportTaskFailed => of_accounts(tasks::failed, HoldDurations::NONE),
            Rule::ReportTaskStuck => of_accounts(tasks::stuck, HoldDurations::NONE),
            Rule::ReportTaskErrors => of_accounts(tasks::with_errors, HoldDurations::NONE),
            Rule::SubscriptionExpiring => of_accounts(subscriptions::expiring, HoldDurations::NONE),
            Rule::SubscriptionExpired => of_accounts(subscriptions::expired, HoldDurations::NONE),
            Rule::KeyRefused => of_accounts(health::refused, case.holds()),
            Rule::AccessLost => health::access_lost(&case, snapshot),
            Rule::CostsUnreadable => vec![health::costs_unreadable(&case, snapshot)],
            Rule::CollectorFailing => health::failing(&case, snapshot),
            Rule::DataStale => health::stale(&case, snapshot),
            Rule::RateLimited => health::rate_limited(&case, snapshot),
            Rule::SeriesLimit => health::series(&case, snapshot),
            Rule::StoreNotWritable => vec![health::store(&case)],
            Rule::NotificationsFailing => health::notifications(&case),
            Rule::Watchdog => vec![health::watchdog(&case)],
        });
    }
    judgements.extend(thresholds::judge(snapshot, settings, facts, now));
    judgements
}

/// One rule with its data.
#[derive(Clone, Copy)]
struct Case<'a> {
    profile: Profile,
    set: &'a RuleSettings,
    settings: &'a Settings,
    facts: &'a Facts,
    now: Timestamp,
}

/// The texts of an alert.
struct Words {
    summary: String,
    description: String,
}

impl Case<'_> {
    /// A judgement of one place, with the configured labels, annotations and mutes.
    fn judge(&self, place: &str, holds: HoldDurations, mut verdict: Verdict) -> Judgement {
        if let Verdict::Known { breaches, .. } = &mut verdict {
            for breach in breaches {
                let added = |added: &Labels| added.clone().into_iter();
                breach.labels.extend(added(&self.set.labels));
                breach.annotations.extend(added(&self.set.annotations));
                if self.settings.mutes.iter().any(|mute| mute.covers(&breach.labels, self.now)) {
                    breach.strength = Strength::Muted;
                }
            }
        }
        let scope = Scope { rule: SmolStr::new_static(self.profile.name), place: SmolStr::new(place) };
        Judgement { scope, holds, verdict }
    }

    /// The configured hold durations of the rule.
    fn holds(&self) -> HoldDurations {
        let (pending_for, keep_firing_for) = (self.set.length("for"), self.set.length("keep_firing_for"));
        HoldDurations { pending_for, keep_firing_for, ..HoldDurations::NONE }
    }

    /// The start of an alert without a time in the data: midnight UTC of the day of its first evaluation. Replicas that
    /// see it on the same day agree.
    fn first_seen(&self) -> Timestamp {
        midnight(utc_date(self.now))
    }

    /// The start of an alert on the sum of a window with these days.
    fn since_when(&self, window: Window, period: Period) -> Timestamp {
        match window {
            Window::Today | Window::Yesterday => period.starts_at(),
            Window::PreviousMonth => period.ends_at(),
            Window::MonthToDate => self.first_seen(),
        }
    }

    /// A breach of a case or step of the rule.
    fn breach(
        &self,
        step: usize,
        account: Option<&AccountName>,
        own: impl IntoIterator<Item = (&'static str, SmolStr)>,
        starts_at: Timestamp,
        Words { summary, description }: Words,
    ) -> Breach {
        let mut labels: Labels = own.into_iter().map(|(name, text)| (SmolStr::new_static(name), text)).collect();
        let mut label = |name, text| drop(labels.insert(SmolStr::new_static(name), text));
        label("alertname", SmolStr::new_static(self.profile.alertname));
        label("severity", self.set.severity(step));
        if let Some(account) = account {
            label("account", SmolStr::new(account.as_str()));
        }
        let section = |base| format_smolstr!("{base}#{}", self.profile.alertname.to_lowercase());
        let runbook = self.settings.runbook_url.as_ref().map(|base| ("runbook_url", section(base)));
        let annotations = [("summary", summary.into()), ("description", description.into())].into_iter().chain(runbook);
        Breach {
            labels,
            annotations: annotations.map(|(name, text)| (SmolStr::new_static(name), text)).collect(),
            value: None,
            threshold: None,
            strength: Strength::Full,
            starts_at,
            period_end: None,
        }
    }
}

impl Verdict {
    /// A known verdict by data of one instant.
    fn known(data_time: Timestamp, breaches: impl IntoIterator<Item = Breach>) -> Self {
        Self::Known { data_time: Some(data_time), breaches: breaches.into_iter().collect() }
    }

    /// A known verdict whose data have no time, such as the status of a channel.
    fn undated(breaches: impl IntoIterator<Item = Breach>) -> Self {
        Self::Known { data_time: None, breaches: breaches.into_iter().collect() }
    }
}

impl Breach {
    /// Adds the measured value and its threshold.
    fn measured(self, value: f64, threshold: f64) -> Self {
        Self { value: Some(value), threshold: Some(threshold), ..self }
    }

    /// Adds the time when the calendar ends the breach.
    fn until(self, period_end: Timestamp) -> Self {
        Self { period_end: Some(period_end), ..self }
    }

    fn strength(self, strength: Strength) -> Self {
        Self { strength, ..self }
    }
}

#[cfg(test)]
mod tests;

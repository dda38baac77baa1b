//! The configuration of alerts (`[alerts]`).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use smol_str::SmolStr;

use crate::account::AccountName;
use crate::insights::budget::{Budget, Selector};
use crate::shard::Shard;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::Currency;

use super::alert::Labels;
use super::rule::Rule;

/// The `alertname` of all alerts of `[[alerts.threshold]]`.
pub const THRESHOLD: &str = "GcoreCostThreshold";

/// The configuration of all rules, thresholds, mutes and budgets.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[alerts.rules]`, complete with defaults.
    pub rules: BTreeMap<Rule, RuleSettings>,
    /// `[[alerts.threshold]]`. Default none.
    pub thresholds: Vec<Threshold>,
    /// `[[alerts.mute]]`. Default none.
    pub mutes: Vec<Mute>,
    /// `[[alerts.budget]]`. Default none. The history has the same budgets.
    pub budgets: Vec<Budget>,
    /// The series limit of a family (`metrics.series_limit`). Default 10000.
    pub series_limit: usize,
    /// The shard of this daemon, whose number of shards divides the series. Default: the only one.
    pub shard: Shard,
    /// The URL of the runbooks. A link adds `#` and the alert's name in lower case. Default `None`: links lead to the
    /// daemon's own page, if its address is known.
    pub runbook_url: Option<String>,
}

/// The configuration of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSettings {
    /// Whether the rule is evaluated. Default true.
    pub enabled: bool,
    /// The severity of each case or step.
    pub severities: Vec<SmolStr>,
    /// The value at which each severity begins, for a rule with steps.
    pub steps: Vec<f64>,
    /// Labels to add. Default none.
    pub labels: Labels,
    /// Annotations to add or replace. Default none.
    pub annotations: Labels,
    numbers: BTreeMap<&'static str, f64>,
    lengths: BTreeMap<&'static str, Duration>,
}

/// A limit on the costs of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The value of the label `threshold`.
    pub name: String,
    /// The account.
    pub account: AccountName,
    /// Selects the costs.
    pub selector: Selector,
    /// The window.
    pub window: Window,
    /// The limit, above zero. A larger sum fires.
    pub amount: Amount,
    /// The currency. Costs in other currencies do not count.
    pub currency: Currency,
    /// The severity. Default warning.
    pub severity: SmolStr,
    /// The number of readings in a row above the limit before it fires. Default 1.
    pub readings: u32,
    /// How long it fires after the last reading above the limit. Default 0.
    pub keep_firing_for: Duration,
    /// Labels to add. Default none.
    pub labels: Labels,
    /// Annotations to add. Default none.
    pub annotations: Labels,
}

/// Alerts that are not sent, always or for a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mute {
    /// The names of the alerts. Empty: all.
    pub alertnames: Vec<SmolStr>,
    /// Labels that an alert must have. Empty: any.
    pub labels: Labels,
    /// Labels that an alert must have, with one of several values. Empty: any.
    pub one_of: BTreeMap<&'static str, Vec<SmolStr>>,
    /// The start. `None`: no start.
    pub from: Option<Timestamp>,
    /// The end. `None`: no end.
    pub until: Option<Timestamp>,
    /// The start (included) and end (excluded) in each UTC day. An end before the start is on the next day. `None`: the
    /// whole day.
    pub hours: Option<(Time, Time)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rule::ALL.into_iter().map(|rule| (rule, RuleSettings::of(rule))).collect(),
            thresholds: Vec::new(),
            mutes: Vec::new(),
            budgets: Vec::new(),
            series_limit: 10_000,
            shard: Shard::default(),
            runbook_url: None,
        }
    }
}

impl RuleSettings {
    /// The defaults of a rule.
    #[must_use]
    pub fn of(rule: Rule) -> Self {
        let profile = rule.profile();
        Self {
            enabled: true,
            severities: profile.severities.iter().map(|(_, severity)| SmolStr::new_static(severity)).collect(),
            steps: profile.steps.to_vec(),
            labels: Labels::new(),
            annotations: Labels::new(),
            numbers: profile.numbers.iter().copied().collect(),
            lengths: profile.lengths.iter().map(|(key, seconds)| (*key, Duration::from_secs(*seconds))).collect(),
        }
    }

    /// The number of the rule for a key; 0 if the rule has none.
    #[must_use]
    pub fn number(&self, key: &str) -> f64 {
        self.numbers.get(key).copied().unwrap_or_default()
    }

    /// The duration of the rule for a key; 0 if the rule has none.
    #[must_use]
    pub fn length(&self, key: &str) -> Duration {
        self.lengths.get(key).copied().unwrap_or_default()
    }

    /// Sets a number.
    pub fn set_number(&mut self, key: &'static str, value: f64) {
        self.numbers.insert(key, value);
    }

    /// Sets a duration.
    pub fn set_length(&mut self, key: &'static str, value: Duration) {
        self.lengths.insert(key, value);
    }

    /// The severity of a case or step, counted from 0.
    #[must_use]
    pub fn severity(&self, step: usize) -> SmolStr {
        self.severities.get(step).or(self.severities.last()).cloned().unwrap_or_default()
    }
}

impl Mute {
    /// Whether an alert with these labels is muted at `now`.
    #[must_use]
    pub fn covers(&self, labels: &Labels, now: Timestamp) -> bool {
        let alertname = labels.get("alertname");
        (self.alertnames.is_empty() || self.alertnames.iter().any(|muted| Some(muted) == alertname))
            && self.labels.iter().all(|(name, text)| labels.get(name) == Some(text))
            && self.one_of.iter().all(|(name, texts)| labels.get(*name).is_some_and(|text| texts.contains(text)))
            && self.is_at(now)
    }

    fn is_at(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
            && self.hours.is_none_or(|(first, end)| {
                let time = now.to_zoned(TimeZone::UTC).time();
                if first < end { first <= time && time < end } else { first <= time || time < end }
            })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn a_mute_has_sharp_edges() {
        let labels: Labels =
            [("alertname", "A"), ("account", "main"), ("project_id", "16")].map(|(n, t)| (n.into(), t.into())).into();
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let hours = |first, end| Mute { hours: Some((time(first, 0, 0, 0), time(end, 0, 0, 0))), ..Mute::default() };
        let days =
            Mute { from: Some(at("2026-12-24T00:00:00Z")), until: Some(at("2026-12-27T00:00:00Z")), ..Mute::default() };
        let named = |name: &str| Mute { alertnames: vec![name.into()], ..Mute::default() };
        let account = |name: &str| Mute { labels: [("account".into(), name.into())].into(), ..Mute::default() };
        let projects = |ids: &[&str]| Mute {
            one_of: [("project_id", ids.iter().copied().map(SmolStr::new).collect())].into(),
            ..Mute::default()
        };
        for (name, mute, now, want) in [
            ("everything", Mute::default(), "2026-12-24T00:00:00Z", true),
            ("first moment", days.clone(), "2026-12-24T00:00:00Z", true),
            ("before", days.clone(), "2026-12-23T23:59:59Z", false),
            ("end", days, "2026-12-27T00:00:00Z", false),
            ("first hour", hours(8, 18), "2026-12-24T08:00:00Z", true),
            ("last hour", hours(8, 18), "2026-12-24T18:00:00Z", false),
            ("before midnight", hours(22, 6), "2026-12-24T22:00:00Z", true),
            ("after midnight", hours(22, 6), "2026-12-24T05:59:59Z", true),
            ("by day", hours(22, 6), "2026-12-24T06:00:00Z", false),
            ("its name", named("A"), "2026-12-24T06:00:00Z", true),
            ("another name", named("B"), "2026-12-24T06:00:00Z", false),
            ("its label", account("main"), "2026-12-24T06:00:00Z", true),
            ("another label", account("other"), "2026-12-24T06:00:00Z", false),
            ("one of its projects", projects(&["7", "16"]), "2026-12-24T06:00:00Z", true),
            ("none of its projects", projects(&["7", "1"]), "2026-12-24T06:00:00Z", false),
        ] {
            assert_eq!(mute.covers(&labels, at(now)), want, "{name}");
        }
    }
}

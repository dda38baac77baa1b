//! The table of built-in rules, with names, numbers and defaults.

/// A built-in rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A closed day cost more than its upper bound.
    SpendAnomaly,
    /// Today already costs more than an ordinary whole day.
    SpendToday,
    /// A share of a budget was spent.
    BudgetUsed,
    /// The forecast of the month is above a budget.
    BudgetForecast,
    /// A resource type or a region has its first costs.
    NewSpend,
    /// Records without a price.
    CostUnpriced,
    /// The costs of a settled window differ from the API's own total.
    CostMismatch,
    /// Costs of settled days changed.
    CostRevised,
    /// With commitments, the pay-as-you-go report overstates the costs.
    CommitmentActive,
    /// A report task failed.
    ReportTaskFailed,
    /// A report task runs too long.
    ReportTaskStuck,
    /// A report task completed with errors.
    ReportTaskErrors,
    /// A subscription is about to end.
    SubscriptionExpiring,
    /// A subscription has ended.
    SubscriptionExpired,
    /// A collector's polls fail.
    CollectorFailing,
    /// The last good poll of a collector is too old.
    DataStale,
    /// The API refuses the key.
    KeyRefused,
    /// A source that was readable is refused now.
    AccessLost,
    /// No account can read its costs.
    CostsUnreadable,
    /// The API answers 429.
    RateLimited,
    /// A family reached its series limit.
    SeriesLimit,
    /// The store's file cannot be written.
    StoreNotWritable,
    /// A channel does not accept notifications.
    NotificationsFailing,
    /// Always fires. Its absence shows that alerts do not arrive.
    Watchdog,
}

/// The names, numbers and defaults of a rule.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Its table in the configuration: `[alerts.rules.NAME]`.
    pub name: &'static str,
    /// The `alertname` of its alerts, and the heading of its runbook.
    pub alertname: &'static str,
    /// The severities of its alerts, each with its key in the configuration. All steps share the key `severities`.
    pub severities: &'static [(&'static str, &'static str)],
    /// The value at which each severity begins, for a rule with steps.
    pub steps: &'static [f64],
    /// The key and default of each number. All are above zero.
    pub numbers: &'static [(&'static str, f64)],
    /// The key and default of each duration, in seconds.
    pub lengths: &'static [(&'static str, u64)],
}

const HOUR: u64 = 3_600;

const INFO: &[(&str, &str)] = &[("severity", "info")];
const WARNING: &[(&str, &str)] = &[("severity", "warning")];
const CRITICAL: &[(&str, &str)] = &[("severity", "critical")];

const fn profile(
    name: &'static str,
    alertname: &'static str,
    severities: &'static [(&'static str, &'static str)],
) -> Profile {
    Profile { name, alertname, severities, steps: &[], numbers: &[], lengths: &[] }
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 24] = [
        Self::SpendAnomaly,
        Self::SpendToday,
        Self::BudgetUsed,
        Self::BudgetForecast,
        Self::NewSpend,
        Self::CostUnpriced,
        Self::CostMismatch,
        Self::CostRevised,
        Self::CommitmentActive,
        Self::ReportTaskFailed,
        Self::ReportTaskStuck,
        Self::ReportTaskErrors,
        Self::SubscriptionExpiring,
        Self::SubscriptionExpired,
        Self::CollectorFailing,
        Self::DataStale,
        Self::KeyRefused,
        Self::AccessLost,
        Self::CostsUnreadable,
        Self::RateLimited,
        Self::SeriesLimit,
        Self::StoreNotWritable,
        Self::NotificationsFailing,
        Self::Watchdog,
    ];

    /// The names, numbers and defaults of the rule.
    #[must_use]
    pub const fn profile(self) -> Profile {
        PROFILES[self as usize]
    }
}

/// One row for each rule, in the order of [`Rule::ALL`].
const PROFILES: [Profile; Rule::ALL.len()] = [
    Profile {
        numbers: &[("min_excess", 5.0), ("critical_factor", 2.0)],
        ..profile("spend_anomaly", "GcoreSpendAnomaly", &[("severity", "warning"), ("critical_severity", "critical")])
    },
    Profile { numbers: &[("factor", 1.5), ("min_excess", 10.0)], ..profile("spend_today", "GcoreSpendToday", WARNING) },
    Profile {
        steps: &[50.0, 80.0, 100.0, 120.0],
        ..profile(
            "budget_used",
            "GcoreBudgetUsed",
            &[
                ("severities", "info"),
                ("severities", "warning"),
                ("severities", "critical"),
                ("severities", "critical"),
            ],
        )
    },
    Profile { numbers: &[("percent", 100.0)], ..profile("budget_forecast", "GcoreBudgetForecast", WARNING) },
    Profile { numbers: &[("min_amount", 1.0)], ..profile("new_spend", "GcoreNewSpend", INFO) },
    Profile { numbers: &[("min_records", 1.0)], ..profile("cost_unpriced", "GcoreCostUnpriced", INFO) },
    Profile { numbers: &[("readings", 2.0)], ..profile("cost_mismatch", "GcoreCostMismatch", WARNING) },
    Profile { numbers: &[("min_amount", 1.0)], ..profile("cost_revised", "GcoreCostRevised", INFO) },
    profile("commitment_active", "GcoreCommitmentActive", INFO),
    profile("report_task_failed", "GcoreReportTaskFailed", WARNING),
    Profile { lengths: &[("after", 2 * HOUR)], ..profile("report_task_stuck", "GcoreReportTaskStuck", WARNING) },
    profile("report_task_errors", "GcoreReportTaskErrors", INFO),
    Profile {
        steps: &[30.0, 7.0, 1.0],
        ..profile(
            "subscription_expiring",
            "GcoreSubscriptionExpiring",
            &[("severities", "warning"), ("severities", "critical"), ("severities", "critical")],
        )
    },
    Profile {
        lengths: &[("until", 7 * 24 * HOUR)],
        ..profile("subscription_expired", "GcoreSubscriptionExpired", WARNING)
    },
    Profile {
        lengths: &[("for", HOUR / 2), ("keep_firing_for", 0)],
        ..profile("collector_failing", "GcoreCollectorFailing", WARNING)
    },
    Profile {
        numbers: &[("intervals", 3.0)],
        lengths: &[("for", HOUR / 6)],
        ..profile("data_stale", "GcoreDataStale", WARNING)
    },
    Profile { lengths: &[("for", HOUR / 6)], ..profile("key_refused", "GcoreKeyRefused", CRITICAL) },
    Profile {
        lengths: &[("for", HOUR / 2)],
        ..profile("access_lost", "GcoreAccessLost", &[("severity", "warning"), ("critical_severity", "critical")])
    },
    Profile { lengths: &[("for", HOUR / 2)], ..profile("costs_unreadable", "GcoreCostsUnreadable", CRITICAL) },
    Profile {
        lengths: &[("for", HOUR / 2), ("keep_firing_for", HOUR)],
        ..profile("rate_limited", "GcoreRateLimited", WARNING)
    },
    profile("series_limit", "GcoreSeriesLimit", WARNING),
    Profile { lengths: &[("for", HOUR / 6)], ..profile("store_not_writable", "GcoreStoreNotWritable", WARNING) },
    Profile { lengths: &[("for", HOUR / 6)], ..profile("notifications_failing", "GcoreNotificationsFailing", WARNING) },
    profile("watchdog", "GcoreWatchdog", &[("severity", "none")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_that_of_its_rule() {
        for rule in Rule::ALL {
            let (profile, word) = (rule.profile(), format!("{rule:?}"));
            assert_eq!(profile.alertname, format!("Gcore{word}"));
            assert_eq!(profile.alertname, format!("Gcore{}", camel(profile.name)));
            assert!(profile.steps.is_empty() || profile.steps.len() == profile.severities.len(), "{word}");
        }
    }

    fn camel(snake: &str) -> String {
        let word = |word: &str| word[..1].to_uppercase() + &word[1..];
        snake.split('_').map(word).collect()
    }
}

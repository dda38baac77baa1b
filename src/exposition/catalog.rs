//! The table of all families that are made from the snapshot.
//!
//! Names, labels and units are a contract with dashboards and rules, and a change breaks them. Metrics of the daemon's
//! own work are defined beside that work (`gcore_api::http::metrics`, `collect::metrics`).

use gcore_api::billing::period::Window;

/// A family of gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The metric's name.
    pub name: &'static str,
    /// The help text.
    pub help: &'static str,
    /// Its labels, in the order of the output.
    pub labels: &'static [&'static str],
    /// Whether the number of series grows with the API's data, so that the series limit applies. Otherwise the
    /// configuration bounds it.
    pub grows: bool,
    /// Whether it is about the daemon itself, so that every shard has its own series. Otherwise each series belongs to one
    /// shard.
    pub of_daemon: bool,
}

const fn family(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { name, help, labels, grows: false, of_daemon: false }
}

const fn growing(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { grows: true, ..family(name, help, labels) }
}

/// A family of the daemon itself.
const fn own(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { of_daemon: true, ..family(name, help, labels) }
}

const MONEY: &[&str] =
    &["account", "project_id", "project_name", "region_id", "region_name", "resource_type", "currency"];
const QUANTITY: &[&str] =
    &["account", "project_id", "project_name", "region_id", "region_name", "resource_type", "unit"];
const METERED: &[&str] =
    &["account", "project_id", "project_name", "region_id", "region_name", "resource_type", "unit", "billing_metric"];
const RESOURCE: &[&str] = &[
    "account",
    "project_id",
    "project_name",
    "region_id",
    "region_name",
    "resource_type",
    "currency",
    "resource_id",
    "resource_name",
];
const FORECAST: &[&str] = &["account", "project_id", "project_name", "currency"];
const BUDGET: &[&str] = &["account", "budget", "currency"];
const ANOMALY: &[&str] = &["account", "currency", "project_id", "region_id", "resource_type"];
const ACCOUNT: &[&str] = &["account"];
const RECONCILIATION: &[&str] = &["account", "currency", "window"];
const COLLECTOR: &[&str] = &["account", "collector"];
const WINDOW: &[&str] = &["account", "collector", "window"];
const TASK_TYPE: &[&str] = &["account", "task_type"];
const SUBSCRIPTION: &[&str] = &["account", "subscription_id"];

/// The cost family of a window.
#[must_use]
pub const fn cost(window: Window) -> Family {
    match window {
        Window::Today => growing(
            "gcore_cost_today_amount",
            "Cost of this UTC day so far at pay-as-you-go prices, provisional. Cached, refreshed by polling.",
            MONEY,
        ),
        Window::Yesterday => growing(
            "gcore_cost_yesterday_amount",
            "Cost of the last full UTC day; may be revised for a day. Cached, refreshed by polling.",
            MONEY,
        ),
        Window::MonthToDate => growing(
            "gcore_cost_month_to_date_amount",
            "Cost from the 1st of the month 00:00 UTC until now. Cached, refreshed by polling.",
            MONEY,
        ),
        Window::PreviousMonth => growing(
            "gcore_cost_previous_month_amount",
            "Cost of the whole previous month; may be revised for a day. Cached, refreshed by polling.",
            MONEY,
        ),
    }
}

/// The usage family of a window.
#[must_use]
pub const fn usage(window: Window) -> Family {
    match window {
        Window::Today => growing(
            "gcore_usage_today_billing_value",
            "Usage of this UTC day so far in the API's own unit. Cached, refreshed by polling.",
            QUANTITY,
        ),
        Window::Yesterday => growing(
            "gcore_usage_yesterday_billing_value",
            "Usage of the last full UTC day in the API's own unit. Cached, refreshed by polling.",
            QUANTITY,
        ),
        Window::MonthToDate => growing(
            "gcore_usage_month_to_date_billing_value",
            "Usage since the 1st of the month 00:00 UTC in the API's own unit. Cached, refreshed by polling.",
            QUANTITY,
        ),
        Window::PreviousMonth => growing(
            "gcore_usage_previous_month_billing_value",
            "Usage of the whole previous month in the API's own unit. Cached, refreshed by polling.",
            QUANTITY,
        ),
    }
}

/// The usage family of a window, split by billing metric.
#[must_use]
pub const fn usage_by_metric(window: Window) -> Family {
    Family { labels: METERED, ..usage(window) }
}

/// The cost of each stored day. Only `backfill` writes it, never `/metrics`.
pub const COST_DAILY: Family = growing(
    "gcore_cost_daily_amount",
    "Cost of the UTC day that ends with the sample, at pay-as-you-go prices. Backfilled from the stored history.",
    MONEY,
);
/// The usage of each stored day. Only `backfill` writes it, never `/metrics`.
pub const USAGE_DAILY: Family = growing(
    "gcore_usage_daily_billing_value",
    "Usage in the UTC day that ends with the sample, in the API's own unit. Backfilled from the stored history.",
    QUANTITY,
);
/// Costs by tag.
pub const TAG_COST: Family = growing(
    "gcore_tag_cost_month_to_date_amount",
    "Cost of the month to date by the value of a tag; an empty value is for resources without it. Cached, refreshed by polling.",
    &["account", "currency", "tag_key", "tag_value"],
);
/// The resources with the largest costs.
pub const RESOURCE_COST: Family = growing(
    "gcore_resource_cost_month_to_date_amount",
    "Cost of the month to date of the most expensive resources; all others are __other__. Cached, refreshed by polling.",
    RESOURCE,
);
/// The forecast of the month.
pub const MONTH_FORECAST: Family = growing(
    "gcore_cost_month_forecast_amount",
    "Estimate of what the current month will have cost at its end, from the daily history.",
    FORECAST,
);
/// The lower end of the forecast's band.
pub const MONTH_FORECAST_LOWER: Family =
    growing("gcore_cost_month_forecast_lower_amount", "Lower end of the band in which 4 of 5 months end.", FORECAST);
/// The upper end of the forecast's band.
pub const MONTH_FORECAST_UPPER: Family =
    growing("gcore_cost_month_forecast_upper_amount", "Upper end of the band in which 4 of 5 months end.", FORECAST);
/// The limit of a budget.
pub const BUDGET_LIMIT: Family =
    family("gcore_budget_limit_amount", "How much the budget allows for a calendar month.", BUDGET);
/// The cost of the month so far that counts for a budget.
pub const BUDGET_ACTUAL: Family = family(
    "gcore_budget_actual_amount",
    "What was spent of the budget this month, today included. Cached, refreshed by polling.",
    BUDGET,
);
/// The forecast of the cost that counts for a budget.
pub const BUDGET_FORECAST: Family = family(
    "gcore_budget_forecast_amount",
    "Estimate of what will have been spent of the budget at the end of the month.",
    BUDGET,
);
/// The spent share of a budget.
pub const BUDGET_USED_RATIO: Family =
    family("gcore_budget_used_ratio", "Share of the budget that was spent this month; 1 is all of it.", BUDGET);
/// The time when a budget is exhausted.
pub const BUDGET_EXHAUSTION: Family = family(
    "gcore_budget_exhaustion_timestamp_seconds",
    "When the budget is, or was, used up at the pace of the forecast; no series: not this month.",
    BUDGET,
);
/// The judged day.
pub const ANOMALY_DAY: Family =
    family("gcore_anomaly_day_timestamp_seconds", "Start of the UTC day that the anomaly families are of.", ACCOUNT);
/// The expectation of that day.
pub const ANOMALY_EXPECTED: Family =
    growing("gcore_anomaly_expected_amount", "What the last closed day was expected to cost.", ANOMALY);
/// The upper bound of that day.
pub const ANOMALY_UPPER: Family = growing(
    "gcore_anomaly_upper_amount",
    "The most that the last closed day could cost without being out of the usual.",
    ANOMALY,
);
/// The cost of that day.
pub const ANOMALY_ACTUAL: Family = growing("gcore_anomaly_actual_amount", "What the last closed day cost.", ANOMALY);
/// The distance from the expectation, in units of the distance to the upper bound.
pub const ANOMALY_SCORE: Family = growing(
    "gcore_anomaly_score",
    "Distance of the last closed day's cost from the expectation in units of the distance to the upper bound; above 1 is an anomaly.",
    ANOMALY,
);
/// The revisions of settled days.
pub const COST_REVISION: Family =
    growing("gcore_cost_revision_amount", "By how much settled days were found changed in the last 7 days.", MONEY);
/// The start of a window's days.
pub const WINDOW_START: Family =
    family("gcore_window_start_timestamp_seconds", "Start of the days that a window covers.", WINDOW);
/// The end of a window's days.
pub const WINDOW_END: Family =
    family("gcore_window_end_timestamp_seconds", "End of the days that a window covers, exclusive.", WINDOW);
/// Whether a window is settled.
pub const WINDOW_SETTLED: Family =
    family("gcore_window_settled", "1 once the window's days are past the settling delay.", WINDOW);
/// The end of the data.
pub const DATA_THROUGH: Family = family(
    "gcore_data_through_timestamp_seconds",
    "Newest time at which any resource in the data was metered. Cached, refreshed by polling.",
    COLLECTOR,
);
/// Records with an unknown cost.
pub const UNPRICED_RECORDS: Family = growing(
    "gcore_cost_unpriced_records",
    "Records without a usable price, whose cost is in no sum. Cached, refreshed by polling.",
    &["account", "resource_type", "reason"],
);
/// The API's status of its prices.
pub const PRICE_STATUS: Family = growing(
    "gcore_cost_price_status",
    "1 for the status that the API gives its prices, 0 for the others. Cached, refreshed by polling.",
    &["account", "status"],
);
/// The difference between the sums and the API's own totals.
pub const RECONCILIATION_DIFFERENCE: Family = growing(
    "gcore_cost_reconciliation_difference_amount",
    "Sum of all cost series of a window less the API's own total. Cached, refreshed by polling.",
    RECONCILIATION,
);
/// The largest expected difference.
pub const RECONCILIATION_TOLERANCE: Family = growing(
    "gcore_cost_reconciliation_tolerance_amount",
    "Difference that the API's rounding of each line to 5 decimals can explain. Cached, refreshed by polling.",
    RECONCILIATION,
);
/// Whether pay-as-you-go prices overstate the cost.
pub const HAS_COMMITS: Family = family(
    "gcore_plan_has_commits",
    "1 while a commitment is active: the cost families, at pay-as-you-go prices, then overstate.",
    ACCOUNT,
);
/// The cost of the month under the commitments.
pub const COMMIT_MONTH: Family = growing(
    "gcore_commit_month_amount",
    "Cost of the current month under the commitments, overcommit included. Cached, refreshed by polling.",
    &["account", "currency"],
);
/// The end of a commitment.
pub const COMMIT_END: Family = growing(
    "gcore_commit_end_timestamp_seconds",
    "When an active commitment ends; no series where it is open-ended. Cached, refreshed by polling.",
    &["account", "reservation_id"],
);
/// Projects, to join by id.
pub const PROJECT_INFO: Family =
    growing("gcore_project_info", "A project, always 1.", &["account", "project_id", "project_name", "state"]);
/// Regions, to join by id.
pub const REGION_INFO: Family =
    growing("gcore_region_info", "A region, always 1.", &["account", "region_id", "region_name", "country"]);
/// Tasks by type and status.
pub const REPORT_TASKS: Family = growing(
    "gcore_report_tasks",
    "Report tasks created within the look-back. Cached, refreshed by polling.",
    &["account", "task_type", "status"],
);
/// The newest completed task.
pub const REPORT_LAST_COMPLETED: Family = growing(
    "gcore_report_task_last_completed_timestamp_seconds",
    "When the newest completed task of a type ended. Cached, refreshed by polling.",
    TASK_TYPE,
);
/// The newest failed task.
pub const REPORT_LAST_FAILED: Family = growing(
    "gcore_report_task_last_failed_timestamp_seconds",
    "When the newest failed task of a type ended. Cached, refreshed by polling.",
    TASK_TYPE,
);
/// The oldest unfinished task.
pub const REPORT_OLDEST_UNFINISHED: Family = growing(
    "gcore_report_task_oldest_unfinished_timestamp_seconds",
    "When the oldest pending or running task was created. Cached, refreshed by polling.",
    &["account", "task_type", "status"],
);
/// Notes on the newest task.
pub const REPORT_NOTES: Family = growing(
    "gcore_report_task_notes",
    "Errors and warnings noted on the newest task of a type. Cached, refreshed by polling.",
    &["account", "task_type", "severity"],
);
/// Subscriptions, to join by id.
pub const SUBSCRIPTION_INFO: Family = growing(
    "gcore_subscription_info",
    "A subscription, always 1; gone 30 days after its end.",
    &["account", "subscription_id", "client_id", "product", "feature", "calc_rule_type"],
);
/// The start of a subscription.
pub const SUBSCRIPTION_START: Family = growing(
    "gcore_subscription_active_start_timestamp_seconds",
    "When a subscription begins. Cached, refreshed by polling.",
    SUBSCRIPTION,
);
/// The end of a subscription.
pub const SUBSCRIPTION_END: Family = growing(
    "gcore_subscription_active_end_timestamp_seconds",
    "When a subscription ends; no series where it is open-ended. Cached, refreshed by polling.",
    SUBSCRIPTION,
);
/// The price of a subscription.
pub const SUBSCRIPTION_PRICE: Family = growing(
    "gcore_subscription_price_amount",
    "Price of a subscription as reported, where it is one number. Cached, refreshed by polling.",
    &["account", "subscription_id", "currency"],
);
/// Subscriptions by state.
pub const SUBSCRIPTIONS: Family =
    growing("gcore_subscriptions", "Subscriptions by product and state.", &["account", "product", "state"]);
/// Whether the last poll was good.
pub const UP: Family =
    own("gcore_up", "1 if the last poll read everything whole; no series before the first poll.", COLLECTOR);
/// Whether the key has access to a source.
pub const SUPPORTED: Family =
    own("gcore_collector_supported", "0 if the key may not read this source (403 or 404), else 1.", COLLECTOR);
/// Whether a source was readable and is refused now.
pub const ACCESS_LOST: Family =
    own("gcore_collector_access_lost", "1 if the source was readable and is refused now, else 0.", COLLECTOR);
/// The interval of a collector.
pub const POLL_INTERVAL: Family =
    own("gcore_poll_interval_seconds", "From the start of one poll to the start of the next.", COLLECTOR);
/// The last poll.
pub const POLL_LAST_ATTEMPT: Family =
    own("gcore_poll_last_attempt_timestamp_seconds", "When the last finished poll began.", COLLECTOR);
/// The last good poll.
pub const POLL_LAST_SUCCESS: Family =
    own("gcore_poll_last_success_timestamp_seconds", "When the last wholly good poll began.", COLLECTOR);
/// The number of stored days. The name avoids `days`, which promtool takes for a unit of time.
pub const HISTORY_READINGS: Family = own(
    "gcore_history_readings",
    "UTC days of the past of which the store holds what a collector reads, one reading each.",
    COLLECTOR,
);
/// The number of series of a family.
pub const SERIES: Family =
    own("gcore_series", "Series exported of a family whose number grows with the data.", &["family"]);
/// The series limit of a family.
pub const SERIES_LIMIT: Family =
    own("gcore_series_limit", "The most series that a family may have: metrics.series_limit.", &["family"]);
/// The series beyond the limit.
pub const SERIES_DROPPED: Family = own(
    "gcore_series_dropped",
    "Series that did not fit in a family: sums folded into __other__, or entries of a list left out.",
    &["family"],
);
/// The number of shards, of a daemon that is one of several.
pub const SHARDS: Family = own("gcore_shards", "Shards of the accounts, this one included.", &["shard"]);

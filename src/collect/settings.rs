//! Settings of the collectors.

use std::time::Duration;

use smol_str::SmolStr;

use crate::insights::budget::Budget;
use gcore_api::billing::period::Window;

/// Settings of all collectors (`[collect]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[collect.cost]`
    pub cost: Windowed,
    /// `method` of `[collect.cost]`. Default auto.
    pub cost_method: Method,
    /// The details of single resources: `tag_keys` and `top_resources` of `[metrics]`. Default none.
    pub cost_details: Details,
    /// `[collect.usage]`
    pub usage: Windowed,
    /// `billing_metric` of `[metrics]`: whether usage is split by it. Default false.
    pub usage_by_metric: bool,
    /// `[collect.reports]`
    pub reports: Reports,
    /// `[collect.subscriptions]`
    pub subscriptions: Listed,
    /// `[collect.commitments]`
    pub commitments: Listed,
    /// `[collect.names]`. Names never become stale: an old name is better than none.
    pub names: Schedule,
    /// `[collect.history]`
    pub history: History,
}

/// The schedule of one collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Whether it polls. Default true.
    pub enabled: bool,
    /// The time from the start of one poll to the start of the next.
    pub interval: Duration,
    /// The longest time of one poll, including all its requests and retries.
    pub timeout: Duration,
}

/// A collector that reads one report per window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windowed {
    /// Its schedule.
    pub schedule: Schedule,
    /// The age at which the last reading becomes stale. Never shorter than the interval.
    pub stale_after: Duration,
    /// The windows of the reports. Each is a metric family.
    pub windows: Vec<Window>,
    /// The time from the end of a period until it is settled. Default 24 h.
    pub settle_after: Duration,
}

/// The method of reading costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The method with fewer requests.
    Auto,
    /// Every resource, page by page.
    Resources,
    /// One request per project for its totals.
    Totals,
}

/// The details of single resources in the costs of the month to date. Any detail requires reading by resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The tag keys by whose values costs are exported. Default none.
    pub tag_keys: Vec<SmolStr>,
    /// The number of exported resources with the largest costs, per account and currency. Default 0.
    pub top_resources: usize,
}

/// The collector of report tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reports {
    /// Its schedule.
    pub schedule: Schedule,
    /// The age at which the last reading becomes stale. Never shorter than the interval.
    pub stale_after: Duration,
    /// The age of the oldest tasks, by their creation. Default 7 days.
    pub look_back: Duration,
}

/// The collector of past days. It yields to all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Its schedule.
    pub schedule: Schedule,
    /// The number of days before today that are read. Default 35, at most 400.
    pub days: u16,
    /// The age at which a settled day is read again. It applies to the last [`History::RECHECKED`] days, and to one in
    /// [`History::SAMPLED`] days before. Default 7 days.
    pub recheck_after: Duration,
    /// The largest number of stored series of all accounts, for costs and for usage: `metrics.series_limit`. Further
    /// series are stored as one. Default 10,000.
    pub series_limit: usize,
    /// `[[alerts.budget]]`, the budgets to forecast. Default none.
    pub budgets: Vec<Budget>,
}

/// A collector that reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its schedule.
    pub schedule: Schedule,
    /// The age at which the last reading becomes stale. Never shorter than the interval.
    pub stale_after: Duration,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Resources, Self::Totals];

    /// The name of this method in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Resources => "resources",
            Self::Totals => "totals",
        }
    }
}

impl History {
    /// The number of past days whose settled amounts the provider may still revise.
    pub const RECHECKED: u16 = 35;

    /// Older settled days are sampled: one day in this number is checked each week, so each day is checked once in this
    /// number of weeks.
    pub const SAMPLED: u16 = 10;
}

impl Details {
    /// The window of the details.
    pub const WINDOW: Window = Window::MonthToDate;

    /// Whether no details are wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tag_keys.is_empty() && self.top_resources == 0
    }

    /// The settings that require details, as a text.
    #[must_use]
    pub fn named(&self) -> &'static str {
        match (self.tag_keys.is_empty(), self.top_resources) {
            (true, _) => "metrics.top_resources",
            (false, 0) => "metrics.tag_keys",
            (false, _) => "metrics.tag_keys with metrics.top_resources",
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for Settings {
    fn default() -> Self {
        let schedule = |interval, timeout| Schedule { enabled: true, interval, timeout };
        let windowed = |windows: &[Window]| Windowed {
            schedule: schedule(15 * MINUTE, 10 * MINUTE),
            stale_after: 6 * HOUR,
            windows: windows.to_vec(),
            settle_after: DAY,
        };
        Self {
            cost: windowed(&Window::ALL),
            cost_method: Method::Auto,
            cost_details: Details::default(),
            usage: windowed(&[Window::Today, Window::Yesterday, Window::MonthToDate]),
            usage_by_metric: false,
            reports: Reports { schedule: schedule(5 * MINUTE, 2 * MINUTE), stale_after: HOUR, look_back: 7 * DAY },
            subscriptions: Listed { schedule: schedule(HOUR, 5 * MINUTE), stale_after: DAY },
            commitments: Listed { schedule: schedule(HOUR, 5 * MINUTE), stale_after: DAY },
            names: schedule(HOUR, 5 * MINUTE),
            history: History {
                schedule: schedule(MINUTE, 10 * MINUTE),
                days: 35,
                recheck_after: 7 * DAY,
                series_limit: 10_000,
                budgets: Vec::new(),
            },
        }
    }
}

//! What is polled, and when.

use std::time::Duration;

use smol_str::SmolStr;

use crate::billing::period::Window;
use crate::insights::budget::Budget;

/// Settings of all collectors (`[collect]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[collect.cost]`
    pub cost: Windowed,
    /// `method` of `[collect.cost]`. Default auto.
    pub cost_method: Method,
    /// What is read of single resources besides: `tag_keys` and `top_resources` of `[metrics]`. Default nothing.
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
    /// `[collect.names]`. Names are never withdrawn: an old name is better than none.
    pub names: Schedule,
    /// `[collect.history]`
    pub history: History,
}

/// When one collector polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Whether it polls at all. Default true.
    pub enabled: bool,
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// How long one poll may take, all its requests and their retries together.
    pub timeout: Duration,
}

/// A collector that reads one report per window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windowed {
    /// When it polls.
    pub schedule: Schedule,
    /// The age at which the last good reading is withdrawn; never shorter than the interval.
    pub stale_after: Duration,
    /// The windows that it reads, each a family of its own.
    pub windows: Vec<Window>,
    /// How long after its end a period may still be corrected. Default 24 h.
    pub settle_after: Duration,
}

/// How costs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Whatever takes fewer requests.
    Auto,
    /// Every resource, page by page.
    Resources,
    /// One call per project for its totals.
    Totals,
}

/// What is read of single resources with the costs of the month to date. Anything of it needs the resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The tags by whose values costs are told. Default none.
    pub tag_keys: Vec<SmolStr>,
    /// How many of the dearest resources of each account and currency are told one by one. Default 0.
    pub top_resources: usize,
}

/// The collector of report tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reports {
    /// When it polls.
    pub schedule: Schedule,
    /// The age at which the last good reading is withdrawn; never shorter than the interval.
    pub stale_after: Duration,
    /// How far back tasks are looked at, by their creation. Default 7 days.
    pub look_back: Duration,
}

/// The collector of the days of the past, which reads behind all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// When it looks for days to read.
    pub schedule: Schedule,
    /// How many days before today are read. Default 35, at most 400.
    pub days: u16,
    /// The age at which the reading of a settled day of the last [`History::RECHECKED`] days is repeated, and of one in
    /// [`History::SAMPLED`] before. Default 7 days.
    pub recheck_after: Duration,
    /// The number of series from which an account's further ones are stored as one, for costs and for usage. Default
    /// 10,000, shared by the accounts; but each has at least [`History::LEAST_SERIES`].
    pub series_limit: usize,
    /// `[[alerts.budget]]`, which the history forecasts. Default none.
    pub budgets: Vec<Budget>,
}

/// A collector that reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// When it polls.
    pub schedule: Schedule,
    /// The age at which the last good reading is withdrawn; never shorter than the interval.
    pub stale_after: Duration,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Resources, Self::Totals];

    /// The word for this method in the configuration.
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
    /// How many days back a provider is expected to still revise what was settled.
    pub const RECHECKED: u16 = 35;

    /// Of the days before those, one in so many is looked at each week, so that each has its turn in so many weeks.
    pub const SAMPLED: u16 = 10;

    /// The series that the history of an account may have in any case.
    pub const LEAST_SERIES: usize = 4_000;

    /// The limit for each of so many accounts that share `metrics.series_limit`.
    #[must_use]
    pub fn series_limit(metrics: usize, accounts: usize) -> usize {
        (metrics / accounts.max(1)).max(Self::LEAST_SERIES)
    }
}

impl Details {
    /// The window whose resources tell them.
    pub const WINDOW: Window = Window::MonthToDate;

    /// Whether there are none to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tag_keys.is_empty() && self.top_resources == 0
    }

    /// The settings that ask for something, in words.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_share_the_series_limit_down_to_a_least() {
        for (metrics, accounts, want) in
            [(10_000, 1, 10_000), (10_000, 2, 5_000), (10_000, 8, 4_000), (200_000, 8, 25_000)]
        {
            assert_eq!(History::series_limit(metrics, accounts), want, "{metrics} for {accounts}");
        }
    }
}

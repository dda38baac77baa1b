//! The latest reading of every source, per account.
//!
//! A snapshot never changes. A collector publishes a new one. The reader's `now` decides whether a reading is stale, so
//! a reading without a successor expires by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tokio::sync::watch;

use crate::account::AccountName;
use crate::aggregate::commitments::CommitmentTotals;
use crate::aggregate::cost::CostTotals;
use crate::aggregate::report_tasks::ReportTaskTotals;
use crate::aggregate::usage::UsageTotals;
use crate::insights::Insights;
use crate::store::series::Kind;
use gcore_api::billing::names::Names;
use gcore_api::billing::period::{Period, Window, next_midnight};
use gcore_api::billing::resource::{ProjectId, RegionId};
use gcore_api::billing::subscription::Subscription;
use gcore_api::http::error::Reason;
use gcore_api::http::memory_limit::MemoryShare;

/// The data of all accounts at one time.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The data of each account.
    pub accounts: BTreeMap<AccountName, Account>,
    /// Whether the snapshot is ready regardless of the collectors. It is when every collector had finished a poll
    /// before a reload, or has a fresh reading from before the start. A ready snapshot stays ready.
    pub was_ready: bool,
}

/// The data of one account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The API address and the filter of the readings, in one line. Readings of different scopes are not comparable.
    pub scope: Arc<str>,
    /// The status of each enabled collector.
    pub collectors: BTreeMap<Collector, Status>,
    /// The last good reading of each cost window.
    pub cost: BTreeMap<Window, WindowReading<CostTotals>>,
    /// The last good reading of each usage window.
    pub usage: BTreeMap<Window, WindowReading<UsageTotals>>,
    /// The last good reading of the report tasks.
    pub reports: Option<Reading<ReportTaskTotals>>,
    /// The last good reading of the subscriptions.
    pub subscriptions: Option<Reading<Vec<Subscription>>>,
    /// The last good reading of the commitments.
    pub commitments: Option<Reading<CommitmentTotals>>,
    /// The last good reading of the names. Names never become stale: an old name is better than an id.
    pub names: Arc<Names>,
    /// The memory shares of lists.
    pub shares: BTreeMap<Collector, Vec<MemoryShare>>,
    /// The number of stored days.
    pub history_days: BTreeMap<Kind, u32>,
    /// The insights of the history.
    pub insights: Option<Arc<Insights>>,
}

/// A source with its own polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Collector {
    /// The cost report.
    Cost,
    /// The usage report.
    Usage,
    /// The report tasks.
    Reports,
    /// The subscriptions.
    Subscriptions,
    /// The commitments.
    Commitments,
    /// The names of projects and regions.
    Names,
    /// The past days.
    History,
}

impl Collector {
    /// Every collector.
    pub const ALL: [Self; 7] =
        [Self::Cost, Self::Usage, Self::Reports, Self::Subscriptions, Self::Commitments, Self::Names, Self::History];

    /// The value of the `collector` label, and the name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Usage => "usage",
            Self::Reports => "reports",
            Self::Subscriptions => "subscriptions",
            Self::Commitments => "commitments",
            Self::Names => "names",
            Self::History => "history",
        }
    }
}

/// The status of one collector of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The time from the start of one poll to the start of the next.
    pub interval: Duration,
    /// The outcome of the last finished poll. `None` before the first.
    pub last_outcome: Option<Outcome>,
    /// The reason why the last finished poll was not good. `None` when it was.
    pub last_failure: Option<Reason>,
    /// The start of the last finished poll.
    pub last_attempt: Option<Timestamp>,
    /// The start of the last good poll.
    pub last_success: Option<Timestamp>,
    /// Whether the source was readable, and is refused now. Survives a restart.
    pub access_lost: bool,
}

/// The outcome of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was read completely.
    Good,
    /// A part failed. Earlier readings stay valid.
    Failed,
    /// The key has no access to this source, or the account has no such source.
    Unsupported,
}

/// The data of a reading, and the time when they become stale.
#[derive(Clone, Debug)]
pub struct Reading<T> {
    data: Arc<T>,
    read_at: Timestamp,
    stale_at: Timestamp,
}

/// A reading of a window. It also expires when the window moves to other days.
#[derive(Clone, Debug)]
pub struct WindowReading<T> {
    reading: Reading<T>,
    /// The days of the reading.
    pub period: Period,
    /// The time when these days are settled.
    pub settled_at: Timestamp,
}

impl<T> Reading<T> {
    /// A reading from `read_at` that becomes stale after `good_for`.
    #[must_use]
    pub fn new(data: T, read_at: Timestamp, good_for: Duration) -> Self {
        Self { data: Arc::new(data), read_at, stale_at: read_at.checked_add(good_for).unwrap_or(Timestamp::MAX) }
    }

    /// The start of the reading.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// The data, of any age.
    #[must_use]
    pub fn last(&self) -> &T {
        &self.data
    }

    /// Whether both are the same reading, not only equal.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.data, &other.data)
    }

    /// The data. `None` when stale.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Option<&T> {
        (now < self.stale_at).then_some(&*self.data)
    }

    /// The first instant after `now` at which the result of [`Reading::current`] changes. `None`: never.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.stale_at).then_some(self.stale_at)
    }
}

impl<T: Clone> WindowReading<T> {
    /// Changes the data for later snapshots. The age stays.
    pub fn amend(&mut self, change: impl FnOnce(&mut T)) {
        change(Arc::make_mut(&mut self.reading.data));
    }
}

impl<T> WindowReading<T> {
    /// A reading of `period`, settled `settle_after` its end.
    #[must_use]
    pub fn new(reading: Reading<T>, period: Period, settle_after: Duration) -> Self {
        let settled_at = period.ends_at().checked_add(settle_after).unwrap_or(Timestamp::MAX);
        Self { reading, period, settled_at }
    }

    /// The data. `None` when stale, or when `window` covers other days at `now`.
    #[must_use]
    pub fn current(&self, window: Window, now: Timestamp) -> Option<&T> {
        self.reading.current(now).filter(|_| window.period(now) == self.period)
    }

    /// The reading, without its window.
    #[must_use]
    pub fn reading(&self) -> &Reading<T> {
        &self.reading
    }

    /// The start of the reading.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.reading.read_at()
    }

    /// The data, of any age.
    #[must_use]
    pub fn last(&self) -> &T {
        self.reading.last()
    }

    /// The first instant after `now` at which the reading may become stale, settle, or belong to other days. `None`:
    /// never.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let stale_at = self.reading.next_change(now)?;
        // Every window moves at midnight.
        let settled_at = Some(self.settled_at).filter(|at| now < *at);
        [stale_at, next_midnight(now)].into_iter().chain(settled_at).min()
    }
}

/// The data of a window. `None` when there is no reading, when it is stale, or when the window covers other days at
/// `now`.
#[must_use]
pub fn current<T>(readings: &BTreeMap<Window, WindowReading<T>>, window: Window, now: Timestamp) -> Option<&T> {
    readings.get(&window)?.current(window, now)
}

impl Snapshot {
    /// A snapshot before the first poll, with the interval of every enabled collector.
    #[must_use]
    pub fn before_the_first_poll(enabled: impl IntoIterator<Item = (AccountName, Collector, Duration)>) -> Self {
        let mut snapshot = Self::default();
        for (account, collector, interval) in enabled {
            let status = Status::before_the_first_poll(interval);
            snapshot.accounts.entry(account).or_default().collectors.insert(collector, status);
        }
        snapshot
    }

    /// Whether every enabled collector of every account has finished a poll, with any outcome. The history is excluded,
    /// because its first poll is long and yields to the others.
    #[must_use]
    pub fn every_collector_has_tried(&self) -> bool {
        self.untried().is_empty()
    }

    /// The collectors without a finished poll.
    #[must_use]
    pub fn untried(&self) -> Vec<(AccountName, Collector)> {
        let untried = |(_, collector, status): &(&AccountName, Collector, &Status)| {
            !self.was_ready && *collector != Collector::History && status.last_outcome.is_none()
        };
        self.statuses().filter(untried).map(|(name, collector, _)| (name.clone(), collector)).collect()
    }

    /// Whether every collector of every account, including the history, has finished a poll in this process.
    #[must_use]
    pub fn everything_was_polled(&self) -> bool {
        self.statuses().all(|(_, _, status)| status.last_outcome.is_some())
    }

    /// The name of a project: that of an account, or else of the first account that has one. Without a name it is the id.
    #[must_use]
    pub fn project_name(&self, account: Option<&AccountName>, id: ProjectId) -> SmolStr {
        self.names(account, |names| names.projects.contains_key(&id)).unwrap_or(&Names::none()).project(id)
    }

    /// The name of a region, found in the same way.
    #[must_use]
    pub fn region_name(&self, account: Option<&AccountName>, id: Option<RegionId>) -> SmolStr {
        let is_known = |names: &Names| id.is_some_and(|id| names.regions.contains_key(&id));
        self.names(account, is_known).unwrap_or(&Names::none()).region(id)
    }

    fn names(&self, account: Option<&AccountName>, is_meant: impl Fn(&Names) -> bool) -> Option<&Names> {
        let own = account.and_then(|account| self.accounts.get(account));
        let mut all = own.into_iter().chain(self.accounts.values()).map(|account| &*account.names);
        all.find(|names| is_meant(names))
    }

    fn statuses(&self) -> impl Iterator<Item = (&AccountName, Collector, &Status)> {
        self.accounts.iter().flat_map(|(name, account)| {
            account.collectors.iter().map(move |(collector, status)| (name, *collector, status))
        })
    }
}

impl Status {
    /// The shortest age of late data, for short intervals.
    const LEAST_AGE: Duration = Duration::from_secs(300);

    /// The status of a collector before its first poll.
    #[must_use]
    pub fn before_the_first_poll(interval: Duration) -> Self {
        Self {
            interval,
            last_outcome: None,
            last_failure: None,
            last_attempt: None,
            last_success: None,
            access_lost: false,
        }
    }

    /// The longest age of a good poll that is not late: a number of intervals, and at least five minutes. `None` for the
    /// history, which is read slowly in the background.
    #[must_use]
    pub fn longest_age(&self, collector: Collector, intervals: f64) -> Option<Duration> {
        (collector != Collector::History).then(|| self.interval.mul_f64(intervals).max(Self::LEAST_AGE))
    }

    /// When the last good poll is late. `None`: never, or there was none.
    #[must_use]
    pub fn late_at(&self, collector: Collector, intervals: f64) -> Option<Timestamp> {
        self.last_success?.checked_add(self.longest_age(collector, intervals)?).ok()
    }
}

impl Account {
    /// The costs of a window. `None` when there is no current reading, or it says nothing about the costs.
    #[must_use]
    pub fn costs(&self, window: Window, now: Timestamp) -> Option<&CostTotals> {
        current(&self.cost, window, now).filter(|totals| totals.tells_costs())
    }

    /// Whether the names are final for now: read, failed, or disabled.
    #[must_use]
    pub fn names_are_settled(&self) -> bool {
        self.names_are_known()
            || self.collectors.get(&Collector::Names).is_none_or(|status| status.last_outcome.is_some())
    }

    /// Whether a collector has ever read something, even a part, for this account and scope.
    #[must_use]
    pub fn was_read(&self, collector: Collector) -> bool {
        let has_succeeded = self.collectors.get(&collector).is_some_and(|status| status.last_success.is_some());
        has_succeeded
            || match collector {
                Collector::Cost => !self.cost.is_empty(),
                Collector::Usage => !self.usage.is_empty(),
                Collector::Reports => self.reports.is_some(),
                Collector::Subscriptions => self.subscriptions.is_some(),
                Collector::Commitments => self.commitments.is_some(),
                Collector::Names => self.names_are_known(),
                Collector::History => self.history_days.values().any(|days| *days > 0),
            }
    }

    /// Whether names were ever read.
    #[must_use]
    pub fn names_are_known(&self) -> bool {
        *self.names != Names::default()
    }
}

/// The publishing end of a watch channel.
#[derive(Clone, Debug)]
pub struct Writer(watch::Sender<Arc<Snapshot>>);

/// The reading end of a watch channel.
pub type Reader = watch::Receiver<Arc<Snapshot>>;

/// A watch channel that begins with `snapshot`. When the last writer is dropped, readers see the end.
#[must_use]
pub fn channel(snapshot: Snapshot) -> (Writer, Reader) {
    let (sender, receiver) = watch::channel(Arc::new(snapshot));
    (Writer(sender), receiver)
}

impl Writer {
    /// Publishes a snapshot made from the last one.
    pub fn replace(&self, make: impl FnOnce(&Snapshot) -> Snapshot) {
        self.0.send_modify(|snapshot| *snapshot = Arc::new(make(snapshot)));
    }

    /// Waits until the names of an account are read, failed, or disabled.
    pub async fn names_settled(&self, account: &AccountName) {
        let is_settled =
            |snapshot: &Arc<Snapshot>| snapshot.accounts.get(account).is_none_or(Account::names_are_settled);
        // The writer holds the sender, so the channel cannot end here.
        let _ = self.0.subscribe().wait_for(is_settled).await;
    }

    /// A reader of the snapshots from now on.
    #[must_use]
    pub fn subscribe(&self) -> Reader {
        self.0.subscribe()
    }

    /// The account in the last snapshot.
    #[must_use]
    pub fn account(&self, account: &AccountName) -> Account {
        self.0.borrow().accounts.get(account).cloned().unwrap_or_default()
    }

    /// Publishes a snapshot that differs from the last one in one account.
    pub fn update(&self, account: &AccountName, change: impl FnOnce(&mut Account)) {
        self.change(account, |account| {
            change(account);
            true
        });
    }

    /// Changes an account. Readers that wait are woken only when `change` returns true, and else see the change later.
    pub fn change(&self, account: &AccountName, change: impl FnOnce(&mut Account) -> bool) {
        self.0
            .send_if_modified(|snapshot| change(Arc::make_mut(snapshot).accounts.entry(account.clone()).or_default()));
    }
}

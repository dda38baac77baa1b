//! The latest reading of every source, per account: what every reader sees.
//!
//! A snapshot never changes; a collector publishes a new one. Whether a reading still counts is decided by the
//! reader's `now`, so a reading that nobody replaces ends by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::aggregate::commitments::CommitmentTotals;
use crate::aggregate::cost::CostTotals;
use crate::aggregate::report_tasks::ReportTaskTotals;
use crate::aggregate::usage::UsageTotals;
use crate::billing::account::AccountName;
use crate::billing::names::Names;
use crate::billing::period::{Period, Window, next_midnight};
use crate::billing::subscription::Subscription;
use crate::gcore::error::Reason;
use crate::gcore::memory::MemoryShare;
use crate::insights::Insights;
use crate::store::days::Kind;

/// Everything known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What is known of each account.
    pub accounts: BTreeMap<AccountName, Account>,
    /// Whether it counts as ready whatever the collectors do: every one had tried before the configuration changed, or
    /// has a reading from before the start that still counts. What is ready stays so.
    pub was_ready: bool,
}

/// Everything known of one account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// What of which API the readings tell, in one line; with another scope they tell another story.
    pub scope: Arc<str>,
    /// How each enabled collector fares.
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
    /// The last good reading of the names. They do not go stale: an old name beats a number.
    pub names: Arc<Names>,
    /// The room that what was read of lists takes.
    pub shares: BTreeMap<Collector, Vec<MemoryShare>>,
    /// How many days the history holds.
    pub history_days: BTreeMap<Kind, u32>,
    /// What the history says.
    pub insights: Option<Arc<Insights>>,
}

/// A source that is polled on its own.
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
    /// The days of the past.
    History,
}

impl Collector {
    /// Every collector.
    pub const ALL: [Self; 7] =
        [Self::Cost, Self::Usage, Self::Reports, Self::Subscriptions, Self::Commitments, Self::Names, Self::History];

    /// The word for the `collector` label and the configuration.
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

/// How one collector of one account fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// What came of the last finished poll; `None` before the first.
    pub last_outcome: Option<Outcome>,
    /// Why the last finished poll was not wholly good; `None` where it was.
    pub last_failure: Option<Reason>,
    /// When the last finished poll began.
    pub last_attempt: Option<Timestamp>,
    /// When the last wholly good poll began.
    pub last_success: Option<Timestamp>,
    /// Whether the source was read before, and was refused since and not read again. Survives a restart.
    pub access_lost: bool,
}

/// What came of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was read whole.
    Good,
    /// Something was not; the readings before it still stand.
    Failed,
    /// The key may not read this source, or the account has none.
    Unsupported,
}

/// A reading with the time at which it stops counting.
#[derive(Clone, Debug)]
pub struct Reading<T> {
    data: Arc<T>,
    read_at: Timestamp,
    stale_at: Timestamp,
}

/// A reading of a window, which also stops counting when the calendar moves on.
#[derive(Clone, Debug)]
pub struct WindowReading<T> {
    reading: Reading<T>,
    /// The days that were read.
    pub period: Period,
    /// When corrections of these days are no longer expected.
    pub settled_at: Timestamp,
}

impl<T> Reading<T> {
    /// A reading begun at `read_at` that counts for `good_for`.
    #[must_use]
    pub fn new(data: T, read_at: Timestamp, good_for: Duration) -> Self {
        Self { data: Arc::new(data), read_at, stale_at: read_at.checked_add(good_for).unwrap_or(Timestamp::MAX) }
    }

    /// When it began.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// The data, however old.
    #[must_use]
    pub fn last(&self) -> &T {
        &self.data
    }

    /// Whether both are one and the same, not merely alike.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.data, &other.data)
    }

    /// The data, unless it is stale.
    #[must_use]
    pub fn current(&self, now: Timestamp) -> Option<&T> {
        (now < self.stale_at).then_some(&*self.data)
    }

    /// The first instant after `now` at which [`Reading::current`] answers otherwise; `None`: never again.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.stale_at).then_some(self.stale_at)
    }
}

impl<T: Clone> WindowReading<T> {
    /// Changes what was read, for snapshots to come; its age stays.
    pub fn amend(&mut self, change: impl FnOnce(&mut T)) {
        change(Arc::make_mut(&mut self.reading.data));
    }
}

impl<T> WindowReading<T> {
    /// A reading of `period` whose corrections end `settle_after` its last day.
    #[must_use]
    pub fn new(reading: Reading<T>, period: Period, settle_after: Duration) -> Self {
        let settled_at = period.ends_at().checked_add(settle_after).unwrap_or(Timestamp::MAX);
        Self { reading, period, settled_at }
    }

    /// The data, unless it is stale or `window` means other days by now.
    #[must_use]
    pub fn current(&self, window: Window, now: Timestamp) -> Option<&T> {
        self.reading.current(now).filter(|_| window.period(now) == self.period)
    }

    /// The reading, whatever its window.
    #[must_use]
    pub fn reading(&self) -> &Reading<T> {
        &self.reading
    }

    /// When the reading began.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.reading.read_at()
    }

    /// The data, however old.
    #[must_use]
    pub fn last(&self) -> &T {
        self.reading.last()
    }

    /// The first instant after `now` at which this reading may go stale, meet other days or settle; `None`: never again.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let stale_at = self.reading.next_change(now)?;
        // Every window moves on with the day, whatever its length.
        let settled_at = Some(self.settled_at).filter(|at| now < *at);
        [stale_at, next_midnight(now)].into_iter().chain(settled_at).min()
    }
}

/// The data of a window, unless there is none, it is stale or the window means other days by now.
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

    /// Whether every enabled collector of every account has finished a poll, well or badly. The history does not count:
    /// its first poll reads for long, behind the others.
    #[must_use]
    pub fn every_collector_has_tried(&self) -> bool {
        self.untried().is_empty()
    }

    /// The collectors that this waits for.
    #[must_use]
    pub fn untried(&self) -> Vec<(AccountName, Collector)> {
        let untried = |(_, collector, status): &(&AccountName, Collector, &Status)| {
            !self.was_ready && *collector != Collector::History && status.last_outcome.is_none()
        };
        self.statuses().filter(untried).map(|(name, collector, _)| (name.clone(), collector)).collect()
    }

    /// Whether every collector of every account has finished a poll of this very process, the history as well.
    #[must_use]
    pub fn everything_was_polled(&self) -> bool {
        self.statuses().all(|(_, _, status)| status.last_outcome.is_some())
    }

    fn statuses(&self) -> impl Iterator<Item = (&AccountName, Collector, &Status)> {
        self.accounts.iter().flat_map(|(name, account)| {
            account.collectors.iter().map(move |(collector, status)| (name, *collector, status))
        })
    }
}

impl Status {
    /// The status of a collector that has not polled yet.
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
}

impl Account {
    /// Whether names are known as well as they will be: read, or tried in vain, or not wanted.
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

/// The end of a watch pair that publishes.
#[derive(Clone, Debug)]
pub struct Writer(watch::Sender<Arc<Snapshot>>);

/// The end of a watch pair that reads.
pub type Reader = watch::Receiver<Arc<Snapshot>>;

/// A watch pair that begins with `snapshot`. When the last writer is dropped, readers see the end.
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

    /// Done once an account's names are known as well as they will be.
    pub async fn names_settled(&self, account: &AccountName) {
        let is_settled =
            |snapshot: &Arc<Snapshot>| snapshot.accounts.get(account).is_none_or(Account::names_are_settled);
        // The sender is ours, so the channel cannot end here.
        let _ = self.0.subscribe().wait_for(is_settled).await;
    }

    /// What was published last of an account.
    #[must_use]
    pub fn account(&self, account: &AccountName) -> Account {
        self.0.borrow().accounts.get(account).cloned().unwrap_or_default()
    }

    /// Publishes a snapshot that differs from the last one in one account.
    pub fn update(&self, account: &AccountName, change: impl FnOnce(&mut Account)) {
        self.0.send_modify(|snapshot| change(Arc::make_mut(snapshot).accounts.entry(account.clone()).or_default()));
    }
}

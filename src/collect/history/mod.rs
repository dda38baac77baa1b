//! Reads past days into the store, one at a time, after all other polls of the account.

mod due;
mod oldest_day;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::aggregate::cost::CostTotals;
use crate::aggregate::group::Group;
use crate::aggregate::usage::UsageTotals;
use crate::jobs::insights::Handle;
use crate::snapshot::{Account, Collector, WindowReading};
use crate::store::days::Day;
use crate::store::series::{Kind, Series};
use crate::store::{AccountId, Store};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, Window, utc_date};
use gcore_api::endpoints::usage_report;
use gcore_api::http::client::Client;
use gcore_api::http::error::{Error, Reason};

use super::cost::{Reader, Span, tells_nothing};
use super::poll::Poll;
use super::settings::{History, Settings};
use oldest_day::Reaches;

/// The pause before a failed day is read again.
const RETRY_AFTER: Duration = Duration::from_secs(3_600);

pub(super) struct Source {
    client: Arc<Client>,
    store: Store,
    settings: History,
    /// The kinds of reports, and the time until a day is settled.
    kinds: Vec<(Kind, Duration)>,
    costs: Reader,
    insights: Handle,
    /// The first day that changed since the insights were told.
    changed: Option<Date>,
    reaches: Reaches,
    /// Failed days, with the time and the error.
    failed: BTreeMap<(Kind, Date), (Timestamp, Error)>,
    /// Whether the last poll found nothing to read.
    is_idle: bool,
}

impl Source {
    pub(super) fn new(client: Arc<Client>, store: Store, settings: &Settings, insights: Handle) -> Self {
        let kinds = [(Kind::Cost, &settings.cost), (Kind::Usage, &settings.usage)];
        let kinds = kinds.into_iter().filter(|(_, windowed)| windowed.schedule.enabled);
        Self {
            insights,
            changed: None,
            reaches: Reaches::new(store.clone(), client.scope(), settings.history.recheck_after),
            costs: Reader::new(Arc::clone(&client), settings),
            kinds: kinds.map(|(kind, windowed)| (kind, windowed.settle_after)).collect(),
            settings: settings.history.clone(),
            client,
            store,
            failed: BTreeMap::new(),
            is_idle: false,
        }
    }

    /// Reads as many days as the poll deadline allows.
    pub(super) async fn poll(&mut self, poll: &Poll<'_>) -> Result<(), Error> {
        self.is_idle = true;
        // The store logs its own failures. Nothing is read then, because nothing could be stored.
        let Ok(account) = self.store.account(poll.account, self.client.scope()).await else { return Ok(()) };
        self.forget_future(poll, account).await;
        self.take_over(poll, account).await;
        self.costs.names_settled(poll).await;
        self.insights.wake(self.changed.take(), false).await;
        let outcome = self.read_due(poll, account).await;
        self.insights.wake(self.changed.take(), matches!(outcome, Ok(true))).await;
        outcome.map(drop)
    }

    /// Removes days that were stored while the clock was ahead. The clock may be corrected at any time.
    async fn forget_future(&mut self, poll: &Poll<'_>, account: AccountId) {
        for kind in [Kind::Cost, Kind::Usage] {
            // The store logs its own failures.
            if let Ok(Some(first)) = self.store.forget_future(account, kind, poll.now).await
                && kind == Kind::Cost
            {
                self.note(first);
            }
        }
    }

    /// Whether the last poll found nothing to read.
    pub(super) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Ends the insights with the history.
    pub(super) async fn stop(&mut self) {
        self.insights.stop().await;
    }

    /// Records that the amounts of a day have changed.
    fn note(&mut self, day: Date) {
        self.changed = Some(self.changed.map_or(day, |first| first.min(day)));
    }

    /// Reads the days that are due. True when none is left.
    async fn read_due(&mut self, poll: &Poll<'_>, account: AccountId) -> Result<bool, Error> {
        for (kind, settle_after) in self.kinds.clone() {
            let Ok(known) = self.store.days(account, kind).await else { return Ok(false) };
            let now = self.client.now();
            // The clock may have been set back since.
            self.failed.retain(|_, (at, _)| now.duration_since(*at).abs() < RETRY_AFTER.try_into().unwrap_or_default());
            let due = due::days(&known, &self.settings, settle_after, now);
            let mut held = u32::try_from(known.len()).unwrap_or(u32::MAX);
            tell_held(poll, kind, held);
            for date in due {
                let is_kept = self.reaches.first(poll, kind, now).await.is_none_or(|first| first <= date);
                // While the reports hide their prices, one day an hour is tried.
                let has_failed = || self.failed.keys().any(|(of, _)| *of == kind);
                let is_hidden = || kind == Kind::Cost && has_failed() && hides_costs(poll);
                if !is_kept || self.failed.contains_key(&(kind, date)) || is_hidden() {
                    continue;
                }
                self.is_idle = false;
                match self.read_or_learn(poll, kind, date, settle_after).await {
                    Ok(None) => {}
                    Ok(Some(day)) => {
                        if !self.write(account, kind, day).await {
                            return Ok(false);
                        }
                        held = held.saturating_add(u32::from(!known.contains_key(&date)));
                        tell_held(poll, kind, held);
                    }
                    // The other days wait for the next poll. The other collectors log a day that fits into no poll.
                    Err(error) if error.reason == Reason::Late => return Ok(false),
                    Err(error) if error.reason.concerns_the_key() => return Err(error),
                    Err(error) => {
                        self.failed.insert((kind, date), (now, error.clone()));
                        // The next days would be refused without a request, and then wait as long as this one.
                        if error.reason == Reason::RateLimited {
                            return Err(error);
                        }
                    }
                }
            }
        }
        self.failed.values().next().map_or(Ok(true), |(_, error)| Err(error.clone()))
    }

    /// Stores the regular readings of yesterday, which then need no request of their own.
    async fn take_over(&mut self, poll: &Poll<'_>, account: AccountId) {
        let so_far = poll.account_so_far();
        let cost = so_far.cost.get(&Window::Yesterday).filter(|reading| reading.last().tells_costs());
        let usage = so_far.usage.get(&Window::Yesterday);
        if let Some(reading) = cost
            && let Some(moment) = self.newer(poll, account, Kind::Cost, DayReading::of(reading)).await
        {
            self.write(account, Kind::Cost, self.cost_day(moment, reading.last())).await;
        }
        if let Some(reading) = usage
            && let Some(moment) = self.newer(poll, account, Kind::Usage, DayReading::of(reading)).await
        {
            self.write(account, Kind::Usage, usage_day(moment, reading.last())).await;
        }
    }

    /// The time of a reading. `None` when the stored reading of its day is as new, or the clock was ahead.
    async fn newer(&self, poll: &Poll<'_>, account: AccountId, kind: Kind, moment: DayReading) -> Option<DayReading> {
        if moment.read_at > poll.now {
            return None;
        }
        let known = self.store.days(account, kind).await.unwrap_or_default();
        let known = known.get(&moment.date);
        known.is_none_or(|known| known.read_at.as_second() < moment.read_at.as_second()).then_some(moment)
    }

    /// Whether a day could be written. The store logs its own failures.
    async fn write(&mut self, account: AccountId, kind: Kind, day: Day) -> bool {
        let date = day.date;
        let stored = self.store.write_day(account, kind, day, self.settings.series_limit).await;
        if kind == Kind::Cost && stored.as_ref().is_ok_and(|is_new| *is_new) {
            self.note(date);
        }
        stored.is_ok()
    }

    /// Reads a day. `None` when the API keeps no day of this age.
    async fn read_or_learn(
        &mut self,
        poll: &Poll<'_>,
        kind: Kind,
        date: Date,
        settle_after: Duration,
    ) -> Result<Option<Day>, Error> {
        let read_at = self.client.now();
        let is_settled = due::settled_at(date, settle_after) <= read_at;
        match self.read(poll, kind, DayReading { date, read_at, is_settled }).await {
            Err(refusal) if refusal.reason == Reason::BadRequest => {
                if !self.is_out_of_reach(poll, kind, date).await? {
                    return Err(refusal);
                }
                self.reaches.learn(poll, kind, date.saturating_add(1.day()), read_at).await;
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }

    /// Whether a day was refused for its age. Then the day before it and the oldest wanted day are refused too, but
    /// yesterday is not. This rules out one odd day, and an API that refuses everything.
    async fn is_out_of_reach(&mut self, poll: &Poll<'_>, kind: Kind, refused: Date) -> Result<bool, Error> {
        let back = |days: u16| utc_date(poll.now).saturating_sub(i32::from(days).days());
        let (yesterday, oldest) = (back(1), back(self.settings.days));
        if refused >= yesterday || self.failed.contains_key(&(kind, yesterday)) {
            return Ok(false);
        }
        let older = BTreeSet::from([refused.saturating_sub(1.day()), oldest]);
        for day in older.into_iter().filter(|day| (oldest..refused).contains(day)) {
            if self.refusal(poll, kind, day).await?.is_none() {
                return Ok(false);
            }
        }
        let refusal = self.refusal(poll, kind, yesterday).await?;
        let is_out_of_reach = refusal.is_none();
        // The next refused day needs no second request for yesterday.
        self.failed.extend(refusal.map(|refusal| ((kind, yesterday), (self.client.now(), refusal))));
        Ok(is_out_of_reach)
    }

    /// The refusal of a day by the API. `None` when it accepts the request.
    async fn refusal(&self, poll: &Poll<'_>, kind: Kind, date: Date) -> Result<Option<Error>, Error> {
        let read_at = self.client.now();
        match self.read(poll, kind, DayReading { date, read_at, is_settled: false }).await {
            Ok(_) => Ok(None),
            Err(error) if error.reason == Reason::BadRequest => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, poll: &Poll<'_>, kind: Kind, moment: DayReading) -> Result<Day, Error> {
        let period = Period::of(moment.date);
        match kind {
            Kind::Cost => {
                let totals = self.costs.read(poll, Span::PastDay, period).await?;
                if totals.tells_costs() { Ok(self.cost_day(moment, &totals)) } else { Err(tells_nothing(&totals)) }
            }
            Kind::Usage => {
                let listing = usage_report::read::<UsageTotals>(&self.client, period, poll.deadline).await?;
                poll.reject(&listing.rejected);
                Ok(usage_day(moment, &listing.data))
            }
        }
    }

    fn cost_day(&self, moment: DayReading, totals: &CostTotals) -> Day {
        let amounts = totals.amounts.iter().map(|(group, currency, amount)| (series(group, currency.as_str()), amount));
        moment.day(self.costs.rounding(), amounts.collect())
    }
}

/// Whether the current reports tell no costs, as for a key that sees no prices. True also before their first poll.
fn hides_costs(poll: &Poll<'_>) -> bool {
    let Account { collectors, cost, .. } = poll.account_so_far();
    let is_untried = || collectors.get(&Collector::Cost).is_some_and(|status| status.last_attempt.is_none());
    (!cost.is_empty() || is_untried()) && cost.values().all(|reading| !reading.last().tells_costs())
}

/// Publishes a changed number of stored days.
fn tell_held(poll: &Poll<'_>, kind: Kind, days: u32) {
    if poll.account_so_far().history_days.get(&kind) != Some(&days) {
        poll.publish(|account| {
            account.history_days.insert(kind, days);
        });
    }
}

fn usage_day(moment: DayReading, totals: &UsageTotals) -> Day {
    let values = totals.by_unit();
    let amounts = values.iter().map(|(group, unit, value)| (series(group, unit.as_str()), value));
    moment.day(Amount::ZERO, amounts.collect())
}

fn series(group: &Group, measure: &str) -> Series {
    Series { group: group.clone(), measure: measure.into() }
}

/// The date of a stored day, and the time of its reading.
#[derive(Clone, Copy)]
struct DayReading {
    date: Date,
    read_at: Timestamp,
    is_settled: bool,
}

impl DayReading {
    fn of<T>(reading: &WindowReading<T>) -> Self {
        let read_at = reading.read_at();
        Self { date: reading.period.first(), read_at, is_settled: reading.settled_at <= read_at }
    }

    fn day(self, rounding: Amount, amounts: Vec<(Series, Amount)>) -> Day {
        let Self { date, read_at, is_settled } = self;
        Day { date, read_at, is_settled, rounding, amounts }
    }
}

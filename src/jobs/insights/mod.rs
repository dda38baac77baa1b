//! Computes the insights of an account: the analysis of its stored days, and the status of its budgets.
//!
//! The history wakes the job after each of its polls, and says from which day on amounts have changed. So the job also
//! sees that a new day has begun. It publishes only what has changed.

mod logs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::account::AccountName;
use crate::insights::account_models::AccountModels;
use crate::insights::budget::{Budget, BudgetStatus};
use crate::insights::recent_days::{DAYS, RecentDays};
use crate::insights::{DailyAnalysis, Insights, Subject, Whole};
use crate::snapshot::{Account, WindowReading, Writer};
use crate::store;
use crate::store::days::Revision;
use crate::store::series::{Kind, Series};
use crate::store::{AccountId, Store};
use common::clock::Clock;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::resource::Currency;

/// A part of the stored days. Each amount names its series by index.
type Days = (Vec<Series>, Vec<(Date, Vec<(usize, Amount)>)>);

/// The series that vanished at once, with their first missing day.
type Missing = BTreeMap<(Whole, Currency), Date>;

/// The number of days that are loaded at once: enough to be fast, few enough to fit into memory.
const STRETCH: i32 = 7;

/// The age up to which changes of settled days are reported.
const NEWS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The end of a job that others hold. The job ends when this is dropped.
pub struct Handle {
    wakes: mpsc::Sender<Wake>,
    task: JoinSet<()>,
}

/// A call to look at the stored days.
struct Wake {
    /// The first day whose amounts changed since the last call.
    changed: Option<Date>,
    /// Whether no day is missing.
    is_whole: bool,
    done: oneshot::Sender<()>,
}

impl Handle {
    /// Makes the job look at the stored days, and waits until it has. `changed` is the first day whose amounts changed
    /// since the last call, and `is_whole` says that no day is missing.
    ///
    /// # Panics
    /// When the job has panicked, with its panic.
    pub async fn wake(&mut self, changed: Option<Date>, is_whole: bool) {
        let (done, is_done) = oneshot::channel();
        if self.wakes.send(Wake { changed, is_whole, done }).await.is_ok() && is_done.await.is_ok() {
            return;
        }
        if let Some(Err(failure)) = self.task.join_next().await
            && let Ok(panic) = failure.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }

    /// Ends the job. Afterwards it publishes nothing.
    pub async fn stop(&mut self) {
        self.task.shutdown().await;
    }
}

/// Judges the stored days of one account.
pub struct InsightsJob {
    account: AccountName,
    /// The scope of the stored days.
    scope: String,
    clock: Clock,
    store: Store,
    writer: Writer,
    budgets: Arc<[Budget]>,
    /// The models of the settled days, which need not be loaded again.
    settled: AccountModels,
    /// The result of the last analysis.
    found: Option<Found>,
    /// The first day whose amounts changed since the last analysis.
    changed: Option<Date>,
    /// The inputs of the insights that were published last.
    published: Option<Inputs>,
    /// The newest judged day, and the anomalies of it that were logged.
    logged: Option<(Date, BTreeSet<(Subject, Currency)>)>,
    /// Whether budgets have been compared with the known currencies, and with the known projects.
    compared: (bool, bool),
}

/// The analysis of the days on one day, and the costs of the last days.
struct Found {
    today: Date,
    findings: Arc<DailyAnalysis>,
    recent: Arc<RecentDays>,
    revisions: BTreeMap<Series, Revision>,
}

/// The inputs of insights, besides the stored days.
#[derive(Clone, Copy, PartialEq)]
struct Inputs {
    today: Date,
    /// The time of the current reading of the month to date.
    spent_at: Option<Timestamp>,
}

impl InsightsJob {
    /// A job that has not looked at any day. `budgets` are those of the account.
    #[must_use]
    pub fn new(
        account: AccountName,
        scope: String,
        clock: Clock,
        store: Store,
        writer: Writer,
        budgets: Vec<Budget>,
    ) -> Self {
        let budgets: Arc<[Budget]> = budgets.into();
        Self {
            account,
            scope,
            clock,
            store,
            writer,
            settled: AccountModels::new(Arc::clone(&budgets)),
            budgets,
            found: None,
            changed: Some(Date::MIN),
            published: None,
            logged: None,
            compared: (false, false),
        }
    }

    /// Starts the job.
    #[must_use]
    pub fn start(self) -> Handle {
        let (wakes, calls) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(self.run(calls));
        Handle { wakes, task }
    }

    /// Works when it is woken, and after a new reading of the month to date.
    async fn run(mut self, mut calls: mpsc::Receiver<Wake>) {
        let mut snapshots = self.writer.subscribe();
        loop {
            tokio::select! {
                wake = calls.recv() => {
                    let Some(Wake { changed, is_whole, done }) = wake else { return };
                    self.changed = [self.changed, changed].into_iter().flatten().min();
                    self.work().await;
                    if is_whole {
                        self.warn_of_idle_budgets();
                    }
                    // The caller may have stopped waiting.
                    let _ = done.send(());
                }
                Ok(()) = snapshots.changed(), if self.found.is_some() && !self.budgets.is_empty() => self.publish(false),
            }
        }
    }

    /// Looks at the stored days, and publishes the insights if they have changed.
    async fn work(&mut self) {
        match self.look(self.clock.now()).await {
            Ok(is_new) => self.publish(is_new),
            Err(error) => {
                let account = self.account.as_str();
                tracing::debug!(account, %error, "the stored days cannot be judged; what was found last stays");
            }
        }
    }

    /// Publishes the insights, if the findings are new or their other inputs have changed.
    fn publish(&mut self, is_new: bool) {
        let now = self.clock.now();
        let so_far = self.writer.account(&self.account);
        let inputs = self.inputs(&so_far, now);
        let Some(found) = self.found.as_ref().filter(|_| is_new || self.published != Some(inputs)) else { return };
        let spent = so_far.costs(Window::MonthToDate, now);
        let month = utc_date(now).first_of_month();
        let status = |(number, budget): (usize, &Budget)| {
            let forecast = found.findings.budgets.get(&number).map(|forecast| forecast.estimate);
            BudgetStatus::new(budget, spent, found.recent.of_budget(number, month), forecast, now)
        };
        let insights = Insights {
            findings: Arc::clone(&found.findings),
            budgets: self.budgets.iter().enumerate().map(status).collect(),
            revisions: found.revisions.clone(),
            recent: Arc::clone(&found.recent),
        };
        self.published = Some(inputs);
        self.writer.update(&self.account, |account| account.insights = Some(Arc::new(insights)));
    }

    /// Only budgets depend on the month to date.
    fn inputs(&self, so_far: &Account, now: Timestamp) -> Inputs {
        let reading = so_far.cost.get(&Window::MonthToDate).filter(|_| !self.budgets.is_empty());
        let reading = reading.filter(|reading| reading.current(Window::MonthToDate, now).is_some());
        Inputs { today: utc_date(now), spent_at: reading.map(WindowReading::read_at) }
    }

    /// Warns once of budgets that no cost can match. Callers must wait until no day is missing, because some currencies
    /// occur only on the 1st of a month.
    fn warn_of_idle_budgets(&mut self) {
        let (account, (currencies_told, projects_told)) = (self.account.as_str(), &mut self.compared);
        let known = self.found.as_ref().map(|found| &found.findings.currencies).filter(|known| !known.is_empty());
        if let Some(known) = known
            && !std::mem::replace(currencies_told, true)
        {
            logs::warn_of_currencies(account, &self.budgets, known);
        }
        let names = self.writer.account(&self.account).names;
        if !names.projects.is_empty() && !std::mem::replace(projects_told, true) {
            logs::warn_of_projects(account, &self.budgets, &names.projects);
        }
    }

    /// Analyses the stored days, if they have changed or the day has. Returns whether it did.
    async fn look(&mut self, now: Timestamp) -> Result<bool, store::Error> {
        let today = utc_date(now);
        if self.changed.is_none() && self.found.as_ref().is_some_and(|found| found.today == today) {
            return Ok(false);
        }
        let account = self.store.account(&self.account, self.scope.clone()).await?;
        // The store logs its own failures.
        let _ = self.store.forget_revisions(now).await;
        let found = self.learn(account, self.changed.unwrap_or(Date::MAX), now).await?;
        self.changed = None;
        let before = self.found.as_ref().map(|found| &found.findings.missing);
        logs::warn_of_missing(self.account.as_str(), before, &found.findings.missing);
        logs::log_anomalies(self.account.as_str(), &mut self.logged, &found.findings);
        self.found = Some(found);
        Ok(true)
    }

    /// Analyses all days before `today`. Days from `first` on have changed.
    async fn learn(&mut self, account: AccountId, first: Date, now: Timestamp) -> Result<Found, store::Error> {
        let today = utc_date(now);
        let known = self.store.days(account, Kind::Cost).await?;
        let mut settled = std::mem::replace(&mut self.settled, AccountModels::new(Arc::clone(&self.budgets)));
        if settled.newest().is_some_and(|newest| first <= newest) {
            settled = AccountModels::new(Arc::clone(&self.budgets));
        }
        let last_settled = known.iter().rfind(|(_, known)| known.is_settled).map(|(day, _)| *day);
        if let (Some((oldest, _)), Some(last)) = (known.first_key_value(), last_settled) {
            settled = self.advance(settled, account, *oldest, last.saturating_add(1.day())).await?;
        }
        let mut all = settled.clone();
        self.settled = settled;
        if let Some((oldest, _)) = known.first_key_value() {
            all = self.advance(all, account, *oldest, today).await?;
        }
        let (findings, recent) = beside(move || all.findings(today)).await?;
        let news = now.checked_sub(NEWS).unwrap_or(now);
        let revisions = self.store.revisions(account, Kind::Cost, news).await?;
        Ok(Found { today, findings: Arc::new(findings), recent: Arc::new(recent), revisions })
    }

    /// Feeds stored days to the models, until the day before `end`. Begins at `oldest`, or after the last day of
    /// `past`.
    async fn advance(
        &self,
        mut past: AccountModels,
        account: AccountId,
        oldest: Date,
        end: Date,
    ) -> Result<AccountModels, store::Error> {
        let recent = end.saturating_sub(i32::try_from(DAYS).unwrap_or_default().days());
        let mut first = past.newest().map_or(oldest, |newest| newest.saturating_add(1.day()));
        while first < end {
            let next = first.saturating_add(STRETCH.days()).min(end);
            let (series, days) = self.days(account, first, next).await?;
            first = next;
            if days.is_empty() {
                // This part has no stored days.
                continue;
            }
            if !past.agrees(&series) {
                // The store was recreated, so its series differ.
                return Err(store::Error::Garbled { what: "list of series" });
            }
            past = beside(move || {
                for (day, amounts) in &days {
                    past.step(&series, *day, amounts);
                    if *day >= recent {
                        past.keep(&series, *day, amounts);
                    }
                }
                past
            })
            .await?;
        }
        Ok(past)
    }

    async fn days(&self, account: AccountId, first: Date, end: Date) -> Result<Days, store::Error> {
        let visit = |(all, days): &mut Days, series: &[Series], day, amounts: &[(usize, Amount)]| {
            if all.len() < series.len() {
                series.clone_into(all);
            }
            days.push((day, amounts.to_vec()));
        };
        self.store.visit_days(account, Kind::Cost, (first, end), Days::default(), visit).await
    }
}

/// Runs a long computation outside the serving thread.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, store::Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| store::Error::Dropped)
}

//! Computes the insights of the stored days and the budgets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan as _};

use crate::collect::poller::Poll;
use crate::insights::account_models::AccountModels;
use crate::insights::budget::{Budget, BudgetStatus};
use crate::insights::{DailyAnalysis, Insights, Judged, Subject, Whole};
use crate::snapshot::current;
use crate::store;
use crate::store::days::{Kind, Series};
use crate::store::{AccountId, Store};
use crate::terminal::escaped;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::Project;
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId};

/// A part of the stored days. Each amount names its series by index.
type Days = (Vec<Series>, Vec<(Date, Vec<(usize, Amount)>)>);

/// The series that vanished at once, with their first missing day.
type Missing = BTreeMap<(Whole, Currency), Date>;

/// The number of days that are loaded at once: enough to be fast, few enough to fit into memory.
const STRETCH: i32 = 7;

/// The age up to which changes of settled days are reported.
const NEWS: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) struct InsightsJob {
    store: Store,
    budgets: Arc<[Budget]>,
    /// The models of the settled days, which need not be loaded again.
    settled: AccountModels,
    /// The result of the last analysis.
    found: Option<Found>,
    /// The first day whose amounts changed since the last analysis.
    changed: Option<Date>,
    /// The newest judged day, and the anomalies of it that were logged.
    logged: Option<(Date, BTreeSet<(Subject, Currency)>)>,
    /// Whether budgets have been compared with the known currencies, and with the known projects.
    compared: (bool, bool),
}

/// The analysis of the days, and the cost of each closed day of the month for each budget.
struct Found {
    findings: Arc<DailyAnalysis>,
    closed: Vec<BTreeMap<Date, Amount>>,
}

impl InsightsJob {
    pub(super) fn new(store: Store, budgets: Vec<Budget>) -> Self {
        let budgets: Arc<[Budget]> = budgets.into();
        let settled = AccountModels::new(Arc::clone(&budgets));
        Self { store, budgets, settled, found: None, changed: Some(Date::MIN), logged: None, compared: (false, false) }
    }

    /// Records that the amounts of a day have changed.
    pub(super) fn note(&mut self, day: Date) {
        self.changed = Some(self.changed.map_or(day, |first| first.min(day)));
    }

    /// Whether days have changed since the last analysis.
    pub(super) fn has_news(&self) -> bool {
        self.changed.is_some()
    }

    /// Publishes the current insights.
    pub(super) async fn publish(&mut self, poll: &Poll<'_>, account: AccountId) {
        let insights = match self.insights(poll, account).await {
            Ok(insights) => insights,
            Err(error) => {
                let account = poll.account.as_str();
                tracing::debug!(account, %error, "the stored days cannot be judged; what was found last stays");
                return;
            }
        };
        poll.publish(|account| account.insights = Some(Arc::new(insights)));
    }

    /// Warns once of budgets that no cost can match. Callers must wait until no day is missing, because some currencies
    /// occur only on the 1st of a month.
    pub(super) fn warn_of_idle_budgets(&mut self, poll: &Poll<'_>) {
        let (account, (currencies_told, projects_told)) = (poll.account.as_str(), &mut self.compared);
        let known = self.found.as_ref().map(|found| &found.findings.currencies).filter(|known| !known.is_empty());
        if let Some(known) = known
            && !std::mem::replace(currencies_told, true)
        {
            warn_of_currencies(account, &self.budgets, known);
        }
        let projects = &poll.account_so_far().names.projects;
        if !projects.is_empty() && !std::mem::replace(projects_told, true) {
            warn_of_projects(account, &self.budgets, projects);
        }
    }

    async fn insights(&mut self, poll: &Poll<'_>, account: AccountId) -> Result<Insights, store::Error> {
        let today = utc_date(poll.now);
        let month = today.first_of_month();
        if let Some(first) = self.changed.take() {
            // The store logs its own failures.
            let _ = self.store.forget_revisions(poll.now).await;
            let found = self.learn(account, first, today).await;
            self.changed = found.is_err().then_some(first);
            let found = found?;
            let before = self.found.as_ref().map(|found| &found.findings.missing);
            warn_of_missing(poll.account.as_str(), before, &found.findings.missing);
            log_anomalies(poll.account.as_str(), &mut self.logged, &found.findings);
            self.found = Some(found);
        }
        if self.found.as_ref().is_none_or(|found| found.findings.month != month) {
            self.found = Some(self.learn(account, Date::MAX, today).await?);
        }
        let Some(Found { findings, closed }) = &self.found else { return Err(store::Error::Dropped) };
        let so_far = poll.account_so_far();
        let spent = current(&so_far.cost, Window::MonthToDate, poll.now);
        let standing = |(number, budget): (usize, &Budget)| {
            let forecast = findings.budgets.get(&number).map(|forecast| forecast.estimate);
            BudgetStatus::new(budget, spent, &closed[number], forecast, poll.now)
        };
        let news = poll.now.checked_sub(NEWS).unwrap_or(poll.now);
        Ok(Insights {
            findings: Arc::clone(findings),
            budgets: self.budgets.iter().enumerate().map(standing).collect(),
            revisions: self.store.revisions(account, Kind::Cost, news).await?,
        })
    }

    /// Analyses all days before `today`. Days from `first` on have changed.
    async fn learn(&mut self, account: AccountId, first: Date, today: Date) -> Result<Found, store::Error> {
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
        let month = today.first_of_month();
        let findings = beside(move || all.findings(month)).await?;
        let closed = self.closed(account, month, today).await?;
        Ok(Found { findings: Arc::new(findings), closed })
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
                days.iter().for_each(|(day, amounts)| past.step(&series, *day, amounts));
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

    /// The cost of each closed day of the month for each budget.
    async fn closed(
        &self,
        account: AccountId,
        month: Date,
        today: Date,
    ) -> Result<Vec<BTreeMap<Date, Amount>>, store::Error> {
        let closed = vec![BTreeMap::new(); self.budgets.len()];
        if self.budgets.is_empty() {
            return Ok(closed);
        }
        let budgets = Arc::clone(&self.budgets);
        let visit =
            move |closed: &mut Vec<BTreeMap<Date, Amount>>, series: &[Series], day, amounts: &[(usize, Amount)]| {
                for (budget, closed) in budgets.iter().zip(closed) {
                    let counted = amounts.iter().filter(|(place, _)| {
                        let Series { group, measure } = &series[*place];
                        budget.counts(group, measure)
                    });
                    let sum = counted.fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(*amount).unwrap_or(sum));
                    closed.insert(day, sum);
                }
            };
        self.store.visit_days(account, Kind::Cost, (month, today), closed, visit).await
    }
}

/// Runs a long computation outside the serving thread.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, store::Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| store::Error::Dropped)
}

/// Logs each anomaly of the newest day once.
fn log_anomalies(account: &str, logged: &mut Option<(Date, BTreeSet<(Subject, Currency)>)>, found: &DailyAnalysis) {
    let Some((day, judged)) = &found.judged else { return };
    if logged.as_ref().is_none_or(|(of, _)| of != day) {
        *logged = Some((*day, BTreeSet::new()));
    }
    let Some((_, logged)) = logged else { return };
    for Judged { currency, subject, judgement, .. } in judged.iter().filter(|judged| judged.judgement.anomaly) {
        if logged.insert((subject.clone(), currency.clone())) {
            let [project_id, region_id, resource_type] = subject.places();
            let (project_id, region_id) = (project_id.as_str(), region_id.as_str());
            let resource_type = escaped(&resource_type);
            let explanation = judgement.explanation(currency.as_str());
            let explanation = escaped(&explanation);
            tracing::info!(account, %day, project_id, region_id, %resource_type, %explanation, "anomaly");
        }
    }
}

/// Logs series that vanished at once, when that is new.
fn warn_of_missing(account: &str, before: Option<&Missing>, now: &Missing) {
    let is_new = |(key, since): &(&(Whole, Currency), &Date)| {
        let is_account = key.0 == Whole::Account;
        let is_part = !is_account && now.contains_key(&(Whole::Account, key.1.clone()));
        !is_part && before.is_none_or(|before| before.get(key) != Some(since))
    };
    for ((whole, currency), since) in now.iter().filter(is_new) {
        let what = match whole {
            Whole::Account => "account".to_owned(),
            Whole::Project(project) => format!("project {}", project.0),
            Whole::Region(region) => format!("region {}", region.0),
        };
        tracing::warn!(
            account,
            what,
            currency = currency.as_str(),
            %since,
            "nothing of it has a cost any more; its days count as unknown for ten days, then as its end"
        );
    }
}

/// Logs budgets in a currency that does not occur.
fn warn_of_currencies(account: &str, budgets: &[Budget], known: &BTreeSet<Currency>) {
    for budget in budgets.iter().filter(|budget| !known.contains(&budget.currency)) {
        let known = known.iter().map(Currency::as_str).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            account,
            budget = budget.name,
            currency = budget.currency.as_str(),
            "no cost is in the currency of the budget; there is {known}"
        );
    }
}

/// Logs budgets with a project that does not exist.
fn warn_of_projects(account: &str, budgets: &[Budget], known: &BTreeMap<ProjectId, Project>) {
    for budget in budgets {
        for project in budget.selector.projects.iter().filter(|id| !known.contains_key(id)) {
            let (budget, project_id) = (budget.name.as_str(), project.0);
            tracing::warn!(account, budget, project_id, "the budget names a project that is not there");
        }
    }
}

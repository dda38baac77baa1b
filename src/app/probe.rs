//! Probes each enabled collector once with few requests, for `check-config --online`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use prometheus::Registry;
use smol_str::SmolStr;
use tokio::time::Instant;

use crate::account::AccountName;
use crate::collect;
use crate::config::Config;
use crate::snapshot::Collector;
use common::clock::Clock;
use gcore_api::billing::commitment::Commitment;
use gcore_api::billing::names::{Project, Region};
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::record::{CostRecord, Fold, RejectReason, UsageRecord};
use gcore_api::billing::report_task::ReportTask;
use gcore_api::billing::resource::{ProjectId, RegionId};
use gcore_api::billing::subscription::Subscription;
use gcore_api::endpoints::pagination::{FirstPage, Listing};
use gcore_api::http::client::Client;
use gcore_api::http::endpoint::Endpoint;
use gcore_api::http::error::{Error, Reason};
use gcore_api::http::memory_limit::MemoryLimit;
use gcore_api::http::poll_deadline::PollDeadline;

/// The findings for one account's key.
#[derive(Debug)]
pub struct Account {
    /// The account.
    pub name: AccountName,
    /// The URL of its API.
    pub api_url: String,
    /// One finding for each endpoint of the enabled collectors.
    pub findings: Vec<Finding>,
    /// The projects of the cost report with and without a name, if both lists were read.
    pub projects: Option<Naming>,
    /// The same for regions.
    pub regions: Option<Naming>,
}

/// The outcome of a probe of one endpoint.
#[derive(Debug)]
pub struct Finding {
    /// The collector that uses it.
    pub collector: Collector,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The contents of the answer, or the error.
    pub outcome: Result<Seen, Error>,
}

/// The contents of an answer. Only the first page of a long list is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Rows in the whole list, as counted by the server.
    pub rows: u64,
    /// Rows of the page that cannot be read.
    pub rejected: u64,
    /// The newest `last_seen` of a report, or `created_at` of the tasks.
    pub newest: Option<Timestamp>,
    /// `price_status` of the cost report.
    pub price_status: Option<SmolStr>,
    /// The projects with a name or with rows.
    pub projects: BTreeSet<ProjectId>,
    /// The regions with a name or with rows.
    pub regions: BTreeSet<RegionId>,
    /// Commitments that are active now.
    pub commitments: usize,
}

/// The projects or regions of the cost report with and without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The number in the first page of the cost report.
    pub billed: usize,
    /// The number of those without a name.
    pub nameless: usize,
}

impl Account {
    /// Whether every answer is 404. Each key can read the reports and the names, so `api_url` must be wrong.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        let is_not_found = |finding: &Finding| finding.outcome.as_ref().is_err_and(Error::is_not_found);
        self.findings.iter().all(is_not_found) && self.findings.iter().any(|finding| !finding.is_optional())
    }
}

impl Finding {
    /// Whether most keys cannot read the endpoint, which does no harm.
    fn is_optional(&self) -> bool {
        matches!(self.collector, Collector::Reports | Collector::Subscriptions | Collector::Commitments)
    }

    /// Whether the daemon can work with this outcome.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.outcome.as_ref().map_or_else(|error| self.is_optional() && error.reason == Reason::Unsupported, |_| true)
    }
}

/// Probes every enabled collector of every account once.
///
/// # Errors
/// Fails if an account's client cannot be built. An error of the API is a finding.
pub async fn check(config: &Config, clock: &Clock, progress: &dyn Fn(usize, usize)) -> anyhow::Result<Vec<Account>> {
    let all = config.accounts.len() * config.collect.enabled().count();
    let done = &Cell::new(0);
    progress(0, all);
    let metrics = gcore_api::http::metrics::Metrics::register(&Registry::new())?;
    let memory = Arc::new(MemoryLimit::new(config.accounts.len(), config.metrics.series_limit));
    let mut accounts = Vec::new();
    for (name, settings) in &config.accounts {
        let client = Arc::new(Client::new(name.as_str(), settings.clone(), clock.clone(), &metrics, &memory)?);
        let collect = &config.collect;
        accounts.push(async move {
            let probes = Collector::ALL.into_iter().filter_map(|collector| {
                let (_, schedule) = collect.enabled().find(|(enabled, _)| *enabled == collector)?;
                // A person waits for the result, so a probe takes no longer than one request may.
                let limit = schedule.timeout.min(settings.request_timeout);
                let deadline = PollDeadline { until: Instant::now() + limit, longest_wait: limit, yields: false };
                let probe = Probe { client: &client, collect, now: clock.now(), deadline };
                Some(async move {
                    let findings = probe.look(collector).await;
                    done.set(done.get() + 1);
                    progress(done.get(), all);
                    findings
                })
            });
            let findings: Vec<_> = join_all(probes).await.into_iter().flatten().collect();
            let projects = naming(&findings, Endpoint::Projects, |seen| &seen.projects);
            let regions = naming(&findings, Endpoint::Regions, |seen| &seen.regions);
            Account { name: name.clone(), api_url: settings.api_url.to_string(), findings, projects, regions }
        });
    }
    Ok(join_all(accounts).await)
}

/// A probe of one collector.
struct Probe<'a> {
    client: &'a Client,
    collect: &'a collect::settings::Settings,
    now: Timestamp,
    deadline: PollDeadline,
}

impl Probe<'_> {
    async fn look(&self, collector: Collector) -> Vec<Finding> {
        let (client, deadline) = (self.client, self.deadline);
        let finding = |endpoint, outcome| Finding { collector, endpoint, outcome };
        // The newest complete day.
        let yesterday = Window::Yesterday.period(self.now);
        match collector {
            Collector::Cost => {
                let seen =
                    gcore_api::endpoints::cost_report::probe::<Rows>(client, yesterday, deadline).await.map(Seen::from);
                vec![finding(Endpoint::CostReportResources, seen)]
            }
            Collector::Usage => {
                let seen = gcore_api::endpoints::usage_report::probe::<Rows>(client, yesterday, deadline)
                    .await
                    .map(Seen::from);
                vec![finding(Endpoint::UsageReport, seen)]
            }
            Collector::Reports => {
                let since = self.now.checked_sub(self.collect.reports.look_back).unwrap_or(Timestamp::MIN);
                let tasks = gcore_api::endpoints::report_tasks::probe::<Rows>(client, since, deadline).await;
                vec![finding(Endpoint::Reports, tasks.map(Seen::from))]
            }
            Collector::Subscriptions => {
                let list = gcore_api::endpoints::subscriptions::probe::<Rows>(client, deadline).await;
                vec![finding(Endpoint::Subscriptions, list.map(Seen::from))]
            }
            Collector::Commitments => {
                let month_so_far = Window::MonthToDate.period(self.now);
                let list = gcore_api::endpoints::reservations::commitments(client, month_so_far, deadline).await;
                let list = list.map(|list| {
                    let running = |list: Vec<Commitment>| list.iter().filter(|one| one.is_active(self.now)).count();
                    Seen::of(list, |list| Rows { commitments: running(list), ..Rows::default() })
                });
                let has_running = list.as_ref().is_ok_and(|seen| seen.commitments > 0);
                let mut findings = vec![finding(Endpoint::Reservations, list)];
                if has_running {
                    let totals =
                        gcore_api::endpoints::reservations::month_totals(client, utc_date(self.now), deadline).await;
                    let seen = totals.map(|totals| Seen::of(totals, |_| Rows::default()));
                    findings.push(finding(Endpoint::ReservationCostReportTotals, seen));
                }
                findings
            }
            // The history uses the endpoints of the cost and usage collectors.
            Collector::History => Vec::new(),
            Collector::Names => {
                let projects = gcore_api::endpoints::names::projects::<Rows>(client, deadline);
                let regions = gcore_api::endpoints::names::regions::<Rows>(client, deadline);
                let (projects, regions) = tokio::join!(projects, regions);
                vec![
                    finding(Endpoint::Projects, projects.map(Seen::from)),
                    finding(Endpoint::Regions, regions.map(Seen::from)),
                ]
            }
        }
    }
}

fn naming<T: Ord>(findings: &[Finding], names: Endpoint, of: fn(&Seen) -> &BTreeSet<T>) -> Option<Naming> {
    let seen = |endpoint| {
        let finding = findings.iter().find(|finding| finding.endpoint == endpoint)?;
        finding.outcome.as_ref().ok().map(of)
    };
    let (billed, named) = (seen(Endpoint::CostReportResources)?, seen(names)?);
    Some(Naming { billed: billed.len(), nameless: billed.difference(named).count() })
}

/// The facts of the rows of a page.
#[derive(Clone, Debug, Default)]
struct Rows {
    projects: BTreeSet<ProjectId>,
    regions: BTreeSet<RegionId>,
    newest: Option<Timestamp>,
    commitments: usize,
}

impl Rows {
    fn note(
        &mut self,
        project: Option<ProjectId>,
        region: Option<RegionId>,
        at: Option<Timestamp>,
    ) -> Result<(), RejectReason> {
        self.projects.extend(project);
        self.regions.extend(region);
        self.newest = self.newest.max(at);
        Ok(())
    }
}

impl Fold<CostRecord<'_>> for Rows {
    fn add(&mut self, record: CostRecord<'_>) -> Result<(), RejectReason> {
        self.note(Some(record.project), record.region, record.last_seen)
    }
}

impl Fold<UsageRecord<'_>> for Rows {
    fn add(&mut self, record: UsageRecord<'_>) -> Result<(), RejectReason> {
        self.note(Some(record.project), record.region, record.last_seen)
    }
}

impl Fold<ReportTask> for Rows {
    fn add(&mut self, task: ReportTask) -> Result<(), RejectReason> {
        self.note(None, None, task.created_at)
    }
}

impl Fold<Subscription> for Rows {
    fn add(&mut self, _: Subscription) -> Result<(), RejectReason> {
        Ok(())
    }
}

impl Fold<(ProjectId, Project)> for Rows {
    fn add(&mut self, (id, _): (ProjectId, Project)) -> Result<(), RejectReason> {
        self.note(Some(id), None, None)
    }
}

impl Fold<(RegionId, Region)> for Rows {
    fn add(&mut self, (id, _): (RegionId, Region)) -> Result<(), RejectReason> {
        self.note(None, Some(id), None)
    }
}

impl Seen {
    fn of<F>(list: Listing<F>, look: impl FnOnce(F) -> Rows) -> Self {
        let Listing { data, rows, rejected, price_status, .. } = list;
        let Rows { projects, regions, newest, commitments } = look(data);
        Self { rows, rejected: rejected.values().sum(), newest, price_status, projects, regions, commitments }
    }
}

impl From<Listing<Rows>> for Seen {
    fn from(list: Listing<Rows>) -> Self {
        Self::of(list, |rows| rows)
    }
}

impl From<FirstPage<Rows>> for Seen {
    fn from(first_page: FirstPage<Rows>) -> Self {
        Self { rows: first_page.count, ..Self::from(first_page.page) }
    }
}

//! Reads costs per window, by the cheapest method that gives correct sums.
//!
//! The method is either every resource, page by page, or one request per project for its totals. Both give the same
//! metrics. The cheaper one depends on the account.

mod by_totals;
mod method_selection;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aggregate::cost::{CostTotals, differences};
use crate::aggregate::detailed_totals::DetailedTotals;
use crate::snapshot::WindowReading;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, Window, utc_date};
use gcore_api::billing::record::Fold as _;
use gcore_api::billing::resource::ProjectId;
use gcore_api::endpoints::cost_report;
use gcore_api::endpoints::cost_totals;
use gcore_api::endpoints::pagination::Listing;
use gcore_api::http::client::Client;
use gcore_api::http::endpoint::Endpoint;
use gcore_api::http::error::{Error, Reason};

use super::poll::Poll;
use super::settings::{Details, Method, Settings, Windowed};
use super::windows;
use method_selection::{Choice, Known};

pub(super) struct Source {
    reader: Reader,
    settings: Windowed,
}

/// Reads the costs of any period.
pub(super) struct Reader {
    client: Arc<Client>,
    method: Method,
    details: Details,
    /// Facts from earlier readings.
    known: Mutex<BTreeMap<Span, Known>>,
}

/// Readings that have the same size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// The readings of a window.
    Window(Window),
    /// The readings of single past days.
    PastDay,
}

impl Span {
    fn as_str(self) -> &'static str {
        match self {
            Self::Window(window) => window.as_str(),
            Self::PastDay => "day",
        }
    }
}

impl Source {
    pub(super) fn new(client: Arc<Client>, settings: &Settings) -> Self {
        Self { reader: Reader::new(client, settings), settings: settings.cost.clone() }
    }

    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        self.reader.names_settled(poll).await;
        windows::read_each(poll, &self.settings.windows, |window| self.read(poll, window)).await
    }

    async fn read(&self, poll: &Poll<'_>, window: Window) -> Result<(), Error> {
        let period = window.period(poll.now);
        let totals = self.reader.read(poll, Span::Window(window), period).await?;
        refuse_silent_loss(poll, window, period, &totals)?;
        let reading = poll.reading(totals, self.settings.stale_after);
        let reading = WindowReading::new(reading, period, self.settings.settle_after);
        poll.publish(|account| drop(account.cost.insert(window, reading)));
        Ok(())
    }
}

/// Refuses a report that is suddenly empty and has another `price_status` than `show`: it says nothing about the costs.
fn refuse_silent_loss(poll: &Poll<'_>, window: Window, period: Period, totals: &CostTotals) -> Result<(), Error> {
    if !totals.is_empty() || totals.shows_prices() {
        return Ok(());
    }
    let account = poll.account_so_far();
    let last = account.cost.get(&window).filter(|reading| reading.period == period);
    match last.and_then(|reading| reading.current(window, poll.now)) {
        Some(last) if !last.is_empty() => Err(tells_nothing(totals)),
        _ => Ok(()),
    }
}

/// The error for a report that says nothing about the costs.
pub(super) fn tells_nothing(totals: &CostTotals) -> Error {
    let status = totals.price_status.as_deref().unwrap_or("missing");
    let found = if totals.is_empty() { "the report is suddenly empty" } else { "no row of the report has a price" };
    Error {
        endpoint: Endpoint::CostReportResources,
        reason: Reason::Inconsistent,
        detail: format!("{found}, and its price_status is {status}"),
    }
}

impl Reader {
    pub(super) fn new(client: Arc<Client>, settings: &Settings) -> Self {
        let (method, details) = (settings.cost_method, settings.cost_details.clone());
        Self { client, method, details, known: Mutex::default() }
    }

    /// The largest difference between two correct readings of the same costs. The API rounds each row to 5 decimals,
    /// and resources and totals have different rows. A cent is far more than the rounding of one group.
    pub(super) fn rounding(&self) -> Amount {
        if self.method == Method::Auto { Amount::CENT } else { Amount::ZERO }
    }

    /// Waits for project names when the totals of projects may be read.
    pub(super) async fn names_settled(&self, poll: &Poll<'_>) {
        if self.method != Method::Resources {
            poll.names_settled().await;
        }
    }

    /// Reads the costs of a period.
    pub(super) async fn read(&self, poll: &Poll<'_>, span: Span, period: Period) -> Result<CostTotals, Error> {
        let projects = self.projects(poll);
        let mut totals = None;
        self.refresh_row_count(poll, span, period).await;
        if self.choose(poll, span, &projects) == Choice::Totals {
            totals = by_totals::read(&self.client, period, &projects, poll).await?;
        }
        match totals {
            Some(totals) => Ok(totals),
            None => self.read_resources(poll, span, period).await,
        }
    }

    /// Reads every resource, and compares the sums with the totals of the same period.
    async fn read_resources(&self, poll: &Poll<'_>, span: Span, period: Period) -> Result<CostTotals, Error> {
        let listing = match self.details(span) {
            None => cost_report::read::<CostTotals>(&self.client, period, None, poll.deadline).await?,
            Some(Details { tag_keys, top_resources }) => {
                let empty = || DetailedTotals::new(tag_keys, *top_resources);
                let Listing { data, rows, rejected, price_status, mut share } =
                    cost_report::read_detailed(&self.client, period, poll.deadline, empty).await?;
                let data = data.finish();
                // Only the resources with the largest costs are left.
                share.shrink_to(data.weight());
                Listing { data, rows, rejected, price_status, share }
            }
        };
        poll.reject(&listing.rejected);
        self.learn_rows(poll, span, listing.rows);
        let mut totals = listing.data;
        (totals.price_status, totals.share) = (listing.price_status, listing.share);
        match cost_totals::read(&self.client, period, None, poll.deadline).await {
            Ok(lines) => totals.differences = differences(&totals, listing.rows, &lines.data),
            Err(error) => tracing::debug!(
                account = poll.account.as_str(),
                window = span.as_str(),
                %error,
                "the costs could not be compared with their totals"
            ),
        }
        Ok(totals)
    }

    /// The projects that can have costs, as far as names are known.
    fn projects(&self, poll: &Poll<'_>) -> Vec<ProjectId> {
        match &self.client.filter().projects[..] {
            [] => poll.account_so_far().names.projects.keys().copied().collect(),
            wanted => wanted.iter().copied().map(ProjectId).collect(),
        }
    }

    /// Chooses the method, and logs a change.
    fn choose(&self, poll: &Poll<'_>, span: Span, projects: &[ProjectId]) -> Choice {
        let mut choice = Choice::Resources;
        self.learn(span, |known| {
            let why;
            (choice, why) = match self.details(span) {
                Some(details) => (Choice::Resources, format!("{} needs the resources", details.named())),
                None => method_selection::choose(self.method, known, self.client.page_size(), projects.len()),
            };
            if known.choice.replace(choice) != Some(choice) {
                let (account, window) = (poll.account.as_str(), span.as_str());
                tracing::info!(account, window, method = choice.as_str(), why, "reading costs");
            }
        });
        choice
    }

    /// The details of single resources.
    fn details(&self, span: Span) -> Option<&Details> {
        (span == Span::Window(Details::WINDOW) && !self.details.is_empty()).then_some(&self.details)
    }

    /// Counts the rows from the first page, when a count is due and the rows themselves are not read.
    async fn refresh_row_count(&self, poll: &Poll<'_>, span: Span, period: Period) {
        let mut is_due = false;
        self.learn(span, |known| is_due = known.is_recount_due(self.method, utc_date(poll.now)));
        if !is_due {
            return;
        }
        match cost_report::probe::<CostTotals>(&self.client, period, poll.deadline).await {
            Ok(first_page) => self.learn_rows(poll, span, first_page.count),
            Err(error) => tracing::debug!(
                account = poll.account.as_str(),
                window = span.as_str(),
                %error,
                "the rows could not be counted anew"
            ),
        }
    }

    fn learn_rows(&self, poll: &Poll<'_>, span: Span, rows: u64) {
        self.learn(span, |known| (known.rows, known.counted_on) = (Some(rows), Some(utc_date(poll.now))));
    }

    fn learn(&self, span: Span, change: impl FnOnce(&mut Known)) {
        change(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(span).or_default());
    }
}

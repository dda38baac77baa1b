//! The request body of the two cloud reports, and the forms of it that a server may require.
//!
//! Two things are not documented: the largest `limit`, and whether a period may end in the future. The first request
//! uses the likeliest form. A 400 leads to the next form, and the accepted form is remembered. Only documented keys are
//! sent, because the API refuses any other.

use jiff::civil::Date;
use serde::Serialize;

use crate::billing::period::{Period, utc_date};
use crate::billing::resource::ProjectId;

use crate::endpoints::pagination::Query;
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::{Error, Reason};
use crate::http::payload::Payload;
use crate::http::refusal::Refused;
use crate::http::report_forms::Form;
use crate::http::settings::Filter;

/// A page size that every list of this API accepts.
const CAUTIOUS_PAGE_SIZE: u32 = 100;

#[derive(Serialize)]
struct Body<'a> {
    time_from: String,
    time_to: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enable_last_day: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    projects: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    regions: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    types: &'a [String],
}

/// A report of one period, restricted by the account's filter.
pub(crate) struct ReportQuery<'a> {
    endpoint: Endpoint,
    filter: &'a Filter,
    /// The only project of the report, instead of the filter's projects.
    project: Option<u64>,
    period: Period,
    is_running: bool,
    form: Form,
}

impl<'a> ReportQuery<'a> {
    /// A report of the projects in the account's filter, or of one project.
    pub(crate) fn new(client: &'a Client, endpoint: Endpoint, period: Period, project: Option<ProjectId>) -> Self {
        let is_running = period.end() > utc_date(client.clock.now());
        let initial = Form { page_size: client.settings.page_size, last_day_included: is_running };
        let form = client
            .forms
            .get(endpoint)
            .map_or(initial, |known| Form { last_day_included: known.last_day_included && is_running, ..known });
        let (filter, project) = (&client.settings.filter, project.map(|id| id.0));
        Self { endpoint, filter, project, period, is_running, form }
    }
}

impl Query for ReportQuery<'_> {
    fn payload(&self, offset: u64) -> Payload {
        let day_start = |day: Date| format!("{day}T00:00:00Z");
        let last_day_included = self.form.last_day_included;
        let limit = self.rows();
        let body = Body {
            time_from: day_start(self.period.first()),
            time_to: day_start(if last_day_included { self.period.last() } else { self.period.end() }),
            enable_last_day: last_day_included,
            limit,
            offset: limit.is_some().then_some(offset),
            projects: self.project.as_ref().map_or(&self.filter.projects, std::slice::from_ref),
            regions: &self.filter.regions,
            types: &self.filter.types,
        };
        Payload::json(&body)
    }

    fn rows(&self) -> Option<u32> {
        (self.endpoint != Endpoint::CostReportTotals).then_some(self.form.page_size)
    }

    fn adapt(&mut self, refusal: &Error) -> bool {
        let next = next_form(self.form, refusal);
        self.form = next.unwrap_or(self.form);
        next.is_some()
    }

    fn is_part(&self) -> bool {
        self.project.is_some()
    }

    fn accepted(&self, client: &Client) {
        client.forms.learn(self.endpoint, self.form, self.is_running);
    }
}

/// The form after a 400. A refusal that names no field may mean either.
fn next_form(form: Form, error: &Error) -> Option<Form> {
    if error.reason != Reason::BadRequest {
        return None;
    }
    let smaller = (form.page_size > CAUTIOUS_PAGE_SIZE).then_some(Form { page_size: CAUTIOUS_PAGE_SIZE, ..form });
    let exclusive = form.last_day_included.then_some(Form { last_day_included: false, ..form });
    match Refused::named_by(&error.detail) {
        Some(Refused::PageSize) => smaller,
        Some(Refused::Period) => exclusive,
        None => exclusive.or(smaller),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_leads_to_the_form_that_it_asks_for() {
        let form = |page_size, last_day_included| Form { page_size, last_day_included };
        for (name, from, reason, detail, want) in [
            ("limit", form(1000, true), Reason::BadRequest, "{'limit': ['too large']}", Some(form(100, true))),
            ("limit, small already", form(100, true), Reason::BadRequest, "limit", None),
            ("dates", form(1000, true), Reason::BadRequest, "{'time_to': ['bad']}", Some(form(1000, false))),
            ("dates, closed period", form(1000, false), Reason::BadRequest, "time_to", None),
            ("no hint", form(1000, true), Reason::BadRequest, "", Some(form(1000, false))),
            ("no hint, closed period", form(1000, false), Reason::BadRequest, "", Some(form(100, false))),
            ("not a refusal", form(1000, true), Reason::ServerError, "limit", None),
        ] {
            let error = Error { endpoint: Endpoint::UsageReport, reason, detail: detail.into() };
            assert_eq!(next_form(from, &error), want, "{name}");
        }
    }
}

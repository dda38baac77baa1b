//! How the two cloud reports are asked: the request body, and the forms of it that a server may insist on.
//!
//! Two things are not documented: the largest `limit`, and whether a period may end in the future. The request
//! starts with the form that is likeliest to be taken; a 400 leads to the next form, and the one that was taken is
//! remembered. Only documented keys are sent, since the API refuses any other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use serde::Serialize;
use smol_str::SmolStr;
use tokio::time::Instant;

use crate::billing::period::{Period, utc_date};

use super::client::{Client, Payload};
use super::endpoint::Endpoint;
use super::error::{Error, Reason};
use super::page::Walk;
use super::wire::{self, Row};

/// A page size that every list of this API takes.
const CAUTIOUS_PAGE_SIZE: u32 = 100;

/// The form that each endpoint last took.
#[derive(Debug, Default)]
pub(super) struct Forms(Mutex<BTreeMap<Endpoint, Form>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    page_size: u32,
    /// Whether a period that is still running is sent as "until today, the last day included", which spares a date
    /// in the future; otherwise as "until before tomorrow".
    last_day_included: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    time_from: String,
    time_to: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enable_last_day: bool,
    limit: u32,
    offset: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    projects: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    regions: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    types: &'a [String],
}

/// Reads all rows of a report for `period`, restricted by the account's filter; returns the `price_status`.
pub(super) async fn read<const N: usize>(
    client: &Client,
    endpoint: Endpoint,
    rows_key: &str,
    names: [&str; N],
    period: Period,
    deadline: Instant,
    mut on_row: impl FnMut(Row<'_, N>),
) -> Result<Option<SmolStr>, Error> {
    let is_running = period.end() > utc_date(client.clock.now());
    let initial = Form { page_size: client.settings.page_size, last_day_included: is_running };
    let mut form = client
        .forms
        .get(endpoint)
        .map_or(initial, |known| Form { last_day_included: known.last_day_included && is_running, ..known });
    let mut walk = Walk::new(endpoint);
    let mut price_status = None;
    while let Some(offset) = walk.next_offset() {
        let payload = Payload::Json(body(client, period, form, offset));
        let page = match client.send(endpoint, &payload, deadline).await {
            Ok(page) => page,
            Err(error) => {
                form = next_form(form, &error).filter(|_| offset == 0).ok_or(error)?;
                continue;
            }
        };
        let head =
            wire::read_page(&page, rows_key, names, &mut on_row).map_err(|error| bad_body(client, endpoint, &error))?;
        walk.page(&head)?;
        client.page_done(endpoint);
        client.forms.learn(endpoint, form, is_running);
        price_status = worse(price_status, head.price_status);
    }
    Ok(price_status)
}

/// The status of all pages together: one page that does not simply show its prices speaks for the whole.
fn worse(so_far: Option<SmolStr>, page: Option<SmolStr>) -> Option<SmolStr> {
    match (so_far, page) {
        (Some(so_far), Some(page)) if page == "show" => Some(so_far),
        (so_far, page) => page.or(so_far),
    }
}

/// The error for a page that cannot be read.
pub(super) fn bad_body(client: &Client, endpoint: Endpoint, error: &serde_json::Error) -> Error {
    // The message quotes a value that is not of the expected kind.
    let detail = client.without_key(&format!("the answer is no page: {error}"));
    Error { endpoint, reason: Reason::BadBody, detail }
}

fn body(client: &Client, period: Period, form: Form, offset: u64) -> String {
    let day_start = |day: Date| format!("{day}T00:00:00Z");
    let filter = &client.settings.filter;
    let body = Body {
        time_from: day_start(period.first()),
        time_to: day_start(if form.last_day_included { period.last() } else { period.end() }),
        enable_last_day: form.last_day_included,
        limit: form.page_size,
        offset,
        projects: &filter.projects,
        regions: &filter.regions,
        types: &filter.types,
    };
    // Strings, numbers and lists of them: nothing here can fail to be written.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The form to try after a 400, by what the answer complains of.
fn next_form(form: Form, error: &Error) -> Option<Form> {
    if error.reason != Reason::BadRequest {
        return None;
    }
    let smaller = (form.page_size > CAUTIOUS_PAGE_SIZE).then_some(Form { page_size: CAUTIOUS_PAGE_SIZE, ..form });
    let exclusive = form.last_day_included.then_some(Form { last_day_included: false, ..form });
    if error.detail.contains("limit") {
        smaller
    } else if ["time_from", "time_to", "enable_last_day"].iter().any(|key| error.detail.contains(key)) {
        exclusive
    } else {
        exclusive.or(smaller)
    }
}

impl Forms {
    fn get(&self, endpoint: Endpoint) -> Option<Form> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&endpoint).copied()
    }

    /// Remembers what was taken; a closed period says nothing about how a running one is to be sent.
    fn learn(&self, endpoint: Endpoint, form: Form, is_running: bool) {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last_day_included = if is_running {
            form.last_day_included
        } else {
            forms.get(&endpoint).is_none_or(|known| known.last_day_included)
        };
        forms.insert(endpoint, Form { last_day_included, ..form });
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

    #[test]
    fn a_closed_period_does_not_unlearn_the_running_one() {
        let (forms, endpoint) = (Forms::default(), Endpoint::UsageReport);
        forms.learn(endpoint, Form { page_size: 100, last_day_included: false }, false);
        assert_eq!(forms.get(endpoint), Some(Form { page_size: 100, last_day_included: true }));
        forms.learn(endpoint, Form { page_size: 100, last_day_included: false }, true);
        forms.learn(endpoint, Form { page_size: 100, last_day_included: false }, false);
        assert_eq!(forms.get(endpoint), Some(Form { page_size: 100, last_day_included: false }));
    }
}

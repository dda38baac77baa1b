//! The JSON API, `/api/v1`. `docs/openapi.yaml` describes it, and is served with it.
//!
//! Exact amounts are decimal texts. Estimates are numbers, because they are not exact.

mod alerts;
mod anomalies;
mod budgets;
mod costs;
mod forecasts;
mod query;
mod status;

use std::sync::Arc;

use hyper::header::{HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::snapshot::Snapshot;

use super::app_state::AppState;
use super::background;
use super::body::Body;
use super::content_negotiation;
use super::response::{TEXT, respond};
use query::{BadQuery, Query};

const JSON: &str = "application/json";
const CSV: &str = "text/csv; charset=utf-8";
const YAML: &str = "application/yaml";

/// The path of the list of alerts.
pub const ALERTS: &str = "/api/v1/alerts";

/// Every path of the API.
const ENDPOINTS: [(&str, Endpoint); 7] = [
    (ALERTS, Endpoint::Alerts),
    ("/api/v1/anomalies", Endpoint::Anomalies),
    ("/api/v1/budgets", Endpoint::Budgets),
    ("/api/v1/costs", Endpoint::Costs),
    ("/api/v1/forecasts", Endpoint::Forecasts),
    ("/api/v1/openapi.yaml", Endpoint::OpenApi),
    ("/api/v1/status", Endpoint::Status),
];

/// A path of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Alerts,
    Anomalies,
    Budgets,
    Costs,
    Forecasts,
    OpenApi,
    Status,
}

/// The text of an answer, or the refusal of its query.
type Answer = Result<Text, BadQuery>;

/// A text with its status and type.
struct Text {
    status: StatusCode,
    content_type: &'static str,
    text: String,
}

impl Endpoint {
    pub(super) fn find(path: &str) -> Option<Self> {
        ENDPOINTS.into_iter().find(|(of, _)| *of == path).map(|(_, endpoint)| endpoint)
    }

    /// The answer to a request.
    pub(super) async fn answer(self, site: &AppState, request: &Parts) -> Response<Body> {
        let (snapshot, now) = (Arc::clone(&site.snapshot.borrow()), site.clock.now());
        let query = Query::new(request.uri.query().unwrap_or_default());
        let answer = match self {
            Self::Alerts => {
                // If the store fails, it logs the reason. Alerts are then listed without their notifications.
                let tellings = site.store.tellings().await.unwrap_or_default();
                // Writers of alerts do not wait while the answer is made.
                let current = site.alerts.borrow().clone();
                query.and_then(|query| query.none()).map(|()| json(&alerts::list(&current, site.shard, &tellings)))
            }
            Self::Anomalies => query.and_then(|query| anomalies::answer(&snapshot, query, now)),
            Self::Budgets => query.and_then(|query| budgets::answer(&snapshot, query, now)),
            Self::Forecasts => query.and_then(|query| forecasts::answer(&snapshot, query, now)),
            Self::Status => query.and_then(|query| status::answer(site, &snapshot, query, now)),
            Self::OpenApi => query
                .and_then(|query| query.none())
                .map(|()| Text::good(YAML, include_str!("../../../docs/openapi.yaml").into())),
            Self::Costs => costs(snapshot, query, content_negotiation::prefers_csv(&request.headers), now).await,
        };
        let mut response = match answer {
            Ok(Text { status, content_type, text }) => respond(status, content_type, text),
            Err(bad) => respond(StatusCode::BAD_REQUEST, JSON, json(&bad.body()).text),
        };
        if self == Self::Costs {
            response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        }
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

async fn costs(snapshot: Arc<Snapshot>, query: Result<Query, BadQuery>, is_csv: bool, now: Timestamp) -> Answer {
    let work = move || query.and_then(|query| costs::answer(&snapshot, query, is_csv, now));
    let done = background::run(work).await;
    done.unwrap_or_else(|_| Ok(failed("the costs cannot be written")))
}

/// A value as a line of JSON.
fn json(value: &impl Serialize) -> Text {
    match serde_json::to_string(value) {
        Ok(mut text) => {
            text.push('\n');
            Text::good(JSON, text)
        }
        Err(error) => failed(&format!("the answer cannot be written: {error}")),
    }
}

fn failed(why: &str) -> Text {
    Text { status: StatusCode::INTERNAL_SERVER_ERROR, content_type: TEXT, text: format!("{why}\n") }
}

impl Text {
    fn good(content_type: &'static str, text: String) -> Self {
        Self { status: StatusCode::OK, content_type, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_api_is_documented_and_no_other() {
        let text = include_str!("../../../docs/openapi.yaml");
        let documented: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':')).collect();
        let wanted: Vec<&str> = ENDPOINTS.iter().map(|(path, _)| path.trim_start_matches('/')).collect();
        assert_eq!(documented, wanted);
        assert_eq!(Endpoint::find("/api/v1/status"), Some(Endpoint::Status));
        assert_eq!(Endpoint::find("/api/v1/"), None);
    }
}

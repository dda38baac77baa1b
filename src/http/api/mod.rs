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

use hyper::header::{CONTENT_TYPE, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::snapshot::Snapshot;

use super::body::Body;
use super::routes::{AppState, TEXT, respond};
use query::{BadQuery, Query};

const JSON: &str = "application/json";
const CSV: &str = "text/csv; charset=utf-8";
const YAML: &str = "application/yaml";

/// The path of the list of alerts.
pub const ALERTS: &str = "/api/v1/alerts";

/// Every path of the API.
pub const PATHS: [&str; 7] = [
    ALERTS,
    "/api/v1/anomalies",
    "/api/v1/budgets",
    "/api/v1/costs",
    "/api/v1/forecasts",
    "/api/v1/openapi.yaml",
    "/api/v1/status",
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

/// A text with its type.
struct Text {
    content_type: &'static str,
    text: String,
}

impl Endpoint {
    pub(super) fn find(path: &str) -> Option<Self> {
        let all =
            [Self::Alerts, Self::Anomalies, Self::Budgets, Self::Costs, Self::Forecasts, Self::OpenApi, Self::Status];
        PATHS.iter().zip(all).find(|(of, _)| **of == path).map(|(_, endpoint)| endpoint)
    }

    /// The answer to a request.
    pub(super) async fn answer(self, site: &AppState, request: &Parts) -> Response<Body> {
        let (snapshot, now) = (Arc::clone(&site.snapshot.borrow()), site.clock.now());
        let query = Query::new(request.uri.query().unwrap_or_default());
        let answer = match self {
            Self::Alerts => {
                // If the store fails, it logs the reason. Alerts are then listed without their notifications.
                let tellings = site.store.tellings().await.unwrap_or_default();
                query.and_then(|query| query.none()).map(|()| json(&alerts::list(&site.alerts.borrow(), &tellings)))
            }
            Self::Anomalies => query.and_then(|query| query.none()).map(|()| json(&anomalies::list(&snapshot, now))),
            Self::Budgets => query.and_then(|query| budgets::answer(&snapshot, query, now)),
            Self::Forecasts => query.and_then(|query| forecasts::answer(&snapshot, query, now)),
            Self::Status => query.and_then(|query| status::answer(site, &snapshot, query, now)),
            Self::OpenApi => query
                .and_then(|query| query.none())
                .map(|()| Text { content_type: YAML, text: include_str!("../../../docs/openapi.yaml").into() }),
            Self::Costs => costs(snapshot, query, costs::prefers_csv(&request.headers), now).await,
        };
        let mut response = match answer {
            Ok(Text { content_type, text }) => respond(StatusCode::OK, content_type, text),
            Err(bad) => respond(StatusCode::BAD_REQUEST, JSON, json(&bad.body()).text),
        };
        if self == Self::Costs {
            response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        }
        if response.headers().get(CONTENT_TYPE).is_some_and(|of| of == TEXT) {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// Outside the serving threads, because an account may have 100,000 groups.
async fn costs(snapshot: Arc<Snapshot>, query: Result<Query, BadQuery>, is_csv: bool, now: Timestamp) -> Answer {
    let work = move || query.and_then(|query| costs::answer(&snapshot, query, is_csv, now));
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Ok(failed("the costs cannot be written")))
}

/// A value as a line of JSON.
fn json(value: &impl Serialize) -> Text {
    match serde_json::to_string(value) {
        Ok(mut text) => {
            text.push('\n');
            Text { content_type: JSON, text }
        }
        Err(error) => failed(&format!("the answer cannot be written: {error}")),
    }
}

fn failed(why: &str) -> Text {
    Text { content_type: TEXT, text: format!("{why}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_api_is_documented_and_no_other() {
        let text = include_str!("../../../docs/openapi.yaml");
        let documented: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':')).collect();
        let wanted: Vec<&str> = PATHS.iter().map(|path| path.trim_start_matches('/')).collect();
        assert_eq!(documented, wanted);
        assert_eq!(Endpoint::find("/api/v1/status"), Some(Endpoint::Status));
        assert_eq!(Endpoint::find("/api/v1/"), None);
    }
}

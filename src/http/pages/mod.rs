//! The pages for people: rendered here, from the snapshot and the current alerts, without a script.
//!
//! A page never asks the store. Everything from the API or the configuration is escaped, and cut where it is long.
//! Links are relative, so that a proxy may serve the daemon below any path.

mod alerts;
mod anomalies;
mod budgets;
mod chart;
mod collectors;
mod format;
mod layout;
mod money;
mod parts;
mod project;
mod runbooks;
mod status;
mod subscriptions;

use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use maud::Markup;

use crate::alert::Current;
use crate::shard::Shard;
use crate::snapshot::Snapshot;

use super::body::Body;
use super::response::respond;

/// The path of the runbooks. An alert's section has two anchors: its name, and its name in lower case. Dashboards cannot
/// change the case.
pub const RUNBOOKS: &str = "/runbooks";

/// The path of the list of alerts. Each alert has a page below it, by its fingerprint.
pub const ALERTS: &str = "/alerts";

const STYLE: &str = "/assets/style.css";
const ICON: &str = "/assets/icon.svg";

const HTML: &str = "text/html; charset=utf-8";

/// Nothing may run, and nothing may be loaded from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    // Billing data stays out of caches.
    (CACHE_CONTROL, "no-store"),
];

/// The data of a page.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The readings.
    pub snapshot: &'a Snapshot,
    /// The alerts.
    pub alerts: &'a Current,
    /// The shard. Only the first one has alerts.
    pub shard: Shard,
    /// The current time.
    pub now: Timestamp,
    /// The path of the metrics.
    pub telemetry_path: &'a str,
}

/// A page by its path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Page {
    Status,
    Alerts,
    /// The page of one alert, by its fingerprint.
    Alert(String),
    /// The page of one project, by its id.
    Project(String),
    Runbooks,
}

impl Page {
    pub(super) fn find(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Status),
            ALERTS => Some(Self::Alerts),
            RUNBOOKS => Some(Self::Runbooks),
            _ => match path.strip_prefix('/')?.split_once('/')? {
                ("alerts", fingerprint) => Some(Self::Alert(fingerprint.to_owned())),
                ("projects", id) => Some(Self::Project(id.to_owned())),
                _ => None,
            },
        }
    }

    /// The answer for a page.
    pub(super) fn answer(self, view: View<'_>) -> Response<Body> {
        let (status, page) = match &self {
            Self::Status => (StatusCode::OK, status::page(view)),
            Self::Alerts => (StatusCode::OK, alerts::page(view)),
            Self::Runbooks => (StatusCode::OK, runbooks::page(view)),
            Self::Alert(fingerprint) => found(alerts::alert_page(view, fingerprint), || alerts::missing(view)),
            Self::Project(id) => found(project::page(view, id), || project::missing(view, id)),
        };
        let mut response = respond(status, HTML, page.into_string());
        response.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

/// The status page as HTML, for measurements.
#[must_use]
pub fn status_page(view: View<'_>) -> String {
    status::page(view).into_string()
}

fn found(page: Option<Markup>, missing: impl FnOnce() -> Markup) -> (StatusCode, Markup) {
    page.map_or_else(|| (StatusCode::NOT_FOUND, missing()), |page| (StatusCode::OK, page))
}

/// A file that every page uses.
pub(super) struct Asset {
    content_type: &'static str,
    text: &'static str,
}

impl Asset {
    pub(super) fn find(path: &str) -> Option<Self> {
        match path {
            STYLE => Some(Self { content_type: "text/css; charset=utf-8", text: include_str!("style.css") }),
            ICON => Some(Self { content_type: "image/svg+xml", text: include_str!("icon.svg") }),
            _ => None,
        }
    }

    pub(super) fn answer(self) -> Response<Body> {
        let mut response = respond(StatusCode::OK, self.content_type, self.text);
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Short, because a new version of the daemon has another style.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_page_or_nowhere() {
        for (path, want) in [
            ("/", Some(Page::Status)),
            ("/alerts", Some(Page::Alerts)),
            ("/alerts/00c0ffee00c0ffee", Some(Page::Alert("00c0ffee00c0ffee".into()))),
            ("/projects/41001", Some(Page::Project("41001".into()))),
            ("/projects/../runbooks", Some(Page::Project("../runbooks".into()))),
            ("/projects", None),
            ("//", None),
            ("/assets/../style.css", None),
            ("/Alerts", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Page::find(path), want, "{path}");
            assert!(Asset::find(path).is_none(), "{path}");
        }
        assert!(Asset::find(STYLE).is_some() && Asset::find(ICON).is_some());
    }
}

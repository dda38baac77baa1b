//! The handler of each path.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use prometheus::Registry;

use crate::account::AccountName;
use crate::alert;
use crate::exposition;
use crate::exposition::Coding;
use crate::exposition::encoded::Shared;
use crate::exposition::encoder::Encoder;
use crate::snapshot::{Collector, Reader};
use crate::store::Store;
use common::clock::Clock;

use super::accept;
use super::alerts;
use super::anomalies;
use super::body;
use super::body::Body;
use super::page;
use super::reload;
use super::runbooks;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The data for all handlers.
pub struct AppState {
    /// The encoded metrics.
    pub encoder: Arc<Encoder>,
    /// The clock.
    pub clock: Clock,
    /// The current snapshot.
    pub snapshot: Reader,
    /// The current alerts.
    pub alerts: alert::Reader,
    /// The store, with the notification log.
    pub store: Store,
    /// The registry of the daemon's own metrics.
    pub registry: Registry,
    /// The path of the metrics, `/metrics` by default.
    pub telemetry_path: String,
    /// Receives reload requests. `None`: a reload is answered with 403.
    pub reloads: Option<reload::ReloadRequests>,
}

/// The fixed paths that are not below `/-/`.
pub const TAKEN: [&str; 7] = ["/", "/healthz", "/livez", "/readyz", alerts::PATH, anomalies::PATH, runbooks::PATH];

enum Page {
    Metrics,
    Index,
    Healthy,
    Ready,
    Alerts,
    Anomalies,
    Runbooks,
}

/// Answers one request by its head. All paths accept only GET and HEAD, except the path for reloads.
pub async fn answer(site: &AppState, request: &Parts) -> Response<Body> {
    let page = match request.uri.path() {
        path if path == site.telemetry_path => Page::Metrics,
        "/" => Page::Index,
        "/-/healthy" | "/healthz" | "/livez" => Page::Healthy,
        "/-/ready" | "/readyz" => Page::Ready,
        alerts::PATH => Page::Alerts,
        anomalies::PATH => Page::Anomalies,
        runbooks::PATH => Page::Runbooks,
        reload::PATH => return reload::answer(site.reloads.as_ref(), &request.method).await,
        _ => return respond(StatusCode::NOT_FOUND, TEXT, "not found; the start page / lists what there is\n"),
    };
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let mut refusal = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are answered here\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    // For HEAD, the server leaves out the body and keeps its length.
    match page {
        Page::Index => respond(StatusCode::OK, HTML, page::index(&site.telemetry_path)),
        Page::Healthy => respond(StatusCode::OK, TEXT, "alive\n"),
        Page::Ready => ready(site),
        Page::Alerts => {
            // If the store fails, it logs the reason. Alerts are then listed without their notifications.
            let tellings = site.store.tellings().await.unwrap_or_default();
            match alerts::list(&site.alerts.borrow(), &tellings) {
                Ok(list) => respond(StatusCode::OK, JSON, list),
                Err(error) => {
                    respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot write the alerts: {error}\n"))
                }
            }
        }
        Page::Anomalies => respond(StatusCode::OK, JSON, anomalies::list(&site.snapshot.borrow(), site.clock.now())),
        Page::Runbooks => respond(StatusCode::OK, HTML, runbooks::page()),
        Page::Metrics => metrics(site, &request.headers).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot write the metrics");
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot write the metrics: {error}\n"))
        }),
    }
}

async fn metrics(site: &AppState, headers: &HeaderMap) -> prometheus::Result<Response<Body>> {
    let encoded = site.encoder.current().await?;
    let coding = accept::coding(headers);
    let slot = if coding == Coding::Identity { body::slot() } else { None };
    if coding == Coding::Identity && slot.is_none() {
        let text = "too many answers without compression at once; accept gzip\n";
        return Ok(respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text));
    }
    let (format, content_type) = accept::format(headers);
    let own = exposition::own(&site.registry, format)?;
    let answer = encoded.answer(own, coding).await?;
    let mut response = respond(StatusCode::OK, content_type, Bytes::new());
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(coding) = accept::name(answer.coding) {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    *response.body_mut() = match (answer.shared, slot) {
        (Shared::Kept(shared), _) => Body::of_two(shared, answer.own),
        (Shared::Unpacked(pieces), Some(slot)) => Body::of_pieces(pieces, answer.own, slot),
        // Only an answer without compression is unpacked.
        (Shared::Unpacked(_), None) => return Err(io::Error::other("no slot for an answer without compression").into()),
    };
    Ok(response)
}

/// The daemon is ready when a scrape gets all data, so the snapshot must be encoded too.
fn ready(site: &AppState) -> Response<Body> {
    let published = site.encoder.published();
    if published.untried().is_empty() {
        return respond(StatusCode::OK, TEXT, "ready\n");
    }
    let line = |(account, collector): &(AccountName, Collector)| format!("account {account}: {}\n", collector.as_str());
    let untried: String = published.untried().iter().map(line).collect();
    let text = format!("not ready: these collectors have not finished their first poll\n{untried}");
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
}

pub(super) fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

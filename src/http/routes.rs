//! The handler of each path.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_ENCODING, HeaderValue, VARY};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::account::AccountName;
use crate::exposition;
use crate::exposition::Coding;
use crate::exposition::encoded::Shared;
use crate::snapshot::Collector;

use super::api;
use super::app_state::AppState;
use super::background;
use super::body;
use super::body::Body;
use super::content_negotiation;
use super::pages;
use super::reload;
use super::response::{TEXT, respond};

/// Whether a path cannot be the path of the metrics: it belongs to another page.
#[must_use]
pub fn is_taken(path: &str) -> bool {
    ["/healthz", "/livez", "/readyz"].contains(&path)
        || path.starts_with("/api/")
        || path.starts_with("/assets/")
        || pages::Page::find(path).is_some()
}

enum Page {
    Metrics,
    Healthy,
    Ready,
    Api(api::Endpoint),
    ForPeople(pages::Page),
    Asset(pages::Asset),
}

/// Answers one request by its head. All paths accept only GET and HEAD, except the path for reloads.
pub async fn answer(site: &AppState, request: &Parts) -> Response<Body> {
    let page = match request.uri.path() {
        path if path == site.telemetry_path => Page::Metrics,
        "/-/healthy" | "/healthz" | "/livez" => Page::Healthy,
        "/-/ready" | "/readyz" => Page::Ready,
        reload::PATH => return reload::answer(site.reloads.as_ref(), &request.method).await,
        path => {
            let endpoint = || api::Endpoint::find(path).map(Page::Api);
            let for_people = || pages::Page::find(path).map(Page::ForPeople);
            let asset = || pages::Asset::find(path).map(Page::Asset);
            let Some(page) = endpoint().or_else(for_people).or_else(asset) else {
                return respond(StatusCode::NOT_FOUND, TEXT, "not found; the start page / lists what there is\n");
            };
            page
        }
    };
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let mut refusal = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are answered here\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    // For HEAD, the server leaves out the body and keeps its length.
    match page {
        Page::Healthy => respond(StatusCode::OK, TEXT, "alive\n"),
        Page::Ready => ready(site),
        Page::Api(endpoint) => endpoint.answer(site, request).await,
        Page::ForPeople(page) => for_people(site, page).await,
        Page::Asset(asset) => asset.answer(),
        Page::Metrics => metrics(site, &request.headers).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot write the metrics");
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot write the metrics: {error}\n"))
        }),
    }
}

async fn for_people(site: &AppState, page: pages::Page) -> Response<Body> {
    // A page must not lock out the writers while it is made.
    let (snapshot, alerts) = (Arc::clone(&site.snapshot.borrow()), site.alerts.borrow().clone());
    let (now, shard, telemetry_path) = (site.clock.now(), site.shard, site.telemetry_path.clone());
    let work = move || {
        page.answer(pages::View { snapshot: &snapshot, alerts: &alerts, shard, now, telemetry_path: &telemetry_path })
    };
    background::run(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot make a page");
        respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the page cannot be made\n")
    })
}

async fn metrics(site: &AppState, headers: &HeaderMap) -> io::Result<Response<Body>> {
    let encoded = site.encoder.current().await?;
    let coding = content_negotiation::coding(headers);
    let slot = if coding == Coding::Identity { body::slot() } else { None };
    if coding == Coding::Identity && slot.is_none() {
        let text = "too many answers without compression at once; accept gzip\n";
        return Ok(respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text));
    }
    let (format, content_type) = content_negotiation::format(headers);
    let own = exposition::own::text(&site.registry, format);
    let answer = encoded.answer(own.into_bytes(), coding).await?;
    let mut response = respond(StatusCode::OK, content_type, Bytes::new());
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(coding) = content_negotiation::name(answer.coding) {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    *response.body_mut() = match (answer.shared, slot) {
        (Shared::Kept(shared), _) => Body::of_two(shared, answer.own),
        (Shared::Unpacked(pieces), Some(slot)) => Body::of_pieces(pieces, answer.own, slot),
        // Only an answer without compression is unpacked.
        (Shared::Unpacked(_), None) => return Err(io::Error::other("no slot for an answer without compression")),
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

//! What stands behind each path of the daemon.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use prometheus::Registry;

use crate::clock::Clock;
use crate::exposition;
use crate::snapshot::Reader;

use super::page;
use super::reload;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Everything that answers need.
pub struct Site {
    /// What was read.
    pub snapshot: Reader,
    /// Counters of the daemon's own work.
    pub registry: Registry,
    /// What time it is.
    pub clock: Clock,
    /// Where the metrics are, `/metrics` by default.
    pub telemetry_path: String,
    /// Where wishes for a reload go; `None` answers them with 403.
    pub reloads: Option<reload::Wishes>,
}

/// Answers one request. Every path takes GET and HEAD only, but for the one that reloads.
pub async fn answer<B>(site: &Arc<Site>, request: &Request<B>) -> Response<Full<Bytes>> {
    let route = match request.uri().path() {
        path if path == site.telemetry_path => metrics,
        "/" => index,
        "/-/healthy" => healthy,
        "/-/ready" => ready,
        reload::PATH => return reload::answer(site.reloads.as_ref(), request.method()).await,
        _ => return respond(StatusCode::NOT_FOUND, TEXT, "not found; the start page / lists what there is\n"),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are answered here\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    // The server leaves out the body of an answer to HEAD, and keeps its length.
    route(site)
}

fn metrics(site: &Site) -> Response<Full<Bytes>> {
    let snapshot = Arc::clone(&site.snapshot.borrow());
    match exposition::text(&snapshot, &site.registry, site.clock.now()) {
        Ok(text) => respond(StatusCode::OK, exposition::CONTENT_TYPE, text),
        Err(error) => {
            tracing::error!(%error, "cannot write the metrics");
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot write the metrics: {error}\n"))
        }
    }
}

fn index(site: &Site) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, HTML, page::index(&site.telemetry_path))
}

fn healthy(_: &Site) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, TEXT, "alive\n")
}

fn ready(site: &Site) -> Response<Full<Bytes>> {
    if site.snapshot.borrow().every_collector_has_tried() {
        respond(StatusCode::OK, TEXT, "ready\n")
    } else {
        respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, "some collector has not finished its first poll yet\n")
    }
}

pub(super) fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

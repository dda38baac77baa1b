//! `POST /-/reload`: passes a reload request to the owner of the configuration, and answers with its outcome.

use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::body::Body;
use super::response::{TEXT, respond};

/// The path.
pub(super) const PATH: &str = "/-/reload";

/// The outcome of a reload. An error has one line for each fault, without secrets.
pub type Outcome = Result<(), String>;

/// A reload request: the sender of its outcome.
pub type ReloadRequest = oneshot::Sender<Outcome>;

/// The sending end of reload requests.
pub type ReloadRequests = mpsc::Sender<ReloadRequest>;

/// Answers a request. `requests` is `None` if reloading over HTTP is disabled.
pub(super) async fn answer(requests: Option<&ReloadRequests>, method: &Method) -> Response<Body> {
    if !matches!(*method, Method::POST | Method::PUT) {
        let mut refusal = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only POST and PUT are answered here\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, PUT"));
        return refusal;
    }
    let Some(requests) = requests else {
        let text = "reloading over HTTP is off: start with --web.enable-lifecycle, or send the process SIGHUP\n";
        return respond(StatusCode::FORBIDDEN, TEXT, text);
    };
    match request(requests).await {
        Some(Ok(())) => respond(StatusCode::OK, TEXT, "reloaded\n"),
        Some(Err(faults)) => {
            let text = format!("not reloaded; the settings before of a faulty file stay in force:\n{faults}\n");
            respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
        }
        None => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not reloaded: the process is stopping\n"),
    }
}

async fn request(requests: &ReloadRequests) -> Option<Outcome> {
    let (answer, outcome) = oneshot::channel();
    requests.send(answer).await.ok()?;
    outcome.await.ok()
}

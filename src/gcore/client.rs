//! One request: authorised, paced, bounded in time and size, and repeated where that may help.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use backon::Retryable;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue};
use reqwest::{Certificate, Response, redirect};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, Interval, MissedTickBehavior, timeout_at};

use crate::clock::Clock;

use super::body::{Body, Buffers};
use super::endpoint::Endpoint;
use super::error::{Error, Reason};
use super::metrics::Metrics;
use super::report_query::Forms;
use super::retry;
use super::settings::Settings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer, decompressed: 1000 rows of the longest kind are a tenth of it.
const MAX_BODY: usize = 64 << 20;
/// How much of an error answer is worth telling.
const MAX_ERROR_TEXT: usize = 500;
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// The API of one account.
pub struct Client {
    account: String,
    http: reqwest::Client,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) forms: Forms,
    /// What `ca_file` held.
    authorities: Vec<u8>,
    turns: Mutex<Interval>,
    lanes: Semaphore,
    buffers: Buffers,
    metrics: Metrics,
}

/// Why a client cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The key or the scheme holds characters that no header may hold.
    #[error("account {0}: the API key cannot be sent in a header; is there a line break in it?")]
    Key(String),
    /// The file of certificate authorities cannot be used.
    #[error("account {account}: cannot use ca_file {path}: {cause}")]
    CaFile {
        /// The account.
        account: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The HTTP client cannot be made, for example because the system has no certificate authorities.
    #[error("account {account}: cannot set up HTTPS: {cause}; is the package ca-certificates installed?")]
    Http {
        /// The account.
        account: String,
        /// What is wrong.
        cause: String,
    },
}

/// What a request carries.
pub(super) enum Payload {
    Query(Vec<(&'static str, String)>),
    Json(String),
}

/// One try that failed.
struct Failure {
    reason: Reason,
    detail: String,
    may_pass: bool,
    wait: Option<Duration>,
}

impl Failure {
    fn new(reason: Reason, may_pass: bool, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), may_pass, wait: None }
    }
}

impl Client {
    /// A client for one account.
    ///
    /// # Errors
    /// [`BuildError`] where key or certificate authorities cannot be used.
    pub fn new(account: &str, settings: Settings, clock: Clock, metrics: &Metrics) -> Result<Self, BuildError> {
        // Fails only where a provider is there already, and any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none());
        if authorization(&settings.auth_scheme, &settings.api_key.current()).is_err() {
            return Err(BuildError::Key(account.to_owned()));
        }
        let authorities = authorities(account, &settings)?;
        for certificate in certificates(account, &settings, &authorities)? {
            builder = builder.tls_certs_merge([certificate]);
        }
        let http =
            builder.build().map_err(|error| BuildError::Http { account: account.to_owned(), cause: chain(&error) })?;
        let mut turns = tokio::time::interval(Duration::from_secs_f64(1.0 / settings.max_requests_per_second));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            account: account.to_owned(),
            http,
            clock,
            forms: Forms::default(),
            authorities,
            turns: Mutex::new(turns),
            lanes: Semaphore::new(settings.concurrency),
            settings,
            buffers: Buffers::default(),
            metrics: metrics.clone(),
        })
    }

    /// Whether a client made from `settings` would be no other than this one.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        self.settings == *settings
            && authorities(&self.account, settings).is_ok_and(|authorities| authorities == self.authorities)
    }

    /// Asks `endpoint` and returns the body of a good answer, repeating the request while that may help and
    /// `deadline` is not reached.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        payload: &Payload,
        deadline: Instant,
    ) -> Result<Body<'_>, Error> {
        let labels = [self.account.as_str(), endpoint.as_str()];
        let attempt = || async {
            let _lane = self.turn(deadline).await?;
            // Only now: waiting for a turn may outlast a key.
            let key = self.settings.api_key.current();
            self.metrics.requests.with_label_values(&labels).inc();
            let started = Instant::now();
            let until = deadline.min(started + self.settings.request_timeout);
            let outcome = timeout_at(until, self.exchange(endpoint, payload, &key)).await.unwrap_or_else(|_| {
                let waited = started.elapsed().as_secs();
                Err(Failure::new(Reason::Timeout, true, format!("no complete answer within {waited} s")))
            });
            self.metrics.duration.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
            if let Err(failure) = &outcome {
                self.hold_back(failure.wait, deadline).await;
                self.metrics.failures.with_label_values(&[labels[0], labels[1], failure.reason.as_str()]).inc();
            }
            outcome
        };
        let outcome = attempt
            .retry(retry::backoff())
            .when(|failure| failure.may_pass)
            .adjust(|failure, backoff| {
                let backoff = backoff?;
                if failure.reason == Reason::Unauthorized {
                    // The key was exchanged meanwhile, so there is nothing to wait for.
                    return Some(Duration::ZERO);
                }
                let wait = backoff.max(failure.wait.unwrap_or_default());
                (Instant::now() + wait < deadline).then_some(wait)
            })
            .notify(|failure, wait| {
                self.metrics.retries.with_label_values(&[labels[0], labels[1], failure.reason.as_str()]).inc();
                tracing::debug!(
                    account = self.account,
                    endpoint = labels[1],
                    error = failure.detail,
                    retry.wait_seconds = wait.as_secs_f64(),
                    "request failed and is repeated"
                );
            })
            .await;
        match outcome {
            Ok(body) => {
                self.metrics.response_bytes.with_label_values(&labels).inc_by(body.len() as u64);
                Ok(body)
            }
            Err(Failure { reason, detail, .. }) => Err(Error { endpoint, reason, detail }),
        }
    }

    /// The account's name.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// Counts one page that was read to its end.
    pub(super) fn page_done(&self, endpoint: Endpoint) {
        self.metrics.pages.with_label_values(&[self.account.as_str(), endpoint.as_str()]).inc();
    }

    /// Waits until the account's rate and concurrency allow one more request.
    async fn turn(&self, deadline: Instant) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        let waited = timeout_at(deadline, async {
            let lane = self.lanes.acquire().await.ok();
            self.turns.lock().await.tick().await;
            lane
        });
        waited.await.map_err(|_| {
            let rate = self.settings.max_requests_per_second;
            let detail = format!(
                "the poll's time ran out while waiting for a turn at {rate} requests/s; \
                 raise the collector's timeout, max_requests_per_second or page_size"
            );
            Failure::new(Reason::Timeout, false, detail)
        })
    }

    /// Holds back every request of the account where the server asked for that, if the poll can wait as long.
    async fn hold_back(&self, wait: Option<Duration>, deadline: Instant) {
        let Some(wait) = wait.filter(|wait| Instant::now() + *wait < deadline) else { return };
        self.turns.lock().await.reset_at(Instant::now() + wait);
    }

    async fn exchange(&self, endpoint: Endpoint, payload: &Payload, key: &SecretString) -> Result<Body<'_>, Failure> {
        let authorization = authorization(&self.settings.auth_scheme, key).map_err(|_| {
            Failure::new(Reason::Unauthorized, false, "the API key cannot be sent in a header; is it plain text?")
        })?;
        let base = self.settings.api_url.as_str().trim_end_matches('/');
        let request = self
            .http
            .request(endpoint.method(), format!("{base}/{}", endpoint.path()))
            .header(AUTHORIZATION, authorization);
        let request = match payload {
            Payload::Query(parameters) => request.query(parameters),
            Payload::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
        };
        let response = request.send().await.map_err(|error| transport_failure(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let Some((reason, may_pass)) = retry::classify(status) else {
            let body = self.read_body(response).await?;
            require_json(&headers)?;
            return Ok(body);
        };
        // A key that was exchanged after this request had left deserves its own answer.
        let may_pass = may_pass || reason == Reason::Unauthorized && self.settings.api_key.has_changed_from(key);
        let detail = match reason {
            // The answer to a refused key quotes a part of it, so it is not repeated here.
            Reason::Unauthorized => "the API refused the key (401); is it complete and not expired? A `$` in a key is \
                eaten by shells, env files and compose files: put it in single quotes, or use api_key_file"
                .to_owned(),
            Reason::Redirect => format!("answered {status}; redirects are not followed, so check api_url"),
            _ => format!("answered {status}{}", self.error_text(response, key).await),
        };
        Err(Failure {
            wait: retry::requested_wait(&headers, self.clock.now()),
            ..Failure::new(reason, may_pass, detail)
        })
    }

    /// The beginning of an error answer on one line, without the key should the server echo it.
    async fn error_text(&self, response: Response, key: &SecretString) -> String {
        let body = self.read_body(response).await.ok();
        let text = String::from_utf8_lossy(body.as_deref().unwrap_or_default()).replace(key.expose_secret(), "***");
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_ERROR_TEXT).collect();
        if line.is_empty() { line } else { format!(": {line}") }
    }

    async fn read_body(&self, mut response: Response) -> Result<Body<'_>, Failure> {
        let mut body = self.buffers.take();
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        body.reserve(announced.unwrap_or_default().min(MAX_BODY));
        while let Some(chunk) = response.chunk().await.map_err(|error| transport_failure(&error))? {
            if body.len() + chunk.len() > MAX_BODY {
                let detail = format!("the answer is larger than {} MiB", MAX_BODY >> 20);
                return Err(Failure::new(Reason::BadBody, false, detail));
            }
            body.push(&chunk);
        }
        Ok(body)
    }
}

fn authorization(scheme: &str, key: &SecretString) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", key.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What `ca_file` holds; nothing where there is none.
fn authorities(account: &str, settings: &Settings) -> Result<Vec<u8>, BuildError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    std::fs::read(path).map_err(|error| ca_file_refused(account, path, error.to_string()))
}

fn certificates(account: &str, settings: &Settings, pem: &[u8]) -> Result<Vec<Certificate>, BuildError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    Certificate::from_pem_bundle(pem).map_err(|error| ca_file_refused(account, path, chain(&error)))
}

fn ca_file_refused(account: &str, path: &Path, cause: String) -> BuildError {
    BuildError::CaFile { account: account.to_owned(), path: path.display().to_string(), cause }
}

fn require_json(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = String::from_utf8_lossy(kind.as_bytes());
    if kind.to_ascii_lowercase().contains("json") {
        return Ok(());
    }
    let detail = format!("answered {kind:?} instead of JSON; is there a proxy or a login page in between?");
    Err(Failure::new(Reason::BadBody, false, detail))
}

fn transport_failure(error: &reqwest::Error) -> Failure {
    let detail = chain(error);
    if is_tls(error) {
        Failure::new(Reason::Tls, false, format!("{detail}; a private authority can be named by ca_file"))
    } else if error.is_timeout() {
        Failure::new(Reason::Timeout, true, detail)
    } else {
        Failure::new(Reason::Connect, true, detail)
    }
}

/// Whether somewhere below lies a TLS error: an I/O error hides what it wraps from `source`.
fn is_tls(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if cause.is::<rustls::Error>() || wrapped.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = match wrapped {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    false
}

/// An error with its causes on one line. The URL in it holds no secret: the key travels in a header.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

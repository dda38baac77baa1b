//! One request: authorised, paced, bounded in time and size, and repeated where that may help.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::transport::{chain, is_garbled, is_proxy, is_tls, requested_wait};

use super::body::{Body, TooLarge, limit};
use super::connection::{BuildError, authorities, http_client};
use super::encoding::{ACCEPTED, Decoder};
use super::endpoint::Endpoint;
use super::error::{Error, Reason};
use super::memory::{Claim, MemoryLimit, MemoryShare};
use super::metrics::Metrics;
use super::pace::{NoTurn, Pace};
use super::patience::Patience;
use super::refusal;
use super::report_query::Forms;
use super::retry;
use super::settings::{Filter, Settings};

/// How much of an error answer is worth reading.
const MAX_ERROR_BODY: usize = 16 << 10;
/// How much of it is worth telling.
const MAX_ERROR_TEXT: usize = 500;

/// What a proxy wants before it lets anybody through.
const PROXY: &str = "the proxy asks for a user name and a password (407): put them into its variable, as in \
    HTTPS_PROXY=http://user:password@proxy.example:3128";

/// The API of one account.
pub struct Client {
    account: String,
    http: reqwest::Client,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) forms: Forms,
    /// What `ca_file` held.
    authorities: Vec<u8>,
    pace: Pace,
    lanes: Semaphore,
    /// How many polls are under way that yield to nobody.
    polls: watch::Sender<usize>,
    memory: Arc<MemoryLimit>,
    metrics: Metrics,
}

/// What a request carries.
pub(super) enum Payload {
    Query(Vec<(&'static str, String)>),
    Json(String),
}

impl Payload {
    pub(super) fn json(body: &impl Serialize) -> Self {
        // Bodies are strings, numbers and lists of them: nothing in them can fail to be written.
        Self::Json(sonic_rs::to_string(body).unwrap_or_default())
    }
}

/// A poll that is under way until this is dropped.
pub struct PollUnderWay<'a>(&'a watch::Sender<usize>);

impl Drop for PollUnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|polls| *polls -= 1);
    }
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
    /// A client for one account; all clients of a process share the memory for answers.
    ///
    /// # Errors
    /// [`BuildError`] where key or certificate authorities cannot be used.
    pub fn new(
        account: &str,
        settings: Settings,
        clock: Clock,
        metrics: &Metrics,
        memory: &Arc<MemoryLimit>,
    ) -> Result<Self, BuildError> {
        if authorization(&settings.auth_scheme, &settings.api_key.current()).is_err() {
            return Err(BuildError::Key(account.to_owned()));
        }
        let authorities = authorities(account, &settings)?;
        Ok(Self {
            account: account.to_owned(),
            http: http_client(account, &settings, &authorities)?,
            authorities,
            clock,
            forms: Forms::default(),
            pace: Pace::new(settings.max_requests_per_second),
            lanes: Semaphore::new(settings.concurrency),
            polls: watch::Sender::new(0),
            settings,
            memory: Arc::clone(memory),
            metrics: metrics.clone(),
        })
    }

    /// Whether a client made from `settings` would be no other than this one.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        self.settings == *settings
            && authorities(&self.account, settings).is_ok_and(|authorities| authorities == self.authorities)
    }

    /// Asks `endpoint` for a page of so many `rows`, or for all there are, and returns the body of a good answer, repeating
    /// the request while that may help and there is time.
    pub(super) async fn send(
        &self,
        endpoint: Endpoint,
        payload: &Payload,
        rows: Option<u32>,
        patience: Patience,
    ) -> Result<Body<'_>, Error> {
        let labels = [self.account.as_str(), endpoint.as_str()];
        let attempt = || async {
            let _lane = self.turn(patience).await?;
            // Only now: waiting for a turn may outlast a key.
            let key = self.settings.api_key.current();
            self.metrics.requests.with_label_values(&labels).inc();
            let started = Instant::now();
            let until = patience.until.min(started + self.settings.request_timeout);
            let mut outcome =
                timeout_at(until, self.exchange(endpoint, payload, rows, &key)).await.unwrap_or_else(|_| {
                    let waited = started.elapsed().as_secs();
                    let reason = if until == patience.until { Reason::Late } else { Reason::Timeout };
                    Err(Failure::new(reason, true, format!("no complete answer within {waited} s")))
                });
            self.metrics.duration.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
            if let Err(failure) = &mut outcome {
                failure.detail = self.without_key(&failure.detail);
                if let Some(wait) = failure.wait {
                    self.pace.hold_back(wait.min(patience.longest_wait));
                }
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
                (Instant::now() + wait < patience.until).then_some(wait)
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

    /// Marks a poll as under way: who yields waits until the mark is dropped.
    #[must_use]
    pub fn poll_begins(&self) -> PollUnderWay<'_> {
        self.polls.send_modify(|polls| *polls += 1);
        PollUnderWay(&self.polls)
    }

    /// What the account's reports are restricted to.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.settings.filter
    }

    /// What of which API the account's reports tell.
    #[must_use]
    pub fn scope(&self) -> String {
        self.settings.scope()
    }

    /// Rows asked for at once in reports.
    #[must_use]
    pub fn page_size(&self) -> u32 {
        self.settings.page_size
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts one page that was read to its end.
    pub(super) fn page_done(&self, endpoint: Endpoint) {
        self.metrics.pages.with_label_values(&[self.account.as_str(), endpoint.as_str()]).inc();
    }

    /// A text in which the server may have repeated the key, without it.
    pub(super) fn without_key(&self, text: &str) -> String {
        self.settings.api_key.blot_out(text)
    }

    /// Room for records that grow in number.
    pub(super) fn claim(&self) -> Claim {
        self.memory.claim()
    }

    /// Holds room for records of so many bytes that were made of answers of `endpoint`.
    ///
    /// # Errors
    /// [`Reason::BadBody`] where there is none left.
    pub fn hold(&self, endpoint: Endpoint, bytes: usize) -> Result<MemoryShare, Error> {
        let mut claim = self.claim();
        if claim.grow_to(bytes) { Ok(claim.into()) } else { Err(self.no_room(endpoint)) }
    }

    /// That there is no room for more records.
    pub(super) fn no_room(&self, endpoint: Endpoint) -> Error {
        let mib = self.memory.mib();
        let detail = format!(
            "there is no room for more records: those of all accounts together may take {mib} MiB; restrict the account by \
             projects, regions or types, read fewer windows, or raise metrics.series_limit, which makes more room"
        );
        Error { endpoint, reason: Reason::BadBody, detail }
    }

    /// Waits until the account's rate and concurrency allow one more request.
    async fn turn(&self, patience: Patience) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        let deadline = patience.until;
        let lane = async {
            loop {
                if patience.yields {
                    let _ = self.polls.subscribe().wait_for(|polls| *polls == 0).await;
                }
                let lane = self.lanes.acquire().await;
                // Polls may have begun while this request queued for its lane.
                if !patience.yields || *self.polls.borrow() == 0 {
                    return lane;
                }
            }
        };
        let lane = timeout_at(deadline, lane).await;
        let no_turn = match (lane, self.pace.turn(deadline).await) {
            (Ok(lane), Ok(())) => return Ok(lane.ok()),
            (_, Err(no_turn)) => no_turn,
            (Err(_), Ok(())) => NoTurn::Late,
        };
        Err(match no_turn {
            NoTurn::Held(wait) => {
                let wait = wait.as_secs();
                let detail = format!("the server asked to wait for {wait} s, which is longer than this poll may take");
                Failure::new(Reason::RateLimited, false, detail)
            }
            NoTurn::Late => {
                let rate = self.settings.max_requests_per_second;
                let detail = format!(
                    "the poll's time runs out before its next turn at {rate} requests/s; raise the collector's timeout or \
                     max_requests_per_second, or read fewer windows"
                );
                Failure::new(Reason::Late, false, detail)
            }
        })
    }

    async fn exchange(
        &self,
        endpoint: Endpoint,
        payload: &Payload,
        rows: Option<u32>,
        key: &SecretString,
    ) -> Result<Body<'_>, Failure> {
        let authorization = authorization(&self.settings.auth_scheme, key).map_err(|_| {
            Failure::new(Reason::Unauthorized, false, "the API key cannot be sent in a header; is it plain text?")
        })?;
        let base = self.settings.api_url.as_str().trim_end_matches('/');
        let request = self
            .http
            .request(endpoint.method(), format!("{base}/{}", endpoint.path()))
            .header(ACCEPT_ENCODING, ACCEPTED)
            .header(AUTHORIZATION, authorization);
        let request = match payload {
            Payload::Query(parameters) => request.query(parameters),
            Payload::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
        };
        let response = request.send().await.map_err(|error| transport_failure(&error))?;
        let status = response.status();
        let Some((reason, may_pass)) = retry::classify(status) else {
            let is_json = require_json(response.headers());
            let body = self.read_body(endpoint, response, rows).await?;
            is_json?;
            return Ok(body);
        };
        let wait = requested_wait(response.headers(), self.clock.now());
        let (mut reason, text) = (reason, self.error_body(response).await);
        if reason == Reason::Unsupported && !refusal::is_of_the_api(&text) {
            reason = Reason::BadBody;
        }
        // A key that was exchanged after this request had left deserves its own answer.
        let may_pass = may_pass || reason == Reason::Unauthorized && self.settings.api_key.has_changed_from(key);
        let detail = match reason {
            // The answer to a refused key quotes a part of it, so it is not repeated here.
            Reason::Unauthorized => "the API refused the key (401); is it complete and not expired? A `$` in a key is \
                eaten by shells, env files and compose files: put it in single quotes, or use api_key_file"
                .to_owned(),
            Reason::Proxy => PROXY.to_owned(),
            Reason::Redirect => format!("answered {status}; redirects are not followed, so check api_url"),
            Reason::BadBody => format!(
                "answered {status} without an error of the API; a firewall or proxy in between may refuse the request{}",
                self.on_one_line(&text)
            ),
            _ => format!("answered {status}{}", self.on_one_line(&text)),
        };
        Err(Failure { wait, ..Failure::new(reason, may_pass, detail) })
    }

    /// The beginning of an error answer.
    async fn error_body(&self, mut response: Response) -> Vec<u8> {
        let mut body = Vec::new();
        let Ok(mut decoder) = Decoder::new(response.headers()) else { return body };
        while body.len() < MAX_ERROR_BODY
            && let Ok(Some(chunk)) = response.chunk().await
        {
            for step in decoder.steps(&chunk) {
                let Ok(bytes) = decoder.decode(step) else { return body };
                body.extend_from_slice(&bytes);
            }
        }
        body.extend(decoder.finish().unwrap_or_default());
        body
    }

    /// An error answer as the end of a sentence.
    fn on_one_line(&self, body: &[u8]) -> String {
        // Before it is cut, or a part of the key could stay.
        let text = self.without_key(&String::from_utf8_lossy(body));
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_ERROR_TEXT).collect();
        if line.is_empty() { line } else { format!(": {line}") }
    }

    async fn read_body(
        &self,
        endpoint: Endpoint,
        mut response: Response,
        rows: Option<u32>,
    ) -> Result<Body<'_>, Failure> {
        let mut decoder = Decoder::new(response.headers()).map_err(|other| {
            let detail = format!(
                "the answer is encoded as {other:?}, and only gzip was asked for; is there a proxy in between?"
            );
            Failure::new(Reason::BadBody, false, detail)
        })?;
        let limit = limit(rows);
        let too_large = |_: TooLarge| Failure::new(Reason::BadBody, false, too_large(endpoint, limit, rows));
        let mut body = self.memory.bodies.begin(limit).await;
        while let Some(chunk) = response.chunk().await.map_err(|error| transport_failure(&error))? {
            for step in decoder.steps(&chunk) {
                body.push(&decoder.decode(step).map_err(|error| undecoded(&error))?).await.map_err(too_large)?;
            }
        }
        body.push(&decoder.finish().map_err(|error| undecoded(&error))?).await.map_err(too_large)?;
        Ok(body)
    }
}

/// That a page is too large, and what to do about it.
fn too_large(endpoint: Endpoint, limit: usize, rows: Option<u32>) -> String {
    let whose = rows.map_or_else(|| "this list".to_owned(), |rows| format!("a page of {rows} rows"));
    let page_size = match endpoint {
        Endpoint::CostReportResources | Endpoint::UsageReport => "; lower page_size, which allows more for each row",
        // These are asked for as many rows as they give at once.
        _ => "",
    };
    let mib = limit as f64 / f64::from(1 << 20);
    format!(
        "the answer is larger than the {mib:.1} MiB that {whose} may have; check that api_url and proxies lead to the \
         API{page_size}"
    )
}

fn authorization(scheme: &str, key: &SecretString) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", key.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
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

/// That a body cannot be decoded: the same answer would come again.
fn undecoded(error: &io::Error) -> Failure {
    Failure::new(Reason::BadBody, false, format!("the answer cannot be decompressed: {error}"))
}

fn transport_failure(error: &reqwest::Error) -> Failure {
    let detail = chain(error);
    if is_proxy(error) {
        Failure::new(Reason::Proxy, false, PROXY)
    } else if is_tls(error) {
        Failure::new(Reason::Tls, false, format!("{detail}; a private authority can be named by ca_file"))
    } else if error.is_timeout() {
        Failure::new(Reason::Timeout, true, detail)
    } else if is_garbled(error) {
        Failure::new(Reason::BadBody, false, detail)
    } else {
        Failure::new(Reason::Connect, true, detail)
    }
}

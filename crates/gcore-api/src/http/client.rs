//! The API of one account: requests respect the rate limiter, have a deadline, and are retried where that may help.

use std::sync::Arc;
use std::time::Duration;

use backon::Retryable;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use common::clock::Clock;
use common::transport::proxy_credentials;

use crate::http::connection::{BuildError, authorities, http_client};
use crate::http::endpoint::Endpoint;
use crate::http::error::{Error, Reason};
use crate::http::failure::Failure;
use crate::http::memory_limit::{Claim, MemoryLimit, MemoryShare};
use crate::http::metrics::Metrics;
use crate::http::payload::{Payload, authorization};
use crate::http::poll_deadline::PollDeadline;
use crate::http::rate_limiter::{NoPermit, RateLimiter};
use crate::http::report_forms::Forms;
use crate::http::response_body::Body;
use crate::http::retry;
use crate::http::settings::{Filter, Settings};

/// The API of one account.
pub struct Client {
    account: String,
    pub(crate) http: reqwest::Client,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) forms: Forms,
    /// The content of `ca_file`.
    authorities: Vec<u8>,
    /// The credentials in the header for a proxy.
    proxy_credentials: Option<SecretString>,
    rate_limiter: RateLimiter,
    in_flight: Semaphore,
    /// The number of polls in progress that do not yield.
    polls: watch::Sender<usize>,
    pub(crate) memory: Arc<MemoryLimit>,
    metrics: Metrics,
}

/// A poll is in progress until this is dropped.
pub struct PollUnderWay<'a>(&'a watch::Sender<usize>);

impl Drop for PollUnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|polls| *polls -= 1);
    }
}

impl Client {
    /// A client for one account. All clients of a process share the memory limit.
    ///
    /// # Errors
    /// [`BuildError`] when the key or the certificate authorities cannot be used.
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
            proxy_credentials: proxy_credentials(&settings.api_url).map(SecretString::from),
            clock,
            forms: Forms::default(),
            rate_limiter: RateLimiter::new(settings.max_requests_per_second),
            in_flight: Semaphore::new(settings.concurrency),
            polls: watch::Sender::new(0),
            settings,
            memory: Arc::clone(memory),
            metrics: metrics.clone(),
        })
    }

    /// Whether a client with `settings` would equal this one.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        self.settings == *settings
            && authorities(&self.account, settings).is_ok_and(|authorities| authorities == self.authorities)
    }

    /// Requests a page of `rows` rows from `endpoint`, or the whole list, and returns the body of a good response.
    /// Retries while that may help and time is left.
    pub(crate) async fn send(
        &self,
        endpoint: Endpoint,
        payload: &Payload,
        rows: Option<u32>,
        deadline: PollDeadline,
    ) -> Result<Body<'_>, Error> {
        let labels = [self.account.as_str(), endpoint.as_str()];
        let attempt = || async {
            let _permit = self.turn(deadline).await?;
            // The key is read here, because the wait for the rate limiter may outlast a key.
            let key = self.settings.api_key.current();
            self.metrics.requests.with_label_values(&labels).inc();
            let started = Instant::now();
            let until = deadline.until.min(started + self.settings.request_timeout);
            let mut outcome =
                timeout_at(until, self.exchange(endpoint, payload, rows, &key)).await.unwrap_or_else(|_| {
                    let waited = started.elapsed().as_secs();
                    let reason = if until == deadline.until { Reason::Late } else { Reason::Timeout };
                    Err(Failure::new(reason, true, format!("no complete answer within {waited} s")))
                });
            self.metrics.duration.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
            if let Err(failure) = &mut outcome {
                failure.detail = self.without_secrets(&failure.detail);
                if let Some(wait) = failure.wait {
                    self.rate_limiter.hold_back(wait.min(deadline.longest_wait));
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
                    // The key was rotated meanwhile, so the retry needs no wait.
                    return Some(Duration::ZERO);
                }
                let wait = backoff.max(failure.wait.unwrap_or_default());
                (Instant::now() + wait < deadline.until).then_some(wait)
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
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// Marks a poll as in progress. Yielding polls wait until the mark is dropped.
    #[must_use]
    pub fn poll_begins(&self) -> PollUnderWay<'_> {
        self.polls.send_modify(|polls| *polls += 1);
        PollUnderWay(&self.polls)
    }

    /// The filter of the account's reports.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.settings.filter
    }

    /// The API address and the filter of the account's reports, as one text.
    #[must_use]
    pub fn scope(&self) -> String {
        self.settings.scope()
    }

    /// The page size of reports, in rows.
    #[must_use]
    pub fn page_size(&self) -> u32 {
        self.settings.page_size
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts one page that was read to its end.
    pub(crate) fn page_done(&self, endpoint: Endpoint) {
        self.metrics.pages.with_label_values(&[self.account.as_str(), endpoint.as_str()]).inc();
    }

    /// A text of the server or a proxy without the secrets that were sent, which it may repeat.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let text = self.settings.api_key.blot_out(text);
        self.proxy_credentials.iter().fold(text, |text, secret| text.replace(secret.expose_secret(), "***"))
    }

    /// An empty claim on memory, for records that grow in number.
    pub(crate) fn claim(&self) -> Claim {
        self.memory.claim()
    }

    /// Reserves memory for `bytes` bytes of records from responses of `endpoint`.
    ///
    /// # Errors
    /// [`Reason::BadBody`] when no memory is left.
    pub fn hold(&self, endpoint: Endpoint, bytes: usize) -> Result<MemoryShare, Error> {
        let mut claim = self.claim();
        if claim.grow_to(bytes) { Ok(claim.into()) } else { Err(self.no_room(endpoint)) }
    }

    /// The error for records without memory.
    pub(crate) fn no_room(&self, endpoint: Endpoint) -> Error {
        let mib = self.memory.mib();
        let detail = format!(
            "there is no room for more records: those of all accounts together may take {mib} MiB; restrict the account by \
             projects, regions or types, read fewer windows, or raise metrics.series_limit, which makes more room"
        );
        Error { endpoint, reason: Reason::BadBody, detail }
    }

    /// Waits until the account's rate limit and in-flight limit allow one more request.
    async fn turn(&self, deadline: PollDeadline) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        let until = deadline.until;
        let permit = async {
            loop {
                if deadline.yields {
                    let _ = self.polls.subscribe().wait_for(|polls| *polls == 0).await;
                }
                let permit = self.in_flight.acquire().await;
                // Polls may have begun while this request waited for its permit.
                if !deadline.yields || *self.polls.borrow() == 0 {
                    return permit;
                }
            }
        };
        let permit = timeout_at(until, permit).await;
        let no_permit = match (permit, self.rate_limiter.acquire(until).await) {
            (Ok(permit), Ok(())) => return Ok(permit.ok()),
            (_, Err(no_permit)) => no_permit,
            (Err(_), Ok(())) => NoPermit::Late,
        };
        Err(match no_permit {
            NoPermit::Held(wait) => {
                let wait = wait.as_secs();
                let detail = format!("the server asked to wait for {wait} s, which is longer than this poll may take");
                Failure::new(Reason::RateLimited, false, detail)
            }
            NoPermit::Late => {
                let rate = self.settings.max_requests_per_second;
                let detail = format!(
                    "the poll's time runs out before its next turn at {rate} requests/s; raise the collector's timeout or \
                     max_requests_per_second, or read fewer windows"
                );
                Failure::new(Reason::Late, false, detail)
            }
        })
    }
}

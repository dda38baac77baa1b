//! A client of Alertmanager's API, version 2. Firing alerts are re-sent every minute, because Alertmanager expires
//! alerts that are not refreshed.
//!
//! Quirks:
//!
//! - 422 refuses a whole batch for one alert whose generatorURL is no URI.
//! - 400 names the bad alerts, but accepts the good ones.
//! - An end before the start, or a start in the future without an end, is refused.
//!
//! After 422 or 400 the batch is halved until the bad alert is alone.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use crate::alert::{Alert, Labels, Reader, Route};
use crate::store::Store;
use common::clock::Clock;

use super::ExternalUrl;
use super::failure::{Failure, Reason};
use super::metrics::ChannelMetrics;
use super::notification_log::NotificationLog;
use super::post::{Answer, BuildError, JsonPost, client};
use super::settings::{self, Credentials};

/// The interval of rounds. Each round sends all firing alerts.
const ROUND: Duration = Duration::from_secs(60);
/// How long Alertmanager keeps an alert without a refresh. Three rounds may fail.
const GOOD_FOR: Duration = Duration::from_secs(4 * 60);
/// The largest number of alerts in one request.
const BATCH: usize = 256;
/// The pause after the first failed request. It doubles up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One Alertmanager of a cluster.
pub(super) struct Alertmanager {
    client_of: AlertmanagerClient,
    route: Route,
    store: Store,
    clock: Clock,
    metrics: ChannelMetrics,
}

/// The HTTP client with its settings.
pub(super) struct AlertmanagerClient {
    http: Client,
    url: Url,
    credentials: Option<Credentials>,
    external_url: ExternalUrl,
}

/// One alert in Alertmanager's format.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

impl AlertmanagerClient {
    /// A client for each member of the cluster.
    pub(super) fn all(settings: &settings::Alertmanager, external_url: &ExternalUrl) -> Result<Vec<Self>, BuildError> {
        let channel = &settings.route.channel;
        let client_of = |base: &Url| {
            let http = client(channel, base, settings.ca_file.as_deref())?;
            let mut url = base.clone();
            url.set_path(&format!("{}/api/v2/alerts", base.path().trim_end_matches('/')));
            Ok(Self { http, url, credentials: settings.credentials.clone(), external_url: external_url.clone() })
        };
        settings.urls.iter().map(client_of).collect()
    }

    /// Sends one request with these alerts.
    pub(super) async fn post(&self, alerts: impl Iterator<Item = &Alert>, now: Timestamp) -> Result<Answer, Failure> {
        let posted: Vec<_> = alerts.map(|alert| posted(alert, &self.external_url, now)).collect();
        let body = serde_json::to_string(&posted).map_err(|error| Failure::new(Reason::Garbled, error.to_string()))?;
        let (headers, secrets) = self.authorization()?;
        let post = JsonPost { http: &self.http, url: self.url.clone(), headers, body, secrets: &secrets };
        let answer = post.send(now).await?;
        // A good answer of Alertmanager is empty. A proxy's login page is not.
        let is_page = answer.text.starts_with('<');
        if is_page || answer.text.contains("\"error\"") {
            let detail = format!("answered {} with {:?}; is that an Alertmanager?", answer.status, answer.text);
            return Err(Failure { status: Some(answer.status), ..Failure::new(Reason::BadBody, detail) });
        }
        Ok(answer)
    }

    fn authorization(&self) -> Result<(HeaderMap, Vec<SecretString>), Failure> {
        use base64::Engine as _;
        let unusable = |problem: String| Failure::new(Reason::Secret, problem);
        let (value, secrets) = match &self.credentials {
            None => return Ok(Default::default()),
            Some(Credentials::Bearer(token)) => {
                let token = token.read().map_err(unusable)?;
                (format!("Bearer {}", token.expose_secret()), vec![token])
            }
            Some(Credentials::Basic { username, password }) => {
                let password = password.read().map_err(unusable)?;
                let pair = format!("{username}:{}", password.expose_secret());
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                (format!("Basic {pair}"), vec![password, pair.into()])
            }
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| unusable("the token cannot be sent in a header; is it plain text?".into()))?;
        value.set_sensitive(true);
        Ok((HeaderMap::from_iter([(AUTHORIZATION, value)]), secrets))
    }
}

impl Alertmanager {
    pub(super) fn new(
        client_of: AlertmanagerClient,
        route: Route,
        store: Store,
        clock: Clock,
        metrics: ChannelMetrics,
    ) -> Self {
        Self { client_of, route, store, clock, metrics }
    }

    /// Sends alerts until their writer is gone.
    pub(super) async fn run(mut self, mut alerts: Reader) {
        let mut log = NotificationLog::restored(self.recorded().await);
        let (mut next_round, mut pause) = (Instant::now() + ROUND, FIRST_PAUSE);
        let mut retry_at = None;
        let mut has_ended = false;
        loop {
            // Before the first evaluation nothing is sent, because an empty list would mean that all alerts are
            // resolved.
            let current = alerts.borrow_and_update().clone();
            if let Some(current) = &current {
                let now = Instant::now();
                log.follow(current, &self.route, now, self.clock.now());
                if now >= next_round {
                    log.begin_round(now);
                    next_round = now + ROUND;
                }
                if has_ended || retry_at.is_none_or(|at| at <= now) {
                    retry_at = self.tell(&mut log).await.err().map(|failure| {
                        let wait = pause.max(failure.wait.unwrap_or_default().min(LONGEST_PAUSE));
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        Instant::now() + wait
                    });
                    if retry_at.is_none() {
                        pause = FIRST_PAUSE;
                    }
                    self.record(&mut log).await;
                }
                self.metrics.waiting(log.waiting());
            }
            if has_ended {
                return;
            }
            tokio::select! {
                changed = alerts.changed() => has_ended = changed.is_err(),
                () = tokio::time::sleep_until(retry_at.unwrap_or(next_round).min(next_round)) => {}
            }
        }
    }

    /// The alerts that this channel was sent by the process before. If the store cannot be read, it logs the reason.
    async fn recorded(&self) -> Vec<Alert> {
        let told = self.store.told(self.metrics.channel().to_owned()).await.unwrap_or_default();
        told.iter().filter_map(|body| serde_json::from_str(body).ok()).collect()
    }

    /// Stores the sent alerts, so that the next process can send their ends.
    async fn record(&self, log: &mut NotificationLog) {
        let told = log.unrecorded().into_iter();
        let told: Vec<_> = told.filter_map(|a| Some((a.fingerprint(), serde_json::to_string(a).ok()?))).collect();
        if told.is_empty() {
            return;
        }
        let fingerprints: Vec<u64> = told.iter().map(|(fingerprint, _)| *fingerprint).collect();
        // If the store cannot be written, it logs the reason, and this process remembers the alerts.
        if self.store.record_told(self.metrics.channel().to_owned(), told, self.clock.now()).await.is_ok() {
            log.recorded(fingerprints.into_iter());
        }
    }

    /// Sends all due alerts in batches. Stops at the first failure that is not caused by the content of a batch.
    async fn tell(&mut self, log: &mut NotificationLog) -> Result<(), Failure> {
        let unsent = log.unsent(Instant::now());
        let mut batches: Vec<Vec<u64>> = unsent.chunks(BATCH).rev().map(<[u64]>::to_vec).collect();
        while let Some(mut batch) = batches.pop() {
            let now = self.clock.now();
            let outcome = self.client_of.post(log.alerts(&batch), now).await;
            self.metrics.note(&outcome, now);
            match outcome {
                Ok(_) => log.told(&batch, Instant::now()),
                Err(failure) if !is_about_content(&failure) => return Err(failure),
                Err(failure) => match batch[..] {
                    [fingerprint] => {
                        if let Some(alert) = log.set_aside(fingerprint, Instant::now()) {
                            let (channel, alert) = (self.metrics.channel(), alert.label("alertname"));
                            tracing::error!(channel, alert, error = %failure, "an alert is refused and left out for 15 minutes");
                        }
                    }
                    _ => {
                        let half = batch.split_off(batch.len() / 2);
                        batches.extend([half, batch]);
                    }
                },
            }
        }
        Ok(())
    }
}

/// Whether the refusal may concern single alerts of the batch.
fn is_about_content(failure: &Failure) -> bool {
    failure.status.is_some_and(|status| [400, 413, 422].contains(&status.as_u16()))
}

fn posted<'a>(alert: &'a Alert, external_url: &ExternalUrl, now: Timestamp) -> Posted<'a> {
    let starts_at = alert.starts_at.min(now);
    let ends_at = match alert.ends_at {
        Some(end) => end.min(now).max(starts_at),
        None => now.checked_add(GOOD_FOR).unwrap_or(now),
    };
    let (labels, annotations) = (&alert.labels, &alert.annotations);
    Posted { labels, annotations, starts_at, ends_at, generator_url: external_url.page_of(alert) }
}

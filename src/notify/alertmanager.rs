//! Alertmanager's API, version 2: it is told again and again what is so, since it forgets what it does not hear.
//!
//! Quirks: 422 refuses a whole batch for one alert whose generatorURL is no URI, while 400 refuses it only in words and
//! has taken the good ones; either way the batch is halved until the offender is alone. An end before the start, or a
//! start in the future without an end, is refused.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use crate::alert::{Alert, Labels, Reader, Route};
use crate::clock::Clock;
use crate::store::Store;

use super::ExternalUrl;
use super::failure::{Failure, Reason};
use super::metrics::ChannelMetrics;
use super::notification_log::NotificationLog;
use super::post::{Answer, BuildError, JsonPost, client};
use super::settings::{self, Credentials};

/// The pause between two rounds in which everything is told.
const ROUND: Duration = Duration::from_secs(60);
/// How long an alert is good for; three rounds may be lost.
const GOOD_FOR: Duration = Duration::from_secs(4 * 60);
/// Alerts in one request.
const BATCH: usize = 256;
/// The pause after a first failed request, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One member of a cluster.
pub(super) struct Alertmanager {
    client_of: AlertmanagerClient,
    route: Route,
    store: Store,
    clock: Clock,
    metrics: ChannelMetrics,
}

/// What it takes to reach it.
pub(super) struct AlertmanagerClient {
    http: Client,
    url: Url,
    credentials: Option<Credentials>,
    home: ExternalUrl,
}

/// One alert as Alertmanager reads it.
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
    /// The client_of of each member.
    pub(super) fn all(settings: &settings::Alertmanager, home: &ExternalUrl) -> Result<Vec<Self>, BuildError> {
        let channel = &settings.route.channel;
        let client_of = |base: &Url| {
            let http = client(channel, base, settings.ca_file.as_deref())?;
            let mut url = base.clone();
            url.set_path(&format!("{}/api/v2/alerts", base.path().trim_end_matches('/')));
            Ok(Self { http, url, credentials: settings.credentials.clone(), home: home.clone() })
        };
        settings.urls.iter().map(client_of).collect()
    }

    /// Posts alerts once.
    pub(super) async fn post(&self, alerts: impl Iterator<Item = &Alert>, now: Timestamp) -> Result<Answer, Failure> {
        let posted: Vec<_> = alerts.map(|alert| posted(alert, &self.home, now)).collect();
        let body = serde_json::to_string(&posted).map_err(|error| Failure::new(Reason::Garbled, error.to_string()))?;
        let (headers, secrets) = self.authorization()?;
        let post = JsonPost { http: &self.http, url: self.url.clone(), headers, body, secrets: &secrets };
        let answer = post.send(now).await?;
        // Its own good answer is empty. A proxy's login page is not.
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
        let (value, secret) = match &self.credentials {
            None => return Ok(Default::default()),
            Some(Credentials::Bearer(token)) => {
                let token = token.read().map_err(unusable)?;
                (format!("Bearer {}", token.expose_secret()), token)
            }
            Some(Credentials::Basic { username, password }) => {
                let password = password.read().map_err(unusable)?;
                let pair = format!("{username}:{}", password.expose_secret());
                (format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)), password)
            }
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| unusable("the token cannot be sent in a header; is it plain text?".into()))?;
        value.set_sensitive(true);
        Ok((HeaderMap::from_iter([(AUTHORIZATION, value)]), vec![secret]))
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

    /// Tells what is so until nobody says it any more.
    pub(super) async fn run(mut self, mut alerts: Reader) {
        let mut log = NotificationLog::restored(self.recorded().await);
        let (mut next_round, mut pause) = (Instant::now() + ROUND, FIRST_PAUSE);
        let mut retry_at = None;
        let mut has_ended = false;
        loop {
            // What is not yet judged is not told: it would pass for a recovery.
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

    /// What this channel was told before this process began. The store has said why, if it cannot be used.
    async fn recorded(&self) -> Vec<Alert> {
        let told = self.store.told(self.metrics.channel().to_owned()).await.unwrap_or_default();
        told.iter().filter_map(|body| serde_json::from_str(body).ok()).collect()
    }

    /// Notes what was told, so that another process can tell its end.
    async fn record(&self, log: &mut NotificationLog) {
        let told = log.unrecorded().into_iter();
        let told: Vec<_> = told.filter_map(|a| Some((a.fingerprint(), serde_json::to_string(a).ok()?))).collect();
        if told.is_empty() {
            return;
        }
        let fingerprints: Vec<u64> = told.iter().map(|(fingerprint, _)| *fingerprint).collect();
        // The store has said why, if it cannot be used; until it can, this process remembers.
        if self.store.record_told(self.metrics.channel().to_owned(), told, self.clock.now()).await.is_ok() {
            log.recorded(fingerprints.into_iter());
        }
    }

    /// Tells everything that has to be told, in batches; stops at the first that says nothing of its own alerts.
    async fn tell(&mut self, log: &mut NotificationLog) -> Result<(), Failure> {
        let untold = log.untold(Instant::now());
        let mut batches: Vec<Vec<u64>> = untold.chunks(BATCH).rev().map(<[u64]>::to_vec).collect();
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

/// Whether other alerts may fare better than these.
fn is_about_content(failure: &Failure) -> bool {
    failure.status.is_some_and(|status| [400, 413, 422].contains(&status.as_u16()))
}

fn posted<'a>(alert: &'a Alert, home: &ExternalUrl, now: Timestamp) -> Posted<'a> {
    let starts_at = alert.starts_at.min(now);
    let ends_at = match alert.ends_at {
        Some(end) => end.min(now).max(starts_at),
        None => now.checked_add(GOOD_FOR).unwrap_or(now),
    };
    let (labels, annotations) = (&alert.labels, &alert.annotations);
    Posted { labels, annotations, starts_at, ends_at, generator_url: home.page_of(alert) }
}

//! Signed webhooks. The body is that of Alertmanager's webhook, version 4, which most receivers read. The headers are
//! those of Standard Webhooks 1.0.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use serde::Serialize;

use crate::alert::{Alert, Labels, Status};

use super::ExternalUrl;
use super::failure::{Failure, Reason};
use super::notification::Notification;
use super::post::{Answer, BuildError, JsonPost, client};
use super::settings;
use super::signature;

/// The zero time of Go: the alert has not ended.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// One endpoint.
pub(super) struct Webhook {
    http: Client,
    settings: settings::Webhook,
    external_url: ExternalUrl,
}

/// A message in Alertmanager's format.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    version: &'static str,
    group_key: String,
    truncated_alerts: u32,
    status: &'static str,
    receiver: &'a str,
    group_labels: &'a Labels,
    common_labels: &'a Labels,
    common_annotations: &'a Labels,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: [Told<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: Timestamp,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl Webhook {
    pub(super) fn new(settings: &settings::Webhook, external_url: &ExternalUrl) -> Result<Self, BuildError> {
        let http = client(&settings.route.channel, settings.url.url(), settings.ca_file.as_deref())?;
        Ok(Self { http, settings: settings.clone(), external_url: external_url.clone() })
    }

    /// The URL of the endpoint.
    pub(super) fn address(&self) -> &Url {
        self.settings.url.url()
    }

    /// Sends one message. Any 2xx is an acceptance, by the standard; the body does not matter.
    pub(super) async fn deliver(&self, notification: &Notification<'_>, now: Timestamp) -> Result<Answer, Failure> {
        let message = message(notification.alert, &self.settings.route.channel, &self.external_url);
        let body = serde_json::to_string(&message).map_err(|error| Failure::new(Reason::Garbled, error.to_string()))?;
        let url = self.address().clone();
        // A path can be a secret, and the receiver's error page may quote it.
        let mut secrets = self.settings.url.secrets();
        let mut keys = Vec::new();
        for secret in &self.settings.secrets {
            let secret = secret.read().map_err(|problem| Failure::new(Reason::Secret, problem))?;
            keys.push(
                signature::key(&secret)
                    .map_err(|problem| Failure::new(Reason::Secret, format!("the secret of the webhook {problem}")))?,
            );
            secrets.push(secret);
        }
        let signed = signature::sign(&keys, notification.id, now, &body);
        let mut headers = HeaderMap::new();
        let time = now.as_second().to_string();
        for (name, value) in
            [("webhook-id", notification.id), ("webhook-timestamp", &time), ("webhook-signature", &signed)]
        {
            // Without a secret, messages are not signed. Ids and signatures are ASCII.
            if let Ok(value) = HeaderValue::from_str(value)
                && !value.is_empty()
            {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        JsonPost { http: &self.http, url, headers, body, secrets: &secrets }.send(now).await
    }
}

fn message<'a>(alert: &'a Alert, channel: &'a str, external_url: &'a ExternalUrl) -> Message<'a> {
    // Each alert is its own group, so that a receiver that groups by this key keeps alerts apart.
    let names: Vec<_> = alert.labels.iter().map(|(name, text)| format!("{name}={:?}", text.as_str())).collect();
    let status = match alert.status {
        Status::Resolved => "resolved",
        Status::Pending | Status::Firing => "firing",
    };
    Message {
        version: "4",
        group_key: format!("{{}}:{{{}}}", names.join(", ")),
        truncated_alerts: 0,
        status,
        receiver: channel,
        group_labels: &alert.labels,
        common_labels: &alert.labels,
        common_annotations: &alert.annotations,
        external_url: external_url.url(),
        alerts: [Told {
            status,
            labels: &alert.labels,
            annotations: &alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at.map_or_else(|| NEVER.to_owned(), |end| end.to_string()),
            generator_url: external_url.page_of(alert),
            fingerprint: format!("{:016x}", alert.fingerprint()),
        }],
    }
}

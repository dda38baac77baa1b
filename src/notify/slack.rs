//! Incoming webhooks of Slack: blocks for people, and a text for clients without blocks.
//!
//! Quirks: a good answer is the word `ok`. 404 and 410 mean that the webhook or its channel was removed. Slack refuses
//! more than one message a second.

use jiff::Timestamp;
use reqwest::Client;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::alert::{Alert, Status, severity_rank};

use super::ExternalUrl;
use super::failure::{Failure, Reason};
use super::notification::Notification;
use super::post::{Answer, BuildError, JsonPost, client};
use super::secret::Address;
use super::settings;

/// Characters in a section. Slack allows 3000.
const MAX_TEXT: usize = 2_900;
/// Characters in a header and in the line of an alert. Slack allows 150 in a header.
const MAX_HEADER: usize = 140;
/// Alerts in one section, each on one line.
const LINES: usize = 15;
/// Sections with such lines. Slack allows 50 blocks.
const MAX_SECTIONS: usize = 10;

/// One incoming webhook.
pub(super) struct Slack {
    http: Client,
    settings: settings::Slack,
    external_url: ExternalUrl,
}

impl Slack {
    pub(super) fn new(settings: &settings::Slack, external_url: &ExternalUrl) -> Result<Self, BuildError> {
        let channel = &settings.route.channel;
        let url = settings.address().map_err(|cause| BuildError::Secret { channel: channel.clone(), cause })?;
        Ok(Self {
            http: client(channel, url.url(), None)?,
            settings: settings.clone(),
            external_url: external_url.clone(),
        })
    }

    /// The current URL, read from its file.
    pub(super) fn address(&self) -> Result<Address, String> {
        self.settings.address()
    }

    /// Sends one message.
    pub(super) async fn deliver(&self, notification: &Notification<'_>, now: Timestamp) -> Result<Answer, Failure> {
        let address = self.address().map_err(|problem| Failure::new(Reason::Secret, problem))?;
        let (url, secrets) = (address.url().clone(), address.secrets());
        let body = match notification.others {
            [] => message(notification.alert, &self.external_url),
            others => first_look([notification.alert].into_iter().chain(others).collect(), &self.external_url),
        };
        let body = body.to_string();
        let post = JsonPost { http: &self.http, url, headers: HeaderMap::new(), body, secrets: &secrets };
        let answer = post.send(now).await?;
        if answer.text == "ok" {
            return Ok(answer);
        }
        let detail =
            format!("answered {} with {:?} instead of \"ok\"; is that a webhook of Slack?", answer.status, answer.text);
        Err(Failure { status: Some(answer.status), ..Failure::new(Reason::BadBody, detail) })
    }
}

fn message(alert: &Alert, external_url: &ExternalUrl) -> Value {
    let annotation = |name: &str| alert.annotations.get(name).map_or("", |text| text.as_str());
    let (sign, summary) = (sign(alert), summary(alert));
    let word = if alert.status == Status::Resolved { "Resolved" } else { "Firing" };
    let labels: Vec<_> = alert.labels.iter().map(|(name, text)| format!("*{name}* {}", escaped(text))).collect();
    let mut links =
        vec![format!("<{}|This alert>", external_url.page_of(alert)), format!("<{}|All alerts>", external_url.list())];
    if !annotation("runbook_url").is_empty() {
        links.insert(0, format!("<{}|What to do>", escaped(annotation("runbook_url"))));
    }
    let mut blocks = vec![header(&format!("{sign} {word}: {summary}"))];
    blocks.extend((!annotation("description").is_empty()).then(|| section(&escaped(annotation("description")))));
    blocks.extend([labels.join("  "), links.join("  ")].iter().map(|text| context(text)));
    json!({ "text": format!("{sign} {word}: {}", escaped(summary)), "blocks": blocks })
}

/// One message with all alerts of the first evaluation, the gravest first, so that they do not flood the channel.
fn first_look(mut alerts: Vec<&Alert>, external_url: &ExternalUrl) -> Value {
    alerts.sort_by_key(|alert| (severity_rank(alert.label("severity")), alert.label("severity"), summary(alert)));
    let counts: Vec<_> = alerts
        .chunk_by(|one, other| one.label("severity") == other.label("severity"))
        .map(|alike| format!("{} {}", alike.len(), alike[0].label("severity")))
        .collect();
    let gravest = alerts.first().map_or("", |alert| sign(alert));
    let title = format!("{gravest} {} alerts fire at the first look: {}", alerts.len(), counts.join(", "));
    let lines: Vec<_> =
        alerts.iter().map(|alert| format!("{} {}", sign(alert), escaped(&cut(summary(alert), MAX_HEADER)))).collect();
    let mut blocks = vec![header(&title)];
    blocks.extend(lines.chunks(LINES).take(MAX_SECTIONS).map(|lines| section(&lines.join("\n"))));
    let link = format!("<{}|All alerts>", external_url.list());
    let more = alerts.len().saturating_sub(LINES * MAX_SECTIONS);
    blocks.push(context(&if more > 0 { format!("and {more} more: {link}") } else { link }));
    json!({ "text": escaped(&title), "blocks": blocks })
}

/// The emoji for a status and severity.
fn sign(alert: &Alert) -> &'static str {
    match (alert.status, alert.label("severity")) {
        (Status::Resolved, _) => ":white_check_mark:",
        (_, "critical") => ":red_circle:",
        (_, "info") => ":large_blue_circle:",
        (_, "none") => ":white_circle:",
        _ => ":large_orange_circle:",
    }
}

fn summary(alert: &Alert) -> &str {
    match alert.annotations.get("summary").map_or("", |text| text.as_str()) {
        "" => alert.label("alertname"),
        summary => summary,
    }
}

fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "emoji": true, "text": cut(text, MAX_HEADER) } })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text, MAX_TEXT) } })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(text, MAX_TEXT) }] })
}

/// Escapes text, so that nothing in it is a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most).chain(['…']).collect() }
}

//! Incoming webhooks of Slack: blocks for people, and a text for where blocks are not shown.
//!
//! Quirks: a good answer is the word `ok`; 404 and 410 mean that the webhook or its channel is gone for good; more than
//! one message a second is refused.

use jiff::Timestamp;
use reqwest::Client;
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::alert::{Alert, Status};

use super::Home;
use super::failure::{Failure, Reason};
use super::outbox::Letter;
use super::post::{Answer, BuildError, Post, client};
use super::secret::Address;
use super::settings;

/// Characters that a section may have, with some room: Slack counts 3000.
const MAX_TEXT: usize = 2_900;
/// The same of a header: 150.
const MAX_HEADER: usize = 140;

/// One incoming webhook.
pub(super) struct Slack {
    http: Client,
    settings: settings::Slack,
    home: Home,
}

impl Slack {
    pub(super) fn new(settings: &settings::Slack, home: &Home) -> Result<Self, BuildError> {
        let channel = &settings.route.channel;
        let url = settings.address().map_err(|cause| BuildError::Secret { channel: channel.clone(), cause })?;
        Ok(Self { http: client(channel, url.url(), None)?, settings: settings.clone(), home: home.clone() })
    }

    /// Where its messages go, as its file says now.
    pub(super) fn address(&self) -> Result<Address, String> {
        self.settings.address()
    }

    /// Sends one message once.
    pub(super) async fn deliver(&self, letter: &Letter<'_>, now: Timestamp) -> Result<Answer, Failure> {
        let address = self.address().map_err(|problem| Failure::new(Reason::Secret, problem))?;
        let (url, secret) = (address.url().clone(), SecretString::from(address.url().path()));
        let body = message(letter.alert, &self.home).to_string();
        let post = Post { http: &self.http, url, headers: HeaderMap::new(), body, secrets: &[secret] };
        let answer = post.send(now).await?;
        if answer.text == "ok" {
            return Ok(answer);
        }
        let detail =
            format!("answered {} with {:?} instead of \"ok\"; is that a webhook of Slack?", answer.status, answer.text);
        Err(Failure { status: Some(answer.status), ..Failure::new(Reason::BadBody, detail) })
    }
}

fn message(alert: &Alert, home: &Home) -> Value {
    let annotation = |name: &str| alert.annotations.get(name).map_or("", |text| text.as_str());
    let sign = match (alert.status, alert.label("severity")) {
        (Status::Resolved, _) => ":white_check_mark:",
        (_, "critical") => ":red_circle:",
        _ => ":large_orange_circle:",
    };
    let word = if alert.status == Status::Resolved { "Resolved" } else { "Firing" };
    let summary = match annotation("summary") {
        "" => alert.label("alertname"),
        summary => summary,
    };
    let labels: Vec<_> = alert.labels.iter().map(|(name, text)| format!("*{name}* {}", escaped(text))).collect();
    let mut links = vec![format!("<{}|All alerts>", home.page_of(alert))];
    if !annotation("runbook_url").is_empty() {
        links.insert(0, format!("<{}|What to do>", escaped(annotation("runbook_url"))));
    }
    let section = |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text, MAX_TEXT) } });
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "emoji": true, "text": cut(&format!("{sign} {word}: {summary}"), MAX_HEADER) } }),
    ];
    blocks.extend((!annotation("description").is_empty()).then(|| section(&escaped(annotation("description")))));
    let details = [labels.join("  "), links.join("  ")];
    blocks.extend(
        details
            .iter()
            .map(|text| json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(text, MAX_TEXT) }] })),
    );
    json!({ "text": format!("{sign} {word}: {}", escaped(summary)), "blocks": blocks })
}

/// Text in which nothing is a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most).chain(['…']).collect() }
}

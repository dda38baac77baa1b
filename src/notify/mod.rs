//! Channels: how an alert reaches somebody.
//!
//! An Alertmanager is told again and again what is so ([`alertmanager`]). Webhooks and Slack are told of each change
//! once ([`outbox`]), from a queue in the store that outlives the process. Every channel has a task and a queue of its
//! own, so that none waits for another. Nothing here knows why an alert is one.

pub mod alertmanager;
pub mod dispatcher;
pub mod failure;
pub mod metrics;
mod notification_log;
pub mod outbox;
pub mod post;
mod schedule;
pub mod secret;
pub mod settings;
pub mod signature;
mod slack;
mod webhook;

use crate::alert::Alert;

/// Where links in notifications lead: this daemon, as its readers reach it, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl(String);

impl ExternalUrl {
    /// The daemon at a URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }

    /// The daemon itself.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }

    /// The daemon's list of alerts.
    fn list(&self) -> String {
        format!("{}/api/v1/alerts", self.0)
    }

    /// One alert in the list.
    fn page_of(&self, alert: &Alert) -> String {
        format!("{}#{:016x}", self.list(), alert.fingerprint())
    }
}

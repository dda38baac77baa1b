//! Channels: Alertmanager, webhooks and Slack.
//!
//! - An Alertmanager gets firing alerts again every minute ([`alertmanager`]).
//! - Webhooks and Slack get each transition once ([`outbox`]), from a queue in the store that survives a restart.
//!
//! Every channel has its own task and queue, so a slow one delays no other. This module does not evaluate rules.

pub mod alertmanager;
pub mod dispatcher;
pub mod failure;
pub mod metrics;
mod notification;
mod notification_log;
pub mod outbox;
pub mod post;
mod retry_schedule;
pub mod secret;
pub mod settings;
pub mod signature;
mod slack;
mod webhook;

use crate::alert::Alert;

/// The base URL of links in notifications, by which readers reach this daemon. It has no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl(String);

impl ExternalUrl {
    /// A base URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }

    /// The URL of the daemon.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }

    /// The URL of the list of alerts.
    fn list(&self) -> String {
        format!("{}/alerts", self.0)
    }

    /// The URL of one alert's own page.
    fn page_of(&self, alert: &Alert) -> String {
        format!("{}/{:016x}", self.list(), alert.fingerprint())
    }
}

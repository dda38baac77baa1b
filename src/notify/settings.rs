//! The configuration of channels (`[notify]`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Url;
use secrecy::ExposeSecret as _;

use crate::alert::Route;
use common::transport::{destination, is_loopback};

use super::ExternalUrl;
use super::secret::{Address, Secret};

/// Every channel, by its name in the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The base URL of links in notifications. Default: the first listen address, with the host name for an unspecified
    /// address.
    pub external_url: Option<Url>,
    /// `[notify.alertmanager.NAME]`.
    pub alertmanagers: BTreeMap<String, Alertmanager>,
    /// `[notify.webhook.NAME]`.
    pub webhooks: BTreeMap<String, Webhook>,
    /// `[notify.slack.NAME]`.
    pub slacks: BTreeMap<String, Slack>,
}

/// The members of one Alertmanager cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Alertmanager {
    /// The alerts to send.
    pub route: Route,
    /// The URLs of the members, without `/api/v2/alerts`. At least one.
    pub urls: Vec<Url>,
    /// The authentication of requests.
    pub credentials: Option<Credentials>,
    /// A PEM file with certificate authorities, added to those of the system.
    pub ca_file: Option<PathBuf>,
}

/// The authentication of requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// Basic authentication.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token.
    Bearer(Secret),
}

/// An endpoint for signed messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// The alerts to send.
    pub route: Route,
    /// The URL.
    pub url: Address,
    /// The signing secrets: the current one, and the previous one during a change. Empty: messages are not signed.
    pub secrets: Vec<Secret>,
    /// A PEM file with certificate authorities, added to those of the system.
    pub ca_file: Option<PathBuf>,
}

/// An incoming webhook of Slack or of a compatible service.
#[derive(Clone, Debug, PartialEq)]
pub struct Slack {
    /// The alerts to send.
    pub route: Route,
    /// A file with the URL. The URL alone gives the right to write into the channel.
    pub url: Secret,
    /// Whether the URL may use plain http to another host. Default false.
    pub allow_http: bool,
}

impl Settings {
    /// The base URL of links. `default` is the daemon's own address.
    #[must_use]
    pub fn external_url_or(&self, default: &ExternalUrl) -> ExternalUrl {
        self.external_url.as_ref().map_or_else(|| default.clone(), |url| ExternalUrl::new(url.as_str()))
    }

    /// The routes of the edge-triggered channels, which have an outbox.
    #[must_use]
    pub fn outbox_routes(&self) -> Vec<Route> {
        let webhooks = self.webhooks.values().map(|webhook| webhook.route.clone());
        webhooks.chain(self.slacks.values().map(|slack| slack.route.clone())).collect()
    }

    /// The names of the channels with receivers on other machines.
    #[must_use]
    pub fn read_elsewhere(&self) -> Vec<&str> {
        let alertmanagers = self.alertmanagers.values().map(|one| (&one.route, one.urls.iter().all(is_loopback)));
        let webhooks = self.webhooks.values().map(|one| (&one.route, is_loopback(one.url.url())));
        let is_here = |slack: &Slack| slack.address().is_ok_and(|address| is_loopback(address.url()));
        let slacks = self.slacks.values().map(|one| (&one.route, is_here(one)));
        let all = alertmanagers.chain(webhooks).chain(slacks);
        all.filter(|(_, is_here)| !is_here).map(|(route, _)| route.channel.as_str()).collect()
    }

    /// The names of all channels, such as `webhook.ops`.
    #[must_use]
    pub fn channels(&self) -> Vec<String> {
        let alertmanagers = self.alertmanagers.values().map(|alertmanager| alertmanager.route.channel.clone());
        alertmanagers.chain(self.outbox_routes().into_iter().map(|route| route.channel)).collect()
    }
}

impl Slack {
    /// The current URL.
    ///
    /// # Errors
    /// The reason why the file is unusable, or why its URL is refused.
    pub fn address(&self) -> Result<Address, String> {
        let url = destination(self.url.read()?.expose_secret(), self.allow_http);
        url.map(Address::from).map_err(|problem| format!("the URL in the file {problem}"))
    }
}

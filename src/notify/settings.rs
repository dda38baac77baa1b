//! Which channels there are (`[notify]`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Url;
use secrecy::ExposeSecret as _;

use crate::alert::Route;
use crate::transport::{destination, is_loopback};

use super::ExternalUrl;
use super::secret::{Address, Secret};

/// Every channel, by the name that its owner gave it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where readers reach this daemon, for the links in notifications. Default: its first listening
    /// address, with the host name in place of an unspecified one.
    pub external_url: Option<Url>,
    /// `[notify.alertmanager.NAME]`.
    pub alertmanagers: BTreeMap<String, Alertmanager>,
    /// `[notify.webhook.NAME]`.
    pub webhooks: BTreeMap<String, Webhook>,
    /// `[notify.slack.NAME]`.
    pub slacks: BTreeMap<String, Slack>,
}

/// The Alertmanagers of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Alertmanager {
    /// What it is told of.
    pub route: Route,
    /// Where its members are, without `/api/v2/alerts`; at least one.
    pub urls: Vec<Url>,
    /// How they know us.
    pub credentials: Option<Credentials>,
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// What a request is authorised by.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// A user name and a password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Bearer(Secret),
}

/// An endpoint that takes signed messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// What it is told of.
    pub route: Route,
    /// Where messages go.
    pub url: Address,
    /// What messages are signed with: the secret, and the one before it while receivers change over. Unsigned without.
    pub secrets: Vec<Secret>,
    /// A PEM file with certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// An incoming webhook of Slack, or of what speaks like it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slack {
    /// What it is told of.
    pub route: Route,
    /// A file that holds the URL, which is all that is needed to write into the channel.
    pub url: Secret,
    /// Whether the URL may be plain http to another host. Default false.
    pub allow_http: bool,
}

impl Settings {
    /// Where links lead; `default` is the daemon by its own address.
    #[must_use]
    pub fn home(&self, default: &ExternalUrl) -> ExternalUrl {
        self.external_url.as_ref().map_or_else(|| default.clone(), |url| ExternalUrl::new(url.as_str()))
    }

    /// What each edge-triggered channel wants: what the outbox is written for.
    #[must_use]
    pub fn outbox_routes(&self) -> Vec<Route> {
        let webhooks = self.webhooks.values().map(|webhook| webhook.route.clone());
        webhooks.chain(self.slacks.values().map(|slack| slack.route.clone())).collect()
    }

    /// The names of the channels whose recipients are on other machines.
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
    /// Where messages go now.
    ///
    /// # Errors
    /// Says why the file cannot be used, or why nothing may be sent to what it holds.
    pub fn address(&self) -> Result<Address, String> {
        let url = destination(self.url.read()?.expose_secret(), self.allow_http);
        url.map(Address::from).map_err(|problem| format!("the URL in the file {problem}"))
    }
}

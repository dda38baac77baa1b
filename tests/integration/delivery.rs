//! Channels without a daemon: the test sets the alerts and reads the notifications.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::clock::Clock;
use gcore_billing_exporter::alert::channels::Channels;
use gcore_billing_exporter::alert::{Alert, Current, Labels, Route, Status};
use gcore_billing_exporter::notify::ExternalUrl;
use gcore_billing_exporter::notify::dispatcher::{Dispatcher, Shared};
use gcore_billing_exporter::notify::metrics::Metrics;
use gcore_billing_exporter::notify::secret::Secret;
use gcore_billing_exporter::notify::settings::{Alertmanager, Settings, Slack, Webhook};
use gcore_billing_exporter::shard::Shard;
use gcore_billing_exporter::store::alerts::OutboxRow;
use gcore_billing_exporter::store::{self, Store};
use jiff::Timestamp;
use prometheus::{Registry, TextEncoder};
use reqwest::Url;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};
use tokio::sync::watch;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{until_closed, until_met};

/// Channels with their own store. The test acts as the engine.
pub(crate) struct TestChannels {
    alerts: watch::Sender<Current>,
    pub(crate) store: Store,
    pub(crate) channels: Channels,
    registry: Registry,
    routes: Vec<Route>,
    clock: Clock,
    dispatcher: Dispatcher,
}

impl TestChannels {
    pub(crate) async fn open(settings: Settings, clock: Clock) -> Self {
        let registry = Registry::new();
        let store = Store::open(&store::Settings { path: None }, &registry).unwrap();
        Self::with(settings, clock, store, registry).await
    }

    /// The same with a store that outlives it.
    pub(crate) async fn in_folder(settings: Settings, clock: Clock, folder: &TempDir) -> Self {
        let registry = Registry::new();
        let path = folder.path().join("state.db");
        until_closed(&path).await;
        let path = Some(path);
        let store = Store::open(&store::Settings { path }, &registry).unwrap();
        Self::with(settings, clock, store, registry).await
    }

    async fn with(settings: Settings, clock: Clock, store: Store, registry: Registry) -> Self {
        let ((alerts, reader), channels) = (watch::channel(None), Channels::default());
        let shared = Shared {
            alerts: reader,
            store: store.clone(),
            clock: clock.clone(),
            metrics: Metrics::register(&registry).unwrap(),
            channels: channels.clone(),
            external_url: ExternalUrl::new("http://daemon.example:10061/"),
            shard: Shard::default(),
        };
        let routes = settings.outbox_routes();
        let mut dispatcher = Dispatcher::new(shared);
        dispatcher.follow(dispatcher.plan(settings).unwrap()).await;
        Self { alerts, store, channels, registry, routes, clock, dispatcher }
    }

    /// Applies other settings, as a reload does.
    pub(crate) async fn reconfigure(&mut self, settings: Settings) {
        self.routes = settings.outbox_routes();
        self.dispatcher.follow(self.dispatcher.plan(settings).unwrap()).await;
    }

    /// Sets the current alerts and queues the transitions.
    pub(crate) async fn say(&self, alerts: &[Alert], transitions: &[Alert]) {
        self.queue(transitions).await;
        self.alerts.send_replace(Some(Arc::new(alerts.iter().cloned().map(Arc::new).collect())));
    }

    /// Only queues the transitions.
    pub(crate) async fn queue(&self, transitions: &[Alert]) {
        let row = |alert: &Alert, route: &Route| OutboxRow {
            channel: route.channel.clone(),
            fingerprint: alert.fingerprint(),
            notification_id: alert.message_id(),
            body: serde_json::to_string(alert).unwrap(),
            created_at: self.clock.now(),
            due_at: self.clock.now(),
        };
        let told = transitions.iter().flat_map(|alert| {
            self.routes.iter().filter(|route| route.takes(&alert.labels)).map(move |route| row(alert, route))
        });
        self.store.commit_alerts(Vec::new(), told.collect()).await.unwrap();
    }

    /// Sets alerts that are all new.
    pub(crate) async fn news(&self, alerts: &[Alert]) {
        self.say(alerts, alerts).await;
    }

    /// Wakes every channel.
    pub(crate) fn poke(&self) {
        self.alerts.send_modify(|_| {});
    }

    /// The metrics.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }

    /// The value of a series, or `None`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    pub(crate) fn failures(&self, channel: &str, reason: &str) -> f64 {
        let series = format!("gcore_notification_failures_total{{channel=\"{channel}\",reason=\"{reason}\"}}");
        self.value(&series).unwrap_or_default()
    }

    pub(crate) fn of(&self, family: &str, channel: &str) -> Option<f64> {
        self.value(&format!("{family}{{channel=\"{channel}\"}}"))
    }

    /// The number of requests to a channel with an outcome. The store gets it shortly after.
    fn outcomes(&self, channel: &str) -> usize {
        self.of("gcore_notifications_total", channel).unwrap_or_default() as usize
    }

    /// Waits for this number of requests with an outcome. A request may arrive at the server before its outcome, which
    /// takes the time of the clock.
    pub(crate) async fn until_tried(&self, channel: &str, times: usize) {
        until(&format!("{channel} tried {times} times"), async || self.outcomes(channel) == times).await;
    }

    /// Waits until the queue of a channel is empty.
    pub(crate) async fn until_empty(&self, channel: &str) {
        self.until_waiting(channel, 0).await;
    }

    /// Waits until this number of messages is in the queue of a channel.
    pub(crate) async fn until_waiting(&self, channel: &str, messages: u64) {
        let waiting = async || self.store.outbox_heads(channel.to_owned(), self.clock.now(), 0).await.unwrap().waiting;
        until(&format!("{messages} messages wait for {channel}"), async || waiting().await == messages).await;
    }

    /// Ends as the daemon does.
    pub(crate) async fn close(self) {
        drop(self.alerts);
        self.dispatcher.finish().await;
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    until_met(condition, async || what.to_owned()).await;
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect()
}

/// A firing alert that started a minute ago.
pub(crate) fn firing(name: &str, now: Timestamp) -> Alert {
    let starts_at = now - jiff::SignedDuration::from_mins(1);
    Alert {
        labels: labels(&[("alertname", name), ("severity", "warning"), ("account", "main")]),
        annotations: labels(&[("summary", "1 < 2 & more"), ("runbook_url", "https://docs.example/runbook")]),
        status: Status::Firing,
        starts_at,
        ends_at: None,
        value: Some(2.0),
        threshold: Some(1.0),
        since: now,
    }
}

/// The same alert, resolved.
pub(crate) fn resolved(alert: &Alert, now: Timestamp) -> Alert {
    Alert { status: Status::Resolved, ends_at: Some(now), since: now, ..alert.clone() }
}

pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

pub(crate) fn route(channel: &str) -> Route {
    Route { channel: channel.to_owned(), ..Route::default() }
}

pub(crate) fn alertmanagers(urls: &[&str]) -> Settings {
    let urls = urls.iter().map(|url| url.parse().unwrap()).collect();
    let one = Alertmanager { route: route("alertmanager.main"), urls, credentials: None, ca_file: None };
    Settings { alertmanagers: [("main".to_owned(), one)].into(), ..Settings::default() }
}

pub(crate) fn webhook(name: &str, url: &str, secrets: &[&str]) -> (String, Webhook) {
    let secrets = secrets.iter().map(|secret| Secret::Text(SecretString::from(*secret))).collect();
    let url = url.parse::<Url>().unwrap().into();
    (name.to_owned(), Webhook { route: route(&format!("webhook.{name}")), url, secrets, ca_file: None })
}

pub(crate) fn webhooks(list: impl IntoIterator<Item = (String, Webhook)>) -> Settings {
    Settings { webhooks: list.into_iter().collect(), ..Settings::default() }
}

pub(crate) fn slack(url_file: &NamedTempFile) -> BTreeMap<String, Slack> {
    let url = Secret::File(url_file.path().to_owned());
    let route = Route { for_people: true, ..route("slack.ops") };
    [("ops".to_owned(), Slack { route, url, allow_http: false })].into()
}

pub(crate) async fn taking() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

pub(crate) async fn received(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

/// The alerts of a webhook's messages in the order of arrival.
pub(crate) async fn stories(server: &MockServer) -> Vec<String> {
    let tell = |request: Request| {
        let body: Value = request.body_json().unwrap();
        format!("{} {}", body["commonLabels"]["alertname"].as_str().unwrap(), body["status"].as_str().unwrap())
    };
    received(server).await.into_iter().map(tell).collect()
}

//! A real Alertmanager between the daemon's channel and a receiver of the test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use common::clock::Clock;
use gcore_billing_exporter::alert::Alert;
use gcore_billing_exporter::notify::settings::Settings;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use wiremock::matchers::{any, body_string_contains};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::delivery::{
    TestChannels, alertmanagers, firing, labels, now, received, resolved, taking, until, webhook, webhooks,
};
use crate::harness::{Port, REPORTS, asked, http, json};
use crate::program::{Process, config_file, get, program, server, value};

/// An Alertmanager with a receiver. A test can stop and start it.
pub(crate) struct Real {
    receiver: MockServer,
    folder: TempDir,
    port: Port,
    process: Option<Child>,
}

impl Real {
    /// An Alertmanager that is not started.
    async fn new() -> Self {
        Self::with_rules("0s", "").await
    }

    /// An Alertmanager with a `group_wait` and more configuration.
    async fn with_rules(group_wait: &str, rules: &str) -> Self {
        let receiver = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&receiver).await;
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "route: {{receiver: test, group_by: ['...'], group_wait: {group_wait}, group_interval: 1s, repeat_interval: \
             1h}}\nreceivers: [{{name: test, webhook_configs: [{{url: '{}', send_resolved: true}}]}}]\n{rules}",
            receiver.uri(),
        );
        std::fs::write(folder.path().join("config.yml"), config).unwrap();
        Self { receiver, folder, port: Port::new(), process: None }
    }

    pub(crate) async fn started() -> Self {
        let mut real = Self::new().await;
        real.start().await;
        real
    }

    /// An Alertmanager with the shipped inhibition rules. The inhibiting alert may come up to two seconds after the
    /// other.
    pub(crate) async fn with_the_shipped_rules() -> Self {
        let example = include_str!("../../prometheus/alertmanager.example.yml");
        let mut real = Self::with_rules("2s", &example[example.find("inhibit_rules:").unwrap()..]).await;
        real.start().await;
        real
    }

    pub(crate) fn url(&self) -> String {
        self.port.url()
    }

    pub(crate) async fn start(&mut self) {
        let flags = [
            "--config.file=config.yml".to_owned(),
            "--storage.path=data".to_owned(),
            format!("--web.listen-address={}", self.port.address()),
            "--cluster.listen-address=".to_owned(),
        ];
        self.process = Some(server("prometheus-alertmanager", self.folder.path(), &flags));
        let ready = format!("{}/-/ready", self.url());
        until("Alertmanager is ready", async || {
            http().get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Stops it as a service manager does, so that it saves its notification log.
    pub(crate) async fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let kill = format!("kill -TERM {}", process.id().unwrap());
        assert!(Command::new("sh").arg("-c").arg(kill).status().await.unwrap().success());
        process.wait().await.unwrap();
    }

    /// The alerts that the receiver got, in order.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let requests = self.receiver.received_requests().await.unwrap();
        let alerts = |request: &Request| request.body_json::<Value>().unwrap()["alerts"].as_array().unwrap().clone();
        requests.iter().flat_map(alerts).collect()
    }

    /// The same in words.
    pub(crate) async fn told(&self) -> Vec<String> {
        let tell = |alert: &Value| {
            format!("{} {}", alert["labels"]["alertname"].as_str().unwrap(), alert["status"].as_str().unwrap())
        };
        self.alerts().await.iter().map(tell).collect()
    }

    async fn until_told(&self, want: &[&str]) {
        until(&format!("{want:?}"), async || self.told().await == want).await;
    }

    /// Waits until it has an answer for this number of notifications. Right after that, it notes them in its log.
    async fn until_answered(&self, number: &str) {
        let requests = "alertmanager_notification_requests_total{integration=\"webhook\"}";
        until("the receiver's answer", async || {
            value(&get(&format!("{}/metrics", self.url())).await, requests).as_deref() == Some(number)
        })
        .await;
    }

    /// The alerts that Alertmanager holds.
    pub(crate) async fn held(&self) -> Vec<Value> {
        let page = http().get(format!("{}/api/v2/alerts", self.url())).send().await.unwrap();
        serde_json::from_slice(&page.bytes().await.unwrap()).unwrap()
    }

    async fn channels(&self) -> TestChannels {
        TestChannels::open(alertmanagers(&[&self.url()]), Clock::system()).await
    }
}

async fn resolve(channels: &TestChannels, alert: &Alert) {
    channels.say(&[resolved(alert, now())], &[]).await;
}

#[tokio::test]
async fn an_alert_fires_stays_and_resolves_and_two_replicas_tell_one() {
    let real = Real::started().await;
    let (channels, replica) = (real.channels().await, real.channels().await);
    let mut alert = firing("a", now());
    channels.news(std::slice::from_ref(&alert)).await;
    replica.news(std::slice::from_ref(&alert)).await;
    real.until_told(&["a firing"]).await;
    let held = real.held().await;
    assert_eq!(held.len(), 1, "{held:?}");
    let starts_at: jiff::Timestamp = held[0]["startsAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(starts_at.as_millisecond(), alert.starts_at.as_millisecond());
    assert!(held[0]["generatorURL"].as_str().unwrap().starts_with("http://daemon.example:10061/alerts/"));

    // The texts change while the alert fires; then it is resolved.
    alert.annotations.extend(labels(&[("summary", "still so")]));
    channels.news(std::slice::from_ref(&alert)).await;
    resolve(&channels, &alert).await;
    resolve(&replica, &alert).await;
    real.until_told(&["a firing", "a resolved"]).await;
    channels.close().await;
    replica.close().await;
}

#[tokio::test]
async fn our_restart_loses_no_end_and_invents_none() {
    let (real, witness, folder) = (Real::started().await, taking().await, tempfile::tempdir().unwrap());
    let webhooks = webhooks([webhook("witness", &witness.uri(), &[])]).webhooks;
    let settings = Settings { webhooks, ..alertmanagers(&[&real.url()]) };
    let channels = TestChannels::in_folder(settings.clone(), Clock::system(), &folder).await;
    let (a, b) = (firing("a", now()), firing("b", now()));
    channels.news(&[a.clone(), b.clone()]).await;
    until("both", async || real.told().await.len() == 2 && received(&witness).await.len() == 2).await;
    channels.close().await;

    let channels = TestChannels::in_folder(settings, Clock::system(), &folder).await;
    // Before the first evaluation nothing is sent. The other channel shows that there was enough time.
    for number in 1..=3 {
        channels.queue(&[firing(&format!("c{number}"), now())]).await;
        channels.poke();
        until("the other channel", async || received(&witness).await.len() == 2 + number).await;
    }
    assert_eq!(channels.of("gcore_notifications_total", "alertmanager.main"), Some(0.0));
    channels.say(&[resolved(&a, now()), b.clone()], &[]).await;
    until("an end", async || real.told().await.len() == 3).await;
    assert_eq!(real.told().await[2], "a resolved");
    assert_eq!(real.held().await.len(), 1, "b fires on");
    channels.close().await;
}

#[tokio::test]
async fn an_end_while_everybody_was_down_is_told_by_the_next_process() {
    let (mut real, folder) = (Real::started().await, tempfile::tempdir().unwrap());
    let settings = alertmanagers(&[&real.url()]);
    let channels = TestChannels::in_folder(settings.clone(), Clock::system(), &folder).await;
    channels.news(&[firing("a", now()), firing("b", now())]).await;
    until("both", async || real.told().await.len() == 2).await;
    channels.close().await;
    real.stop().await;
    real.start().await;
    // The list no longer has `a`, not even as resolved.
    let channels = TestChannels::in_folder(settings, Clock::system(), &folder).await;
    channels.say(&[firing("b", now())], &[]).await;
    until("an end", async || real.told().await.contains(&"a resolved".to_owned())).await;
    assert!(!real.told().await.contains(&"b resolved".to_owned()));
    channels.close().await;
}

#[tokio::test]
async fn alertmanagers_restart_loses_no_end() {
    let mut real = Real::started().await;
    let channels = real.channels().await;
    let alert = firing("a", now());
    channels.news(std::slice::from_ref(&alert)).await;
    real.until_told(&["a firing"]).await;
    real.stop().await;
    real.start().await;
    assert_eq!(real.held().await.len(), 0, "it has forgotten the alert");
    resolve(&channels, &alert).await;
    real.until_told(&["a firing", "a resolved"]).await;
    channels.close().await;
}

#[tokio::test]
async fn both_may_restart_at_once() {
    let mut real = Real::started().await;
    let channels = real.channels().await;
    let alert = firing("a", now());
    channels.news(std::slice::from_ref(&alert)).await;
    real.until_told(&["a firing"]).await;
    channels.close().await;
    real.stop().await;
    real.start().await;
    let channels = real.channels().await;
    resolve(&channels, &alert).await;
    real.until_told(&["a firing", "a resolved"]).await;
    channels.close().await;
}

#[tokio::test]
async fn an_alertmanager_that_was_down_is_told_when_it_is_back() {
    let mut real = Real::new().await;
    let channels = real.channels().await;
    let alert = firing("a", now());
    channels.news(std::slice::from_ref(&alert)).await;
    until("a failure", async || channels.failures("alertmanager.main", "connect") >= 1.0).await;
    until("it waits", async || channels.of("gcore_notification_queue_length", "alertmanager.main") == Some(1.0)).await;
    real.start().await;
    real.until_told(&["a firing"]).await;
    real.until_answered("1").await;
    real.stop().await;
    resolve(&channels, &alert).await;
    let before = channels.failures("alertmanager.main", "connect");
    until("a failure", async || channels.failures("alertmanager.main", "connect") > before).await;
    // The alert leaves the list before Alertmanager accepts its end.
    channels.say(&[], &[]).await;
    real.start().await;
    real.until_told(&["a firing", "a resolved"]).await;
    channels.close().await;
}

/// 400, for its label.
#[tokio::test]
async fn one_that_it_refuses_is_set_aside_and_the_others_arrive() {
    let real = Real::started().await;
    let channels = real.channels().await;
    let mut alerts: Vec<_> = (0..20).map(|number| firing(&format!("good{number:02}"), now())).collect();
    let mut bad = firing("bad", now());
    bad.labels.extend(labels(&[("no-such-name", "x")]));
    alerts.push(bad);
    channels.news(&alerts).await;
    until("the good ones", async || real.told().await.len() == 20).await;
    until("one left", async || channels.of("gcore_notification_queue_length", "alertmanager.main") == Some(1.0)).await;
    assert!(channels.failures("alertmanager.main", "bad_request") >= 1.0);
    assert_eq!(real.held().await.len(), 20);
    channels.close().await;
}

/// A proxy before an Alertmanager that replaces the link of one alert by a text that is no URI.
struct Spoiler(SocketAddr);

impl Respond for Spoiler {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut alerts: Value = request.body_json().unwrap();
        let is_bad = |alert: &&mut Value| alert["labels"]["alertname"] == "bad";
        alerts.as_array_mut().unwrap().iter_mut().filter(is_bad).for_each(|bad| bad["generatorURL"] = "no URI".into());
        let body = alerts.to_string();
        let mut stream = TcpStream::connect(self.0).unwrap();
        let head = "POST /api/v2/alerts HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length:";
        write!(stream, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert!([200, 422].contains(&status), "{answer}");
        ResponseTemplate::new(status).set_body_string(answer.split_once("\r\n\r\n").unwrap().1)
    }
}

/// 422, which refuses the good alerts of the batch too. No daemon makes such a link, so a proxy does.
#[tokio::test]
async fn one_that_spoils_its_batch_is_set_aside_and_the_others_arrive() {
    let (real, between) = (Real::started().await, MockServer::start().await);
    Mock::given(any()).respond_with(Spoiler(real.port.address())).mount(&between).await;
    let channels = TestChannels::open(alertmanagers(&[&between.uri()]), Clock::system()).await;
    let mut alerts: Vec<_> = (0..20).map(|number| firing(&format!("good{number:02}"), now())).collect();
    alerts.insert(7, firing("bad", now()));
    channels.news(&alerts).await;
    until("the good ones", async || real.told().await.len() == 20).await;
    until("one left", async || channels.of("gcore_notification_queue_length", "alertmanager.main") == Some(1.0)).await;
    assert!(channels.failures("alertmanager.main", "bad_request") > 1.0, "the batch, its halves, and it alone");
    assert_eq!(real.held().await.len(), 20);
    channels.close().await;
}

#[tokio::test]
async fn one_that_is_refused_is_said_in_the_log() {
    let (api, picky) = (MockServer::start().await, MockServer::start().await);
    let task = r#"{"count": 1, "results": [{"uuid": "t1", "task_type": "Report", "status": "Failed"}]}"#;
    asked(REPORTS).respond_with(json(task)).mount(&api).await;
    let is_refused = Mock::given(body_string_contains("GcoreReportTaskFailed"));
    is_refused.respond_with(ResponseTemplate::new(400)).with_priority(1).mount(&picky).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&picky).await;
    let config = config_file(&api.uri(), "", &["reports"]);
    let more = format!("[notify.alertmanager.main]\nurls = ['{}']\n", picky.uri());
    std::fs::write(config.path(), std::fs::read_to_string(config.path()).unwrap() + &more).unwrap();
    let daemon = Process::serving(config, &[]);
    daemon.until(async || daemon.log().contains("left out for 15 minutes")).await;
    let url = daemon.url().await;
    let failures = r#"gcore_notification_failures_total{channel="alertmanager.main",reason="bad_request"}"#;
    assert!(value(&get(&format!("{url}/metrics")).await, failures).is_some());
    let polls = async || {
        value(&get(&format!("{url}/metrics")).await, r#"gcore_polls_total{account="main",collector="reports"}"#)
    };
    let before = polls().await;
    daemon.until(async || polls().await != before).await;
    let log = daemon.stop().await.stderr;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("an alert is refused and left out")).collect();
    assert_eq!(lines.len(), 1, "once, whatever is read meanwhile: {log}");
    for part in ["level=error", "channel=alertmanager.main", "alert=GcoreReportTaskFailed", "400"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
}

#[tokio::test]
async fn ten_thousand_alerts_arrive() {
    let real = Real::started().await;
    let channels = real.channels().await;
    let alerts: Vec<_> = (0..10_000).map(|number| firing(&format!("alert{number}"), now())).collect();
    channels.news(&alerts).await;
    let queue = async || channels.of("gcore_notification_queue_length", "alertmanager.main") == Some(0.0);
    until("all", async || queue().await && channels.of("gcore_notifications_total", "alertmanager.main") >= Some(40.0))
        .await;
    assert_eq!(real.held().await.len(), 10_000);
    channels.close().await;
}

#[tokio::test]
async fn the_demo_tells_of_its_spike_its_failed_reports_and_its_subscriptions() {
    let real = Real::started().await;
    let alertmanager = format!("--demo.alertmanager={}", real.url());
    let arguments = ["demo", "--demo.api-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0", &alertmanager];
    let demo = Process::start(&mut program(&arguments));
    demo.until(async || demo.printed().contains("Ctrl-C")).await;
    let printed = demo.printed();
    let page = printed.split_whitespace().find_map(|word| word.strip_suffix("/api/v1/openapi.yaml")).unwrap();
    let url = format!("{page}/api/v1/alerts");
    let states = async |name: &str| -> Vec<String> {
        let list: Value = serde_json::from_str(&get(&url).await).unwrap();
        let alerts = list["alerts"].as_array().unwrap().iter();
        let named = alerts.filter(|alert| alert["labels"]["alertname"] == name);
        named.map(|alert| alert["state"].as_str().unwrap().to_owned()).collect()
    };
    demo.until(async || states("GcoreCostThreshold").await == ["pending"]).await;
    for name in ["GcoreSpendAnomaly", "GcoreReportTaskFailed", "GcoreSubscriptionExpiring"] {
        demo.until(async || {
            let held = real.held().await;
            let is_held = held.iter().any(|alert| alert["labels"]["alertname"] == name);
            is_held && states(name).await.contains(&"firing".to_owned())
        })
        .await;
    }
    let metrics = get(&url.replace("/api/v1/alerts", "/metrics")).await;
    for family in ["gcore_cost_month_forecast_amount", "gcore_budget_forecast_amount", "gcore_anomaly_score"] {
        assert!(metrics.contains(&format!("\n{family}{{account=\"demo\"")), "{family}");
    }
    demo.signal("INT").await;
    assert_eq!(demo.end().await.code, Some(0));
}

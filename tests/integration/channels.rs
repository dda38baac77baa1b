//! Channels of the whole daemon: which notifications arrive where.

use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::alert::channels::Delivery;
use gcore_billing_exporter::notify::secret::Secret;
use gcore_billing_exporter::notify::settings::{Credentials, Settings};
use gcore_billing_exporter::snapshot::Collector;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;
use wiremock::matchers::{any, body_string_contains, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::delivery::{
    TestChannels, alertmanagers, firing, labels, now, received, resolved, slack, stories, taking, until, webhook,
    webhooks,
};
use crate::harness::{FakeClock, REPORTS, SUBSCRIPTIONS, TestApp, asked, config, every, json as answer, until_within};
use crate::program::file;

/// Signing secrets in the form of the standard.
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub(crate) const OLD_SECRET: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

#[tokio::test]
async fn a_webhook_gets_the_known_body_with_a_signature_that_the_reference_library_accepts() {
    let server = taking().await;
    let channels =
        TestChannels::open(webhooks([webhook("ops", &server.uri(), &[SECRET, OLD_SECRET])]), Clock::system()).await;
    let alert = firing("GcoreSpendAnomaly", now());
    channels.news(std::slice::from_ref(&alert)).await;
    until("a message", async || !received(&server).await.is_empty()).await;
    let request = received(&server).await.remove(0);

    let verify = |secret: &str, body: &[u8]| {
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, request.headers[name].clone());
        }
        standardwebhooks::Webhook::new(secret).unwrap().verify(body, &headers).is_ok()
    };
    assert!(verify(SECRET, &request.body) && verify(OLD_SECRET, &request.body), "either secret of a rotation");
    assert!(!verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &request.body), "another secret");
    assert!(!verify(SECRET, b"{}"), "another body");
    assert_eq!(request.headers["webhook-id"], *alert.message_id());

    let fingerprint = format!("{:016x}", alert.fingerprint());
    let starts_at = alert.starts_at.to_string();
    let labels = json!({ "account": "main", "alertname": "GcoreSpendAnomaly", "severity": "warning" });
    let annotations = json!({ "summary": "1 < 2 & more", "runbook_url": "https://docs.example/runbook" });
    let want = json!({
        "version": "4",
        "groupKey": r#"{}:{account="main", alertname="GcoreSpendAnomaly", severity="warning"}"#,
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "webhook.ops",
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "http://daemon.example:10061",
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": annotations,
            "startsAt": starts_at,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": format!("http://daemon.example:10061/alerts/{fingerprint}"),
            "fingerprint": fingerprint,
        }],
    });
    assert_eq!(request.body_json::<Value>().unwrap(), want);
    channels.close().await;
}

#[tokio::test]
async fn slack_gets_a_text_and_blocks_one_message_a_second() {
    let server = MockServer::start().await;
    Mock::given(path("/services/T/B"))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    let url = file(&format!("{}/services/T/B\n", server.uri()));
    let channels = TestChannels::open(Settings { slacks: slack(&url), ..Settings::default() }, Clock::system()).await;
    let begun = Instant::now();
    let alert = firing("GcoreSpendAnomaly", now());
    let mut other = firing("Other", now());
    other.labels.insert("severity".into(), "info".into());
    channels.say(&[], &[alert.clone(), other, resolved(&alert, now())]).await;
    until("three messages", async || received(&server).await.len() == 3).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    let texts: Vec<_> =
        received(&server).await.iter().map(|r| r.body_json::<Value>().unwrap()["text"].clone()).collect();
    let [orange, blue] = [":large_orange_circle: Firing", ":large_blue_circle: Firing"];
    let green = ":white_check_mark: Resolved";
    let said = |sign| format!("{sign}: 1 &lt; 2 &amp; more");
    assert_eq!(texts, [said(orange), said(blue), said(green)]);
    let body: Value = received(&server).await[0].body_json().unwrap();
    let kinds: Vec<_> = body["blocks"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["header", "context", "context"]);
    assert!(body["blocks"][2].to_string().contains("<https://docs.example/runbook|What to do>"), "{body}");
    channels.close().await;
}

/// Three failed tasks, or four.
fn failed_tasks(number: usize) -> ResponseTemplate {
    let at = now().to_string();
    let task = |number| json!({ "uuid": format!("t{number}"), "task_type": "Report", "status": "Failed", "created_at": at, "updated_at": at });
    let tasks: Vec<Value> = (0..number).map(task).collect();
    answer(&json!({ "count": number, "results": tasks }).to_string())
}

#[tokio::test]
async fn people_get_the_first_look_in_one_message_and_then_one_each() {
    let (api, server, folder) = (MockServer::start().await, MockServer::start().await, TempDir::new().unwrap());
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("ok")).mount(&server).await;
    asked(REPORTS).respond_with(failed_tasks(3)).mount(&api).await;
    let end = (now() + SignedDuration::from_hours(5 * 24)).to_string();
    let subscription = json!({ "id": 31, "active_range": { "start": "2026-01-01T00:00:00Z", "end": end }, "price": "1",
        "product": { "name": "<Cloud>" } });
    let subscriptions = answer(&json!({ "count": 1, "results": [subscription] }).to_string());
    // Much later than the tasks, but still within the first evaluation.
    asked(SUBSCRIPTIONS).respond_with(subscriptions.set_delay(Duration::from_secs(2))).mount(&api).await;
    let mut config =
        config(&api.uri(), every(Duration::from_millis(50), &[Collector::Reports, Collector::Subscriptions]));
    config.storage.path = Some(folder.path().join("state.db"));
    let url = file(&server.uri());
    config.notify.slacks = slack(&url);
    let texts = async || {
        let text = |request: &Request| request.body_json::<Value>().unwrap()["text"].as_str().unwrap().to_owned();
        received(&server).await.iter().map(text).collect::<Vec<_>>()
    };
    let app = TestApp::ready(&config, Clock::system()).await;
    until("a message", async || !texts().await.is_empty()).await;
    api.reset().await;
    asked(REPORTS).respond_with(failed_tasks(4)).mount(&api).await;
    until("another one", async || texts().await.len() > 1).await;
    app.stop().await;
    let texts = texts().await;
    assert_eq!(texts[0], ":red_circle: 4 alerts fire at the first look: 1 critical, 3 warning");
    assert!(
        texts[1].starts_with(":large_orange_circle: Firing: Account main: billing task Report failed"),
        "{texts:?}"
    );
    assert_eq!(texts.len(), 2);
    let body: Value = received(&server).await[0].body_json().unwrap();
    let kinds: Vec<_> = body["blocks"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["header", "section", "context"]);
    let list = body["blocks"][1]["text"]["text"].as_str().unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 4, "{list}");
    assert!(lines[0].starts_with(":red_circle: Account main: subscription 31 (&lt;Cloud&gt;) ends on"), "{list}");
    assert!(
        lines[1..].iter().all(|line| line.starts_with(":large_orange_circle: Account main: billing task")),
        "{list}"
    );
    assert!(body["blocks"][2].to_string().contains("|All alerts>"), "{body}");
}

#[tokio::test]
async fn a_restart_within_the_first_look_goes_on_with_it() {
    let (api, server, folder) = (MockServer::start().await, MockServer::start().await, TempDir::new().unwrap());
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("ok")).mount(&server).await;
    asked(REPORTS).respond_with(failed_tasks(2)).mount(&api).await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(3_600));
    asked(SUBSCRIPTIONS).respond_with(never).mount(&api).await;
    let mut config =
        config(&api.uri(), every(Duration::from_millis(50), &[Collector::Reports, Collector::Subscriptions]));
    config.storage.path = Some(folder.path().join("state.db"));
    let url = file(&server.uri());
    config.notify.slacks = slack(&url);
    let hands = FakeClock::at(now());
    let app = TestApp::start(&config, hands.clock()).await;
    let failing = async |app: &TestApp| {
        let list = app.get("/api/v1/alerts").await.text().await.unwrap();
        list.matches("\"alertname\":\"GcoreReportTaskFailed\"").count()
    };
    app.until(async || failing(&app).await == 2).await;
    app.stop().await;

    // Nothing was sent yet, and the other source has no alerts.
    api.reset().await;
    asked(REPORTS).respond_with(failed_tasks(3)).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(answer(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    hands.forward(SignedDuration::from_mins(4));
    let app = TestApp::ready(&config, hands.clock()).await;
    until("a message", async || !received(&server).await.is_empty()).await;
    app.stop().await;
    let body: Value = received(&server).await[0].body_json().unwrap();
    assert_eq!(body["text"], ":large_orange_circle: 3 alerts fire at the first look: 3 warning");
    assert_eq!(received(&server).await.len(), 1);
}

#[tokio::test]
async fn channels_get_what_their_route_takes() {
    let server = taking().await;
    let mut ops = webhook("ops", &server.uri(), &[]);
    ops.1.route.severities = vec!["critical".into()];
    ops.1.route.matchers = labels(&[("account", "main")]);
    let channels = TestChannels::open(webhooks([ops]), Clock::system()).await;
    let mut critical = firing("b", now());
    critical.labels.extend(labels(&[("severity", "critical")]));
    let mut elsewhere = critical.clone();
    elsewhere.labels.extend(labels(&[("account", "other")]));
    channels.news(&[firing("a", now()), elsewhere, critical]).await;
    until("a message", async || !received(&server).await.is_empty()).await;
    channels.close().await;
    assert_eq!(stories(&server).await, ["b firing"]);
}

#[tokio::test]
async fn an_alertmanager_is_told_with_its_credentials_and_a_refused_batch_is_halved() {
    let server = MockServer::start().await;
    let offender = body_string_contains("offender");
    Mock::given(offender).respond_with(ResponseTemplate::new(422).set_body_string("no: hunter2")).mount(&server).await;
    Mock::given(path("/prefix/api/v2/alerts")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let mut settings = alertmanagers(&[&format!("{}/prefix/", server.uri())]);
    let password = Secret::Text(SecretString::from("hunter2"));
    let credentials = Credentials::Basic { username: "us".into(), password };
    settings.alertmanagers.get_mut("main").unwrap().credentials = Some(credentials);
    let channels = TestChannels::open(settings, Clock::system()).await;
    let mut alerts: Vec<_> = (0..300).map(|number| firing(&format!("good{number}"), now())).collect();
    alerts.insert(150, firing("offender", now()));
    channels.news(&alerts).await;
    until("all but one", async || channels.of("gcore_notification_queue_length", "alertmanager.main") == Some(1.0))
        .await;
    let requests = received(&server).await;
    assert!(requests.iter().all(|request| request.headers["authorization"] == "Basic dXM6aHVudGVyMg=="));
    assert!(requests.len() < 30, "{} requests", requests.len());
    let refused = channels.failures("alertmanager.main", "bad_request");
    let taken: usize = requests
        .iter()
        .map(|request| request.body_json::<Vec<Value>>().unwrap())
        .filter(|batch| batch.iter().all(|alert| alert["labels"]["alertname"] != "offender"))
        .map(|batch| batch.len())
        .sum();
    assert_eq!(taken, 300, "each good one once");
    assert!((5.0..12.0).contains(&refused), "{refused}");
    channels.close().await;
}

#[tokio::test]
async fn a_reload_leaves_alone_what_is_set_as_before() {
    let (first, second) = (taking().await, taking().await);
    let settings = |url: &str| webhooks([webhook("stays", &first.uri(), &[]), webhook("moves", url, &[])]);
    let mut channels = TestChannels::open(settings("http://127.0.0.1:9/"), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    until("a failure", async || channels.failures("webhook.moves", "connect") >= 1.0).await;
    let success = || channels.of("gcore_notification_last_success_timestamp_seconds", "webhook.stays");
    until("the other", async || success().is_some()).await;
    let told_at = success();
    channels.reconfigure(settings(&second.uri())).await;
    // A task removes its gauges when it ends.
    let success = channels.of("gcore_notification_last_success_timestamp_seconds", "webhook.stays");
    assert_eq!(success, told_at, "its task went on");
    channels.news(&[firing("b", now())]).await;
    // A new address gets the waiting messages at once.
    until("all at both", async || received(&first).await.len() == 2 && received(&second).await.len() == 2).await;
    // If a delivered message stayed in the queue, the next task would send it again.
    channels.until_empty("webhook.moves").await;
    channels.reconfigure(settings("http://127.0.0.1:9/")).await;
    channels.news(&[firing("c", now())]).await;
    until("one left", async || channels.of("gcore_notification_queue_length", "webhook.moves") == Some(1.0)).await;
    channels.reconfigure(webhooks([webhook("stays", &first.uri(), &[])])).await;
    assert_eq!(channels.of("gcore_notification_queue_length", "webhook.moves"), None, "it has left");
    assert_eq!(channels.channels.all(), [("webhook.stays".to_owned(), Delivery::Good)].into());
    assert_eq!(channels.store.dead_letters().await.unwrap().len(), 1, "so has what waited for it");
    channels.close().await;
}

pub(crate) fn reports(status: &str) -> ResponseTemplate {
    let at = now().to_string();
    answer(
        &json!({ "count": 1, "results": [{
            "uuid": "t1", "task_type": "Report", "status": status, "created_at": at, "updated_at": at,
        }] })
        .to_string(),
    )
}

#[tokio::test]
async fn a_failed_report_is_told_and_so_is_its_end_over_a_restart() {
    let (api, receiver, folder) = (MockServer::start().await, taking().await, TempDir::new().unwrap());
    asked(REPORTS).respond_with(reports("Failed")).mount(&api).await;
    let mut config = config(&api.uri(), every(Duration::from_millis(50), &[Collector::Reports]));
    config.storage.path = Some(folder.path().join("state.db"));
    let (name, mut channel) = webhook("ops", &receiver.uri(), &[SECRET]);
    channel.route.matchers = labels(&[("alertname", "GcoreReportTaskFailed")]);
    config.notify = webhooks([(name, channel)]);
    let begun_at = now();
    let app = TestApp::ready(&config, Clock::system()).await;
    until("its beginning", async || stories(&receiver).await == ["GcoreReportTaskFailed firing"]).await;
    let told = async || {
        let list: Value = serde_json::from_str(&app.get("/api/v1/alerts").await.text().await.unwrap()).unwrap();
        let alerts = list["alerts"].as_array().unwrap();
        let alert = alerts.iter().find(|alert| alert["labels"]["alertname"] == "GcoreReportTaskFailed").unwrap();
        alert["told"].clone()
    };
    until("a note of it", async || told().await[0]["state"] == "firing").await;
    assert_eq!(told().await[0]["channel"], "webhook.ops");
    let told_at: Timestamp = told().await[0]["at"].as_str().unwrap().parse().unwrap();
    assert!(begun_at < told_at && told_at < now(), "{told_at}");
    app.stop().await;

    api.reset().await;
    asked(REPORTS).respond_with(reports("Completed")).mount(&api).await;
    let app = TestApp::ready(&config, Clock::system()).await;
    let both = ["GcoreReportTaskFailed firing", "GcoreReportTaskFailed resolved"];
    until("its end", async || stories(&receiver).await == both).await;
    app.stop().await;
    let messages = received(&receiver).await;
    assert_ne!(messages[0].headers["webhook-id"], messages[1].headers["webhook-id"]);
    let started = |request: &Request| request.body_json::<Value>().unwrap()["alerts"][0]["startsAt"].clone();
    assert_eq!(started(&messages[0]), started(&messages[1]));
}

/// A channel that polled the queue would take half a minute each time.
#[tokio::test]
async fn news_wakes_a_channel() {
    let (server, folder) = (taking().await, TempDir::new().unwrap());
    let settings = webhooks([webhook("ops", &server.uri(), &[SECRET])]);
    let channels = TestChannels::in_folder(settings, Clock::system(), &folder).await;
    until_within("ten messages, which without waking take five minutes", Duration::from_secs(60), async || {
        let begun = Instant::now();
        for number in 0..10 {
            channels.news(&[firing(&format!("a{number}"), now())]).await;
            channels.until_empty("webhook.ops").await;
        }
        begun.elapsed()
    })
    .await;
    channels.close().await;
}

#[tokio::test]
async fn a_channel_that_takes_nothing_is_told_by_another() {
    let (api, good, bad) = (MockServer::start().await, taking().await, MockServer::start().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&bad).await;
    asked(REPORTS).respond_with(reports("Failed")).mount(&api).await;
    let mut config = config(&api.uri(), every(Duration::from_millis(50), &[Collector::Reports]));
    let (name, mut channel) = webhook("good", &good.uri(), &[]);
    channel.route.matchers = labels(&[("alertname", "GcoreNotificationsFailing"), ("channel", "webhook.bad")]);
    config.notify = webhooks([(name, channel), webhook("bad", &bad.uri(), &[])]);
    let hands = FakeClock::at(now());
    let clock = hands.clock();
    let app = TestApp::ready(&config, clock).await;
    let up = async || app.value("gcore_notification_up{channel=\"webhook.bad\"}").await;
    app.until(async || up().await.as_deref() == Some("0")).await;
    let state = async || {
        let list: Value = serde_json::from_str(&app.get("/api/v1/alerts").await.text().await.unwrap()).unwrap();
        let alerts = list["alerts"].as_array().unwrap();
        let alert = alerts.iter().find(|alert| alert["labels"]["alertname"] == "GcoreNotificationsFailing");
        alert.map(|alert| alert["state"].as_str().unwrap().to_owned())
    };
    app.until(async || state().await.as_deref() == Some("pending")).await;
    hands.forward(SignedDuration::from_secs(599));
    let polls = async || app.value("gcore_polls_total{account=\"main\",collector=\"reports\"}").await;
    let before = polls().await;
    app.until(async || polls().await != before).await;
    assert_eq!(state().await.as_deref(), Some("pending"), "not before ten minutes");
    hands.forward(SignedDuration::from_secs(1));
    until("it is told elsewhere", async || stories(&good).await == ["GcoreNotificationsFailing firing"]).await;

    // The clock must not move during a request, because the message would then wait longer.
    let outcomes = async || app.value("gcore_notifications_total{channel=\"webhook.bad\"}").await;
    let has_arrived = async || stories(&bad).await.contains(&"GcoreNotificationsFailing firing".to_owned());
    let is_idle = async || outcomes().await == Some(received(&bad).await.len().to_string());
    until("no request is under way", async || has_arrived().await && is_idle().await).await;
    bad.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&bad).await;
    hands.forward(SignedDuration::from_hours(3));
    let both = ["GcoreNotificationsFailing firing", "GcoreNotificationsFailing resolved"];
    until("its end", async || stories(&good).await == both).await;
    until("what waited", async || stories(&bad).await.contains(&both[0].to_owned())).await;
    app.stop().await;
}

//! Channels that are told of alerts: what arrives, and what happens where it does not.

use std::time::Duration;

use gcore_billing_exporter::alert::channels::Delivery;
use gcore_billing_exporter::clock::Clock;
use gcore_billing_exporter::notify::secret::Secret;
use gcore_billing_exporter::notify::settings::{Credentials, Settings};
use gcore_billing_exporter::snapshot::Collector;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use wiremock::matchers::{any, body_string_contains, path};
use wiremock::{Match, Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{Hands, REPORTS, TestApp, asked, config, every, json as answer};
use crate::office::{
    Office, alertmanagers, firing, labels, now, received, resolved, slack, stories, taking, until, webhook, webhooks,
};
use crate::program::file;

/// Signing secrets of the form that the standard has.
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
pub(crate) const OLD_SECRET: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

#[tokio::test]
async fn a_webhook_gets_the_known_body_with_a_signature_that_the_reference_library_accepts() {
    let server = taking().await;
    let office = Office::open(webhooks([webhook("ops", &server.uri(), &[SECRET, OLD_SECRET])]), Clock::system()).await;
    let alert = firing("GcoreSpendSpike", now());
    office.news(std::slice::from_ref(&alert)).await;
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
    let labels = json!({ "account": "main", "alertname": "GcoreSpendSpike", "severity": "warning" });
    let annotations = json!({ "summary": "1 < 2 & more", "runbook_url": "https://docs.example/runbook" });
    let want = json!({
        "version": "4",
        "groupKey": r#"{}:{account="main", alertname="GcoreSpendSpike", severity="warning"}"#,
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
            "generatorURL": format!("http://daemon.example:10061/api/v1/alerts#{fingerprint}"),
            "fingerprint": fingerprint,
        }],
    });
    assert_eq!(request.body_json::<Value>().unwrap(), want);
    office.close().await;
}

#[tokio::test]
async fn slack_gets_a_text_and_blocks_one_message_a_second() {
    let server = MockServer::start().await;
    Mock::given(path("/services/T/B"))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    let url = file(&format!("{}/services/T/B\n", server.uri()));
    let office = Office::open(Settings { slacks: slack(&url), ..Settings::default() }, Clock::system()).await;
    let begun = Instant::now();
    let alert = firing("GcoreSpendSpike", now());
    office.say(&[], &[alert.clone(), firing("Other", now()), resolved(&alert, now())]).await;
    until("three messages", async || received(&server).await.len() == 3).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    let texts: Vec<_> =
        received(&server).await.iter().map(|r| r.body_json::<Value>().unwrap()["text"].clone()).collect();
    let [orange, green] = [":large_orange_circle: Firing", ":white_check_mark: Resolved"];
    let said = |sign| format!("{sign}: 1 &lt; 2 &amp; more");
    assert_eq!(texts, [said(orange), said(orange), said(green)]);
    let body: Value = received(&server).await[0].body_json().unwrap();
    let kinds: Vec<_> = body["blocks"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["header", "context", "context"]);
    assert!(body["blocks"][2].to_string().contains("<https://docs.example/runbook|What to do>"), "{body}");
    office.close().await;
}

/// An answer, and the reason that each kind of channel counts for it; "" where it is a good answer.
type Case = (&'static str, fn() -> ResponseTemplate, [&'static str; 3]);

const ANSWERS: &[Case] = &[
    ("a redirect", || ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:9/"), ["redirect"; 3]),
    ("refused", || ResponseTemplate::new(403), ["unauthorized"; 3]),
    ("not there", || ResponseTemplate::new(404), ["not_found"; 3]),
    ("gone", || ResponseTemplate::new(410), ["gone"; 3]),
    ("too much", || ResponseTemplate::new(429).insert_header("retry-after", "3600"), ["rate_limited"; 3]),
    ("a bad request", || ResponseTemplate::new(400), ["bad_request"; 3]),
    ("a failure", || ResponseTemplate::new(500), ["server_error"; 3]),
    (
        "a page",
        || ResponseTemplate::new(200).set_body_raw("<html>log in</html>", "text/html"),
        ["bad_body", "", "bad_body"],
    ),
    (
        "an error in a good answer",
        || ResponseTemplate::new(200).set_body_string(r#"{"status": "error", "error": "no"}"#),
        ["bad_body", "", "bad_body"],
    ),
    ("nothing in a good answer", || ResponseTemplate::new(200), ["", "", "bad_body"]),
];

#[tokio::test]
async fn every_bad_answer_is_counted_by_its_reason_and_holds_up_nobody_else() {
    let good = taking().await;
    for (number, (name, answer, reasons)) in ANSWERS.iter().enumerate() {
        let bad = MockServer::start().await;
        Mock::given(any()).respond_with(answer()).mount(&bad).await;
        let url = file(&bad.uri());
        let mut settings = alertmanagers(&[&bad.uri(), &good.uri()]);
        settings.webhooks = [webhook("bad", &bad.uri(), &[]), webhook("good", &good.uri(), &[])].into();
        settings.slacks = slack(&url);
        let office = Office::open(settings, Clock::system()).await;
        office.news(&[firing(&format!("case{number}"), now())]).await;
        for (channel, reason) in ["alertmanager.main", "webhook.bad", "slack.ops"].into_iter().zip(reasons) {
            let sent = async || office.of("gcore_notifications_total", channel).unwrap() >= 1.0;
            until(&format!("{name}: {channel}"), sent).await;
            if reason.is_empty() {
                let queue = async || office.of("gcore_notification_queue_length", channel) == Some(0.0);
                until(&format!("{name}: {channel}"), queue).await;
                assert!(office.of("gcore_notification_last_success_timestamp_seconds", channel).is_some());
            } else {
                assert!(office.failures(channel, reason) >= 1.0, "{name}: {channel} {reason}");
            }
        }
        for channel in ["webhook.good", "alertmanager.main.2"] {
            let told = async || office.of("gcore_notification_last_success_timestamp_seconds", channel).is_some();
            until(&format!("{name}: {channel}"), told).await;
        }
        office.close().await;
    }
    assert_eq!(received(&good).await.len(), 2 * ANSWERS.len());
}

#[tokio::test]
async fn who_never_answers_holds_up_nobody_else() {
    let good = taking().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let url = file(&silent);
    let mut settings = alertmanagers(&[&silent, &good.uri()]);
    settings.webhooks = [webhook("bad", &silent, &[]), webhook("good", &good.uri(), &[])].into();
    settings.slacks = slack(&url);
    let office = Office::open(settings, Clock::system()).await;
    let begun = Instant::now();
    office.news(&[firing("a", now())]).await;
    until("both good channels", async || received(&good).await.len() == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(8), "long before a timeout: {:?}", begun.elapsed());
    let end = Instant::now();
    office.close().await;
    assert!(end.elapsed() < Duration::from_secs(6), "the end does not wait for the silent: {:?}", end.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let office = Office::open(webhooks([webhook("ops", &silent, &[])]), Clock::system()).await;
    office.news(&[firing("a", now())]).await;
    until("a failure", async || office.failures("webhook.ops", "timeout") >= 1.0).await;
    office.close().await;
}

#[tokio::test]
async fn a_message_is_tried_for_days_under_one_id_then_set_aside_and_replayed() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let hands = Hands::at(now());
    let clock = hands.clock();
    let office = Office::open(webhooks([webhook("ops", &server.uri(), &[SECRET])]), clock.clone()).await;
    office.news(&[firing("a", now())]).await;
    let dead = async || office.store.dead_letters().await.unwrap();
    for tries in 1..=10 {
        let tried = async || office.failures("webhook.ops", "server_error") >= f64::from(tries);
        until(&format!("try {tries}"), tried).await;
        assert_eq!(received(&server).await.len(), tries as usize, "no try before its time");
        if tries < 10 {
            assert!(dead().await.is_empty());
            hands.forward(SignedDuration::from_secs(29 * 3600));
            office.poke();
        }
    }
    until("a dead letter", async || dead().await.len() == 1).await;
    let letter = dead().await.remove(0);
    assert_eq!((letter.message.attempts, letter.channel.as_str(), letter.is_overtaken), (10, "webhook.ops", false));
    assert!(letter.error.starts_with("answered 503"), "{}", letter.error);
    until("an empty queue", async || office.of("gcore_notification_queue_length", "webhook.ops") == Some(0.0)).await;
    let mut ids: Vec<_> = received(&server).await.iter().map(|r| r.headers["webhook-id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");

    server.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    assert_eq!(office.store.replay(vec![letter.message.id + 1], clock.now()).await.unwrap(), 0, "another number");
    assert_eq!(office.store.replay(Vec::new(), clock.now()).await.unwrap(), 1);
    office.poke();
    until("the replayed message", async || received(&server).await.len() == 1).await;
    assert_eq!(received(&server).await[0].headers["webhook-id"], ids[0]);
    assert!(dead().await.is_empty());
    office.close().await;
}

/// Messages of an alert.
struct Of(&'static str);

impl Match for Of {
    fn matches(&self, request: &Request) -> bool {
        let body: Value = request.body_json().unwrap();
        body["commonLabels"]["alertname"] == self.0
    }
}

#[tokio::test]
async fn an_end_waits_for_its_beginning_and_other_alerts_for_neither() {
    let server = MockServer::start().await;
    Mock::given(Of("a")).respond_with(ResponseTemplate::new(500)).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let hands = Hands::at(now());
    let clock = hands.clock();
    let office = Office::open(webhooks([webhook("ops", &server.uri(), &[])]), clock).await;
    let a = firing("a", now());
    office.news(std::slice::from_ref(&a)).await;
    until("a try", async || received(&server).await.len() == 1).await;
    office.say(&[], &[resolved(&a, now()), firing("b", now())]).await;
    until("b", async || office.of("gcore_notification_queue_length", "webhook.ops") == Some(2.0)).await;
    assert_eq!(received(&server).await.len(), 2, "the end is not told");
    hands.forward(SignedDuration::from_secs(10));
    office.poke();
    until("the rest", async || received(&server).await.len() == 4).await;
    assert_eq!(stories(&server).await, ["a firing", "b firing", "a firing", "a resolved"]);
    office.close().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_asked_once() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(410)).mount(&server).await;
    let office = Office::open(webhooks([webhook("ops", &server.uri(), &[])]), Clock::system()).await;
    office.news(&[firing("a", now())]).await;
    let dead = async || office.store.dead_letters().await.unwrap().len();
    until("a dead letter", async || dead().await == 1).await;
    office.news(&[firing("b", now())]).await;
    until("another", async || dead().await == 2).await;
    assert_eq!(received(&server).await.len(), 1);
    office.close().await;
}

#[tokio::test]
async fn slack_gets_what_waits_once_its_file_names_another_address() {
    let server = MockServer::start().await;
    Mock::given(path("/gone")).respond_with(ResponseTemplate::new(404)).mount(&server).await;
    let ok = ResponseTemplate::new(200).set_body_string("ok");
    Mock::given(path("/new")).respond_with(ok).mount(&server).await;
    let url = file(&format!("{}/gone", server.uri()));
    let office = Office::open(Settings { slacks: slack(&url), ..Settings::default() }, Clock::system()).await;
    office.news(&[firing("a", now())]).await;
    until("a dead letter", async || office.store.dead_letters().await.unwrap().len() == 1).await;
    std::fs::write(url.path(), format!("{}/new", server.uri())).unwrap();
    office.news(&[firing("b", now())]).await;
    until("b", async || received(&server).await.len() == 2).await;
    office.close().await;
    assert_eq!(received(&server).await[1].url.path(), "/new");
}

#[tokio::test]
async fn what_slack_took_is_not_sent_again_by_a_task_that_follows_at_once() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("ok")).mount(&server).await;
    let url = file(&format!("{}/services/T/B", server.uri()));
    let settings = || Settings { slacks: slack(&url), ..Settings::default() };
    let mut office = Office::open(settings(), Clock::system()).await;
    office.news(&[firing("a", now())]).await;
    let success = async || office.of("gcore_notification_last_success_timestamp_seconds", "slack.ops").is_some();
    until("it was taken", success).await;
    // Into the pause of a second that follows, where another set of settings ends the task.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut changed = settings();
    changed.slacks.get_mut("ops").unwrap().allow_http = true;
    office.reconfigure(changed).await;
    office.news(&[firing("b", now())]).await;
    until("b", async || office.of("gcore_notification_queue_length", "slack.ops") == Some(0.0)).await;
    office.close().await;
    assert_eq!(received(&server).await.len(), 2, "each once");
}

#[tokio::test]
async fn a_recipient_that_asks_for_time_is_left_alone() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    Mock::given(any()).respond_with(busy).mount(&server).await;
    let office = Office::open(webhooks([webhook("ops", &server.uri(), &[])]), Clock::system()).await;
    let many: Vec<_> = (0..40).map(|number| firing(&format!("a{number}"), now())).collect();
    office.news(&many).await;
    until("a try", async || office.failures("webhook.ops", "rate_limited") >= 1.0).await;
    office.news(&[firing("b", now())]).await;
    let taken = taking().await;
    // Another channel's delivery shows that there was time enough for one here.
    let other = Office::open(webhooks([webhook("ops", &taken.uri(), &[])]), Clock::system()).await;
    other.news(&[firing("c", now())]).await;
    until("the other", async || received(&taken).await.len() == 1).await;
    let tried = received(&server).await.len();
    assert!(tried <= 8, "{tried} were under way at once; all others wait");
    office.close().await;
    other.close().await;
}

#[tokio::test]
async fn what_waits_outlives_the_process_and_a_channel_that_left_is_given_up() {
    let folder = TempDir::new().unwrap();
    let closed = "http://127.0.0.1:9/";
    let settings = |url: &str| webhooks([webhook("ops", url, &[]), webhook("left", closed, &[])]);
    let before = Office::in_folder(settings(closed), Clock::system(), &folder).await;
    before.news(&[firing("a", now())]).await;
    until("a failure", async || before.failures("webhook.ops", "connect") >= 1.0).await;
    before.close().await;

    let server = taking().await;
    let after = Office::in_folder(webhooks([webhook("ops", &server.uri(), &[])]), Clock::system(), &folder).await;
    until("what waited", async || stories(&server).await == ["a firing"]).await;
    let dead = after.store.dead_letters().await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].channel.as_str(), dead[0].error.as_str()),
        ("webhook.left", "the channel is no longer configured")
    );
    after.close().await;
}

#[tokio::test]
async fn after_a_start_what_waits_is_tried_at_once_unless_the_recipient_asked_for_time() {
    let folder = TempDir::new().unwrap();
    let [failing, busy] = [MockServer::start().await, MockServer::start().await];
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&failing).await;
    let later = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    Mock::given(any()).respond_with(later).mount(&busy).await;
    let settings = || webhooks([webhook("failing", &failing.uri(), &[]), webhook("busy", &busy.uri(), &[])]);
    let hands = Hands::at(now());
    let office = Office::in_folder(settings(), hands.clock(), &folder).await;
    office.news(&[firing("a", now())]).await;
    let tried = async |times: [usize; 2]| {
        let tries = async || [received(&failing).await.len(), received(&busy).await.len()];
        until(&format!("{times:?} tries"), async || tries().await == times).await;
    };
    // The third wait of a message is half an hour, however many starts there were.
    for times in 1..=3 {
        tried([times, 1]).await;
        hands.forward(SignedDuration::from_mins(6));
        office.poke();
    }
    office.close().await;
    for times in 4..=13 {
        let office = Office::in_folder(settings(), hands.clock(), &folder).await;
        tried([times, 1]).await;
        office.close().await;
    }
    hands.forward(SignedDuration::from_mins(42));
    let office = Office::in_folder(settings(), hands.clock(), &folder).await;
    tried([14, 2]).await;
    assert!(office.store.dead_letters().await.unwrap().is_empty(), "no start uses up a try");
    office.close().await;
}

#[tokio::test]
async fn channels_get_what_their_route_takes() {
    let server = taking().await;
    let mut ops = webhook("ops", &server.uri(), &[]);
    ops.1.route.severities = vec!["critical".into()];
    ops.1.route.matchers = labels(&[("account", "main")]);
    let office = Office::open(webhooks([ops]), Clock::system()).await;
    let mut critical = firing("b", now());
    critical.labels.extend(labels(&[("severity", "critical")]));
    let mut elsewhere = critical.clone();
    elsewhere.labels.extend(labels(&[("account", "other")]));
    office.news(&[firing("a", now()), elsewhere, critical]).await;
    until("a message", async || !received(&server).await.is_empty()).await;
    office.close().await;
    assert_eq!(stories(&server).await, ["b firing"]);
}

#[tokio::test]
async fn a_secret_path_is_not_kept_with_what_came_back() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(410).set_body_string("Cannot POST /hooks/SENTINEL?key=SENTINEL");
    Mock::given(any()).respond_with(page).mount(&server).await;
    let url = format!("{}/hooks/SENTINEL?key=SENTINEL", server.uri());
    let office = Office::open(webhooks([webhook("ops", &url, &[])]), Clock::system()).await;
    office.news(&[firing("a", now())]).await;
    until("a dead letter", async || office.store.dead_letters().await.unwrap().len() == 1).await;
    let error = office.store.dead_letters().await.unwrap()[0].error.clone();
    assert!(error.contains("Cannot POST") && !error.contains("SENTINEL"), "{error}");
    office.close().await;
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
    let office = Office::open(settings, Clock::system()).await;
    let mut alerts: Vec<_> = (0..300).map(|number| firing(&format!("good{number}"), now())).collect();
    alerts.insert(150, firing("offender", now()));
    office.news(&alerts).await;
    until("all but one", async || office.of("gcore_notification_queue_length", "alertmanager.main") == Some(1.0)).await;
    let requests = received(&server).await;
    assert!(requests.iter().all(|request| request.headers["authorization"] == "Basic dXM6aHVudGVyMg=="));
    assert!(requests.len() < 30, "{} requests", requests.len());
    let refused = office.failures("alertmanager.main", "bad_request");
    let taken: usize = requests
        .iter()
        .map(|request| request.body_json::<Vec<Value>>().unwrap())
        .filter(|batch| batch.iter().all(|alert| alert["labels"]["alertname"] != "offender"))
        .map(|batch| batch.len())
        .sum();
    assert_eq!(taken, 300, "each good one once");
    assert!((5.0..12.0).contains(&refused), "{refused}");
    office.close().await;
}

#[tokio::test]
async fn a_reload_leaves_alone_what_is_set_as_before() {
    let (first, second) = (taking().await, taking().await);
    let settings = |url: &str| webhooks([webhook("stays", &first.uri(), &[]), webhook("moves", url, &[])]);
    let mut office = Office::open(settings("http://127.0.0.1:9/"), Clock::system()).await;
    office.news(&[firing("a", now())]).await;
    until("a failure", async || office.failures("webhook.moves", "connect") >= 1.0).await;
    let success = || office.of("gcore_notification_last_success_timestamp_seconds", "webhook.stays");
    until("the other", async || success().is_some()).await;
    let told_at = success();
    office.reconfigure(settings(&second.uri())).await;
    // Where a task ends, its gauges leave with it.
    let success = office.of("gcore_notification_last_success_timestamp_seconds", "webhook.stays");
    assert_eq!(success, told_at, "its task went on");
    office.news(&[firing("b", now())]).await;
    // What waited for another address is tried at once.
    until("all at both", async || received(&first).await.len() == 2 && received(&second).await.len() == 2).await;
    office.reconfigure(settings("http://127.0.0.1:9/")).await;
    office.news(&[firing("c", now())]).await;
    until("one left", async || office.of("gcore_notification_queue_length", "webhook.moves") == Some(1.0)).await;
    office.reconfigure(webhooks([webhook("stays", &first.uri(), &[])])).await;
    assert_eq!(office.of("gcore_notification_queue_length", "webhook.moves"), None, "it has left");
    assert_eq!(office.channels.all(), [("webhook.stays".to_owned(), Delivery::Good)].into());
    assert_eq!(office.store.dead_letters().await.unwrap().len(), 1, "so has what waited for it");
    office.close().await;
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

/// A channel that had to look for itself would take half a minute each time.
#[tokio::test]
async fn news_wakes_a_channel() {
    let (server, folder) = (taking().await, TempDir::new().unwrap());
    let settings = webhooks([webhook("ops", &server.uri(), &[SECRET])]);
    let office = Office::in_folder(settings, Clock::system(), &folder).await;
    until("ten messages, which without waking take five minutes", async || {
        let taken = received(&server).await.len();
        if office.of("gcore_notifications_total", "webhook.ops").unwrap_or_default() as usize == taken && taken < 10 {
            office.news(&[firing(&format!("a{taken}"), now())]).await;
        }
        taken == 10
    })
    .await;
    office.close().await;
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
    let hands = Hands::at(now());
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

    bad.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&bad).await;
    hands.forward(SignedDuration::from_hours(3));
    let both = ["GcoreNotificationsFailing firing", "GcoreNotificationsFailing resolved"];
    until("its end", async || stories(&good).await == both).await;
    until("what waited", async || stories(&bad).await.contains(&both[0].to_owned())).await;
    app.stop().await;
}

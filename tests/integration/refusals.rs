//! Channels that refuse notifications for a while or for ever: counters, retries, the queue and dead letters.

use std::collections::BTreeSet;
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::notify::settings::Settings;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use wiremock::matchers::{any, path};
use wiremock::{Match, Mock, MockServer, Request, ResponseTemplate};

use crate::channels::SECRET;
use crate::delivery::{
    TestChannels, alertmanagers, firing, now, received, resolved, slack, stories, taking, until, webhook, webhooks,
};
use crate::harness::{FakeClock, until_within};
use crate::program::file;

/// An answer, and the reason that each kind of channel counts for it; "" for a good answer.
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
async fn every_bad_answer_is_counted_by_its_reason_and_delays_no_other_channel() {
    let good = taking().await;
    for (number, (name, answer, reasons)) in ANSWERS.iter().enumerate() {
        let bad = MockServer::start().await;
        Mock::given(any()).respond_with(answer()).mount(&bad).await;
        let url = file(&bad.uri());
        let mut settings = alertmanagers(&[&bad.uri(), &good.uri()]);
        settings.webhooks = [webhook("bad", &bad.uri(), &[]), webhook("good", &good.uri(), &[])].into();
        settings.slacks = slack(&url);
        let channels = TestChannels::open(settings, Clock::system()).await;
        channels.news(&[firing(&format!("case{number}"), now())]).await;
        for (channel, reason) in ["alertmanager.main", "webhook.bad", "slack.ops"].into_iter().zip(reasons) {
            let sent = async || channels.of("gcore_notifications_total", channel).unwrap() >= 1.0;
            until(&format!("{name}: {channel}"), sent).await;
            if reason.is_empty() {
                let queue = async || channels.of("gcore_notification_queue_length", channel) == Some(0.0);
                until(&format!("{name}: {channel}"), queue).await;
                assert!(channels.of("gcore_notification_last_success_timestamp_seconds", channel).is_some());
            } else {
                assert!(channels.failures(channel, reason) >= 1.0, "{name}: {channel} {reason}");
            }
        }
        for channel in ["webhook.good", "alertmanager.main.2"] {
            let told = async || channels.of("gcore_notification_last_success_timestamp_seconds", channel).is_some();
            until(&format!("{name}: {channel}"), told).await;
        }
        channels.close().await;
    }
    // Alertmanagers get firing alerts again every minute, so repetitions do not count.
    let told = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let name = body.pointer("/commonLabels/alertname").or(body.pointer("/0/labels/alertname"));
        (request.url.path().to_owned(), name.unwrap().to_string())
    };
    let told: BTreeSet<_> = received(&good).await.iter().map(told).collect();
    assert_eq!(told.len(), 2 * ANSWERS.len(), "{told:?}");
}

#[tokio::test]
async fn a_silent_channel_delays_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let url = file(&silent);
    // A request to the silent channel takes 10 s. Neither the other channels nor the end wait for it.
    until_within("delivery and end", Duration::from_secs(8), async || {
        let (good, begun) = (taking().await, Instant::now());
        let mut settings = alertmanagers(&[&silent, &good.uri()]);
        settings.webhooks = [webhook("bad", &silent, &[]), webhook("good", &good.uri(), &[])].into();
        settings.slacks = slack(&url);
        let channels = TestChannels::open(settings, Clock::system()).await;
        channels.news(&[firing("a", now())]).await;
        until("both good channels", async || received(&good).await.len() == 2).await;
        channels.close().await;
        begun.elapsed()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let channels = TestChannels::open(webhooks([webhook("ops", &silent, &[])]), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    until("a failure", async || channels.failures("webhook.ops", "timeout") >= 1.0).await;
    channels.close().await;
}

#[tokio::test]
async fn a_message_is_tried_for_days_under_one_id_then_set_aside_and_replayed() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let hands = FakeClock::at(now());
    let clock = hands.clock();
    let channels = TestChannels::open(webhooks([webhook("ops", &server.uri(), &[SECRET])]), clock.clone()).await;
    channels.news(&[firing("a", now())]).await;
    let dead = async || channels.store.dead_letters().await.unwrap();
    for tries in 1..=10 {
        let tried = async || channels.failures("webhook.ops", "server_error") >= f64::from(tries);
        until(&format!("try {tries}"), tried).await;
        assert_eq!(received(&server).await.len(), tries as usize, "no try before its time");
        if tries < 10 {
            assert!(dead().await.is_empty());
            hands.forward(SignedDuration::from_secs(29 * 3600));
            channels.poke();
        }
    }
    until("a dead letter", async || dead().await.len() == 1).await;
    let letter = dead().await.remove(0);
    assert_eq!((letter.message.attempts, letter.channel.as_str(), letter.is_overtaken), (10, "webhook.ops", false));
    assert!(letter.error.starts_with("answered 503"), "{}", letter.error);
    until("an empty queue", async || channels.of("gcore_notification_queue_length", "webhook.ops") == Some(0.0)).await;
    assert_eq!(channels.of("gcore_notification_dead_letters", "webhook.ops"), Some(1.0));
    let mut ids: Vec<_> = received(&server).await.iter().map(|r| r.headers["webhook-id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");

    server.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    assert_eq!(channels.store.replay(vec![letter.message.id + 1], clock.now()).await.unwrap(), 0, "another number");
    assert_eq!(channels.store.replay(Vec::new(), clock.now()).await.unwrap(), 1);
    channels.poke();
    until("the replayed message", async || received(&server).await.len() == 1).await;
    assert_eq!(received(&server).await[0].headers["webhook-id"], ids[0]);
    assert!(dead().await.is_empty());
    channels.close().await;
}

/// Matches messages of an alert.
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
    let hands = FakeClock::at(now());
    let clock = hands.clock();
    let channels = TestChannels::open(webhooks([webhook("ops", &server.uri(), &[])]), clock).await;
    let a = firing("a", now());
    channels.news(std::slice::from_ref(&a)).await;
    until("a try", async || received(&server).await.len() == 1).await;
    channels.say(&[], &[resolved(&a, now()), firing("b", now())]).await;
    until("b", async || channels.of("gcore_notification_queue_length", "webhook.ops") == Some(2.0)).await;
    assert_eq!(received(&server).await.len(), 2, "the end is not told");
    hands.forward(SignedDuration::from_secs(10));
    channels.poke();
    until("the rest", async || received(&server).await.len() == 4).await;
    assert_eq!(stories(&server).await, ["a firing", "b firing", "a firing", "a resolved"]);
    channels.close().await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_asked_once() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(410)).mount(&server).await;
    let channels = TestChannels::open(webhooks([webhook("ops", &server.uri(), &[])]), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    let dead = async || channels.store.dead_letters().await.unwrap().len();
    until("a dead letter", async || dead().await == 1).await;
    channels.news(&[firing("b", now())]).await;
    until("another", async || dead().await == 2).await;
    assert_eq!(received(&server).await.len(), 1);
    channels.close().await;
}

#[tokio::test]
async fn slack_gets_what_waits_once_its_file_names_another_address() {
    let server = MockServer::start().await;
    Mock::given(path("/gone")).respond_with(ResponseTemplate::new(404)).mount(&server).await;
    let ok = ResponseTemplate::new(200).set_body_string("ok");
    Mock::given(path("/new")).respond_with(ok).mount(&server).await;
    let url = file(&format!("{}/gone", server.uri()));
    let channels = TestChannels::open(Settings { slacks: slack(&url), ..Settings::default() }, Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    until("a dead letter", async || channels.store.dead_letters().await.unwrap().len() == 1).await;
    std::fs::write(url.path(), format!("{}/new", server.uri())).unwrap();
    channels.news(&[firing("b", now())]).await;
    until("b", async || received(&server).await.len() == 2).await;
    channels.close().await;
    assert_eq!(received(&server).await[1].url.path(), "/new");
}

#[tokio::test]
async fn what_slack_took_is_not_sent_again_by_a_task_that_follows_at_once() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("ok")).mount(&server).await;
    let url = file(&format!("{}/services/T/B", server.uri()));
    let settings = || Settings { slacks: slack(&url), ..Settings::default() };
    // The queue is empty before the pause of a second that follows. In this pause other settings may end the task.
    until_within("an empty queue", Duration::from_secs(1), async || {
        let (channels, begun) = (TestChannels::open(settings(), Clock::system()).await, Instant::now());
        channels.news(&[firing("z", now())]).await;
        channels.until_empty("slack.ops").await;
        begun.elapsed()
    })
    .await;
    server.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("ok")).mount(&server).await;
    let mut channels = TestChannels::open(settings(), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    channels.until_empty("slack.ops").await;
    let mut changed = settings();
    changed.slacks.get_mut("ops").unwrap().allow_http = true;
    channels.reconfigure(changed).await;
    channels.news(&[firing("b", now())]).await;
    channels.until_empty("slack.ops").await;
    channels.close().await;
    assert_eq!(received(&server).await.len(), 2, "each once");
}

#[tokio::test]
async fn a_recipient_that_asks_for_time_is_left_alone() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    Mock::given(any()).respond_with(busy).mount(&server).await;
    let channels = TestChannels::open(webhooks([webhook("ops", &server.uri(), &[])]), Clock::system()).await;
    let many: Vec<_> = (0..40).map(|number| firing(&format!("a{number}"), now())).collect();
    channels.news(&many).await;
    until("a try", async || channels.failures("webhook.ops", "rate_limited") >= 1.0).await;
    channels.news(&[firing("b", now())]).await;
    let taken = taking().await;
    // A delivery of another channel shows that this one had enough time.
    let other = TestChannels::open(webhooks([webhook("ops", &taken.uri(), &[])]), Clock::system()).await;
    other.news(&[firing("c", now())]).await;
    until("the other", async || received(&taken).await.len() == 1).await;
    let tried = received(&server).await.len();
    assert!(tried <= 8, "{tried} were under way at once; all others wait");
    channels.close().await;
    other.close().await;
}

#[tokio::test]
async fn what_waits_outlives_the_process_and_a_channel_that_left_is_given_up() {
    let folder = TempDir::new().unwrap();
    let closed = "http://127.0.0.1:9/";
    let settings = |url: &str| webhooks([webhook("ops", url, &[]), webhook("left", closed, &[])]);
    let before = TestChannels::in_folder(settings(closed), Clock::system(), &folder).await;
    before.news(&[firing("a", now())]).await;
    until("a failure", async || before.failures("webhook.ops", "connect") >= 1.0).await;
    before.close().await;

    let server = taking().await;
    let after = TestChannels::in_folder(webhooks([webhook("ops", &server.uri(), &[])]), Clock::system(), &folder).await;
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
    let hands = FakeClock::at(now());
    let channels = TestChannels::in_folder(settings(), hands.clock(), &folder).await;
    channels.news(&[firing("a", now())]).await;
    let tries = async || [received(&failing).await.len(), received(&busy).await.len()];
    // The third wait of a message is half an hour, with any number of restarts.
    for times in 1..=3 {
        channels.until_tried("webhook.failing", times).await;
        channels.until_tried("webhook.busy", 1).await;
        hands.forward(SignedDuration::from_mins(6));
        channels.poke();
    }
    channels.close().await;
    for times in 4..=13 {
        let channels = TestChannels::in_folder(settings(), hands.clock(), &folder).await;
        channels.until_tried("webhook.failing", 1).await;
        channels.close().await;
        assert_eq!(tries().await, [times, 1]);
    }
    hands.forward(SignedDuration::from_mins(42));
    let channels = TestChannels::in_folder(settings(), hands.clock(), &folder).await;
    channels.until_tried("webhook.failing", 1).await;
    channels.until_tried("webhook.busy", 1).await;
    assert_eq!(tries().await, [14, 2]);
    assert!(channels.store.dead_letters().await.unwrap().is_empty(), "no start uses up a try");
    channels.close().await;
}

#[tokio::test]
async fn a_secret_path_is_not_kept_with_what_came_back() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(410).set_body_string("Cannot POST /hooks/SENTINEL?key=SENTINEL");
    Mock::given(any()).respond_with(page).mount(&server).await;
    let url = format!("{}/hooks/SENTINEL?key=SENTINEL", server.uri());
    let channels = TestChannels::open(webhooks([webhook("ops", &url, &[])]), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    until("a dead letter", async || channels.store.dead_letters().await.unwrap().len() == 1).await;
    let error = channels.store.dead_letters().await.unwrap()[0].error.clone();
    assert!(error.contains("Cannot POST") && !error.contains("SENTINEL"), "{error}");
    channels.close().await;
}

//! A key that changes while the daemon runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::clock::Clock;
use gcore_api::http::api_key::ApiKey;
use gcore_billing_exporter::snapshot::Collector;
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{COST, KEY, TestApp, config, every, noon};
use crate::reload::{Daemon, HANGING, account, collectors, cost_row, polls, value};

fn asked_with(key: &str) -> wiremock::MockBuilder {
    Mock::given(method("POST")).and(path(COST)).and(header("authorization", format!("APIKey {key}").as_str()))
}

#[tokio::test]
async fn a_key_file_that_changes_is_used_at_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "1$never-to-be-seen-old\n").unwrap();
    let api = MockServer::start().await;
    // On a signal, the API changes the key during an answer, and refuses the old one from then on.
    let (exchange, is_exchanged) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let (told, written) = (Arc::clone(&exchange), file.clone());
    let old = move |_: &Request| {
        if is_exchanged.load(Ordering::SeqCst) {
            return ResponseTemplate::new(401);
        }
        if told.load(Ordering::SeqCst) {
            std::fs::write(&written, "apikey 2$never-to-be-seen-new").unwrap();
            is_exchanged.store(true, Ordering::SeqCst);
        }
        cost_row("1")
    };
    // For every path, because another request could use up the old key.
    let with_key = |key: &str| Mock::given(header("authorization", format!("APIKey {key}").as_str()));
    with_key("1$never-to-be-seen-old").respond_with(old).mount(&api).await;
    with_key("2$never-to-be-seen-new").respond_with(cost_row("2")).mount(&api).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&api).await;
    let account =
        account("main", &api).replace(&format!("api_key = '{KEY}'"), &format!("api_key_file = \"{}\"", file.display()));
    let toml = account + &collectors(&[("cost", "interval = \"1s\"\nwindows = [\"today\"]")]);
    let daemon = Daemon::ready(&toml, &[]).await;
    let listener = &daemon.listener;
    let series = concat!(
        r#"gcore_cost_today_amount{account="main",project_id="101",project_name="101",region_id="7","#,
        r#"region_name="7",resource_type="instance",currency="EUR"}"#
    );
    assert_eq!(value(listener, series).await, Some(1.0));

    exchange.store(true, Ordering::SeqCst);
    listener.until(async || value(listener, series).await == Some(2.0)).await;
    for useless in ["", "never-to-be-seen never-to-be-seen"] {
        std::fs::write(&file, useless).unwrap();
        let polled = value(listener, &polls("main", "cost")).await.unwrap();
        listener.until(async || value(listener, &polls("main", "cost")).await.unwrap() >= polled + 2.0).await;
    }
    assert_eq!(value(listener, r#"gcore_up{account="main",collector="cost"}"#).await, Some(1.0));
    assert!(!listener.metrics().await.contains("unauthorized"), "no request was refused");
    let log = daemon.stop().await;
    assert_eq!(log.matches("the API key was exchanged").count(), 1, "{log}");
    assert_eq!(log.matches("the last good key is").count(), 1, "one word on the whole outage: {log}");
}

#[tokio::test]
async fn a_request_that_left_with_the_old_key_is_repeated_with_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "old").unwrap();
    let api = MockServer::start().await;
    let exchanged = file.clone();
    // The key changes while its last request is in flight.
    let refuse = move |_: &Request| {
        std::fs::write(&exchanged, "new").unwrap();
        ResponseTemplate::new(401)
    };
    asked_with("old").respond_with(refuse).expect(1).mount(&api).await;
    asked_with("new").respond_with(cost_row("2")).expect(1).mount(&api).await;
    let mut config = config(&api.uri(), every(HANGING, &[Collector::Cost]));
    for account in config.accounts.values_mut() {
        account.api_key = ApiKey::in_file(&file, "APIKey").unwrap();
    }
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert_eq!(app.value(r#"gcore_up{account="main",collector="cost"}"#).await.as_deref(), Some("1"));
    assert_eq!(app.value(&polls("main", "cost")).await.as_deref(), Some("1"), "within the same poll");
    app.stop().await;
    api.verify().await;
}

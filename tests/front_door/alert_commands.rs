//! The commands on alerts: a list, a test of a channel, and what nobody took.

use gcore_billing_exporter::store::alerts::OutboxRow;
use gcore_billing_exporter::store::{Settings, Store};
use prometheus::Registry;
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{KEY, json as answer};
use crate::office::{firing, now};
use crate::program::{Ended, config_flag, file, finish, program};

async fn run(arguments: &[&str]) -> Ended {
    finish(program(&[&["alerts"], arguments].concat())).await
}

#[tokio::test]
async fn alerts_of_a_running_daemon_are_listed() {
    let daemon = MockServer::start().await;
    let url = format!("--alerts.url={}/", daemon.uri());
    let alert = |name: &str, state: &str, starts_at: &str| {
        json!({ "state": state, "starts_at": starts_at, "labels": { "alertname": name, "severity": "info" },
                "annotations": { "summary": format!("{name} it is") } })
    };
    let list = json!({ "judged": true, "alerts": [
        alert("C", "resolved", "2026-11-22T10:00:00Z"),
        alert("A", "pending", "2026-11-22T11:00:00Z"),
        alert("B", "firing", "2026-11-22T12:00:00Z"),
    ] });
    let page = || Mock::given(path("/api/v1/alerts"));
    page().respond_with(answer(&list.to_string())).up_to_n_times(1).mount(&daemon).await;
    let said = run(&[&url]).await;
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (
            Some(0),
            "firing    B  since 2026-11-22T12:00:00Z  severity=\"info\"\n  B it is\n\
             pending   A  since 2026-11-22T11:00:00Z  severity=\"info\"\n  A it is\n\
             resolved  C  since 2026-11-22T10:00:00Z  severity=\"info\"\n  C it is\n"
        ),
        "{}",
        said.stderr
    );
    for (list, want) in [
        (json!({ "judged": true, "alerts": [] }), "no alerts\n"),
        (json!({ "judged": false, "alerts": [] }), "the daemon has not judged yet\n"),
    ] {
        page().respond_with(answer(&list.to_string())).up_to_n_times(1).mount(&daemon).await;
        assert_eq!(run(&[&url]).await.stdout, want);
    }
    page().respond_with(answer("[]")).mount(&daemon).await;
    let other = run(&[&url]).await;
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains("does not answer as this version does"), "{}", other.stderr);
    let nobody = run(&["--alerts.url=http://127.0.0.1:9"]).await;
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("--alerts.url says where the daemon is"), "{}", nobody.stderr);
}

#[tokio::test]
async fn a_test_prints_what_came_back() {
    let (good, bad) = (MockServer::start().await, MockServer::start().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(202).set_body_string("thank you")).mount(&good).await;
    let page = ResponseTemplate::new(502).set_body_string("no token-to-hide here");
    Mock::given(any()).respond_with(page).mount(&bad).await;
    let config = file(&format!(
        "[accounts.main]\napi_key = '{KEY}'\n[notify.webhook.ops]\nurl = '{}/x'\n\
         [notify.alertmanager.am]\nurls = ['{}', '{}']\nbearer_token = 'token-to-hide'\n",
        good.uri(),
        good.uri(),
        bad.uri(),
    ));
    let flag = config_flag(&config);
    let said = run(&["test", "webhook.ops", &flag]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "webhook.ops: taken, 202 Accepted: thank you\n"));
    let body: Value = good.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(body["commonLabels"]["alertname"], "GcoreTestNotification");

    let said = run(&["test", "alertmanager.am", &flag]).await;
    let want = "alertmanager.am: taken, 202 Accepted: thank you\n\
                alertmanager.am.2: not taken (server_error): answered 502 Bad Gateway: no *** here\n";
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), want));

    let said = run(&["test", "webhook.op", &flag]).await;
    let want =
        "there is no channel \"webhook.op\"; there is alertmanager.am, webhook.ops; did you mean \"webhook.ops\"?";
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains(want), "{}", said.stderr);
}

#[tokio::test]
async fn dead_letters_are_listed_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let config = file(&format!("[accounts.main]\napi_key = '{KEY}'\n[storage]\npath = '{}'\n", path.display()));
    let flag = config_flag(&config);
    let said = run(&["dead-letters", "list", &flag]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("storage.path names no file that exists"), "{}", said.stderr);
    assert!(!path.exists(), "a look makes no store");

    let store = Store::open(&Settings { path: Some(path.clone()) }, &Registry::new()).unwrap();
    let list = ["dead-letters", "list", &flag];
    assert_eq!(run(&list).await.stdout, "no dead letters\n");
    let alert = firing("GcoreSpendSpike", now());
    let row = OutboxRow {
        channel: "webhook.ops".into(),
        fingerprint: alert.fingerprint(),
        message: alert.message_id(),
        body: serde_json::to_string(&alert).unwrap(),
        created_at: "2026-11-22T12:00:00Z".parse().unwrap(),
        due_at: "2026-11-22T12:00:00Z".parse().unwrap(),
    };
    store.commit_alerts(Vec::new(), vec![row]).await.unwrap();
    store.tidy_channels(Vec::new(), "2026-11-22T12:00:00Z".parse().unwrap()).await.unwrap();
    let want = "1  webhook.ops  2026-11-22T12:00:00Z  GcoreSpendSpike firing  after 0 tries: the channel is no longer \
                configured\n";
    assert_eq!(run(&list).await.stdout, want);
    let replay = run(&["dead-letters", "replay", "1", &flag]).await;
    assert_eq!(
        (replay.code, replay.stdout.as_str()),
        (Some(0), "1 wait to be sent; a running daemon sends them within half a minute\n")
    );
    assert_eq!(run(&list).await.stdout, "no dead letters\n");
    assert_eq!(store.outbox_heads("webhook.ops".into(), now(), 9).await.unwrap().waiting, 1);
}

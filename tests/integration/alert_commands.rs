//! The commands on alerts: the list, the test of a channel, and dead letters.

use gcore_billing_exporter::store::alerts::OutboxRow;
use gcore_billing_exporter::store::{Settings, Store};
use prometheus::Registry;
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::delivery::{firing, now};
use crate::harness::{KEY, json as answer};
use crate::program::{Ended, config_flag, file, finish, program};

async fn run(arguments: &[&str]) -> Ended {
    finish(program(&[&["alerts"], arguments].concat())).await
}

/// A daemon with these alerts in its list.
async fn listing(alerts: &[Value]) -> MockServer {
    let daemon = MockServer::start().await;
    let list = json!({ "judged": true, "alerts": alerts });
    Mock::given(path("/api/v1/alerts")).respond_with(answer(&list.to_string())).mount(&daemon).await;
    daemon
}

fn listed(name: &str, severity: &str, state: &str, starts_at: &str) -> Value {
    json!({ "state": state, "starts_at": starts_at, "value": 2.5,
            "labels": { "alertname": name, "severity": severity, "account": "main" },
            "annotations": { "summary": format!("{name} it is") } })
}

#[tokio::test]
async fn alerts_of_a_running_daemon_are_listed_by_severity_name_and_start() {
    let daemon = listing(&[
        listed("GcoreC", "critical", "resolved", "2026-11-22T10:00:00Z"),
        listed("GcoreWatchdog", "none", "firing", "2026-11-22T00:00:00Z"),
        listed("GcoreA", "info", "firing", "2026-11-22T11:00:00Z"),
        listed("GcoreZ", "critical", "firing", "2026-11-22T11:00:00Z"),
        listed("GcoreB", "warning", "firing", "2026-11-22T12:00:59Z"),
        listed("GcoreB", "warning", "pending", "2026-11-21T12:00:00Z"),
        listed("GcoreP", "page", "firing", "2026-11-22T11:00:00Z"),
    ])
    .await;
    let url = format!("--alerts.url={}/", daemon.uri());
    let said = run(&[&url]).await;
    let want = r#"SEVERITY  STATE     ALERT          SINCE
critical  firing    GcoreZ         2026-11-22 11:00 UTC
  GcoreZ it is
  account="main"
page      firing    GcoreP         2026-11-22 11:00 UTC
  GcoreP it is
  account="main"
warning   pending   GcoreB         2026-11-21 12:00 UTC
  GcoreB it is
  account="main"
warning   firing    GcoreB         2026-11-22 12:00 UTC
  GcoreB it is
  account="main"
info      firing    GcoreA         2026-11-22 11:00 UTC
  GcoreA it is
  account="main"
none      firing    GcoreWatchdog  2026-11-22 00:00 UTC
  GcoreWatchdog it is
  account="main"
critical  resolved  GcoreC         2026-11-22 10:00 UTC
  GcoreC it is
  account="main"
"#;
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), want), "{}", said.stderr);
}

#[tokio::test]
async fn alerts_are_chosen_by_severity_name_and_labels() {
    let daemon = listing(&[
        listed("GcoreA", "critical", "firing", "2026-11-22T10:00:00Z"),
        listed("GcoreB", "warning", "firing", "2026-11-22T10:00:00Z"),
        listed("GcoreC", "info", "firing", "2026-11-22T10:00:00Z"),
    ])
    .await;
    let url = format!("--alerts.url={}", daemon.uri());
    let names = async |words: &[&str]| {
        let said = run(&[&[url.as_str(), "--json"], words].concat()).await;
        assert_eq!(said.code, Some(0), "{words:?}: {}", said.stderr);
        let list: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(list["judged"], true, "{list}");
        let names = list["alerts"].as_array().unwrap().iter();
        names.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (words, want) in [
        (&[][..], "GcoreA GcoreB GcoreC"),
        (&["--severity=critical", "--severity=info"], "GcoreA GcoreC"),
        (&["--name=GcoreB"], "GcoreB"),
        (&["severity=warning", "account=main"], "GcoreB"),
        (&["severity!=warning", "alertname!=GcoreA"], "GcoreC"),
        (&["account=other"], ""),
        (&["budget="], "GcoreA GcoreB GcoreC"),
    ] {
        assert_eq!(names(words).await, want, "{words:?}");
    }
    assert_eq!(run(&[&url, "account=other"]).await.stdout, "no alerts\n");
    for (words, want) in [
        (&["GcoreA"][..], "expected LABEL=VALUE or LABEL!=VALUE, such as account=main"),
        (&["severity=~crit.*"], "expected LABEL=VALUE or LABEL!=VALUE, such as account=main"),
        (&["account=main", "dead-letters"], "expected LABEL=VALUE or LABEL!=VALUE, such as account=main"),
        (&["--severity=info", "test", "webhook.ops"], "--severity"),
    ] {
        let said = run(&[&[url.as_str()], words].concat()).await;
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{words:?}");
        assert!(said.stderr.contains(want), "{words:?}: {}", said.stderr);
    }
}

#[tokio::test]
async fn what_an_api_calls_things_moves_no_terminal() {
    let mut alert = listed("A\u{1b}[31m", "info", "firing", "2026-11-22T12:00:00Z");
    alert["labels"]["project"] = "\u{9b}2J\u{7f}".into();
    alert["annotations"]["summary"] = "ding\u{7}\ncritical  firing  B\u{202e}evil\u{2066} é \u{65}\u{301}".into();
    let daemon = listing(&[alert.clone()]).await;
    let url = format!("--alerts.url={}", daemon.uri());
    let said = run(&[&url]).await;
    let want = "SEVERITY  STATE   ALERT        SINCE\n\
                info      firing  A\\u001b[31m  2026-11-22 12:00 UTC\n  \
                ding\\u0007\\ncritical  firing  B\\u202eevil\\u2066 é \u{65}\u{301}\n  \
                account=\"main\" project=\"\\u009b2J\\u007f\"\n";
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), want), "{}", said.stderr);
    let said = run(&[&url, "--json"]).await;
    assert!(
        !said.stdout.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{7f}', '\u{202e}', '\u{2066}']),
        "{:?}",
        said.stdout
    );
    assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap()["alerts"], json!([alert]), "nothing is lost");
}

#[tokio::test]
async fn a_daemon_that_cannot_say_is_no_daemon_without_alerts() {
    let daemon = MockServer::start().await;
    let url = format!("--alerts.url={}", daemon.uri());
    let page = || Mock::given(path("/api/v1/alerts"));
    for (list, want) in [
        (json!({ "judged": true, "alerts": [] }), (Some(0), "no alerts\n")),
        (json!({ "judged": false, "alerts": [] }), (Some(3), "the daemon has not judged yet\n")),
    ] {
        page().respond_with(answer(&list.to_string())).up_to_n_times(1).mount(&daemon).await;
        let said = run(&[&url]).await;
        assert_eq!((said.code, said.stdout.as_str()), want);
    }
    page().respond_with(answer("[]")).mount(&daemon).await;
    let other = run(&[&url]).await;
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains("does not answer as this version does"), "{}", other.stderr);
    let unreachable = run(&["--alerts.url=http://127.0.0.1:9"]).await;
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.stderr.contains("--alerts.url says where the daemon is"), "{}", unreachable.stderr);
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
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains(want), "{}", said.stderr);
}

#[tokio::test]
async fn dead_letters_are_listed_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let config = file(&format!("[accounts.main]\napi_key = '{KEY}'\n[storage]\npath = '{}'\n", path.display()));
    let flag = config_flag(&config);
    let said = run(&["dead-letters", "list", &flag]).await;
    assert_eq!(said.code, Some(2));
    let want = format!("there is no store: {} does not exist; name the daemon's by storage.path", path.display());
    assert!(said.stderr.contains(&want), "{}", said.stderr);
    assert!(!path.exists(), "a look makes no store");

    let store = Store::open(&Settings { path: Some(path.clone()) }, &Registry::new()).unwrap();
    let list = ["dead-letters", "list", &flag];
    assert_eq!(run(&list).await.stdout, "no dead letters\n");
    let alert = firing("GcoreSpendAnomaly", now());
    let row = OutboxRow {
        channel: "webhook.ops".into(),
        fingerprint: alert.fingerprint(),
        notification_id: alert.message_id(),
        body: serde_json::to_string(&alert).unwrap(),
        created_at: "2026-11-22T12:00:00Z".parse().unwrap(),
        due_at: "2026-11-22T12:00:00Z".parse().unwrap(),
    };
    store.commit_alerts(Vec::new(), vec![row]).await.unwrap();
    store.tidy_channels(Vec::new(), "2026-11-22T12:00:00Z".parse().unwrap()).await.unwrap();
    let want = "1  webhook.ops  2026-11-22T12:00:00Z  GcoreSpendAnomaly firing  after 0 tries: the channel is no longer \
                configured\n";
    assert_eq!(run(&list).await.stdout, want);
    for numbers in [&["99"][..], &["1", "99"]] {
        let unknown = run(&[&["dead-letters", "replay"], numbers, &[&flag]].concat()).await;
        assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""), "{}", unknown.stderr);
        let told =
            "no dead letter has the number 99; nothing is sent again; `alerts dead-letters list` has the numbers";
        assert!(unknown.stderr.contains(told), "{}", unknown.stderr);
    }
    assert_eq!(run(&list).await.stdout, want, "all or none");
    let replay = run(&["dead-letters", "replay", "1", &flag]).await;
    assert_eq!(
        (replay.code, replay.stdout.as_str()),
        (Some(0), "1 wait to be sent; a running daemon sends them within half a minute\n")
    );
    assert_eq!(run(&list).await.stdout, "no dead letters\n");
    assert_eq!(store.outbox_heads("webhook.ops".into(), now(), 9).await.unwrap().waiting, 1);
}

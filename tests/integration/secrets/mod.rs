//! Secrets in every place of the configuration, and every place where they could come out.
//!
//! Each secret is a canary: a word that occurs nowhere else. Every server of this test repeats the secrets that it was
//! sent, and most refuse. The log has its lowest level.

use std::fs;

use reqwest::StatusCode;
use serde_json::Value;
use wiremock::{MockServer, Request};

use crate::harness::until_met;
use crate::program::{Process, finish};
use setup::{ACCOUNTS, Servers, Setup, canary};

mod setup;

/// Whether a server has got a text in a header or in its address.
async fn has_got(server: &MockServer, text: &str) -> bool {
    let is_in = |request: &Request| {
        request.url.as_str().contains(text)
            || request.headers.values().any(|value| value.to_str().is_ok_and(|value| value.contains(text)))
    };
    server.received_requests().await.unwrap().iter().any(is_in)
}

/// Whether each secret has been used.
async fn all_were_sent(setup: &Setup, servers: &Servers) -> bool {
    let secret = |name: &str| setup.secrets[name].clone();
    let mut wanted: Vec<_> = ACCOUNTS[..4].iter().map(|name| (&servers.api, secret(name))).collect();
    wanted.extend([
        (&servers.proxy, secret("proxied")),
        (&servers.proxy, secret("proxypassword in base64")),
        (&servers.with_password, secret("managerpassword in base64")),
        (&servers.with_token, secret("managertoken")),
        (&servers.webhook, secret("hookpath")),
        (&servers.webhook, secret("hookquery")),
        (&servers.slack, secret("slackpath")),
    ]);
    for (server, text) in wanted {
        if !has_got(server, &text).await {
            return false;
        }
    }
    true
}

/// Every page and every answer of the API.
async fn pages(setup: &Setup, url: &str) -> Vec<(String, String)> {
    let client = setup.client();
    let get = async |path: &str, accept: &str| {
        let request = client.get(format!("{url}{path}")).header("accept", accept);
        let answer = request.basic_auth("prom", Some(canary("webpassword"))).send().await.unwrap();
        format!("{:?}\n{}", answer.headers().clone(), answer.text().await.unwrap())
    };
    let mut pages = Vec::new();
    for path in [
        "/",
        "/alerts",
        "/projects/101",
        "/runbooks",
        "/metrics",
        "/api/v1/alerts",
        "/api/v1/anomalies",
        "/api/v1/budgets",
        "/api/v1/costs",
        "/api/v1/costs?group_by=project,region,resource_type&format=csv",
        "/api/v1/forecasts",
        "/api/v1/status",
        "/api/v1/openapi.yaml",
        "/-/healthy",
        "/-/ready",
        "/nothing",
    ] {
        pages.push((path.to_owned(), get(path, "*/*").await));
    }
    pages.push(("OpenMetrics".to_owned(), get("/metrics", "application/openmetrics-text; version=1.0.0").await));
    let (_, list) = pages.iter().find(|(path, _)| path == "/api/v1/alerts").unwrap();
    let list: Value = serde_json::from_str(list.split_once('\n').unwrap().1).unwrap();
    for alert in list["alerts"].as_array().unwrap() {
        let path = format!("/alerts/{}", alert["fingerprint"].as_str().unwrap());
        pages.push((path.clone(), get(&path, "*/*").await));
    }
    pages
}

/// A reload that is refused, because a quote is missing before a key.
async fn expect_clean_reload(setup: &Setup, url: &str) {
    let config = fs::read_to_string(setup.path("config.toml")).unwrap();
    setup.put("config.toml", &config.replacen("api_key = '", "api_key = ", 1));
    let request = setup.client().post(format!("{url}/-/reload"));
    let answer = request.basic_auth("prom", Some(canary("webpassword"))).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    setup.expect_none("the answer to a reload", answer.text().await.unwrap().as_bytes());
    setup.put("config.toml", &config);
}

/// The arguments of the process, and its limit for core dumps.
fn expect_clean_process(setup: &Setup, daemon: &Process) {
    let process = format!("/proc/{}", daemon.id());
    setup.expect_none("the arguments", &fs::read(format!("{process}/cmdline")).unwrap());
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}

/// The files of the store. Returns the size of the first.
fn expect_clean_store(setup: &Setup) -> usize {
    for name in ["state.db-wal", "state.db-shm"] {
        // They exist while the daemon runs.
        fs::read(setup.path(name)).iter().for_each(|bytes| setup.expect_none(name, bytes));
    }
    let bytes = fs::read(setup.path("state.db")).unwrap();
    setup.expect_none("state.db", &bytes);
    bytes.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_comes_out_of_a_daemon_whose_servers_repeat_them() {
    let servers = Servers::start().await;
    let setup = Setup::new(&servers);
    let flags = ["run", "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", &setup.web_flag()];
    let daemon = Process::start(&mut setup.program(&servers.proxy.uri(), &flags));
    let url = daemon.url().await;
    until_met(async || all_were_sent(&setup, &servers).await, async || daemon.log()).await;
    // The second look finds failures in metrics, pages and the store.
    let channels = ["alertmanager.password", "alertmanager.token", "webhook.ops", "slack.ops"];
    let have_failed = async || {
        let text = pages(&setup, &url).await.into_iter().find(|(path, _)| path == "/metrics").unwrap().1;
        channels.iter().all(|name| text.contains(&format!("gcore_notification_failures_total{{channel=\"{name}")))
    };
    daemon.until(have_failed).await;
    // Bodies that were repeated are logged without the secrets.
    daemon.until(async || daemon.log().contains("***")).await;

    let shown = pages(&setup, &url).await;
    assert!(shown.iter().any(|(path, _)| path.starts_with("/alerts/")), "a page of an alert");
    for (path, page) in shown {
        setup.expect_none(&path, page.as_bytes());
    }
    let mut alerts = setup.program(&servers.proxy.uri(), &["alerts"]);
    alerts.args(setup.alerts_flags(&url));
    let list = finish(alerts).await;
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    setup.expect_none_of("alerts", &list);
    expect_clean_reload(&setup, &url).await;
    expect_clean_process(&setup, &daemon);
    expect_clean_store(&setup);
    let ended = daemon.stop().await;
    setup.expect_none_of("run", &ended);
    assert!(expect_clean_store(&setup) > 10_000, "the store has content");
    let letters = finish(setup.program(&servers.proxy.uri(), &["alerts", "dead-letters", "list"])).await;
    assert!(letters.stdout.contains("slack.ops") && letters.stdout.contains("***"), "{}", letters.stdout);
    setup.expect_none_of("alerts dead-letters list", &letters);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_comes_out_of_a_command() {
    let servers = Servers::start().await;
    let setup = Setup::new(&servers);
    let flag = setup.web_flag();
    for (arguments, code) in [
        (&["check-config", flag.as_str()][..], 0),
        (&["check-config", "--online"], 3),
        (&["once"], 3),
        (&["alerts", "test", "alertmanager.password"], 3),
        (&["alerts", "test", "alertmanager.token"], 3),
        (&["alerts", "test", "webhook.ops"], 3),
        (&["alerts", "test", "slack.ops"], 3),
    ] {
        let ended = finish(setup.program(&servers.proxy.uri(), arguments)).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        setup.expect_none_of(&arguments.join(" "), &ended);
    }
    let ended = finish(setup.program(&format!("ftp://{}", canary("config")), &["check-config"])).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    setup.expect_none_of("check-config with a faulty proxy", &ended);
}

/// A fault for each place of a secret. The first text is replaced by the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_a_configuration_quotes_a_secret() {
    let servers = Servers::start().await;
    for (name, old, new) in [
        ("config.toml", "api_key = 'canary", "api_key = canary"),
        ("config.toml", "api_key = 'canary", "api_key = 'two canary"),
        ("config.toml", "api_key = 'canary", "api_kee = 'canary"),
        ("config.toml", "api_key = 'canary", "api_key = ['a'] # 'canary"),
        ("config.toml", "bearer_token = '", "bearer_token = '\u{1}"),
        ("config.toml", "bearer_token = '", "bearer_tokn = '"),
        ("config.toml", "bearer_token = '", "password = '"),
        ("config.toml", "secret = 'whsec_", "secret = '"),
        ("config.toml", "secret = 'whsec_", "secrett = 'whsec_"),
        ("config.toml", "/hooks/", "/hooks/ #"),
        ("config.toml", "/hooks/", "user:pass@/hooks/"),
        ("config.toml", "[notify.webhook.ops]\nurl = 'http", "[notify.webhook.ops]\nurl = 'ftp"),
        ("config.toml", "api_key_credential = 'credential'", "api_key_credential = 'slack-url'\napi_key = 'x'"),
        ("key", "canary", "two canary"),
        ("credential", "canary", "two\ncanary"),
        ("manager-password", "canary", "two canary"),
        ("old-secret", "whsec_", ""),
        ("slack-url", "http", "two http"),
        ("slack-url", "http://", "ftp://"),
        ("slack-url", "http://", "http://user:pass@"),
        ("web.yml", "basic_auth_users:\n  prom: $2b", "basic_auth_users:\n  prom: \"$3b"),
        ("web.yml", "  prom: $2b", "  prom: $3b"),
        ("web.yml", "  prom: $2b", "  - prom: $2b"),
        ("web.yml", "  key: |", "  keyy: |"),
        ("web.yml", "-----BEGIN", "-----BEGN"),
        ("web.yml", "key: |\n", "key: \n"),
    ] {
        let setup = Setup::new(&servers);
        let text = fs::read_to_string(setup.path(name)).unwrap();
        assert!(text.contains(old), "{name} has no {old}");
        setup.put(name, &text.replacen(old, new, 1));
        let flag = setup.web_flag();
        for arguments in [&["check-config", flag.as_str()], &["run", flag.as_str()]] {
            let ended = finish(setup.program(&servers.proxy.uri(), arguments)).await;
            let fault = format!("{} with {new:?} in {name}", arguments[0]);
            assert_eq!(ended.code, Some(2), "{fault}: {}{}", ended.stdout, ended.stderr);
            setup.expect_none_of(&fault, &ended);
        }
    }
}

//! `check-config --online`: the access of each key.

use common::clock::Clock;
use gcore_simulator::api::Api;
use gcore_simulator::world::World;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{
    COST, KEY, PROJECTS, Port, REGIONS, REPORTS, RESERVATION_TOTALS, RESERVATIONS, SUBSCRIPTIONS, USAGE, asked, http,
    json as answer, mount_names, queries, refusal,
};
use crate::program::{finish, program};

/// The exit code and the output with all logs. None of it may hold the key.
async fn check(url: &str, key: &str, variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = program(&["check-config", "--online", "--log.level=debug"]);
    for (name, value) in
        [("API_URL", url), ("API_KEY", key), ("MAX_REQUESTS_PER_SECOND", "1000"), ("REQUEST_TIMEOUT", "30s")]
    {
        command.env(format!("GCORE_EXPORTER_ACCOUNTS__MAIN__{name}"), value);
    }
    command.env("GCORE_EXPORTER_STORAGE__PATH", "");
    command.envs(variables.iter().copied());
    let ended = finish(command).await;
    let (shown, log) = (ended.stdout, ended.stderr);
    // Output can quote the test key in several ways. One part is the same in all.
    for secret in [key, "to-be-seen"] {
        assert!(!shown.contains(secret) && !log.contains(secret), "the key was shown:\n{shown}{log}");
    }
    (ended.code.unwrap(), shown, log)
}

/// The output after the summary of the configuration, with `URL` for the server's address.
fn findings(shown: &str, url: &str) -> String {
    let (_, findings) = shown.split_once("The configuration is good.\n").unwrap();
    findings.replace(url, "URL")
}

#[tokio::test]
async fn a_key_that_may_not_read_billing_is_told_so() {
    let api = MockServer::start().await;
    mount_names(&api).await;
    asked(COST).respond_with(answer(include_str!("pages/cost_1.json"))).mount(&api).await;
    asked(USAGE).respond_with(answer(include_str!("pages/usage.json"))).mount(&api).await;
    let answers = serde_json::json!({ "detail": format!("not for {KEY}") });
    asked(REPORTS).respond_with(ResponseTemplate::new(403).set_body_json(answers)).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(refusal(404)).mount(&api).await;
    asked(RESERVATIONS).respond_with(refusal(403)).mount(&api).await;

    let (code, shown, log) = check(&api.uri(), KEY, &[]).await;
    assert_eq!(
        findings(&shown, &api.uri()),
        "
main at URL
  collector         reachable  allowed  rows  newest data           hint
  cost              yes        yes        12  2026-11-22T11:00:30Z  2 of the rows looked at cannot be read
  usage             yes        yes         6  2026-11-22T11:00:30Z  2 of the rows looked at cannot be read
  reports           yes        no          -  -                     this key may not read billing: reports and \
subscriptions are reseller endpoints; set enabled = false in the collector's table, or ask for a role that may
  subscriptions     yes        no          -  -                     as for reports
  commitments       yes        no          -  -                     this key may not read commitments, which only a \
Client Administrator may: ask for that role, or set enabled = false in [collect.commitments]
  names (projects)  yes        yes         3  -                     all 2 projects seen in the cost report have a name
  names (regions)   yes        yes         2  -                     all 2 regions seen in the cost report have a name

What cannot be read is closed to most keys; the daemon does its other work without it.
"
    );
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("not for ***"), "the server's own words are logged: {log}");
    assert_eq!(api.received_requests().await.unwrap().len(), 7, "one request for each endpoint");
    let asked = queries(&api, REPORTS).await;
    assert!(asked[0].ends_with("&ordering=-created_at&limit=1&offset=0"), "the newest task is enough: {asked:?}");
    assert!(queries(&api, SUBSCRIPTIONS).await[0].ends_with("&limit=1&offset=0"));
}

#[tokio::test]
async fn a_refusal_that_matters_fails_the_check() {
    for (name, endpoint, fault, row, hint) in [
        ("cost", COST, 403, "cost              yes        no", "ask for a role in the cloud"),
        ("usage", USAGE, 500, "usage             yes        -", "out of order: try later"),
        ("reports", REPORTS, 500, "reports           yes        -", "out of order: try later"),
        ("projects", PROJECTS, 400, "names (projects)  yes        -", "does not take the request"),
        ("regions", REGIONS, 302, "names (regions)   yes        -", "correct api_url"),
    ] {
        let api = MockServer::start().await;
        asked(endpoint).respond_with(refusal(fault)).mount(&api).await;
        mount_names(&api).await;
        for (endpoint, page) in [
            (COST, include_str!("pages/cost_1.json")),
            (USAGE, include_str!("pages/usage.json")),
            (REPORTS, include_str!("pages/reports.json")),
            (SUBSCRIPTIONS, include_str!("pages/subscriptions.json")),
            (RESERVATIONS, r#"{"count": 0, "results": []}"#),
        ] {
            asked(endpoint).respond_with(answer(page)).mount(&api).await;
        }
        let (code, shown, _) = check(&api.uri(), KEY, &[]).await;
        assert_eq!(code, 3, "{name}: {shown}");
        let line = shown.lines().find(|line| line.trim_start().starts_with(row)).unwrap_or_default();
        assert!(line.contains(hint), "{name}: {shown}");
        assert!(shown.ends_with("the hints say what to do.\n"), "{name}: {shown}");
    }
}

/// One account has commitments, and a project and a region without a name. The other has neither.
#[tokio::test]
async fn each_account_is_told_of_its_commitments_and_names() {
    let (main, second) = (MockServer::start().await, MockServer::start().await);
    let projects = r#"{"count": 2, "results": [{"id": 102, "name": "lab"}, {"id": 103, "name": "old lab"}]}"#;
    let regions = r#"{"count": 1, "results": [{"id": 7, "display_name": "Helsinki"}]}"#;
    asked(PROJECTS).respond_with(answer(projects)).mount(&main).await;
    asked(REGIONS).respond_with(answer(regions)).mount(&main).await;
    mount_names(&second).await;
    let none = answer(r#"{"count": 0, "results": []}"#);
    let bought = answer(include_str!("pages/reservations.json"));
    for (api, commitments) in [(&main, bought), (&second, none)] {
        asked(COST).respond_with(answer(include_str!("pages/cost_1.json"))).mount(api).await;
        asked(RESERVATIONS).respond_with(commitments).mount(api).await;
    }
    let totals = answer(include_str!("pages/reservation_totals.json"));
    asked(RESERVATION_TOTALS).respond_with(totals).mount(&main).await;
    let off = ["USAGE", "REPORTS", "SUBSCRIPTIONS"].map(|name| format!("GCORE_EXPORTER_COLLECT__{name}__ENABLED"));
    let other = second.uri();
    let mut variables: Vec<_> = off.iter().map(|name| (name.as_str(), "false")).collect();
    variables.extend([
        ("GCORE_EXPORTER_ACCOUNTS__SECOND__API_URL", other.as_str()),
        ("GCORE_EXPORTER_ACCOUNTS__SECOND__API_KEY", KEY),
    ]);
    let (code, shown, log) = check(&main.uri(), KEY, &variables).await;
    assert_eq!(code, 0, "{shown}{log}");
    let shown = findings(&shown, &main.uri()).replace(&other, "OTHER");
    // One commitment ends, so the number of active ones depends on the day.
    let shown = shown.replace("; 1 running:", "; 2 running:");
    assert_eq!(
        shown,
        "
main at URL
  collector            reachable  allowed  rows  newest data           hint
  cost                 yes        yes        12  2026-11-22T11:00:30Z  2 of the rows looked at cannot be read
  commitments          yes        yes         4  -                     1 of the rows looked at cannot be read; 2 running: \
pay-as-you-go costs overstate what is paid, gcore_commit_month_amount does not
  commitments (month)  yes        yes         3  -
  names (projects)     yes        yes         2  -                     1 of 2 projects seen in the cost report has no \
name; its number stands in
  names (regions)      yes        yes         1  -                     1 of 2 regions seen in the cost report has no \
name; its number stands in

second at OTHER
  collector         reachable  allowed  rows  newest data           hint
  cost              yes        yes        12  2026-11-22T11:00:30Z  2 of the rows looked at cannot be read
  commitments       yes        yes         0  -                     no commitment runs now, so gcore_plan_has_commits is 0
  names (projects)  yes        yes         3  -                     all 2 projects seen in the cost report have a name
  names (regions)   yes        yes         2  -                     all 2 regions seen in the cost report have a name

Everything that is enabled can be read.
"
    );
}

#[tokio::test]
async fn a_wrong_key_and_a_dead_server_are_told_apart() {
    let api = MockServer::start().await;
    let text = format!("bad token {KEY}");
    Mock::given(any()).respond_with(ResponseTemplate::new(401).set_body_string(text)).mount(&api).await;
    let (code, shown, log) = check(&api.uri(), KEY, &[]).await;
    assert_eq!(code, 3, "{shown}");
    assert_eq!(shown.matches("  yes        no       ").count(), 7, "{shown}");
    assert_eq!(shown.matches("the key is wrong, expired or cut short: a `$` is eaten by shells").count(), 1, "{shown}");
    assert_eq!(shown.matches("  as for cost\n").count(), 6, "{shown}");
    assert_eq!(log.matches("the API refused the key (401)").count(), 1, "{log}");

    let closed = Port::new();
    let (code, shown, _) = check(&closed.url(), KEY, &[]).await;
    assert_eq!(code, 3, "{shown}");
    assert_eq!(shown.matches("  no         -        ").count(), 7, "{shown}");
    assert!(shown.contains("check api_url"), "{shown}");
}

#[tokio::test]
async fn an_address_where_nothing_of_the_api_is_is_named() {
    let elsewhere = MockServer::start().await;
    let (code, shown, _) = check(&elsewhere.uri(), KEY, &[]).await;
    assert_eq!(code, 3, "{shown}");
    assert_eq!(shown.matches("every answer is 404, so nothing of the API is at api_url").count(), 1, "{shown}");
    assert_eq!(shown.matches("  yes        -        ").count(), 7, "{shown}");
    assert_eq!(shown.matches("  as for cost\n").count(), 6, "{shown}");

    // With a key without access to billing, the API itself may answer 404 to every request.
    let api = MockServer::start().await;
    Mock::given(any()).respond_with(refusal(404)).mount(&api).await;
    let off = ["COST", "USAGE", "COMMITMENTS", "NAMES"].map(|name| format!("GCORE_EXPORTER_COLLECT__{name}__ENABLED"));
    let off: Vec<_> = off.iter().map(|name| (name.as_str(), "false")).collect();
    let (code, shown, _) = check(&api.uri(), KEY, &off).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("this key may not read billing"), "{shown}");
}

/// For a tunnel, as with https, and for plain http.
#[tokio::test]
async fn a_proxy_that_wants_a_password_is_named() {
    let proxy = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(407)).mount(&proxy).await;
    let uri = proxy.uri();
    for (url, variable, allow_http) in
        [("https://api.example", "HTTPS_PROXY", "false"), ("http://api.example", "HTTP_PROXY", "true")]
    {
        let variables = [(variable, uri.as_str()), ("GCORE_EXPORTER_ACCOUNTS__MAIN__ALLOW_HTTP", allow_http)];
        let (code, shown, log) = check(url, KEY, &variables).await;
        assert_eq!(code, 3, "{shown}");
        let hint =
            "the proxy asks for a user name and a password (407): put them into its variable, as in HTTPS_PROXY=";
        assert_eq!(shown.matches(hint).count(), 1, "{shown}{log}");
        assert_eq!(shown.matches("  no         -        ").count(), 7, "{shown}");
        assert_eq!(shown.matches("  as for cost\n").count(), 6, "{shown}");
        assert_eq!(log.matches("reason=connect").count(), 1, "{log}");
    }
}

#[tokio::test]
async fn only_what_is_enabled_is_tried_and_only_if_the_configuration_is_good() {
    let api = MockServer::start().await;
    asked(COST).respond_with(answer(r#"{"count": 0, "price_status": "hide", "results": []}"#)).mount(&api).await;
    let off = |name| (format!("GCORE_EXPORTER_COLLECT__{name}__ENABLED"), "false");
    let off = ["USAGE", "REPORTS", "SUBSCRIPTIONS", "COMMITMENTS", "NAMES"].map(off);
    let off: Vec<_> = off.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let (code, shown, _) = check(&api.uri(), KEY, &off).await;
    assert_eq!(code, 0, "{shown}");
    assert_eq!(
        findings(&shown, &api.uri()),
        "
main at URL
  collector  reachable  allowed  rows  newest data  hint
  cost       yes        yes         0  -            the API hides prices from this key: give it a role that may see them

Everything that is enabled can be read.
"
    );

    let (code, shown, log) = check(&api.uri(), KEY, &[("GCORE_EXPORTER_COLLECT__COST__WINDOWS", "[]")]).await;
    assert_eq!((code, shown.as_str()), (2, ""), "{log}");
    assert_eq!(api.received_requests().await.unwrap().len(), 1, "the first check's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_account_can_be_read_whole() {
    let clock = Clock::system();
    let world = World::new(7, clock.now());
    let api = Api::bind("127.0.0.1:0".parse().unwrap(), world, gcore_simulator::KEY, clock.clone()).await.unwrap();
    let url = api.url();
    tokio::spawn(api.run(std::future::pending()));
    let (code, shown, log) = check(&url, gcore_simulator::KEY, &[]).await;
    assert_eq!(code, 0, "{shown}{log}");
    let shown = findings(&shown, &url);
    assert!(shown.ends_with("Everything that is enabled can be read.\n"), "{shown}");

    let http = http();
    for (row, list) in [("subscriptions", SUBSCRIPTIONS), ("names (projects)", PROJECTS), ("names (regions)", REGIONS)]
    {
        let query = if list == PROJECTS { "limit=1&include_deleted=true" } else { "limit=1" };
        let request = http
            .get(format!("{url}{list}?{query}"))
            .header("authorization", format!("APIKey {}", gcore_simulator::KEY));
        let page: Value = request.send().await.unwrap().text().await.unwrap().parse().unwrap();
        let line = shown.lines().find_map(|line| line.trim_start().strip_prefix(row)).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..4], ["yes", "yes", &page["count"].to_string(), "-"], "{row}: {shown}");
    }
    for row in ["cost", "usage", "reports"] {
        let line = shown.lines().find_map(|line| line.trim_start().strip_prefix(row)?.strip_prefix(' ')).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words[2].parse::<u64>().unwrap() > 0, "{row}: {shown}");
        words[3].parse::<jiff::Timestamp>().unwrap();
    }
    assert!(shown.contains("projects seen in the cost report have a name"), "{shown}");
}

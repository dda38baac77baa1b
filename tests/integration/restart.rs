//! The last readings, served by the next process before its first poll.

use std::path::Path;
use std::time::Duration;

use common::clock::Clock;
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::insights::budget::Budget;
use gcore_billing_exporter::snapshot::Collector;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use rusqlite::Connection;
use tempfile::TempDir;
use wiremock::{MockServer, ResponseTemplate};

use crate::harness::{
    COST, COST_TOTALS, PROJECTS, REGIONS, REPORTS, RESERVATION_TOTALS, RESERVATIONS, SUBSCRIPTIONS, TestApp, USAGE,
    asked, config, json, mount_names, noon, only,
};
use crate::insights::budget;

fn with_store(api: &MockServer, path: &Path) -> Config {
    let mut config = config(&api.uri(), only(&Collector::ALL));
    config.collect.cost.windows = gcore_api::billing::period::Window::ALL.to_vec();
    config.collect.cost_details.tag_keys = vec!["env".into()];
    config.collect.cost_details.top_resources = 2;
    config.storage.path = Some(path.to_owned());
    let (main, all) = (config.accounts.keys().next().unwrap().clone(), budget("all", "1000", &[]));
    (config.collect.history.days, config.collect.history.budgets) = (9, vec![Budget { account: main, ..all }]);
    config
}

async fn mount_everything(api: &MockServer) {
    mount_names(api).await;
    for (endpoint, page) in [
        (COST, include_str!("pages/cost_details.json")),
        (COST_TOTALS, include_str!("pages/cost_totals.json")),
        (USAGE, include_str!("pages/usage.json")),
        (REPORTS, include_str!("pages/reports.json")),
        (SUBSCRIPTIONS, include_str!("pages/subscriptions.json")),
        (RESERVATIONS, include_str!("pages/reservations.json")),
        (RESERVATION_TOTALS, include_str!("pages/reservation_totals.json")),
    ] {
        asked(endpoint).respond_with(json(page)).mount(api).await;
    }
}

/// An API that accepts requests and never answers.
async fn mount_silence(api: &MockServer) {
    for endpoint in [COST, USAGE, REPORTS, SUBSCRIPTIONS, RESERVATIONS, PROJECTS, REGIONS] {
        asked(endpoint).respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(600))).mount(api).await;
    }
}

/// The collector whose poll needs no answer.
const HISTORY: &str = r#"collector="history""#;
/// The time when the history was read.
const READ: &str = r#"gcore_poll_last_success_timestamp_seconds{account="main",collector="history"}"#;
/// The series that appears at the end of its poll. The poll sends no request if no day is due.
const HISTORY_UP: &str = r#"gcore_up{account="main",collector="history"}"#;
/// A series that always comes with the insights.
const LIMIT: &str = r#"gcore_budget_limit_amount{account="main",budget="all",currency="EUR"}"#;

/// The series of the account, without those of the daemon itself.
fn told(metrics: &str) -> Vec<&str> {
    // Alerts are evaluated shortly after a reading.
    let own = [
        "gcore_alert",
        "gcore_api_",
        "gcore_poll",
        "gcore_up",
        "gcore_collector_",
        "gcore_store",
        "gcore_config",
        "gcore_exporter",
    ];
    let own = |line: &&str| {
        line.starts_with('#') || line.starts_with("process_") || own.iter().any(|prefix| line.starts_with(prefix))
    };
    let counted = |line: &&str| line.starts_with("gcore_report_task_failures") || line.starts_with("gcore_rejected");
    metrics.lines().filter(|line| !own(line) && !counted(line)).collect()
}

fn after(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

/// The store of a stopped daemon, its metrics, and the times of its last polls.
struct Left {
    folder: TempDir,
    api: MockServer,
    metrics: String,
}

impl Left {
    async fn behind() -> Self {
        let (folder, api) = (TempDir::new().unwrap(), MockServer::start().await);
        mount_everything(&api).await;
        let config = with_store(&api, &folder.path().join("state.db"));
        let app = TestApp::ready(&config, Clock::frozen(noon())).await;
        app.until(async || app.value(READ).await.is_some()).await;
        let metrics = app.metrics().await;
        app.stop().await;
        api.reset().await;
        mount_silence(&api).await;
        Self { folder, api, metrics }
    }

    fn config(&self) -> Config {
        with_store(&self.api, &self.folder.path().join("state.db"))
    }

    /// The metrics of the next daemon before its first answer, and whether it is ready.
    async fn next(&self, config: &Config, now: Timestamp) -> (String, bool) {
        self.next_with(LIMIT, config, now).await
    }

    /// The same when this series exists, if names are stored.
    async fn next_with(&self, series: &str, config: &Config, now: Timestamp) -> (String, bool) {
        let app = TestApp::start(config, Clock::frozen(now)).await;
        let is_ready = app.get("/-/ready").await.status() == StatusCode::OK;
        let metrics = app.metrics().await;
        if !metrics.contains("gcore_project_info{") {
            // The insights wait for names, as all labels do.
            app.stop().await;
            return (metrics, is_ready);
        }
        // The analysis of the stored days runs in the background.
        app.until(async || app.value(series).await.is_some()).await;
        let metrics = app.metrics().await;
        app.stop().await;
        (metrics, is_ready)
    }

    fn change(&self, sql: &str) {
        Connection::open(self.folder.path().join("state.db")).unwrap().execute_batch(sql).unwrap();
    }
}

#[tokio::test]
async fn the_last_readings_are_served_at_once_with_their_true_age() {
    let left = Left::behind().await;
    let (metrics, is_ready) = left.next_with(HISTORY_UP, &left.config(), after(30)).await;
    assert!(told(&metrics).len() > 40, "{metrics}");
    assert_eq!(told(&metrics), told(&left.metrics));
    for family in
        ["cost_month_forecast_amount", "budget_forecast_amount", "budget_actual_amount", "anomaly_actual_amount"]
    {
        assert!(
            told(&metrics).iter().any(|line| line.starts_with(&format!("gcore_{family}{{"))),
            "{family}: {metrics}"
        );
    }
    assert!(is_ready, "every collector has a reading that counts");
    // Except for the history, which finds every day in the store.
    let tried =
        |line: &&str| line.starts_with("gcore_up{") || line.starts_with("gcore_poll_last_attempt_timestamp_seconds{");
    let tried: Vec<_> = metrics.lines().filter(tried).filter(|line| !line.contains(HISTORY)).collect();
    assert_eq!(tried, [""; 0], "nothing was tried yet");
    let succeeded = |metrics: &str| -> Vec<String> {
        let lines = metrics.lines().filter(|line| line.starts_with("gcore_poll_last_success_timestamp_seconds{"));
        lines.filter(|line| !line.contains(HISTORY)).map(str::to_owned).collect()
    };
    assert_eq!(succeeded(&metrics).len(), Collector::ALL.len() - 1);
    assert_eq!(succeeded(&metrics), succeeded(&left.metrics), "the true time, which is old");
    let (again, _) = left.next_with(HISTORY_UP, &left.config(), after(31)).await;
    assert_eq!(told(&again), told(&left.metrics), "a process that read nothing leaves everything as it was");
}

/// Whether each family exists: today's and the previous month's costs, usage, tasks, subscriptions, names.
fn there(metrics: &str) -> String {
    let families = [
        ("t", "gcore_cost_today_amount{"),
        ("p", "gcore_cost_previous_month_amount{"),
        ("d", "gcore_tag_cost_month_to_date_amount{"),
        ("u", "gcore_usage_today_"),
        ("r", "gcore_report_tasks{"),
        ("s", "gcore_subscriptions{"),
        ("n", "gcore_project_info{"),
    ];
    let is_there = |family: &str| metrics.lines().any(|line| line.starts_with(family));
    families.iter().map(|(letter, family)| if is_there(family) { *letter } else { "-" }).collect()
}

#[tokio::test]
async fn what_no_longer_counts_is_not_served() {
    let left = Left::behind().await;
    let same = |_: &mut Config| {};
    type Change = fn(&mut Config);
    let cases: [(&str, i64, Change, &str, bool); 11] = [
        ("at once", 0, same, "tpdursn", true),
        ("tasks are stale after an hour", 60, same, "tpdu-sn", false),
        ("a longer deadline counts for them too", 300, |c| c.collect.reports.stale_after *= 10, "tpdursn", true),
        ("costs and usage are stale after six", 360, same, "-----sn", false),
        ("another day", 780, |c| c.collect.cost.stale_after *= 10, "-p---sn", false),
        ("before the clock was set back", -1, same, "------n", false),
        ("a window less", 0, |c| c.collect.cost.windows.retain(|w| w.as_str() != "today"), "-pdursn", true),
        ("without subscriptions", 0, |c| c.collect.subscriptions.schedule.enabled = false, "tpdur-n", true),
        ("other tags", 0, |c| c.collect.cost_details.tag_keys = vec!["team".into()], "tp-ursn", true),
        ("usage by metric", 0, |c| c.collect.usage_by_metric = true, "tpd-rsn", false),
        (
            "other projects",
            0,
            |c| c.accounts.values_mut().for_each(|account| account.filter.projects = vec![101]),
            "-------",
            false,
        ),
    ];
    for (name, minutes, change, want, want_ready) in cases {
        let mut config = left.config();
        change(&mut config);
        let (metrics, is_ready) = left.next(&config, after(minutes)).await;
        assert_eq!((there(&metrics).as_str(), is_ready), (want, want_ready), "{name}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_understood_is_left_out_alone() {
    let left = Left::behind().await;
    left.change("UPDATE kept SET body = CAST('{\"read_at\": 5}' AS BLOB) WHERE name = 'cost today'");
    left.change("UPDATE kept SET body = x'ff00' WHERE name = 'reports'");
    left.change("UPDATE kept SET body = CAST('{\"later\": [1], ' || substr(CAST(body AS TEXT), 2) AS BLOB) WHERE name = 'subscriptions'");
    left.change("INSERT INTO kept SELECT account, 'invoices', body FROM kept WHERE name = 'names'");
    let (metrics, is_ready) = left.next(&left.config(), after(0)).await;
    assert_eq!((there(&metrics).as_str(), is_ready), ("-pdu-sn", false));
}

#[tokio::test]
async fn without_a_file_nothing_is_kept() {
    let left = Left::behind().await;
    let mut config = left.config();
    config.storage.path = None;
    let (metrics, is_ready) = left.next(&config, after(0)).await;
    assert_eq!((there(&metrics).as_str(), is_ready), ("-------", false));
}

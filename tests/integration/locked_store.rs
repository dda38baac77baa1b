//! A store file that another process locks while the built program starts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use serde_json::json;
use wiremock::Request;

use crate::delivery::{stories, taking};
use crate::harness::{Listener, REPORTS, asked, json as answer};
use crate::program::{Process, file, value};
use crate::store::{DAYS, PROJECTS, WRITABLE, account, assert_whole, config, days_in, filled, place, stored};

/// Locks of another process: one prevents writing, the other prevents reading too.
const LOCKS: [&str; 2] = ["PRAGMA locking_mode = NORMAL", "PRAGMA locking_mode = EXCLUSIVE"];

/// Another process that locks the file until it is dropped.
fn lock(path: &Path, how: &str) -> Connection {
    let holder = Connection::open(path).unwrap();
    holder.execute_batch(&format!("{how}; BEGIN IMMEDIATE; UPDATE account SET name = name")).unwrap();
    holder
}

#[tokio::test]
async fn a_store_that_is_locked_at_the_start_is_used_once_it_is_released() {
    for how in LOCKS {
        let (api, (_folder, path)) = (account().await, place());
        filled(&config(&api.uri(), &path, DAYS), &path, DAYS).await;
        let before = stored(&path);
        let holder = lock(&path, how);
        let daemon = Process::serving(file(&config(&api.uri(), &path, DAYS + 5)), &[]);
        let listener = Listener::new(daemon.url().await);
        listener.until_ready().await;
        let metrics = listener.metrics().await;
        assert_eq!(metrics.matches("gcore_cost_today_amount{").count() as u64, PROJECTS, "{how}");
        assert_eq!(value(&metrics, WRITABLE).as_deref(), Some("0"), "{how}");
        drop(holder);
        daemon.until(async || days_in(&path) == DAYS + 5).await;
        let log = daemon.stop().await.stderr;
        assert_eq!(log.matches("cannot use the store").count(), 1, "{how}: {log}");
        let after = stored(&path);
        assert_whole(&after);
        let unsettled = before.keys().rev().take(2).collect::<Vec<_>>();
        let same =
            before.iter().filter(|(day, _)| !unsettled.contains(day)).all(|(day, amounts)| &after[day] == amounts);
        assert!(same, "{how}: what the file held is used");
    }
}

#[tokio::test]
async fn alerts_go_on_from_a_store_that_was_locked_at_the_start() {
    for how in LOCKS {
        let (api, receiver, (_folder, path)) = (account().await, taking().await, place());
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        asked(REPORTS)
            .respond_with(move |_: &Request| {
                let status = if over.load(Ordering::Relaxed) { "Completed" } else { "Failed" };
                let task = json!({"uuid": "t1", "task_type": "Report", "status": status});
                answer(&json!({"count": 1, "results": [task]}).to_string())
            })
            .mount(&api)
            .await;
        let reports = "[collect.reports]\nenabled = false";
        let mut toml = config(&api.uri(), &path, 1).replace(reports, "[collect.reports]\ninterval = '1s'");
        toml += &format!(
            "[notify]\nexternal_url = 'http://127.0.0.1:10061'\n[notify.webhook.ops]\nurl = '{}'\n",
            receiver.uri()
        );
        let told = async |story: &str| stories(&receiver).await.iter().filter(|told| *told == story).count();
        let daemon = Process::serving(file(&toml), &[]);
        daemon.until(async || told("GcoreReportTaskFailed firing").await == 1).await;
        daemon.stop().await;

        let holder = lock(&path, how);
        let daemon = Process::serving(file(&toml), &[]);
        let listener = Listener::new(daemon.url().await);
        listener.until_ready().await;
        let firing = r#"gcore_alerts{alertname="GcoreReportTaskFailed",severity="warning",state="firing"}"#;
        listener.until(async || listener.value(firing).await.as_deref() == Some("1")).await;
        drop(holder);
        is_over.store(true, Ordering::Relaxed);
        daemon.until(async || told("GcoreReportTaskFailed resolved").await == 1).await;
        daemon.stop().await;
        for story in ["GcoreReportTaskFailed firing", "GcoreReportTaskFailed resolved", "GcoreWatchdog firing"] {
            assert_eq!(told(story).await, 1, "{how}: {story}");
        }
    }
}

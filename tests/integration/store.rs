//! Store files of the built program: killed, damaged, too new, too old, without space.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use gcore_api::billing::amount::Amount;
use jiff::civil::Date;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use wiremock::{MockServer, Request, ResponseTemplate};

use crate::delivery::{stories, taking};
use crate::harness::{COST, KEY, Listener, REPORTS, asked, bodies, json as answer};
use crate::program::{Process, bound, config_flag, file, finish, get, limited, program, rounds, seed, value};

/// The number of past days of a daemon, and the projects with costs on each.
pub(crate) const DAYS: usize = 30;
pub(crate) const PROJECTS: u64 = 30;

const DAMAGES: &str = "gcore_store_damages_total";
pub(crate) const WRITABLE: &str = "gcore_store_writable";

/// The cost of a project on a day. Each version of the data has another amount.
fn cost(day: Date, project: u64, version: u64) -> String {
    format!("{version}.{}{:03}{project:02}", day.year() % 10, day.day_of_year())
}

fn ledger(day: Date, version: u64) -> BTreeMap<u64, Amount> {
    (1..=PROJECTS).map(|project| (project, cost(day, project, version).parse().unwrap())).collect()
}

fn version_of(amount: &str) -> u64 {
    amount.split('.').next().unwrap().parse().unwrap()
}

fn day_of(body: &Value) -> Date {
    body["time_from"].as_str().unwrap()[..10].parse().unwrap()
}

fn report(request: &Request, version: u64) -> ResponseTemplate {
    let day = day_of(&request.body_json().unwrap());
    let row = |project| {
        format!(
            r#"{{"type": "instance", "cost": {}, "currency": "EUR", "project_id": {project}, "region_id": 7}}"#,
            cost(day, project, version)
        )
    };
    let rows: Vec<_> = (1..=PROJECTS).map(row).collect();
    answer(&format!(r#"{{"count": {PROJECTS}, "price_status": "show", "results": [{}]}}"#, rows.join(",")))
}

/// An API with costs on any day. Each answer is another version.
async fn mount_costs(api: &MockServer) {
    let versions = AtomicU64::new(1);
    let next = move |request: &Request| report(request, versions.fetch_add(1, Ordering::Relaxed));
    asked(COST).respond_with(next).mount(api).await;
}

/// An account with costs on any day.
pub(crate) async fn account() -> MockServer {
    let api = MockServer::start().await;
    mount_costs(&api).await;
    api
}

/// A daemon that writes as fast as it can.
pub(crate) fn config(api: &str, store: &Path, days: usize) -> String {
    let mut text = format!(
        "[accounts.main]\napi_key = '{KEY}'\napi_url = '{api}'\nmax_requests_per_second = 10000\n\
         [storage]\npath = '{}'\n\
         [collect.cost]\ninterval = '1s'\nwindows = ['today']\nmethod = 'resources'\n",
        store.display()
    );
    for collector in ["usage", "reports", "subscriptions", "commitments", "names"] {
        text += &format!("[collect.{collector}]\nenabled = false\n");
    }
    text + &format!("[collect.history]\ninterval = '1s'\ndays = {days}\n")
}

/// A folder and the path of a store in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    (folder, path)
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Every day that counts as read, with its stored amounts.
pub(crate) fn stored(path: &Path) -> BTreeMap<Date, BTreeMap<u64, Amount>> {
    let file = open(path);
    // One transaction for both tables, because a daemon may write.
    let connection = file.unchecked_transaction().unwrap();
    let date = |number: i64| {
        let part = |value: i64| i8::try_from(value).unwrap();
        Date::new(i16::try_from(number / 10_000).unwrap(), part(number / 100 % 100), part(number % 100)).unwrap()
    };
    let mut days = BTreeMap::new();
    let mut statement = connection.prepare("SELECT day FROM reading").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        days.insert(date(row.get(0).unwrap()), BTreeMap::new());
    }
    let sql = "SELECT day, project, amount FROM amount JOIN series ON series.id = series";
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let day = date(row.get(0).unwrap());
        let amount: String = row.get(2).unwrap();
        let amounts = days.get_mut(&day).unwrap_or_else(|| panic!("amounts of {day}, which was not read"));
        amounts.insert(row.get::<_, i64>(1).unwrap().cast_unsigned(), amount.parse().unwrap());
    }
    days
}

/// The number of days that count as read. 0 while the file is being created.
pub(crate) fn days_in(path: &Path) -> usize {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let days = file.and_then(|file| file.query_row("SELECT count(*) FROM reading", [], |row| row.get::<_, i64>(0)));
    usize::try_from(days.unwrap_or(0)).unwrap()
}

/// Fails unless each day has one version in all its projects.
pub(crate) fn assert_whole(days: &BTreeMap<Date, BTreeMap<u64, Amount>>) {
    for (day, amounts) in days {
        let version = amounts.values().next().map_or(0, |amount| version_of(&amount.to_string()));
        assert!(*amounts == ledger(*day, version), "{day} is not as the account told it: {amounts:?}");
    }
}

/// The stored version of each day. Fails while the file is being created.
fn versions(path: &Path) -> rusqlite::Result<BTreeMap<i64, u64>> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT day, amount FROM amount JOIN series ON series.id = series WHERE project = 1";
    let mut statement = file.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, version_of(&row.get::<_, String>(1)?))))?;
    rows.collect()
}

async fn has(url: &str, series: &str, wanted: &str) -> bool {
    value(&get(&format!("{url}/metrics")).await, series).as_deref() == Some(wanted)
}

/// Runs a daemon until its store is full, stops it, and returns its log.
pub(crate) async fn filled(toml: &str, path: &Path, days: usize) -> String {
    let daemon = Process::serving(file(toml), &[]);
    daemon.url().await;
    daemon.until(async || days_in(path) == days).await;
    daemon.stop().await.stderr
}

#[tokio::test]
async fn killed_at_any_moment_it_loses_nothing_that_was_committed() {
    let (rounds, seed) = (rounds(100), seed());
    // Each round adds at least four or five days, so about half of the rounds read them all.
    let all = (2 * rounds as usize).min(400);
    println!("KILL_SEED={seed}");
    let (api, (_folder, path)) = (account().await, place());
    // Days are checked again and again, so that the daemon still writes when it has them all.
    let toml = config(&api.uri(), &path, all) + "recheck_after = '1s'\n";
    let (mut dice, mut last) = (Rng::with_seed(seed), BTreeMap::<i64, u64>::new());
    let (mut growing, mut rewriting, mut writes, mut lost) = (0, 0, 0, 0);
    for round in 0..rounds {
        let daemon = Process::serving(file(&toml), &[]);
        daemon.url().await;
        let written =
            |now: &BTreeMap<i64, u64>| now.iter().filter(|(day, version)| last.get(day) != Some(version)).count();
        // After a few more days or newer versions, the kill comes at any moment, maybe during a write.
        let goal = dice.usize(1..=8);
        daemon.until(async || versions(&path).is_ok_and(|now| written(&now) >= goal)).await;
        tokio::time::sleep(Duration::from_micros(dice.u64(..20_000))).await;
        let before = versions(&path).unwrap();
        daemon.signal("KILL").await;
        assert_eq!(daemon.end().await.code, None, "round {round}: it ended before it was killed");

        let verdict: String = open(&path).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "round {round}");
        assert_whole(&stored(&path));
        let after = versions(&path).unwrap();
        lost += before.iter().filter(|(day, version)| after.get(day) < Some(version)).count();
        writes += written(&after);
        growing += u32::from(after.len() > last.len());
        rewriting += u32::from(last.len() == all);
        last = after;
    }
    println!("{rounds} rounds, {writes} writes, {lost} lost");
    assert_eq!(lost, 0, "committed days are gone, or are older than they were");
    assert!(growing > 0 && rewriting > 0, "killed while days were missing {growing} times, later {rewriting} times");
    filled(&toml, &path, all).await;
    assert_whole(&stored(&path));
}

/// The file of the first version.
const FIRST: &str = "
    CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, UNIQUE (name, scope)) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES account (id), kind TEXT NOT NULL,
        project INTEGER NOT NULL, region INTEGER NOT NULL, resource_type TEXT NOT NULL, measure TEXT NOT NULL,
        UNIQUE (account, kind, project, region, resource_type, measure)
    ) STRICT;
    CREATE TABLE reading (
        account INTEGER NOT NULL REFERENCES account (id), kind TEXT NOT NULL, day INTEGER NOT NULL,
        read_at INTEGER NOT NULL, settled INTEGER NOT NULL, PRIMARY KEY (account, kind, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE amount (
        day INTEGER NOT NULL, series INTEGER NOT NULL REFERENCES series (id), amount TEXT NOT NULL,
        PRIMARY KEY (day, series)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE revision (
        day INTEGER NOT NULL, series INTEGER NOT NULL REFERENCES series (id), seen_at INTEGER NOT NULL,
        before TEXT NOT NULL, after TEXT NOT NULL, PRIMARY KEY (day, series, seen_at)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO account VALUES (1, 'main', '');
    INSERT INTO series VALUES (1, 1, 'cost', 1, 7, 'instance', 'EUR');
    INSERT INTO reading VALUES (1, 'cost', 20200102, 1578182400, 1);
    INSERT INTO amount VALUES (20200102, 1, '12.5');
    PRAGMA application_id = 1734566501;
    PRAGMA user_version = 1;";

#[tokio::test]
async fn a_file_of_an_older_version_is_upgraded_and_a_newer_one_is_refused() {
    let (api, (_folder, path)) = (account().await, place());
    Connection::open(&path).unwrap().execute_batch(FIRST).unwrap();
    let toml = config(&api.uri(), &path, 3);
    filled(&toml, &path, 3 + 1).await;
    let amount: String =
        open(&path).query_row("SELECT amount FROM amount WHERE day = 20200102", [], |row| row.get(0)).unwrap();
    let version: i64 = open(&path).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let kept: i64 = open(&path).query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
    assert_eq!((amount.as_str(), version), ("12.5", 4));
    assert!(kept > 0, "the tables of later versions are there and used");

    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let config = file(&toml);
    let ended = finish(program(&["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"])).await;
    assert_eq!(ended.code, Some(2));
    let want = format!(
        "gcore-billing-exporter: cannot use {} as the store: it was written by a newer version (its format is 99, this \
         version knows 4); run the version that wrote it, or name another file by storage.path\n",
        path.display()
    );
    assert_eq!(ended.stderr, want);
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_filled_again() {
    let (api, (folder, path)) = (account().await, place());
    let toml = config(&api.uri(), &path, DAYS);
    filled(&toml, &path, DAYS).await;
    let whole = fs::read(&path).unwrap();
    let (quarter, half) = (whole.len() / 4, whole.len() / 2);
    let mut overwritten = whole.clone();
    overwritten[quarter..half].fill(0xa5);
    for (number, (name, bytes)) in [("overwritten", overwritten), ("cut", whole[..half].to_vec())].iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let daemon = Process::serving(file(&toml), &[]);
        let url = daemon.url().await;
        daemon.until(async || has(&url, DAMAGES, "1").await && days_in(&path) == DAYS).await;
        assert_whole(&stored(&path));
        assert!(has(&url, WRITABLE, "1").await, "{name}: it goes on with a new file");
        assert!(has(&url, DAMAGES, "1").await, "{name}: the new one is sound");
        let log = daemon.stop().await.stderr;
        assert_eq!(log.matches("the store is damaged and was set aside").count(), 1, "{name}: {log}");
        assert!(folder.path().join(format!("state.db.damaged-{}", number + 1)).exists(), "{name}");
    }
}

#[tokio::test]
async fn without_room_on_the_disk_it_goes_on_serving() {
    let (api, (_folder, path)) = (account().await, place());
    let config = file(&config(&api.uri(), &path, 400));
    let daemon = Process::start(&mut limited(600, &["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"]));
    let listener = Listener::new(daemon.url().await);
    listener.until(async || listener.value(WRITABLE).await.as_deref() == Some("0")).await;
    let polls = async |collector: &str| -> f64 {
        let series = format!(r#"gcore_polls_total{{account="main",collector="{collector}"}}"#);
        listener.value(&series).await.map_or(0.0, |polls| polls.parse().unwrap())
    };
    let before = [polls("cost").await, polls("history").await];
    listener.until(async || polls("cost").await > before[0] && polls("history").await > before[1] + 1.0).await;
    let metrics = listener.metrics().await;
    assert_eq!(metrics.matches("gcore_cost_today_amount{").count() as u64, PROJECTS);
    assert_eq!(value(&metrics, WRITABLE).as_deref(), Some("0"));
    assert_eq!(value(&metrics, DAMAGES).as_deref(), Some("0"), "a full disk is no damage");
    let log = daemon.stop().await.stderr;
    assert_eq!(log.matches("cannot use the store").count(), 1, "{log}");
    let verdict: String = open(&path).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    assert_whole(&stored(&path));
}

#[tokio::test]
async fn without_room_on_the_disk_a_webhook_is_told_all_the_same() {
    // More bytes than a file has free that accepts no further day.
    const TASKS: usize = 60;
    let (api, receiver, (_folder, path)) = (account().await, taking().await, place());
    let (is_begun, is_over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (begun, over) = (Arc::clone(&is_begun), Arc::clone(&is_over));
    asked(REPORTS)
        .respond_with(move |_: &Request| {
            let (number, status) = match (begun.load(Ordering::Relaxed), over.load(Ordering::Relaxed)) {
                (false, _) => (0, ""),
                (true, false) => (TASKS, "Failed"),
                (true, true) => (TASKS, "Completed"),
            };
            let task = |number| json!({"uuid": format!("t{number}"), "task_type": "Report", "status": status});
            let tasks: Vec<_> = (0..number).map(task).collect();
            answer(&json!({"count": number, "results": tasks}).to_string())
        })
        .mount(&api)
        .await;
    let reports = "[collect.reports]\nenabled = false";
    let mut toml = config(&api.uri(), &path, 400).replace(reports, "[collect.reports]\ninterval = '1s'");
    toml += &format!(
        "[alerts.rules.store_not_writable]\nfor = '0s'\n[notify]\nexternal_url = 'http://127.0.0.1:10061'\n\
         [notify.webhook.ops]\nurl = '{}'\n",
        receiver.uri()
    );
    let config = file(&toml);
    let daemon = Process::start(&mut limited(600, &["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"]));
    let told = async |story: &str| stories(&receiver).await.iter().filter(|told| *told == story).count();
    daemon.until(async || told("GcoreStoreNotWritable firing").await == 1).await;
    is_begun.store(true, Ordering::Relaxed);
    daemon.until(async || told("GcoreReportTaskFailed firing").await >= TASKS).await;
    is_over.store(true, Ordering::Relaxed);
    daemon.until(async || told("GcoreReportTaskFailed resolved").await >= TASKS).await;
    daemon.stop().await;
    let all = ["GcoreReportTaskFailed firing", "GcoreReportTaskFailed resolved", "GcoreStoreNotWritable firing"];
    for (story, count) in all.iter().zip([TASKS, TASKS, 1]) {
        assert_eq!(told(story).await, count, "{story}: once while the process lives");
    }
}

#[tokio::test]
async fn where_no_file_can_be_made_it_keeps_everything_in_memory() {
    let (api, (folder, _)) = (account().await, place());
    let blocked = folder.path().join("a file");
    fs::write(&blocked, "").unwrap();
    for path in [blocked.join("state.db"), folder.path().join("missing/state.db")] {
        let daemon = Process::serving(file(&config(&api.uri(), &path, 3)), &[]);
        let url = daemon.url().await;
        daemon.until(async || get(&format!("{url}/-/ready")).await == "ready\n").await;
        assert!(has(&url, WRITABLE, "0").await);
        let log = daemon.stop().await.stderr;
        assert!(log.contains("cannot write the store, so history is kept in memory"), "{log}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_at_the_start_is_left_alone_and_used_again_later() {
    let (api, (folder, path)) = (account().await, place());
    let toml = config(&api.uri(), &path, DAYS);
    filled(&toml, &path, DAYS).await;
    let before = stored(&path);
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let full_disk: fn(&[&str]) -> Command = |arguments| limited(0, arguments);
    for (name, file_mode, folder_mode, start) in [
        ("a folder that may only be read", 0o644, 0o555, bound as fn(&[&str]) -> Command),
        ("a file that may only be read", 0o444, 0o755, bound),
        ("a full disk", 0o644, 0o755, full_disk),
    ] {
        for journal in ["state.db-wal", "state.db-shm"] {
            // A process that only reads leaves them behind, empty.
            let _ = fs::remove_file(folder.path().join(journal));
        }
        allow(&path, file_mode);
        allow(folder.path(), folder_mode);
        let config = file(&toml);
        let arguments = ["run", &config_flag(&config), "--web.listen-address=127.0.0.1:0"];
        let daemon = Process::start(&mut start(&arguments));
        let listener = Listener::new(daemon.url().await);
        listener.until_ready().await;
        let metrics = listener.metrics().await;
        assert_eq!(metrics.matches("gcore_cost_today_amount{").count() as u64, PROJECTS, "{name}");
        assert_eq!(value(&metrics, WRITABLE).as_deref(), Some("0"), "{name}");
        assert_eq!(value(&metrics, DAMAGES).as_deref(), Some("0"), "{name}");
        let log = daemon.stop().await.stderr;
        assert!(log.contains("cannot write the store, so what it holds is not used"), "{name}: {log}");
        allow(folder.path(), 0o755);
        allow(&path, 0o644);
        assert_eq!(stored(&path), before, "{name}");
    }
    filled(&toml, &path, DAYS).await;
    let after = stored(&path);
    let unsettled = before.keys().rev().take(2).collect::<Vec<_>>();
    let same = before.iter().filter(|(day, _)| !unsettled.contains(day)).all(|(day, amounts)| &after[day] == amounts);
    assert!(same, "settled days are as they were");
}

#[tokio::test]
async fn a_restart_reads_no_settled_day_again_and_forgets_no_failure() {
    let (api, (_folder, path)) = (account().await, place());
    let failed = |uuid: &str| json!({"uuid": uuid, "task_type": "Report", "status": "Failed"});
    let tasks = |uuids: &[&str]| {
        let results: Vec<_> = uuids.iter().map(|uuid| failed(uuid)).collect();
        answer(&json!({"count": results.len(), "results": results}).to_string())
    };
    asked(REPORTS).respond_with(tasks(&["a", "b"])).mount(&api).await;
    let reports = "[collect.reports]\nenabled = false";
    let toml =
        config(&api.uri(), &path, DAYS).replace(reports, "[collect.reports]\nlook_back = '400d'\ninterval = '1s'");
    let daemon = Process::serving(file(&toml), &[]);
    let url = daemon.url().await;
    let failures = r#"gcore_report_task_failures_total{account="main",task_type="Report"}"#;
    daemon.until(async || has(&url, failures, "2").await && days_in(&path) == DAYS).await;
    daemon.stop().await;

    api.reset().await;
    mount_costs(&api).await;
    asked(REPORTS).respond_with(tasks(&["b", "c"])).mount(&api).await;
    let daemon = Process::serving(file(&toml), &[]);
    let url = daemon.url().await;
    let polls = r#"gcore_polls_total{account="main",collector="history"}"#;
    let polled =
        async || value(&get(&format!("{url}/metrics")).await, polls).map(|polls| polls.parse::<f64>().unwrap());
    daemon.until(async || has(&url, failures, "3").await && polled().await >= Some(2.0)).await;
    daemon.stop().await;
    let days = stored(&path);
    let again: Vec<_> = bodies(&api, COST).await.iter().map(day_of).filter(|day| days.contains_key(day)).collect();
    assert!(again.is_empty(), "asked for again: {again:?}");
}

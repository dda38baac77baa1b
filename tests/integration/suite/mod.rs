//! The fault suite: a table with one row for each fault.
//!
//! Each row has three phases: no fault, one endpoint with a fault while the data change, no fault. In each phase, every
//! series of every collector is compared with its expected value. A trial runs the built program with its own API, and
//! has at most one row for each collector. So rows do not interfere, and collectors without a row show that a fault has
//! no other effect.

mod account;
mod expected;
mod exposition;
mod reply;
mod rows;
mod server;
mod tls;
mod trial;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gcore_billing_exporter::snapshot::Collector;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::harness::http;
use account::{Account, Endpoint};
use rows::Row;
use trial::Trial;

/// The number of parallel trials. They mostly wait, for an interval or a retry.
const AT_ONCE: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_makes_the_metrics_lie() {
    let elsewhere = Elsewhere::start().await;
    let rows = rows::all(&elsewhere.url);
    check_table(&rows);
    let failed = LocalSet::new().run_until(run(rows)).await;
    assert_eq!(failed, 0, "trials failed, as told above");
    assert_eq!(elsewhere.heard.load(Ordering::SeqCst), 0, "another host heard of a request");
}

/// Runs all trials, some in parallel. Returns the number of failed ones.
async fn run(rows: Vec<Row>) -> usize {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let http = http();
    let mut tasks = JoinSet::new();
    for rows in trials(rows) {
        let (turns, http) = (Arc::clone(&turns), http.clone());
        tasks.spawn_local(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            Trial::of(rows, http).await.run().await;
        });
    }
    let mut failed = 0;
    while let Some(ended) = tasks.join_next().await {
        failed += usize::from(ended.is_err());
    }
    failed
}

/// Combines rows that do not interfere: of different collectors, and either all slow or all fast.
fn trials(mut rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut trials: Vec<Vec<Row>> = Vec::new();
    // Rows that wait for a timeout wait together.
    rows.sort_by_key(|row| !row.is_limited());
    for row in rows {
        let fits = |trial: &&mut Vec<Row>| {
            let collector = |row: &Row| row.fault.endpoint.collector();
            let goes_with = |other: &Row| {
                !row.is_alone
                    && !other.is_alone
                    && row.request_timeout == other.request_timeout
                    && row.is_slow() == other.is_slow()
                    && collector(&row) != collector(other)
            };
            trial.iter().all(goes_with)
        };
        match trials.iter_mut().find(fits) {
            Some(trial) => trial.push(row),
            None => trials.push(vec![row]),
        }
    }
    // The slow trials come first, because otherwise the last of them would run alone.
    trials.sort_by_key(|trial| !trial.iter().any(|row| row.is_limited() || row.is_alone || row.is_slow()));
    trials
}

/// Fails if a case is missing in the table.
fn check_table(rows: &[Row]) {
    assert!(rows.len() >= 50, "{} rows", rows.len());
    for endpoint in Endpoint::ALL {
        let there = rows.iter().filter(|row| row.fault.endpoint == endpoint).count();
        assert!(there >= 5, "{there} rows for {}", endpoint.label());
        let is_odd = |key: &str| {
            let mut names =
                rows.iter().filter_map(|row| row.name.strip_prefix(&format!("{}: wrong ", endpoint.label())));
            names.any(|keys| keys.split(' ').any(|word| word == key))
        };
        for (key, _) in &Account::new().rows(endpoint, 1, &[])[0] {
            assert!(is_odd(key), "{}: no row makes {key} a value of the wrong type", endpoint.label());
        }
    }
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");
}

/// Another host, which must never get a request.
struct Elsewhere {
    url: String,
    heard: Arc<AtomicUsize>,
}

impl Elsewhere {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&heard);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { url, heard }
    }
}

/// Checks the model of all other comparisons against numbers computed by hand.
#[test]
fn the_expected_sums_are_right() {
    let cost = Account::new().expected(1).picture(Collector::Cost);
    for (part, value) in [
        (r#"project_id="101",project_name="p101",region_id="7",region_name="r7",resource_type="instance""#, "0.60003"),
        (r#"resource_type="volume",currency="USD""#, "-0.25001"),
        (r#"resource_type="baremetal",currency="EUR""#, "0"),
        (r#"region_id="8",region_name="r8",resource_type="instance",currency="EUR""#, "12.5"),
        (r#"unpriced_records{account="main",resource_type="inference",reason="null_cost"}"#, "1"),
        (r#"difference_amount{account="main",currency="EUR",window="previous_month"}"#, "0"),
        // Ten rows and seven lines.
        (r#"tolerance_amount{account="main",currency="USD",window="previous_month"}"#, "0.000085"),
    ] {
        let found: Vec<&String> =
            cost.iter().filter(|(series, _)| series.contains(part)).map(|(_, value)| value).collect();
        assert_eq!(found, [value], "{part} in {cost:#?}");
    }
    assert_eq!(cost.len(), 6 + 1 + 3 + 2 * 2 + 1, "{cost:#?}");
}

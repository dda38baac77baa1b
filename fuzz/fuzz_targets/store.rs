//! The store: a file with changed bytes, opened as a command and as a daemon do, and read to the end.
//!
//! An input is a list of changes to a good file: three bytes for the place, one for the length, and the new bytes. An
//! input that begins with `SQLite` is the file itself.
#![no_main]

use std::hint::black_box;
use std::sync::LazyLock;

use gcore_api::billing::amount::Amount;
use gcore_api::billing::report_task::TaskType;
use gcore_api::billing::resource::{ProjectId, RegionId, ResourceType};
use gcore_billing_exporter::aggregate::group::Group;
use gcore_billing_exporter::alert::{Alert, Status};
use gcore_billing_exporter::store::alerts::OutboxRow;
use gcore_billing_exporter::store::days::Day;
use gcore_billing_exporter::store::series::{Kind, Series};
use gcore_billing_exporter::store::{Error, Settings, Store};
use gcore_billing_fuzz::{noon, runtime, yesterday};
use jiff::civil::Date;
use libfuzzer_sys::fuzz_target;
use prometheus::Registry;
use tokio::runtime::Runtime;

const CHANNEL: &str = "webhook.ops";

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = Store::open(&Settings { path: Some(path.clone()) }, &Registry::new()).unwrap();
    runtime().block_on(fill(&store)).unwrap();
    drop(store);
    std::fs::read(path).unwrap()
});

thread_local! {
    static RUNTIME: Runtime = runtime();
}

/// Writes rows into each table.
async fn fill(store: &Store) -> Result<(), Error> {
    let (account, now) = ("main".parse().unwrap(), noon());
    let id = store.account(&account, "fuzz".to_owned()).await?;
    for (kind, measure) in [(Kind::Cost, "EUR"), (Kind::Usage, "GB")] {
        for amount in ["1.5", "2.25"] {
            let group =
                Group { project: ProjectId(1), region: Some(RegionId(2)), resource_type: ResourceType::new("volume") };
            let amounts = vec![(Series { group, measure: measure.into() }, amount.parse().unwrap())];
            let (date, rounding) = (yesterday().first(), Amount::ZERO);
            store.write_day(id, kind, Day { date, read_at: now, is_settled: true, rounding, amounts }, 100).await?;
        }
    }
    let alert = Alert {
        labels: [("alertname".into(), "GcoreBudgetUsed".into())].into(),
        annotations: Default::default(),
        status: Status::Firing,
        starts_at: now,
        ends_at: None,
        value: Some(1.5),
        threshold: None,
        since: now,
    };
    let (fingerprint, body) = (alert.fingerprint(), serde_json::to_string(&alert).unwrap());
    let outbox = OutboxRow {
        channel: CHANNEL.to_owned(),
        fingerprint,
        notification_id: alert.message_id(),
        body: body.clone(),
        created_at: now,
        due_at: now,
    };
    store.commit_alerts(vec![(fingerprint, Some(body.clone()))], vec![outbox]).await?;
    store.record_told(CHANNEL.to_owned(), vec![(fingerprint, body)], now).await?;
    store.count_failures(&account, vec![("t1".to_owned(), TaskType::new("Report"))]).await?;
    store.keep(&account, "fuzz", "cost".to_owned(), b"{}".to_vec()).await
}

/// Reads everything. An unreadable part is an error, and the other parts can still be read.
async fn read(store: &Store) -> Result<(), Error> {
    for body in store.alerts().await.unwrap_or_default() {
        let _ = black_box(serde_json::from_str::<Alert>(&body));
    }
    let _ = black_box(store.tellings().await);
    let _ = black_box(store.dead_letters().await);
    let _ = black_box(store.told(CHANNEL.to_owned()).await);
    let _ = black_box(store.outbox_heads(CHANNEL.to_owned(), noon(), 10).await);
    let _ = black_box(store.kept(&"main".parse().unwrap(), "fuzz").await);
    for id in store.accounts().await?.into_values() {
        for kind in [Kind::Cost, Kind::Usage] {
            let _ = black_box(store.series(id, kind).await);
            let _ = black_box(store.days(id, kind).await);
            let _ = black_box(store.revisions(id, kind, noon()).await);
            let visit = |sum: &mut Amount, _: &[Series], _, amounts: &[(usize, Amount)]| {
                *sum = amounts.iter().fold(*sum, |sum, (_, amount)| sum.checked_add(*amount).unwrap_or(sum));
            };
            let _ = black_box(store.visit_days(id, kind, (Date::MIN, Date::MAX), Amount::ZERO, visit).await);
        }
    }
    Ok(())
}

/// The file of an input.
fn file(mut input: &[u8]) -> Vec<u8> {
    if input.starts_with(b"SQLite") {
        return input.to_owned();
    }
    let mut file = GOOD.clone();
    while let [a, b, c, length, rest @ ..] = input {
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let place = u32::from_be_bytes([0, *a, *b, *c]) as usize % file.len();
        file.iter_mut().skip(place).zip(bytes).for_each(|(old, new)| *old = *new);
        input = rest;
    }
    file
}

fuzz_target!(|input: &[u8]| {
    let (folder, file) = (tempfile::tempdir().unwrap(), file(input));
    let path = folder.path().join("state.db");
    std::fs::write(&path, &file).unwrap();
    let work = async {
        if let Ok(store) = Store::open_to_read(&path) {
            let _ = read(&store).await;
            drop(store);
            assert_eq!(std::fs::read(&path).unwrap(), file, "a reader changed the file");
        }
        let Ok(store) = Store::open(&Settings { path: Some(path.clone()) }, &Registry::new()) else { return };
        let _ = read(&store).await;
        store.check().await;
        // The first attempt may find damage and set the file aside. The second then has a new one.
        let account = async || store.account(&"main".parse().unwrap(), "fuzz".to_owned()).await;
        let _ = account().await;
        let again = account().await;
        let is_damaged =
            |error: &Error| ["malformed", "not a database"].iter().any(|word| error.to_string().contains(word));
        assert!(!again.as_ref().is_err_and(is_damaged), "{again:?}");
    };
    RUNTIME.with(|runtime| runtime.block_on(work));
});

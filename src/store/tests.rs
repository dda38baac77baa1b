//! The store on real files.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use prometheus::Registry;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::aggregate::group::Group;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::report_task::TaskType;
use gcore_api::billing::resource::{ProjectId, RegionId, ResourceType};

use super::alerts::OutboxRow;
use super::days::{Day, Revision};
use super::series::{Kind, Series};
use super::{AccountId, Settings, Store};

const DAY: Date = date(2026, 11, 3);
const LIMIT: usize = 10_000;

fn open(path: &Path) -> anyhow::Result<(Store, Registry)> {
    let registry = Registry::new();
    Ok((Store::open(&Settings { path: Some(path.to_owned()) }, &registry)?, registry))
}

fn gauge(registry: &Registry, name: &str) -> String {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let metric = &family.get_metric()[0];
    (metric.get_gauge().get_value() + metric.get_counter().get_value()).to_string()
}

async fn account(store: &Store) -> AccountId {
    store.account(&"main".parse().unwrap(), String::new()).await.unwrap()
}

fn series(project: u64, region: Option<u64>) -> Series {
    let group = Group {
        project: ProjectId(project),
        region: region.map(RegionId),
        resource_type: ResourceType::new("dbaas_postgresql_connection_pooler"),
    };
    Series { group, measure: "EUR".into() }
}

fn day(is_settled: bool, read_at: &str, amounts: &[(Series, &str)]) -> Day {
    let amounts = amounts.iter().map(|(series, amount)| (series.clone(), amount.parse().unwrap())).collect();
    Day { date: DAY, read_at: read_at.parse().unwrap(), is_settled, rounding: "0.01".parse().unwrap(), amounts }
}

async fn stored(store: &Store, account: AccountId) -> Vec<(Date, Series, String)> {
    let all = (date(1, 1, 1), date(9999, 1, 1));
    let visit = |found: &mut Vec<_>, series: &[Series], day, amounts: &[(usize, Amount)]| {
        found.extend(amounts.iter().map(|(at, amount)| (day, series[*at].clone(), amount.to_string())));
    };
    let mut found = store.visit_days(account, Kind::Cost, all, Vec::new(), visit).await.unwrap();
    found.sort();
    found
}

#[tokio::test]
async fn a_day_is_replaced_whole_and_what_was_settled_leaves_a_trace() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let (store, _) = open(&path).unwrap();
    let main = account(&store).await;
    let [a, b, c] = [series(1, Some(76)), series(1, None), series(u64::MAX >> 1, Some(4))];
    let write = async |day| store.write_day(main, Kind::Cost, day, LIMIT).await.unwrap();
    let (early, late) = ("2026-11-04T01:00:00Z", "2026-11-05T01:00:00Z");
    let first = write(day(false, early, &[(a.clone(), "0.10000"), (b.clone(), "12345678901234.000000000001")])).await;
    let same = write(day(false, early, &[(a.clone(), "0.1"), (b.clone(), "12345678901234.000000000001")])).await;
    let grown = write(day(true, late, &[(a.clone(), "0.3"), (c.clone(), "-5")])).await;
    assert_eq!([first, same, grown], [true, false, true], "nothing was settled");
    let revised = write(day(false, "2026-11-12T01:00:00Z", &[(a.clone(), "0.25"), (b.clone(), "1")])).await;
    assert!(revised);

    drop(store);
    let (store, _) = open(&path).unwrap();
    assert_eq!(account(&store).await, main);
    assert_eq!(stored(&store, main).await, [(DAY, b.clone(), "1".into()), (DAY, a.clone(), "0.25".into())]);
    let known = store.days(main, Kind::Cost).await.unwrap()[&DAY];
    assert!(known.is_settled, "what was settled once stays so");
    let since = |text: &str| store.revisions(main, Kind::Cost, text.parse::<Timestamp>().unwrap());
    let changes: Vec<_> = since("2026-11-12T00:00:00Z")
        .await
        .unwrap()
        .into_iter()
        .map(|(s, revision)| (s, revision.change.to_string()))
        .collect();
    assert_eq!(changes, [(b, "1".into()), (a, "-0.05".into()), (c, "5".into())]);
    assert!(since("2026-11-12T01:00:01Z").await.unwrap().is_empty());
    for (now, kept) in [("2027-12-17T01:00:00Z", 3), ("2027-12-17T01:00:01Z", 0)] {
        store.forget_revisions(now.parse().unwrap()).await.unwrap();
        assert_eq!(since("2026-11-12T00:00:00Z").await.unwrap().len(), kept, "{now}");
    }
    assert!(store.days(main, Kind::Usage).await.unwrap().is_empty(), "usage is another history");
    let other = store.account(&"main".parse().unwrap(), "projects 16".into()).await.unwrap();
    assert!(stored(&store, other).await.is_empty(), "so is another scope of the account");
}

#[tokio::test]
async fn rounding_is_no_revision_also_where_a_series_comes_or_goes() {
    let folder = TempDir::new().unwrap();
    let (store, _) = open(&folder.path().join("state.db")).unwrap();
    let main = account(&store).await;
    let write = async |read_at, amounts: &[(Series, &str)]| {
        store.write_day(main, Kind::Cost, day(true, read_at, amounts), LIMIT).await.unwrap()
    };
    let [a, b, c, d] = [1, 2, 3, 4].map(|project| series(project, None));
    let first = [(a.clone(), "1"), (b.clone(), "0"), (c.clone(), "0.004")];
    assert!(write("2026-11-12T01:00:00Z", &first).await);
    for (name, amounts) in [
        ("a zero and a fraction of a cent go", &[(a.clone(), "1")][..]),
        ("another fraction of a cent comes", &[(a.clone(), "1.009"), (b, "0"), (c, "0.004"), (d.clone(), "0.002")]),
        ("all is as before", &first),
    ] {
        assert!(!write("2026-11-13T01:00:00Z", amounts).await, "{name}");
    }
    assert!(write("2026-11-14T01:00:00Z", &[(a, "1"), (d.clone(), "0.01")]).await, "a cent is a change");
    let changed = store.revisions(main, Kind::Cost, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(changed, [(d, Revision { change: "0.01".parse().unwrap(), first_day: DAY })].into());
}

#[tokio::test]
async fn a_garbled_day_counts_as_never_read_and_harms_no_other() {
    let amount = "UPDATE amount SET amount = '1\\x025' WHERE day = 20261103 AND series = 1";
    for (name, garble, is_day_kept) in [
        ("an amount", amount, false),
        ("a day that is none", "UPDATE reading SET day = 20261150 WHERE day = 20261103 AND account = 1", false),
        ("a time that is none", "UPDATE reading SET read_at = 1 << 60 WHERE day = 20261103 AND account = 1", false),
        ("a revision", "UPDATE revision SET before = 'x'", true),
    ] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("state.db");
        let (store, registry) = open(&path).unwrap();
        let main = account(&store).await;
        let other = store.account(&"other".parse().unwrap(), String::new()).await.unwrap();
        let [a, b] = [1, 2].map(|project| series(project, None));
        let first = day(true, "2026-11-12T01:00:00Z", &[(a.clone(), "1.25"), (b.clone(), "2")]);
        let next = Day { date: DAY.tomorrow().unwrap(), ..first.clone() };
        for (account, day) in [(main, &first), (other, &first), (main, &next)] {
            store.write_day(account, Kind::Cost, day.clone(), LIMIT).await.unwrap();
        }
        let grown = [(a.clone(), "1.25"), (b.clone(), "3")];
        store.write_day(main, Kind::Cost, day(true, "2026-11-13T01:00:00Z", &grown), LIMIT).await.unwrap();
        Connection::open(&path).unwrap().execute_batch(garble).unwrap();

        let sound: Vec<_> = [(next.date, a.clone(), "1.25".into()), (next.date, b.clone(), "2".into())].into();
        let there = async || -> Vec<Date> { store.days(main, Kind::Cost).await.unwrap().into_keys().collect() };
        if !is_day_kept {
            let reader = Store::open_to_read(&path).unwrap();
            let all = (date(1, 1, 1), date(9999, 1, 1));
            let days = reader.days(main, Kind::Cost).await;
            let visited = reader.visit_days(main, Kind::Cost, all, (), |(), _, _, _| {}).await;
            let error = days.err().or(visited.err()).unwrap().to_string();
            assert!(error.contains("is garbled; start the daemon once"), "{name}: {error}");
            there().await;
            assert_eq!(stored(&store, main).await, sound, "{name}");
            assert_eq!(there().await, [next.date], "{name}");
        }
        assert_eq!(stored(&store, other).await.len(), 2, "{name}: another account");
        assert_eq!(
            store.revisions(main, Kind::Cost, Timestamp::UNIX_EPOCH).await.unwrap().len(),
            usize::from(!is_day_kept)
        );
        let again = day(true, "2026-11-20T01:00:00Z", &[(a.clone(), "1.25"), (b.clone(), "3")]);
        assert_eq!(store.write_day(main, Kind::Cost, again, LIMIT).await.unwrap(), !is_day_kept, "{name}");
        assert_eq!(stored(&store, main).await.len(), 4, "{name}: it was read again");
        assert_eq!(gauge(&registry, "gcore_store_writable"), "1", "{name}");
    }
}

#[tokio::test]
async fn series_past_the_limit_are_stored_as_one() {
    let (store, _) = open(&TempDir::new().unwrap().path().join("state.db")).unwrap();
    let main = account(&store).await;
    let of = |region| series(1, Some(region));
    let dollars = Series { measure: "USD".into(), ..of(9) };
    let write = async |read_at: &str, amounts: &[(Series, &str)], limit| {
        store.write_day(main, Kind::Cost, day(true, read_at, amounts), limit).await.unwrap();
        stored(&store, main).await.into_iter().map(|(_, series, amount)| (series, amount)).collect::<Vec<_>>()
    };
    let sorted = |amounts: &[(Series, &str)]| {
        let mut amounts: Vec<_> =
            amounts.iter().map(|(series, amount)| (series.clone(), (*amount).to_owned())).collect();
        amounts.sort();
        amounts
    };
    let rows = [(of(1), "1"), (of(2), "-5"), (of(3), "2"), (of(4), "3"), (dollars, "0.5")];
    let want = [(of(2), "-5"), (of(4), "3"), (Series::other("EUR"), "3"), (Series::other("USD"), "0.5")];
    let mut found = write("2026-11-13T01:00:00Z", &rows, 2).await;
    found.sort();
    assert_eq!(found, sorted(&want), "the largest amounts have series of their own");
    let rows = [(of(1), "100"), (of(2), "1"), (of(3), "2")];
    let want = [(of(2), "1"), (Series::other("EUR"), "102")];
    let mut found = write("2026-11-14T01:00:00Z", &rows, 2).await;
    found.sort();
    assert_eq!(found, sorted(&want), "they keep them");

    let store = open(&TempDir::new().unwrap().path().join("state.db")).unwrap().0;
    let main = account(&store).await;
    let rows = [(series(1, None), "9"), (series(2, None), "8"), (series(3, None), "7"), (series(1, Some(4)), "1")];
    store.write_day(main, Kind::Cost, day(true, "2026-11-13T01:00:00Z", &rows), 8).await.unwrap();
    let mut found: Vec<_> =
        stored(&store, main).await.into_iter().map(|(_, series, amount)| (series, amount)).collect();
    found.sort();
    let want = [(series(1, None), "9"), (series(2, None), "8"), (Series::other("EUR"), "7"), (series(1, Some(4)), "1")];
    assert_eq!(found, sorted(&want), "two projects in a history of eight series");
}

#[tokio::test]
async fn accounts_share_the_series_limit_but_each_has_some() {
    let folder = TempDir::new().unwrap();
    let write_at = async |name: &str, scope: &str, count: u64, read_at: &str| {
        // Each write is of another process.
        let (store, _) = open(&folder.path().join("state.db")).unwrap();
        let account = store.account(&name.parse().unwrap(), scope.into()).await.unwrap();
        let rows: Vec<_> = (0..count).map(|region| (series(1, Some(region)), "1")).collect();
        store.write_day(account, Kind::Cost, day(true, read_at, &rows), 1_500).await.unwrap();
        stored(&store, account).await.len()
    };
    let write = async |name, count| write_at(name, "", count, "2026-11-13T01:00:00Z").await;
    assert_eq!(write("a", 900).await, 900);
    assert_eq!(write("b", 700).await, 600 + 1, "the rest, and the sum of the others");
    assert_eq!(write("c", 700).await, 500 + 1, "at least");
    assert_eq!(write("a", 900).await, 900, "its own series do not count twice");
    let of_another_filter = write_at("a", "another filter", 600, "2026-11-13T01:00:00Z").await;
    assert_eq!(of_another_filter, 500 + 1, "beside 601 of b and 501 of c, not beside 900 of its own");
    assert_eq!(write_at("d", "", 1_400, "2026-11-21T01:00:00Z").await, 1_400, "the others were not read for a week");
}

#[tokio::test]
async fn a_garbled_day_can_be_written_over() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let (store, _) = open(&path).unwrap();
    let main = account(&store).await;
    let amounts = [(series(1, None), "1.25")];
    store.write_day(main, Kind::Usage, day(true, "2026-11-12T01:00:00Z", &amounts), LIMIT).await.unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE amount SET amount = ''").unwrap();
    assert!(store.write_day(main, Kind::Usage, day(true, "2026-11-13T01:00:00Z", &amounts), LIMIT).await.unwrap());
    assert!(!store.write_day(main, Kind::Usage, day(true, "2026-11-14T01:00:00Z", &amounts), LIMIT).await.unwrap());
    let revisions = store.revisions(main, Kind::Usage, Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(revisions.is_empty(), "what it was before is not known");
}

#[tokio::test]
async fn a_failed_task_counts_once_across_restarts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let listed = |uuids: &[&str]| uuids.iter().map(|uuid| ((*uuid).to_owned(), TaskType::new("Report"))).collect();
    for (uuids, total) in [(&["a", "b"][..], 2), (&["b", "c"], 3), (&[], 3), (&["d"], 4)] {
        let (store, _) = open(&path).unwrap();
        let counted = store.count_failures(&"main".parse().unwrap(), listed(uuids)).await.unwrap();
        assert_eq!(counted[&TaskType::new("Report")], total, "{uuids:?}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_or_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(&path).err().unwrap().to_string();
    let want = format!(
        "cannot use {} as the store: it was written by a newer version (its format is 99, this version knows 4); run the \
         version that wrote it, or name another file by storage.path",
        path.display()
    );
    assert_eq!(error, want);
    assert_eq!(fs::read(&path).unwrap(), before);

    let other = folder.path().join("browser.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let error = open(&other).err().unwrap().to_string();
    assert!(error.contains("it is a database of another program; name another file by storage.path"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_when_it_is_opened_and_when_it_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    for (name, text) in
        [("no database", vec![b'x'; 5000]), ("cut within its first page", b"SQLite format 3\0".to_vec())]
    {
        fs::write(&path, &text).unwrap();
        let (store, registry) = open(&path).unwrap();
        assert!(!store.is_in_memory(), "{name}");
        assert_eq!(gauge(&registry, "gcore_store_damages_total"), "1", "{name}");
        assert_eq!(gauge(&registry, "gcore_store_writable"), "1", "{name}");
        let main = account(&store).await;
        let rows: Vec<_> = (0..2000).map(|project| (series(project, None), "1.5")).collect();
        store.write_day(main, Kind::Cost, day(false, "2026-11-04T01:00:00Z", &rows), LIMIT).await.unwrap();
        drop(store);
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{ending}", path.display()));
        }
    }
    assert!(folder.path().join("state.db.damaged-1").exists() && folder.path().join("state.db.damaged-2").exists());

    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length / 3..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let (store, registry) = open(&path).unwrap();
    let all = (date(1, 1, 1), date(9999, 1, 1));
    let main = account(&store).await;
    assert!(store.visit_days(main, Kind::Cost, all, (), |(), _, _, _| {}).await.is_err());
    assert!(folder.path().join("state.db.damaged-3").exists());
    assert_eq!(gauge(&registry, "gcore_store_damages_total"), "1");
    let main = account(&store).await;
    let fresh = day(false, "2026-11-04T01:00:00Z", &[(series(1, None), "2")]);
    store.write_day(main, Kind::Cost, fresh, LIMIT).await.unwrap();
    assert_eq!(stored(&store, main).await.len(), 1, "it goes on with a fresh file");
    assert_eq!(gauge(&registry, "gcore_store_writable"), "1");
}

#[tokio::test]
async fn what_cannot_be_written_is_kept_in_memory_and_said() {
    let folder = TempDir::new().unwrap();
    for path in [folder.path().join("missing/state.db"), folder.path().to_owned()] {
        let (store, registry) = open(&path).unwrap();
        assert!(store.is_in_memory());
        assert_eq!(gauge(&registry, "gcore_store_writable"), "0");
        let main = account(&store).await;
        let fresh = day(true, "2026-11-05T01:00:00Z", &[(series(1, None), "2")]);
        store.write_day(main, Kind::Cost, fresh, LIMIT).await.unwrap();
        assert_eq!(stored(&store, main).await.len(), 1);
    }
    let registry = Registry::new();
    Store::open(&Settings { path: None }, &registry).unwrap();
    assert_eq!(gauge(&registry, "gcore_store_writable"), "1", "memory was asked for");
}

#[tokio::test]
async fn alerts_and_what_is_to_be_told_of_them_are_written_together() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let (store, _) = open(&path).unwrap();
    let row = |message: &str| OutboxRow {
        channel: "hook".into(),
        fingerprint: u64::MAX,
        notification_id: message.into(),
        body: "{}".into(),
        created_at: "2026-11-22T12:00:00Z".parse().unwrap(),
        due_at: "2026-11-22T12:00:00Z".parse().unwrap(),
    };
    let state = |body: &str| Some(body.to_owned());
    store.commit_alerts(vec![(u64::MAX, state("a")), (1, state("b"))], vec![row("1"), row("2")]).await.unwrap();
    store.commit_alerts(vec![(1, None), (2, state("c")), (2, state("d"))], vec![]).await.unwrap();
    Connection::open(&path).unwrap().execute_batch("DROP TABLE outbox").unwrap();
    store.commit_alerts(vec![(3, state("lost"))], vec![row("3")]).await.unwrap_err();
    drop(store);
    let (store, _) = open(&path).unwrap();
    assert_eq!(store.alerts().await.unwrap(), ["a", "d"], "by number, the highest of which are negative in the file");
}

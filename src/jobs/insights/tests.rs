use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::civil::date;
use prometheus::Registry;

use super::*;
use crate::aggregate::cost::CostTotals;
use crate::aggregate::group::Group;
use crate::snapshot;
use crate::snapshot::{Reading, Snapshot};
use crate::store::Settings;
use crate::store::days::Day;
use gcore_api::billing::resource::{ProjectId, ResourceType};

/// A day on which one group cost `amount`.
fn day(date: Date, amount: &str) -> Day {
    let group = Group { project: ProjectId(1), region: None, resource_type: ResourceType::new("disk") };
    let amounts = vec![(Series { group, measure: "EUR".into() }, amount.parse().unwrap())];
    Day { date, read_at: "2026-11-22T12:00:00Z".parse().unwrap(), is_settled: true, rounding: Amount::ZERO, amounts }
}

#[tokio::test]
async fn only_a_change_is_published() {
    let account: AccountName = "main".parse().unwrap();
    let store = Store::open(&Settings { path: None }, &Registry::new()).unwrap();
    let of_account = store.account(&account, String::new()).await.unwrap();
    let (writer, mut reader) = snapshot::channel(Snapshot::default());
    let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let now = Arc::new(AtomicI64::new(noon.as_second()));
    let clock = Clock::from_fn({
        let now = Arc::clone(&now);
        move || Timestamp::from_second(now.load(Ordering::SeqCst)).unwrap()
    });
    let mut job =
        InsightsJob::new(account.clone(), String::new(), clock, store.clone(), writer.clone(), Vec::new()).start();
    let mut is_published = || {
        let is_new = reader.has_changed().unwrap();
        reader.mark_unchanged();
        is_new
    };

    job.wake(None, true).await;
    assert!(is_published(), "the first look");
    job.wake(None, true).await;
    assert!(!is_published(), "nothing has changed");
    store.write_day(of_account, Kind::Cost, day(date(2026, 11, 21), "5"), 100).await.unwrap();
    job.wake(Some(date(2026, 11, 21)), true).await;
    assert!(is_published(), "a new day");
    job.wake(None, true).await;
    assert!(!is_published(), "nothing has changed since");
    let reading = Reading::new(CostTotals::default(), noon, Duration::from_secs(3_600));
    let month = Window::MonthToDate.period(noon);
    writer.update(&account, |account| {
        account.cost.insert(Window::MonthToDate, WindowReading::new(reading, month, Duration::ZERO));
    });
    assert!(is_published(), "the reading itself");
    job.wake(None, true).await;
    assert!(!is_published(), "no budget depends on it");
    now.fetch_add(24 * 3_600, Ordering::SeqCst);
    job.wake(None, true).await;
    assert!(is_published(), "the day has turned");
    let found = reader.borrow().accounts[&account].insights.clone().unwrap();
    assert_eq!(found.findings.judged.as_ref().unwrap().day, date(2026, 11, 21));
}

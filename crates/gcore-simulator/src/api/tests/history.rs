//! The patterns of the account's history, as a client reads it day by day.

use std::sync::Mutex;

use jiff::civil::{Date, Weekday, date};
use jiff::{SignedDuration, ToSpan};

use super::*;
use crate::days::utc_date;

const DAYS: usize = 120;

/// The daily costs of a group; `None` on a day without a priced row.
type Series = BTreeMap<Date, Option<f64>>;

fn day_before(today: Date, days: i64) -> Range<Date> {
    let day = today.saturating_sub(days.days());
    day..day.tomorrow().unwrap()
}

async fn costs(running: &Running, day: &Range<Date>) -> BTreeMap<Group, Decimal> {
    sum(running.walk("/cloud/v1/cost_report/resources", day, 1_000).await, |row| {
        Some((row.currency.clone().unwrap_or_default(), row.cost.as_ref()?.get().parse().unwrap()))
    })
}

/// The closed days before `now`, read day by day.
async fn read_history(now: &str) -> BTreeMap<Group, Series> {
    let (running, today) = (start(now).await, utc_date(now.parse().unwrap()));
    let mut history: BTreeMap<Group, Series> = BTreeMap::new();
    let mut days = Vec::new();
    for ago in 1..=DAYS as i64 {
        let day = day_before(today, ago);
        days.push(day.start);
        for (group, cost) in costs(&running, &day).await {
            history.entry(group).or_default().insert(day.start, Some(float(&cost)));
        }
    }
    running.end().await;
    for series in history.values_mut() {
        days.iter().for_each(|day| {
            series.entry(*day).or_insert(None);
        });
    }
    history
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn series<'a>(history: &'a BTreeMap<Group, Series>, project: u64, region: u64, kind: &str) -> &'a Series {
    let found = history.iter().find(|((p, r, k, _), _)| (*p, *r, k.as_str()) == (project, region, kind));
    found.unwrap_or_else(|| panic!("{project}/{region}/{kind} is never seen")).1
}

/// The median of the days that `accepts` selects.
fn typical(series: &Series, accepts: impl Fn(Date) -> bool) -> f64 {
    median(series.iter().filter(|(day, _)| accepts(**day)).filter_map(|(_, cost)| *cost))
}

fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

#[tokio::test]
async fn the_history_has_the_habits_of_a_real_account() {
    // One test for all checks, because reading takes longer than checking.
    let history = read_history(NOW).await;
    customers_come_on_weekdays_and_players_on_weekends(&history);
    traffic_grows_and_has_steps(&history);
    months_begin_with_charges_and_end_with_batches(&history);
    some_jobs_run_now_and_then(&history);
    a_holiday_is_shared_by_all_who_have_customers(&history);
    spikes_stand_out_on_their_days_and_only_there(&history);
}

fn customers_come_on_weekdays_and_players_on_weekends(history: &BTreeMap<Group, Series>) {
    let weekend_to_weekday = |project, region, kind| {
        let of = series(history, project, region, kind);
        typical(of, is_weekend) / typical(of, |day| !is_weekend(day))
    };
    for (name, ratio, low, high) in [
        ("shop's traffic", weekend_to_weekday(41_001, 38, "egress_traffic"), 0.65, 0.85),
        ("shop's machines", weekend_to_weekday(41_001, 38, "instance"), 0.7, 0.97),
        ("games' traffic", weekend_to_weekday(41_004, 46, "egress_traffic"), 1.4, 1.7),
        ("desks", weekend_to_weekday(41_007, 38, "basic_vm"), 0.02, 0.2),
        ("bare metal", weekend_to_weekday(41_002, 76, "baremetal"), 0.999, 1.001),
    ] {
        assert!((low..high).contains(&ratio), "{name}: {ratio}");
    }
}

fn traffic_grows_and_has_steps(history: &BTreeMap<Group, Series>) {
    let ratio = |of: &Series, day: Date| {
        let weeks = |from: Date| typical(of, |day| day >= from && day < from.saturating_add(21.days()));
        weeks(day) / weeks(day.saturating_sub(21.days()))
    };
    let growing = series(history, 41_006, 76, "egress_traffic");
    let grown = typical(growing, |day| day >= date(2026, 10, 25)) / typical(growing, |day| day < date(2026, 8, 22));
    assert!((1.08..1.25).contains(&grown), "growth: {grown}");
    for (name, of, low, high) in [
        ("a network of caches", ratio(series(history, 41_001, 76, "egress_traffic"), date(2026, 9, 17)), 0.7, 0.85),
        ("one more source", ratio(series(history, 41_002, 84, "containers"), date(2026, 10, 1)), 1.12, 1.3),
    ] {
        assert!((low..high).contains(&of), "{name}: {of}");
    }
}

fn months_begin_with_charges_and_end_with_batches(history: &BTreeMap<Group, Series>) {
    let charges: Vec<_> = series(history, 41_002, 38, "snapshot").iter().filter(|(_, cost)| cost.is_some()).collect();
    assert_eq!(
        charges.iter().map(|(day, _)| day.to_string()).collect::<Vec<_>>(),
        ["2026-08-01", "2026-09-01", "2026-10-01", "2026-11-01"]
    );
    assert!(charges.iter().all(|(_, cost)| *cost == charges[0].1 && cost.unwrap() > 50.0), "{charges:?}");
    for (name, of, days) in [
        ("desks on the 1st", series(history, 41_007, 38, "basic_vm"), charges.iter().map(|(day, _)| **day).collect()),
        (
            "closing of the month",
            series(history, 41_002, 84, "containers"),
            vec![date(2026, 7, 31), date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 31)],
        ),
    ] {
        for day in days {
            let usual = typical(of, |other| other != day);
            assert!(of[&day].unwrap() > usual + 15.0, "{name}, {day}: {:?}, usually {usual}", of[&day]);
        }
    }
}

fn some_jobs_run_now_and_then(history: &BTreeMap<Group, Series>) {
    let runs = series(history, 41_002, 76, "containers").values().flatten().count();
    assert!((20..50).contains(&runs), "{runs} runs");
    let training = series(history, 41_003, 18, "ai_cluster").values().flatten().count();
    assert!((30..60).contains(&training), "{training} days of training");
}

fn a_holiday_is_shared_by_all_who_have_customers(history: &BTreeMap<Group, Series>) {
    let holiday = date(2026, 10, 22);
    for (project, region, kind) in [
        (41_001, 76, "egress_traffic"),
        (41_004, 46, "egress_traffic"),
        (41_005, 18, "inference"),
        (41_007, 38, "basic_vm"),
    ] {
        let of = series(history, project, region, kind);
        let usual = typical(of, |day| day.weekday() == holiday.weekday() && day != holiday);
        let dip = of[&holiday].unwrap() / usual;
        assert!(dip < 0.8, "{project} {kind}: {dip}");
    }
}

fn spikes_stand_out_on_their_days_and_only_there(history: &BTreeMap<Group, Series>) {
    let spikes = simulator(NOW).spikes();
    let yesterday = utc_date(NOW.parse().unwrap()).yesterday().unwrap();
    assert!(spikes.iter().any(|spike| spike.last == yesterday), "one shows at once");
    for spike in &spikes {
        let of = &history[&spike.group];
        let spiking = |day: Date| spikes.iter().any(|s| s.group == spike.group && (s.first..=s.last).contains(&day));
        let excess = |day: Date| {
            let alike = |other: Date| other != day && other.weekday() == day.weekday() && !spiking(other);
            let usual = typical(of, alike);
            of[&day].map_or(0.0, |cost| (cost - usual) / usual)
        };
        for day in of.keys().copied() {
            let month_ends = day == day.last_of_month();
            if spiking(day) {
                assert!(excess(day) > 0.8, "{spike:?} on {day}: {}", excess(day));
                assert!(of[&day].unwrap() > 8.0, "{spike:?} on {day} is too small to care");
            } else if !month_ends {
                assert!(excess(day) < 0.6, "{spike:?}, but {day} as well: {}", excess(day));
            }
        }
    }
}

#[tokio::test]
async fn closed_days_are_revised_until_they_settle_and_one_of_them_later() {
    let born: Timestamp = NOW.parse().unwrap();
    let (now, simulator) = (Arc::new(Mutex::new(born)), simulator(NOW));
    let (correction, today) = (simulator.correction(), utc_date(born));
    let clock = Clock::from_fn({
        let now = Arc::clone(&now);
        move || *now.lock().unwrap()
    });
    let running = start_at(simulator, clock).await;
    let after = async |hours: i64, day: &Range<Date>| {
        *now.lock().unwrap() = born + SignedDuration::from_hours(hours);
        let read = costs(&running, day).await;
        read.values().map(float).sum::<f64>()
    };
    // It is 14:24. Records arrive until 20:00, both for yesterday and for the day before, which had maintenance.
    for ago in [1, 2] {
        let day = day_before(today, ago);
        let (early, later, settled) = (after(0, &day).await, after(3, &day).await, after(6, &day).await);
        assert!(early < later && later < settled && early > 0.99 * settled, "{ago}: {early} {later} {settled}");
        assert!((after(100, &day).await - settled).abs() < 1e-9, "{ago}");
    }
    let old = day_before(today, 3);
    assert!((after(0, &old).await - after(100, &old).await).abs() < 1e-9);

    let day = correction.day..correction.day.tomorrow().unwrap();
    let settled = after(0, &day).await;
    let told = after(1, &day).await;
    assert!(correction.told < born + SignedDuration::from_hours(1), "soon enough to be watched");
    assert!((3.0..8.0).contains(&(settled - told)), "{settled} {told}");
    running.end().await;
}

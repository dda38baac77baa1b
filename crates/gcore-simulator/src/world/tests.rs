use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::*;
use crate::api::{RESOURCE_TYPES, STATUSES};
use crate::days::{Window, each_day, midnight, utc_date};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Ordinary and odd instants of birth.
const BIRTHS: [&str; 5] = [
    "2026-11-22T14:24:07.123456789Z",
    "2026-03-01T00:10:00Z",
    "2028-02-29T12:00:00Z",
    "2026-12-31T23:59:59Z",
    "2027-01-01T01:00:00Z",
];

fn float(amount: &Decimal) -> f64 {
    amount.to_f64().unwrap()
}

fn day(day: Date) -> Range<Date> {
    day..day.tomorrow().unwrap()
}

#[test]
fn the_company_has_everything_that_it_should_whenever_it_is_born() {
    for born in BIRTHS {
        let now = at(born);
        let simulator = World::new(1, now);
        assert!(simulator.projects().len() >= 8, "{born}");
        assert_eq!(simulator.projects().iter().filter(|p| p.is_deleted()).count(), 2, "{born}");
        assert!(simulator.regions().len() >= 6, "{born}");
        let names: String = simulator.projects().iter().map(|p| p.name).collect();
        for awkward in ['"', '\\', '\n', '🚀'] {
            assert!(names.contains(awkward), "{born}: {awkward:?}");
        }
        let rows: Vec<_> = simulator.measured(&Window::Today.period(now), now).collect();
        assert!((150..=400).contains(&rows.len()), "{born}: {} rows", rows.len());
        let types: BTreeSet<_> = rows.iter().map(|(meter, _)| meter.resource_type).collect();
        assert_eq!(types.into_iter().collect::<Vec<_>>(), RESOURCE_TYPES, "{born}");
        let currencies: BTreeSet<_> = rows.iter().filter_map(|(meter, _)| meter.currency()).collect();
        assert_eq!(currencies.into_iter().collect::<Vec<_>>(), ["EUR", "USD"], "{born}");
        let regions: BTreeSet<_> = rows.iter().map(|(meter, _)| meter.region).collect();
        assert_eq!(regions.len(), 6, "{born}");
    }
}

#[test]
fn prices_are_known_unknown_zero_and_negative() {
    let now = at(BIRTHS[0]);
    let simulator = World::new(1, now);
    let rows: Vec<_> = simulator.measured(&Window::Yesterday.period(now), now).collect();
    let any = |test: &dyn Fn(Option<i128>, Option<&str>) -> bool| {
        rows.iter().any(|(meter, measured)| test(measured.cost(), meter.err()))
    };
    assert!(any(&|cost, err| cost.is_none() && err.is_some()), "unpriced, with a reason");
    assert!(any(&|cost, err| cost.is_none() && err.is_none()), "unpriced, without");
    assert!(any(&|cost, err| cost.is_some() && err.is_some()), "priced, with a remark");
    assert!(any(&|cost, _| cost == Some(0)), "zero");
    assert_eq!(rows.iter().filter(|(_, measured)| measured.cost().is_some_and(|cost| cost < 0)).count(), 1);
    let ledger = simulator.cost_ledger(Window::Yesterday.period(now), now);
    let of_type = |project: u64, wanted: &str| {
        ledger.iter().find(|((p, _, kind, _), _)| *p == project && kind == wanted).map(|(_, amount)| *amount)
    };
    assert_eq!(of_type(company::ML_LAB, "inference"), None, "only unpriced rows");
    assert_eq!(of_type(company::SHOP, "functions_traffic"), Some(Decimal::ZERO), "free");
}

#[test]
fn every_deleted_project_still_has_the_costs_of_its_time() {
    for born in BIRTHS {
        let now = at(born);
        let simulator = World::new(1, now);
        let cost = |project: u64, period| {
            simulator
                .cost_ledger(period, now)
                .into_iter()
                .any(|(group, cost)| group.0 == project && cost > Decimal::ZERO)
        };
        assert!(cost(company::CAMPAIGN, Window::MonthToDate.period(now)), "{born}");
        assert!(!cost(company::PROTOTYPE, Window::PreviousMonth.period(now)), "{born}");
        let before = utc_date(now).saturating_sub(90.days());
        assert!(cost(company::PROTOTYPE, day(before)), "{born}");
    }
}

/// The days before `now`, the oldest first.
fn history(now: Timestamp, days: i64) -> Vec<Range<Date>> {
    let today = utc_date(now);
    (1..=days).rev().map(|ago| day(today.saturating_sub(ago.days()))).collect()
}

#[test]
fn the_days_of_a_window_sum_to_it() {
    for born in BIRTHS {
        let now = at(born);
        let simulator = World::new(7, now);
        for window in Window::ALL {
            let whole = window.period(now);
            let days: Vec<_> = each_day(&whole).map(day).collect();
            // Before the API's rounding there is no difference.
            let exact = |periods: &[Range<Date>]| {
                let mut sums = BTreeMap::new();
                for (meter, measured) in periods.iter().flat_map(|period| simulator.measured(period, now)) {
                    let group = (meter.project, meter.region, meter.resource_type, meter.currency());
                    *sums.entry(group).or_insert(0) += measured.exact_cost.unwrap_or_default();
                }
                sums
            };
            assert_eq!(exact(&days), exact(std::slice::from_ref(&whole)), "{born} {window:?}");
            // After it, each row of each day differs by at most half of the last decimal.
            let rows = simulator.measured(&whole, now).count() * (days.len() + 1);
            let total =
                |days: &Range<Date>| -> f64 { simulator.cost_ledger(days.clone(), now).values().map(float).sum() };
            let off = (days.iter().map(total).sum::<f64>() - total(&whole)).abs();
            assert!(off < 0.5e-5 * f64::from(u32::try_from(rows).unwrap()), "{born} {window:?}: {off}");
        }
    }
}

#[test]
fn the_account_costs_2000_to_8000_euros_a_month() {
    for (seed, born) in [1, 7, 11, 2_026].into_iter().flat_map(|seed| BIRTHS.map(|born| (seed, born))) {
        let now = at(born);
        let ledger = World::new(seed, now).cost_ledger(Window::PreviousMonth.period(now), now);
        let total: f64 = ledger.iter().filter(|(group, _)| group.3 == "EUR").map(|(_, cost)| float(cost)).sum();
        assert!((2_000.0..8_000.0).contains(&total), "seed {seed}, {born}: {total} EUR");
    }
}

#[test]
fn the_csv_holds_every_day_and_says_what_the_ledger_says() {
    let now = at(BIRTHS[0]);
    let simulator = World::new(1, now);
    let days = history(now, 120);
    let csv = simulator.daily_csv(days[0].start..utc_date(now), now);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("day,group,amount,currency"));
    let want: Vec<String> = days
        .iter()
        .flat_map(|day| {
            let line = |((project, region, kind, currency), amount): (Group, Decimal)| {
                format!("{},{project}/{region}/{kind},{amount},{currency}", day.start)
            };
            simulator.cost_ledger(day.clone(), now).into_iter().map(line)
        })
        .collect();
    assert!(want.len() > 120 * 60, "{} lines", want.len());
    assert_eq!(lines.collect::<Vec<_>>(), want);
}

#[test]
fn spikes_are_labelled_within_the_history_and_the_latest_is_of_the_last_closed_day() {
    let simulator = World::new(1, at(BIRTHS[0]));
    let spike = |Spike { group: (project, region, resource_type, _), first, last }: Spike| {
        format!("{project}/{region}/{resource_type} {first} {last}")
    };
    let labels: Vec<_> = simulator.spikes().into_iter().map(spike).collect();
    assert_eq!(labels[0], "41006/76/egress_traffic 2026-11-21 2026-11-21");
    assert_eq!(labels[1], "41001/38/egress_traffic 2026-11-05 2026-11-06");
    assert_eq!(labels.len(), 7);
    assert!(simulator.spikes().iter().all(|spike| spike.first.to_string().as_str() >= "2026-07-25"));
}

#[test]
fn the_same_seed_makes_the_same_company_and_another_seed_another() {
    let now = at(BIRTHS[0]);
    let ledger = |seed| World::new(seed, now).cost_ledger(Window::MonthToDate.period(now), now);
    assert_eq!(ledger(1), ledger(1));
    assert_ne!(ledger(1), ledger(2));
}

#[test]
fn today_grows_within_seconds_and_never_shrinks() {
    let born = at(BIRTHS[0]);
    let simulator = World::new(1, born);
    let mut before = None;
    for step in 0..200 {
        let now = born + SignedDuration::from_secs(5 * step);
        let today = Window::Today.period(now);
        let (cost, usage) = (simulator.cost_ledger(today.clone(), now), simulator.usage_ledger(today, now));
        if let Some((old_cost, old_usage)) = before {
            assert_ne!(cost, old_cost, "{now}");
            let never_less = |old: &BTreeMap<Group, Decimal>, new: &std::collections::BTreeMap<_, _>| {
                old.iter().all(|(group, amount)| new.get(group).is_some_and(|new| new >= amount))
            };
            assert!(never_less(&old_cost, &cost), "{now}");
            assert!(never_less(&old_usage, &usage), "{now}");
        }
        before = Some((cost, usage));
    }
}

#[test]
fn a_closed_day_is_complete_within_20_hours_and_after_maintenance_within_44() {
    let born = at(BIRTHS[1]);
    let simulator = World::new(1, born);
    let last = history(born, 2);
    for (name, day, hours) in [("maintenance", &last[0], 44), ("yesterday", &last[1], 20)] {
        let known =
            |hours: i64| simulator.cost_ledger(day.clone(), midnight(day.end) + SignedDuration::from_hours(hours));
        let total = |hours: i64| known(hours).values().map(float).sum::<f64>();
        let settled = total(hours);
        assert!((0.98 * settled..0.9999 * settled).contains(&total(0)), "{name}: {} of {settled}", total(0));
        assert!((0..hours).all(|hour| total(hour) < total(hour + 1)), "{name}");
        assert_eq!(known(hours), known(1_000), "{name}");
    }
}

#[test]
fn one_old_day_is_corrected_once_and_in_one_group() {
    let born = at(BIRTHS[0]);
    let simulator = World::new(1, born);
    let Correction { group, day: revised, told } = simulator.correction();
    assert_eq!(told, born + SignedDuration::from_mins(3) - SignedDuration::from_nanos(123_456_789));
    let known = |at: Timestamp| simulator.cost_ledger(day(revised), at);
    let (before, after) = (known(told - SignedDuration::from_millis(1)), known(told));
    assert_eq!(before, known(born));
    assert_eq!(after, known(told + SignedDuration::from_hours(1_000)));
    let changed: Vec<_> = before.iter().filter(|(group, cost)| after.get(*group) != Some(cost)).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].0, &group);
    let (old, new) = (float(changed[0].1), float(&after[&group]));
    assert!((new - 0.8 * old).abs() < 1e-4 && old - new > 3.0, "{old} {new}");
}

#[test]
fn a_day_begins_without_rows() {
    let start = at("2026-12-01T00:00:00Z");
    let simulator = World::new(1, start);
    let today = Window::Today.period(start);
    assert_eq!(simulator.measured(&today, start + SignedDuration::from_secs(30)).count(), 0);
    assert!(simulator.measured(&today, start + SignedDuration::from_secs(31)).count() > 150);
}

#[test]
fn samples_lie_within_the_period_and_before_now() {
    for born in BIRTHS {
        let now = at(born);
        let simulator = World::new(3, now);
        for window in Window::ALL {
            let period = window.period(now);
            for (meter, seen) in simulator.measured(&period, now) {
                let order = [midnight(period.start), seen.first_seen, seen.last_seen, midnight(period.end).min(now)];
                assert!(order.is_sorted(), "{} {order:?}", meter.resource_type);
                assert_eq!(seen.first_seen.as_second() % 60, 30);
                assert_eq!(seen.last_seen.as_second() % 60, 30);
            }
        }
    }
}

#[test]
fn report_tasks_show_every_type_and_status() {
    let born = at(BIRTHS[0]);
    let simulator = World::new(1, born);
    for minutes in [0, 4, 12, 60, 600] {
        let now = born + SignedDuration::from_mins(minutes);
        let tasks = simulator.tasks(now);
        let recent: Vec<_> =
            tasks.iter().filter(|task| task.created_at > now - SignedDuration::from_hours(7 * 24)).collect();
        assert!(recent.len() < tasks.len(), "some are older");
        let statuses: BTreeSet<_> = recent.iter().map(|task| task.status).collect();
        assert_eq!(statuses, STATUSES.into());
        let types: BTreeSet<_> = recent.iter().map(|task| task.task_type).collect();
        assert_eq!(types, ["ClosingPeriod", "ImportData", "Report", "StopSubscriptions"].into());
        let uuids: BTreeSet<_> = tasks.iter().map(|task| &task.uuid).collect();
        assert_eq!(uuids.len(), tasks.len());
        assert!(tasks.iter().all(|task| task.created_at <= task.updated_at && task.created_at <= now));
        assert!(tasks.is_sorted_by_key(|task| std::cmp::Reverse(task.created_at)));
    }
    let stuck = simulator.tasks(born).into_iter().filter(|task| {
        task.status == "InProgress" && born.duration_since(task.created_at) > SignedDuration::from_hours(2)
    });
    assert_eq!(stuck.count(), 1);
}

#[test]
fn subscriptions_end_soon_ended_lately_begin_later_or_never_end() {
    let born = at("2026-11-22T14:24:07Z");
    let subscriptions = World::new(1, born).subscriptions();
    let days = |days: i64| Some(born + SignedDuration::from_hours(24 * days));
    for end in [days(5), days(-3), None] {
        assert!(subscriptions.iter().any(|s| s.end() == end), "{end:?}");
    }
    assert!(subscriptions.iter().any(|s| s.start() > Some(born)));
    assert!(subscriptions.iter().any(|s| s.start().is_none()));
}

//! Values of the wrong type, for each field of a row.

use gcore_billing_exporter::snapshot::Collector;

use super::super::account::Endpoint::{
    MonthTotals, Projects, Regions, Reports, Reservations, Resources, Subscriptions, Totals, Usage,
};
use super::super::account::{Endpoint, Line};
use super::super::expected::{Cost, Expected, Tasks};
use super::super::reply::Reply;
use super::{Row, reads};

/// Values that no field accepts. Each goes into one of the first rows of a list.
const WRONG: [&str; 5] = ["\"odd\"", "[1]", "{\"a\":1}", "true", "null"];

/// The projects and regions in costs and usage. Their names stay unchanged, because labels use them.
const NAMED: usize = 2;

pub(super) fn rows() -> Vec<Row> {
    [costs(), totals(), usage(), tasks(), subscriptions(), names(), commitments()].into_iter().flatten().collect()
}

/// Puts each wrong value into these fields of a row. `expected` describes the effect.
fn wrong(
    endpoint: Endpoint,
    keys: &'static [&'static str],
    expected: impl Fn(&mut Expected) + Send + Sync + 'static,
) -> Row {
    wrong_from(0, endpoint, keys, expected)
}

/// The same from a row on.
fn wrong_from(
    first: usize,
    endpoint: Endpoint,
    keys: &'static [&'static str],
    expected: impl Fn(&mut Expected) + Send + Sync + 'static,
) -> Row {
    reads(format!("wrong {}", keys.join(" and ")), endpoint, expected, move |reply: &mut Reply| {
        for row in 0..reply.rows.len() {
            if let Some(value) = (reply.offset + row).checked_sub(first).and_then(|nth| WRONG.get(nth)) {
                keys.iter().for_each(|key| reply.set(row, key, *value));
            }
        }
    })
}

/// Wrong values without an effect.
fn ignored(endpoint: Endpoint, keys: &'static [&'static str]) -> Row {
    wrong(endpoint, keys, |_| ())
}

fn is_first(index: usize) -> &'static str {
    if index == 0 { "odd" } else { "unknown" }
}

/// Changes the lines that get the wrong values.
fn odd_lines(lines: &mut [Line], change: impl Fn(&mut Line, &'static str)) {
    lines[..WRONG.len()].iter_mut().enumerate().for_each(|(index, line)| change(line, is_first(index)));
}

fn costs() -> Vec<Row> {
    let of = |change: fn(&mut Line, &'static str)| {
        move |expected: &mut Expected| odd_lines(&mut expected.cost.lines, change)
    };
    vec![
        ignored(Resources, &["err"]),
        ignored(Resources, &["last_seen"]),
        ignored(Resources, &["region"]),
        ignored(Resources, &["region_id"]),
        ignored(Resources, &["uuid", "port_id", "last_name", "first_seen", "billing_metric_name", "billing_value"]),
        ignored(Resources, &["billing_feature_name", "tags", "ip_address", "instance_name"]),
        wrong(Resources, &["type"], of(|line, word| line.kind = word)),
        wrong(Resources, &["currency"], of(|line, word| line.measure = word)),
        wrong(Resources, &["region", "region_id"], of(|line, _| line.region = None)),
        wrong(Resources, &["cost"], |expected| {
            expected.cost.lines[4].amount = None;
            expected.cost.lines.drain(..4);
        })
        .rejecting("bad_number", 4),
        wrong(Resources, &["project_id"], |expected| drop(expected.cost.lines.drain(..5))).rejecting("no_project", 5),
    ]
}

/// The lines of the comparison with resources, and those of the first project when costs are read by totals.
fn totals() -> Vec<Row> {
    fn without_costs(expected: &mut Expected) {
        let lines = expected.cost.totals.as_mut().unwrap();
        lines[4].amount = None;
        lines.drain(..4);
    }
    let of_first = |change: fn(&mut Line)| {
        move |expected: &mut Expected| {
            expected.cost.lines.iter_mut().filter(|line| line.project == 101).for_each(change);
        }
    };
    let kind = of_first(|line| line.kind = if line.kind == "instance" { "odd" } else { "unknown" });
    vec![
        ignored(Totals, &["type", "region", "region_id", "err"]),
        ignored(Totals, &["billing_metric_name", "billing_feature_name", "flavor", "volume_type", "billing_value"]),
        wrong(Totals, &["currency"], |expected| {
            odd_lines(expected.cost.totals.as_mut().unwrap(), |line, word| line.measure = word);
        }),
        wrong(Totals, &["cost"], without_costs),
        wrong(Totals, &["type"], kind).by_totals(),
        wrong(Totals, &["region", "region_id"], of_first(|line| line.region = None)).by_totals(),
        // The sums differ now, so costs are read by resources.
        wrong(Totals, &["cost"], |expected| {
            expected.cost = Cost::by_resources(2);
            without_costs(expected);
        })
        .by_totals()
        .rejecting("bad_number", 7),
    ]
}

fn usage() -> Vec<Row> {
    let of =
        |change: fn(&mut Line, &'static str)| move |expected: &mut Expected| odd_lines(&mut expected.usage, change);
    vec![
        ignored(Usage, &["err"]),
        ignored(Usage, &["last_seen"]),
        ignored(Usage, &["region"]),
        ignored(Usage, &["region_id"]),
        ignored(Usage, &["uuid", "port_id", "last_name", "first_seen", "billing_metric_name", "tags"]),
        wrong(Usage, &["type"], of(|line, word| line.kind = word)),
        wrong(Usage, &["billing_value_unit"], of(|line, word| line.measure = word)),
        wrong(Usage, &["region", "region_id"], of(|line, _| line.region = None)),
        wrong(Usage, &["billing_value"], |expected| drop(expected.usage.drain(..5)))
            .rejecting("bad_number", 4)
            .rejecting("no_value", 1),
        wrong(Usage, &["project_id"], |expected| drop(expected.usage.drain(..5))).rejecting("no_project", 5),
    ]
}

/// All tasks but the last get the wrong values: three of type Report (completed, failed, waiting), and two of three
/// running ones of type ClosingPeriod.
fn tasks() -> Vec<Row> {
    const LAST: (&str, &str, i64) = ("ClosingPeriod", "InProgress", 12);
    let are = |change: fn(&mut Tasks)| {
        move |expected: &mut Expected| {
            let mut tasks = Tasks::of(2);
            change(&mut tasks);
            expected.rest.insert(Collector::Reports, tasks.picture(expected.tasks_since));
        }
    };
    vec![
        wrong(
            Reports,
            &["uuid"],
            are(|tasks| {
                tasks.numbers = vec![("Report", "Completed", 1), ("ClosingPeriod", "InProgress", 1)];
                tasks.failed = None;
                tasks.unfinished = vec![LAST];
            }),
        )
        .rejecting("no_id", 4),
        wrong(
            Reports,
            &["task_type"],
            are(|tasks| {
                let pending = [("unknown", "Pending", 1), ("unknown", "InProgress", 2)];
                tasks.numbers =
                    vec![("odd", "Completed", 1), ("unknown", "Failed", 1), ("ClosingPeriod", "InProgress", 1)];
                tasks.numbers.extend(pending);
                (tasks.completed, tasks.failed) = (Some("odd"), Some("unknown"));
                tasks.unfinished = vec![("unknown", "Pending", 3), ("unknown", "InProgress", 10), LAST];
                tasks.noted = vec!["odd", "unknown", "ClosingPeriod"];
            }),
        ),
        wrong(
            Reports,
            &["status"],
            are(move |tasks| {
                tasks.numbers = vec![("Report", "odd", 1), ("Report", "unknown", 2), ("ClosingPeriod", "unknown", 2)];
                tasks.numbers.push(("ClosingPeriod", "InProgress", 1));
                (tasks.completed, tasks.failed) = (None, None);
                tasks.unfinished = vec![LAST];
            }),
        ),
        wrong(Reports, &["created_at"], are(|tasks| tasks.unfinished = vec![LAST])).rejecting("bad_time", 4),
        wrong(Reports, &["updated_at"], are(|tasks| (tasks.completed, tasks.failed) = (None, None)))
            .rejecting("bad_time", 4),
        wrong(Reports, &["processing_notes"], are(|tasks| tasks.noted = vec!["ClosingPeriod"])),
    ]
}

/// Renames or removes the series of rows whose numbers count from `first` on.
fn series(
    collector: Collector,
    first: usize,
    change: fn(usize, &str) -> Option<String>,
) -> impl Fn(&mut Expected) + Send + Sync + 'static {
    move |expected| {
        let picture = expected.rest.get_mut(&collector).unwrap();
        for (series, value) in std::mem::take(picture) {
            let nth = (0..WRONG.len()).find(|nth| series.contains(&format!("_id=\"{}\"", first + nth)));
            picture.extend(nth.map_or(Some(series.clone()), |nth| change(nth, &series)).map(|series| (series, value)));
        }
    }
}

/// Removes the series that contain a text.
fn without(collector: Collector, part: &'static str) -> impl Fn(&mut Expected) + Send + Sync + 'static {
    move |expected| expected.rest.get_mut(&collector).unwrap().retain(|series, _| !series.contains(part))
}

/// The value of a label. A value that is no word counts as missing.
fn relabelled(nth: usize, series: &str, old: &str) -> Option<String> {
    Some(series.replace(old, if nth == 0 { "\"odd\"" } else { "\"\"" }))
}

fn subscriptions() -> Vec<Row> {
    let collector = Collector::Subscriptions;
    let empties = |old: &'static str| {
        move |expected: &mut Expected| {
            let picture = expected.rest.get_mut(&collector).unwrap();
            let renamed =
                std::mem::take(picture).into_iter().map(|(series, value)| (series.replace(old, "\"\""), value));
            picture.extend(renamed);
        }
    };
    vec![
        // Without an id, client, feature and start identify a row. They are equal here, so a number distinguishes the
        // rest.
        wrong(
            Subscriptions,
            &["id"],
            series(collector, 1, |nth, series| {
                let id = match nth {
                    0 => "odd".to_owned(),
                    1 => "9:5@2026-01-01T00:00:00Z".to_owned(),
                    _ => format!("9:5@2026-01-01T00:00:00Z#{nth}"),
                };
                Some(series.replace(&format!("subscription_id=\"{}\"", nth + 1), &format!("subscription_id=\"{id}\"")))
            }),
        ),
        wrong(Subscriptions, &["client_id"], series(collector, 1, |nth, series| relabelled(nth, series, "\"9\""))),
        wrong(
            Subscriptions,
            &["calc_rule_type"],
            series(collector, 1, |nth, series| relabelled(nth, series, "\"commit\"")),
        ),
        wrong(Subscriptions, &["product"], empties("\"Cloud\"")),
        wrong(Subscriptions, &["feature"], empties("\"Bare metal\"")),
        wrong(Subscriptions, &["price"], without(collector, "_price_")),
        // Without a range, or without start and end in it, the subscription is open-ended.
        wrong(Subscriptions, &["active_range"], move |expected| {
            let picture = expected.rest.get_mut(&collector).unwrap();
            picture.retain(|series, _| !series.contains("_start_"));
            for (state, number) in [("active", "2"), ("unknown", "3")] {
                let series = format!(r#"gcore_subscriptions{{account="main",product="Cloud",state="{state}"}}"#);
                picture.insert(series, number.into());
            }
        })
        .rejecting("bad_time", 3),
        // A list with one entry stands for one subscription, which is unreadable.
        wrong(
            Subscriptions,
            &["prices"],
            series(collector, 1, |nth, series| match nth {
                1 => series
                    .contains("_info")
                    .then(|| series.replace("subscription_id=\"2\"", "subscription_id=\"9:5@\"")),
                _ => Some(series.to_owned()),
            }),
        ),
        ignored(Subscriptions, &["metric_ext_name"]),
    ]
}

fn names() -> Vec<Row> {
    let project = |change| series(Collector::Names, 101 + NAMED, change);
    let region = |change| series(Collector::Names, 7 + NAMED, change);
    vec![
        wrong_from(NAMED, Projects, &["id"], project(|_, _| None)).rejecting("no_id", 3),
        wrong_from(
            NAMED,
            Projects,
            &["name"],
            project(|nth, series| (nth == 0).then(|| series.replace("p103", "odd"))),
        )
        .rejecting("no_id", 2),
        wrong(Projects, &["state"], series(Collector::Names, 101, |nth, series| relabelled(nth, series, "\"V2\""))),
        wrong_from(NAMED, Regions, &["id"], region(|_, _| None)).rejecting("no_id", 3),
        wrong_from(
            NAMED,
            Regions,
            &["display_name"],
            region(|nth, series| (nth == 0).then(|| series.replace("r9", "odd"))),
        )
        .rejecting("no_id", 2),
        ignored(Regions, &["keystone_name"]),
        wrong(Regions, &["country"], series(Collector::Names, 7, |nth, series| relabelled(nth, series, "\"V2\""))),
    ]
}

fn commitments() -> Vec<Row> {
    let month = |currency: &str| format!(r#"gcore_commit_month_amount{{account="main",currency="{currency}"}}"#);
    vec![
        wrong(
            Reservations,
            &["id"],
            series(Collector::Commitments, 31, |nth, series| (nth == 0).then(|| series.replace("31", "odd"))),
        )
        .rejecting("no_id", 1),
        ignored(Reservations, &["active_from"]).rejecting("bad_time", 2),
        wrong(Reservations, &["active_to"], without(Collector::Commitments, "_end_")).rejecting("bad_time", 2),
        ignored(Reservations, &["commit"]),
        ignored(Reservations, &["active_billing_plan_id", "resource_name", "region_name"]),
        ignored(MonthTotals, &["type", "region", "region_id", "err"]),
        ignored(
            MonthTotals,
            &["billing_metric_name", "billing_feature_name", "flavor", "volume_type", "billing_value"],
        ),
        wrong_from(1, MonthTotals, &["cost"], move |expected| {
            let picture = expected.rest.get_mut(&Collector::Commitments).unwrap();
            picture.retain(|series, _| !series.contains("_month_"));
            picture.insert(month("EUR"), "229.00002".into());
        })
        .rejecting("bad_number", 2),
        wrong(MonthTotals, &["currency"], move |expected| {
            let picture = expected.rest.get_mut(&Collector::Commitments).unwrap();
            picture.retain(|series, _| !series.contains("_month_"));
            picture.insert(month("odd"), "229.00002".into());
            picture.insert(month("unknown"), "19.31665".into());
        }),
    ]
}

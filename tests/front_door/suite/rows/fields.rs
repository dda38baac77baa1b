//! Values of the wrong type: each field of a row for itself.

use gcore_billing_exporter::snapshot::Collector;

use super::super::account::Endpoint::{MonthTotals, Projects, Regions, Reservations, Resources, Subscriptions, Usage};
use super::super::account::{Line, Picture};
use super::super::expected::Expected;
use super::super::reply::Reply;
use super::{Row, reads, tolerates};

/// What no field of a row should be; one after the other they are put into the first rows of a list.
const WRONG: [&str; 5] = ["\"odd\"", "[1]", "{\"a\":1}", "true", "null"];

pub(super) fn rows() -> Vec<Row> {
    [fields_of_costs(), fields_of_others(), fields_of_commitments()].into_iter().flatten().collect()
}

/// Puts each wrong value into these fields of a row.
fn wrong(keys: &'static [&'static str]) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        for row in 0..reply.rows.len() {
            if let Some(value) = WRONG.get(reply.offset + row) {
                keys.iter().for_each(|key| reply.set(row, key, *value));
            }
        }
    }
}

/// The lines that the wrong values are put into.
fn odd_lines(expected: &mut Expected) -> &mut [Line] {
    &mut expected.cost.lines[..WRONG.len()]
}

fn is_first(index: usize) -> &'static str {
    if index == 0 { "odd" } else { "unknown" }
}

fn fields_of_costs() -> Vec<Row> {
    let mut rows = vec![
        tolerates("wrong err", Resources, wrong(&["err"])),
        tolerates("wrong last_seen", Resources, wrong(&["last_seen"])),
        tolerates("wrong region beside region_id", Resources, wrong(&["region"])),
        tolerates("wrong region_id beside region", Resources, wrong(&["region_id"])),
        tolerates(
            "wrong uuid, port_id, last_name, first_seen, billing_metric_name and billing_value",
            Resources,
            wrong(&["uuid", "port_id", "last_name", "first_seen", "billing_metric_name", "billing_value"]),
        ),
        tolerates("wrong texts that nobody reads", Resources, wrong(&["billing_feature_name", "tags"])),
    ];
    rows.extend([
        reads(
            "wrong type",
            Resources,
            |expected| {
                odd_lines(expected).iter_mut().enumerate().for_each(|(index, line)| line.kind = is_first(index));
            },
            wrong(&["type"]),
        ),
        reads(
            "wrong currency",
            Resources,
            |expected| {
                odd_lines(expected).iter_mut().enumerate().for_each(|(index, line)| line.measure = is_first(index));
            },
            wrong(&["currency"]),
        ),
        reads(
            "wrong region and region_id",
            Resources,
            |expected| {
                odd_lines(expected).iter_mut().for_each(|line| line.region = None);
            },
            wrong(&["region", "region_id"]),
        ),
        reads(
            "wrong cost",
            Resources,
            |expected| {
                odd_lines(expected)[4].amount = None;
                expected.cost.lines.drain(..4);
            },
            wrong(&["cost"]),
        )
        .rejecting("bad_number", 4),
        reads(
            "wrong project_id",
            Resources,
            |expected| {
                expected.cost.lines.drain(..5);
            },
            wrong(&["project_id"]),
        )
        .rejecting("no_project", 5),
    ]);
    rows
}

fn retain(collector: Collector, is_kept: fn(&str) -> bool) -> impl Fn(&mut Expected) + Send + Sync + 'static {
    move |expected| expected.rest.get_mut(&collector).unwrap().retain(|series, _| is_kept(series))
}

/// Renames the label values of the first rows, as far as they come with a name.
fn relabel(picture: &mut Picture, first_id: usize) {
    let old = std::mem::take(picture);
    for (series, value) in old {
        let index = (0..WRONG.len()).find(|index| series.contains(&format!("_id=\"{}\"", first_id + index)));
        let new =
            index.map_or(series.clone(), |index| series.replace("\"V2\"", if index == 0 { "\"odd\"" } else { "\"\"" }));
        picture.insert(new, value);
    }
}

fn fields_of_others() -> Vec<Row> {
    vec![
        reads("wrong billing_value", Usage, |expected| drop(expected.usage.drain(..5)), wrong(&["billing_value"]))
            .rejecting("bad_number", 4)
            .rejecting("no_value", 1),
        reads(
            "wrong billing_value_unit",
            Usage,
            |expected| {
                expected.usage[..5].iter_mut().enumerate().for_each(|(index, line)| line.measure = is_first(index));
            },
            wrong(&["billing_value_unit"]),
        ),
        reads("wrong project_id", Usage, |expected| drop(expected.usage.drain(..5)), wrong(&["project_id"]))
            .rejecting("no_project", 5),
        reads(
            "wrong price",
            Subscriptions,
            retain(Collector::Subscriptions, |series| !series.contains("_price_")),
            wrong(&["price"]),
        ),
        reads(
            "wrong active_range",
            Subscriptions,
            retain(Collector::Subscriptions, |series| !series.contains("_start_")),
            wrong(&["active_range"]),
        ),
        reads(
            "wrong state",
            Projects,
            |expected| {
                relabel(expected.rest.get_mut(&Collector::Names).unwrap(), 101);
            },
            wrong(&["state"]),
        ),
        reads(
            "wrong country",
            Regions,
            |expected| {
                relabel(expected.rest.get_mut(&Collector::Names).unwrap(), 7);
            },
            wrong(&["country"]),
        ),
    ]
}

fn fields_of_commitments() -> Vec<Row> {
    let month = |currency: &str| format!(r#"gcore_commit_month_amount{{account="main",currency="{currency}"}}"#);
    vec![
        reads(
            "wrong active_to",
            Reservations,
            retain(Collector::Commitments, |series| !series.contains("_end_")),
            wrong(&["active_to"]),
        ),
        tolerates("wrong commit", Reservations, wrong(&["commit"])),
        reads(
            "wrong cost",
            MonthTotals,
            move |expected| {
                expected.rest.get_mut(&Collector::Commitments).unwrap().retain(|series, _| !series.contains("_month_"));
            },
            wrong(&["cost"]),
        )
        .rejecting("bad_number", 3),
        reads(
            "wrong currency",
            MonthTotals,
            move |expected| {
                let picture = expected.rest.get_mut(&Collector::Commitments).unwrap();
                picture.retain(|series, _| !series.contains("_month_"));
                picture.insert(month("odd"), "229.00002".into());
                picture.insert(month("unknown"), "19.31665".into());
            },
            wrong(&["currency"]),
        ),
    ]
}

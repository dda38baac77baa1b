//! Costs that are out of range, ambiguous or odd, and the API's `price_status`.

use std::ops::RangeInclusive;

use super::super::account::Endpoint::Resources;
use super::super::expected::Expected;
use super::super::reply::Reply;
use super::{Row, fails, reads, tolerates};

pub(super) fn rows() -> Vec<Row> {
    [costs(), ambiguities(), identities(), price_statuses()].into_iter().flatten().collect()
}

/// Sets a field of one row.
fn sets(row: usize, key: &'static str, raw: impl Into<String>) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    let raw = raw.into();
    move |reply| {
        if (reply.offset..reply.offset + reply.rows.len()).contains(&row) {
            let row = row - reply.offset;
            reply.set(row, key, raw.clone());
        }
    }
}

/// Without these lines of costs.
pub(super) fn without(lines: RangeInclusive<usize>) -> impl Fn(&mut Expected) + Send + Sync + 'static {
    move |expected| {
        expected.cost.lines.drain(lines.clone());
    }
}

/// The third cost row is 12.49999 EUR. Its project and region have only 0.00001 besides.
fn costs() -> Vec<Row> {
    let same = |name: &str, raw: String| tolerates(format!("cost as {name}"), Resources, sets(2, "cost", raw));
    let rejected = |raw: &'static str, reason| {
        reads(format!("cost of {raw}"), Resources, without(2..=2), sets(2, "cost", raw)).rejecting(reason, 1)
    };
    let becomes = |raw: &'static str, amount| {
        reads(
            format!("cost of {raw}"),
            Resources,
            move |expected| expected.cost.lines[2].amount = amount,
            sets(2, "cost", raw),
        )
    };
    let mut rows = vec![
        same("a text", "\"12.49999\"".into()),
        same("a power", "1249999e-5".into()),
        same("digits beyond counting", format!("12.49999{}1", "0".repeat(100_000))),
        becomes("-3.5", Some(-350_000)),
        becomes("-0", Some(0)),
        becomes("7e-300", Some(0)),
        becomes("9999999999999", Some(999_999_999_999_900_000)),
        rejected("1e999", "out_of_range"),
        rejected("9e99999999999999999999", "out_of_range"),
        rejected("\"NaN\"", "bad_number"),
        rejected("\"1,000.5\"", "bad_number"),
        rejected("\"\"", "bad_number"),
        reads(
            "no cost and an error",
            Resources,
            |expected| {
                expected.cost.lines[2].amount = None;
                expected.cost.unpriced = "row_error";
            },
            |reply| {
                sets(2, "cost", "null")(reply);
                sets(2, "err", "\"Price was not found\"")(reply);
                sets(6, "err", "\"Price was not found\"")(reply);
            },
        ),
        tolerates("a cost and an error", Resources, sets(2, "err", "\"in part\"")),
    ];
    for raw in ["NaN", "-Infinity", "", "+5", "01"] {
        rows.push(fails(format!("a bare {raw:?}"), Resources, "bad_body", sets(2, "cost", raw)));
    }
    rows
}

fn ambiguities() -> Vec<Row> {
    let twice = |key: &'static str| {
        move |reply: &mut Reply| {
            if reply.offset == 0 {
                reply.rows[0].push((key, "7".into()));
            }
        }
    };
    let lost = |name: &str, key| reads(name, Resources, without(0..=0), twice(key)).rejecting("duplicate_key", 1);
    vec![
        lost("two costs", "cost"),
        lost("two projects", "project_id"),
        tolerates("an unused key twice", Resources, twice("tags")),
        reads("rows that are none", Resources, without(0..=3), |reply| {
            if reply.offset == 0 {
                reply.rows.clear();
                reply.replace("[]", "[null, 7, \"x\", [{}]]");
            }
        })
        .rejecting("not_an_object", 4),
        reads("an empty row", Resources, without(0..=0), |reply| {
            if reply.offset == 0 {
                reply.rows[0].clear();
            }
        })
        .rejecting("no_project", 1),
        reads(
            "two equal resources on one page",
            Resources,
            |expected| {
                expected.cost.lines[1] = expected.cost.lines[0].clone();
            },
            |reply| {
                if reply.offset == 0 {
                    reply.rows[1] = reply.rows[0].clone();
                }
            },
        ),
    ]
}

fn identities() -> Vec<Row> {
    let lost = |raw: &'static str| {
        reads(format!("project {raw}"), Resources, without(2..=2), sets(2, "project_id", raw))
            .rejecting("no_project", 1)
    };
    let kind = |raw: &'static str, kind: &'static str| {
        reads(
            format!("type {raw}"),
            Resources,
            move |expected| expected.cost.lines[2].kind = kind,
            sets(2, "type", raw),
        )
    };
    let currency = |raw: &'static str, measure: &'static str| {
        reads(
            format!("currency {raw}"),
            Resources,
            move |expected| expected.cost.lines[2].measure = measure,
            sets(2, "currency", raw),
        )
    };
    vec![
        lost("1.5"),
        lost("-3"),
        lost("99999999999999999999"),
        tolerates("a project in quotes", Resources, sets(2, "project_id", "\"102\"")),
        reads(
            "the largest project",
            Resources,
            |expected| expected.cost.lines[2].project = u64::MAX,
            sets(2, "project_id", u64::MAX.to_string()),
        ),
        kind("\"quantum_annealer\"", "quantum_annealer"),
        kind(r#""a\"b\\c\nd""#, r#"a\"b\\c\nd"#),
        kind("\"\"", "unknown"),
        currency("null", "unknown"),
        currency("\"\"", "unknown"),
        reads(
            "three currencies in one group",
            Resources,
            |expected| {
                expected.cost.lines[4].measure = "USD";
                expected.cost.lines[8].measure = "GBP";
            },
            |reply| {
                sets(4, "currency", "\"USD\"")(reply);
                sets(8, "currency", "\"GBP\"")(reply);
            },
        ),
    ]
}

fn price_statuses() -> Vec<Row> {
    let told = |raw: &'static str, status: Option<&'static str>| {
        reads(
            format!("price_status {raw}"),
            Resources,
            move |expected| expected.cost.status = status,
            move |reply| reply.member("price_status", raw),
        )
    };
    let empty = |raw: &'static str| {
        move |reply: &mut Reply| {
            reply.rows.clear();
            reply.member("count", "0");
            reply.member("price_status", raw);
        }
    };
    let keeps =
        |raw: &'static str| fails(format!("suddenly empty, price_status {raw}"), Resources, "inconsistent", empty(raw));
    vec![
        told("\"show\"", Some("show")),
        told("\"hide\"", Some("hide")),
        told("\"error\"", Some("error")),
        told("\"maybe\"", Some("maybe")),
        told("7", Some("7")),
        told("null", None),
        reads(
            "one page that shows no prices",
            Resources,
            |expected| expected.cost.status = Some("hide"),
            |reply| {
                if reply.offset == 4 {
                    reply.member("price_status", "\"hide\"");
                }
            },
        ),
        keeps("\"hide\""),
        keeps("\"error\""),
        keeps("\"maybe\""),
        keeps("null"),
        reads(
            "empty with prices shown",
            Resources,
            |expected| {
                expected.cost.lines.clear();
                (expected.cost.read, expected.cost.through) = (0, None);
            },
            empty("\"show\""),
        ),
    ]
}

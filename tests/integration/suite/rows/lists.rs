//! Lists that move, repeat, have a wrong length or never end.

use super::super::account::Endpoint::{
    MonthTotals, Projects, Regions, Reports, Reservations, Resources, Subscriptions, Totals, Usage,
};
use super::super::account::{Endpoint, Line};
use super::super::expected::Cost;
use super::super::reply::Reply;
use super::super::server::PAGE;
use super::{Row, fails, leaves_uncompared, reads, tolerates};

pub(super) fn rows() -> Vec<Row> {
    [moving(), lying(), endless(), odd_pages(), by_totals(), by_both()].into_iter().flatten().collect()
}

/// A fault of the second page.
fn second(change: impl Fn(&mut Reply) + Send + Sync + 'static) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        if reply.offset == PAGE {
            change(reply);
        }
    }
}

/// A fault of the first reading only, which has at most three pages. The next reading begins with its first page.
fn once(change: impl Fn(&mut Reply) + Send + Sync + 'static) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        if reply.nth < 3 {
            change(reply);
        }
    }
}

fn moving() -> Vec<Row> {
    fn repeat(reply: &mut Reply) {
        reply.rows[0] = reply.all[PAGE - 1].clone();
    }
    fn grow(reply: &mut Reply) {
        let count = reply.all.len() + 1;
        reply.member("count", count.to_string());
    }
    fn shrink(reply: &mut Reply) {
        let count = reply.all.len() - 1;
        reply.member("count", count.to_string());
    }
    fn vanish(reply: &mut Reply) {
        reply.rows.clear();
    }
    let mut rows = Vec::new();
    for (name, change, another) in [
        ("a row repeats on the next page", repeat as fn(&mut Reply), Usage),
        ("the count grows", grow, Reports),
        ("the count shrinks", shrink, Subscriptions),
        ("an empty page too early", vanish, Projects),
    ] {
        rows.push(tolerates(format!("{name}, once"), Resources, once(second(change))));
        rows.push(fails(name, Resources, "inconsistent", second(change)));
        rows.push(fails(name, another, "inconsistent", second(change)));
    }
    rows
}

fn lying() -> Vec<Row> {
    let off_by = |by: isize| {
        move |reply: &mut Reply| {
            let count = reply.all.len().checked_add_signed(by).unwrap();
            reply.member("count", count.to_string());
        }
    };
    let lies =
        |endpoint: Endpoint, by| fails(format!("a count that is off by {by}"), endpoint, "inconsistent", off_by(by));
    let none = |reply: &mut Reply| reply.member("count", "0");
    vec![
        lies(Resources, 1),
        lies(Resources, -1),
        lies(Usage, -1),
        lies(Reports, 1),
        lies(Subscriptions, 1),
        lies(Reports, -1),
        lies(Regions, 1),
        lies(Reservations, 1),
        lies(MonthTotals, 1),
        leaves_uncompared("a count that is off by 1", off_by(1)),
        fails("a count of none beside rows", Resources, "inconsistent", none),
        fails("a count of none beside rows", Reservations, "inconsistent", none),
        tolerates("a count in quotes", Usage, |reply| {
            let count = format!("\"{}\"", reply.all.len());
            reply.member("count", count);
        }),
        fails("a count beyond all rows", Resources, "inconsistent", |reply| {
            reply.member("count", u64::MAX.to_string())
        }),
        fails("a count beyond all rows", Reservations, "inconsistent", |reply| {
            reply.member("count", u64::MAX.to_string());
        }),
    ]
}

/// Endless pages, each row a new one.
fn without_end(count: fn(usize) -> u64, key: &'static str) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        reply.member("count", count(reply.offset).to_string());
        reply.rows = vec![reply.all[0].clone(); 1000];
        for row in 0..reply.rows.len() {
            let number = reply.offset + row;
            reply.set(row, key, format!("\"{number}\""));
        }
    }
}

fn endless() -> Vec<Row> {
    let constant = |_: usize| u64::MAX;
    let growing = |offset: usize| offset as u64 + 1_000_000;
    // As long as the largest list that is kept, with rows that are not kept.
    let thick = |key: &'static str| {
        move |reply: &mut Reply| {
            without_end(|_| 100_000, "id")(reply);
            reply.rows.truncate(8);
            (0..8).for_each(|row| reply.set(row, key, format!("\"{}\"", "x".repeat(1 << 20))));
        }
    };
    vec![
        fails("pages without an end", Resources, "timeout", without_end(constant, "uuid")).within("5s").alone(),
        fails("pages without an end", Usage, "timeout", without_end(constant, "uuid")).within("5s").alone(),
        fails("pages without an end", Reports, "inconsistent", without_end(constant, "uuid")),
        fails("pages without an end", Subscriptions, "inconsistent", without_end(constant, "id")),
        fails("pages without an end", Projects, "inconsistent", without_end(constant, "id")),
        fails("pages and a count without an end", Reports, "inconsistent", without_end(growing, "uuid")),
        fails("rows as thick as books", Subscriptions, "bad_body", thick("calc_rule_type")).with_memory(64),
        fails("a row as thick as ten books", Regions, "bad_body", |reply| {
            reply.set(0, "display_name", format!("\"{}\"", "x".repeat(5 << 20)));
        })
        .with_memory(64),
        fails("more rows than any page has", Resources, "bad_body", |reply| {
            reply.rows.clear();
            reply.replace("[]", &format!("[{}{{}}]", "{},".repeat(200_000)));
        }),
        fails("more prices than anybody pays", Subscriptions, "inconsistent", |reply| {
            reply.set(0, "prices", format!("[{}7]", "{\"subscription\":1},".repeat(50_000)));
        })
        .with_memory(64),
        fails("pages and a count without an end", Resources, "inconsistent", without_end(growing, "uuid")),
        fails("pages without an end", Reservations, "inconsistent", without_end(constant, "id")),
    ]
}

fn odd_pages() -> Vec<Row> {
    let first_page = |reply: &mut Reply| reply.rows = reply.all[..PAGE].to_vec();
    let single = |reply: &mut Reply| reply.rows.truncate(1);
    vec![
        tolerates("a short page in the middle", Resources, second(|reply| reply.rows.truncate(2))),
        tolerates("a short page in the middle", Reports, second(|reply| reply.rows.truncate(1))),
        tolerates("one row a page", Resources, single),
        tolerates("one row a page", Subscriptions, single),
        tolerates("everything at once", Resources, |reply| reply.rows = reply.all[reply.offset..].to_vec()),
        fails("the first page over and over", Resources, "inconsistent", first_page),
        fails("the first page over and over", Usage, "inconsistent", first_page),
        fails("a row more than there are", Resources, "inconsistent", |reply| {
            if reply.offset == 2 * PAGE {
                let extra = reply.all[0].clone();
                reply.rows.push(extra);
            }
        }),
    ]
}

/// A fault of requests for one project.
fn of_one(change: fn(&mut Reply)) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        if reply.projects.len() == 1 {
            change(reply);
        }
    }
}

/// Totals that must not be used.
fn by_totals() -> Vec<Row> {
    let of_all = |change: fn(&mut Reply)| {
        move |reply: &mut Reply| {
            if reply.projects.len() != 1 {
                change(reply);
            }
        }
    };
    let missing = reads(
        "a project without a name",
        Totals,
        |expected| {
            expected.cost = Cost::by_resources(2);
            let nameless = Line { amount: Some(500_000), ..expected.cost.lines[0].clone() };
            expected.cost.totals.as_mut().unwrap().push(nameless);
        },
        of_all(|reply| {
            let mut nameless = reply.all[0].clone();
            nameless.iter_mut().filter(|(key, _)| *key == "cost").for_each(|(_, raw)| *raw = "5".into());
            nameless.iter_mut().filter(|(key, _)| *key == "currency").for_each(|(_, raw)| *raw = "\"EUR\"".into());
            reply.rows.push(nameless);
            let count = reply.rows.len();
            reply.member("count", count.to_string());
        }),
    );
    let emptied = reads(
        "projects that are suddenly empty",
        Totals,
        |expected| expected.cost = Cost::by_resources(2),
        of_one(|reply| {
            reply.rows.clear();
            reply.member("count", "0");
        }),
    );
    vec![
        missing.by_totals(),
        emptied.by_totals(),
        fails("a count that is off by 1", Totals, "inconsistent", |reply| {
            let count = reply.all.len() + 1;
            reply.member("count", count.to_string());
        })
        .by_totals(),
    ]
}

/// Projects that are read by resources when costs are read by totals. The second project always is.
fn by_both() -> Vec<Row> {
    let none = of_one(|reply| {
        reply.rows.clear();
        reply.member("count", "0");
        reply.member("price_status", "\"hide\"");
    });
    vec![
        // Then the first project is read by resources too, and has more rows than lines.
        reads(
            "a line with an error",
            Totals,
            |expected| expected.cost.read = expected.cost.lines.len(),
            of_one(|reply| reply.set(0, "err", "\"in part\"")),
        )
        .by_totals(),
        reads("no resources where there are lines", Resources, |expected| expected.cost = Cost::by_resources(2), none)
            .by_totals(),
        reads(
            "a resource is missing where there are lines",
            Resources,
            |expected| {
                expected.cost.lines.remove(2);
                expected.cost.read -= 1;
            },
            of_one(|reply| {
                reply.rows = reply.all.iter().skip(1 + reply.offset).take(PAGE).cloned().collect();
                let count = reply.all.len() - 1;
                reply.member("count", count.to_string());
            }),
        )
        .by_totals(),
        reads(
            "prices that are not shown where there are lines",
            Resources,
            |expected| expected.cost.status = Some("hide"),
            of_one(|reply| reply.member("price_status", "\"hide\"")),
        )
        .by_totals(),
    ]
}

//! Statuses, `Retry-After` and redirects.

use std::time::Duration;

use common::clock::Clock;
use jiff::{SignedDuration, Timestamp};

use super::super::account::Endpoint::{
    MonthTotals, Projects, Regions, Reports, Reservations, Resources, Subscriptions, Totals, Usage,
};
use super::super::account::quoted;
use super::super::expected::{Cost, Expected};
use super::super::reply::Reply;
use super::{Row, fails, leaves_uncompared, passes, reads, tolerates};

pub(super) fn rows(elsewhere: &str) -> Vec<Row> {
    [lasting(), of_the_path(), passing(), of_totals(), retry_after(), redirects(elsewhere)]
        .into_iter()
        .flatten()
        .collect()
}

/// An error of the API itself if the status needs it, else one with a page of HTML.
fn answers(status: u16) -> impl Fn(&mut Reply) + Send + Sync + 'static {
    move |reply| {
        reply.status = status;
        if matches!(status, 403 | 404) {
            reply.body = Some(br#"{"exception_class":"ForbiddenError","message":"no"}"#.to_vec());
            return;
        }
        reply.header("content-type", "text/html");
        reply.body = Some(format!("<html>{status}</html>").into_bytes());
    }
}

fn lasting() -> Vec<Row> {
    [
        (Resources, 400, "bad_request"),
        (Resources, 401, "unauthorized"),
        (Resources, 403, "unsupported"),
        (Resources, 409, "bad_request"),
        (Resources, 500, "server_error"),
        (Usage, 400, "bad_request"),
        (Usage, 403, "unsupported"),
        (Usage, 502, "server_error"),
        (Reports, 403, "unsupported"),
        (Reports, 408, "timeout"),
        (Subscriptions, 404, "unsupported"),
        (Subscriptions, 429, "rate_limited"),
        (Projects, 401, "unauthorized"),
        (Projects, 503, "server_error"),
        (Regions, 403, "unsupported"),
        (Reservations, 404, "unsupported"),
        (Reservations, 504, "server_error"),
        (MonthTotals, 401, "unauthorized"),
        (MonthTotals, 403, "unsupported"),
        (MonthTotals, 500, "server_error"),
    ]
    .into_iter()
    .map(|(endpoint, status, reason)| fails(format!("{status}"), endpoint, reason, answers(status)))
    .collect()
}

/// Errors from a proxy or gateway before the API.
fn of_the_path() -> Vec<Row> {
    let says = |status, text: &'static str| {
        move |reply: &mut Reply| {
            reply.status = status;
            reply.header("content-type", "text/html");
            reply.body = Some(text.as_bytes().to_vec());
        }
    };
    vec![
        fails("403 as HTML", Resources, "bad_body", says(403, "<html>blocked</html>")),
        fails("404 as HTML", Usage, "bad_body", says(404, "<html>not found</html>")),
        fails("403 without a body", Reports, "bad_body", says(403, "")),
        fails("404 as text", Subscriptions, "bad_body", says(404, "404 page not found")),
        fails("403 with JSON of something else", Reservations, "bad_body", says(403, r#"{"support_id":"1"}"#)),
        fails("403 as HTML", Regions, "bad_body", says(403, "<html>blocked</html>")),
        fails("403 as HTML", Totals, "bad_body", says(403, "<html>blocked</html>")).by_totals(),
    ]
}

fn passing() -> Vec<Row> {
    [
        (Resources, 408, "timeout"),
        (Resources, 502, "server_error"),
        (Usage, 500, "server_error"),
        (Usage, 429, "rate_limited"),
        (Reports, 502, "server_error"),
        (Subscriptions, 503, "server_error"),
        (Projects, 500, "server_error"),
        (Regions, 504, "server_error"),
        (Reservations, 500, "server_error"),
        (MonthTotals, 502, "server_error"),
        (Totals, 503, "server_error"),
    ]
    .into_iter()
    .map(|(endpoint, status, reason)| passes(format!("{status} once"), endpoint, reason, answers(status)))
    .collect()
}

/// The account's totals: compared with resources, or read with the method `totals`.
fn of_totals() -> Vec<Row> {
    let of_one_project = |status| {
        move |reply: &mut Reply| {
            if reply.projects.len() == 1 {
                answers(status)(reply);
            }
        }
    };
    let by_resources = |expected: &mut Expected| expected.cost = Cost::by_resources(2);
    vec![
        leaves_uncompared("403", answers(403)),
        leaves_uncompared("500", answers(500)),
        fails("401", Totals, "unauthorized", answers(401)).by_totals(),
        fails("500", Totals, "server_error", answers(500)).by_totals(),
        passes("504 once", Totals, "server_error", answers(504)).by_totals(),
        reads("403 for one project", Totals, by_resources, of_one_project(403)).by_totals(),
        fails("500 for one project", Totals, "server_error", of_one_project(500)).by_totals(),
    ]
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn too_many(header: &'static str, value: impl Fn() -> String + Send + Sync) -> impl Fn(&mut Reply) + Send + Sync {
    move |reply| {
        reply.status = 429;
        reply.header(header, value());
    }
}

fn retry_after() -> Vec<Row> {
    let seconds = |text: &'static str| too_many("retry-after", move || text.into());
    let date = |hours: i64, seconds: i64| {
        let ahead = SignedDuration::from_hours(hours) + SignedDuration::from_secs(seconds);
        too_many("retry-after", move || http_date(Clock::system().now() + ahead))
    };
    let milliseconds = |text: &'static str| too_many("retry-after-ms", move || text.into());
    let limited = |name, endpoint, change: Box<dyn Fn(&mut Reply) + Send + Sync>| {
        passes(format!("429, Retry-After {name}"), endpoint, "rate_limited", change)
    };
    // The backoff before the first retry is at most a second.
    vec![
        limited("in seconds", Resources, Box::new(seconds("2"))).after(Duration::from_secs(2)),
        limited("in fractions", Usage, Box::new(seconds("1.3"))).after(Duration::from_millis(1300)),
        limited("as a date", Reports, Box::new(date(0, 3))).after(Duration::from_secs(2)),
        limited("in milliseconds", Subscriptions, Box::new(milliseconds("1400"))).after(Duration::from_millis(1400)),
        limited("of nothing", Projects, Box::new(seconds("0"))),
        limited("in the past", Reservations, Box::new(date(-1, 0))),
        limited("unreadable", MonthTotals, Box::new(seconds("soon"))),
        limited("on totals", Totals, Box::new(seconds("1.3"))).after(Duration::from_millis(1300)),
        fails("429, longer than the poll", Resources, "rate_limited", seconds("3600")).alone(),
        fails("429, endless", Usage, "rate_limited", seconds("99999999999999")).alone(),
        fails("429, a date after the poll", Regions, "rate_limited", date(2, 0)).alone(),
        fails("429, milliseconds longer than the poll", Reports, "rate_limited", milliseconds("3600000")).alone(),
        passes("503 with Retry-After", Regions, "server_error", |reply| {
            reply.status = 503;
            reply.header("retry-after", "1.3");
        })
        .after(Duration::from_millis(1300)),
    ]
}

fn redirects(elsewhere: &str) -> Vec<Row> {
    let elsewhere = format!("{elsewhere}/stolen");
    let to = |location: Option<&str>, status| {
        let location = location.map(str::to_owned);
        move |reply: &mut Reply| {
            reply.status = status;
            if let Some(location) = &location {
                reply.header("location", location);
            }
        }
    };
    let mut rows: Vec<Row> = [
        (Resources, 301),
        (Usage, 302),
        (Reports, 303),
        (Subscriptions, 307),
        (Projects, 308),
        (Reservations, 302),
        (MonthTotals, 308),
    ]
    .into_iter()
    .map(|(endpoint, status)| {
        fails(format!("{status} to another host"), endpoint, "redirect", to(Some(&elsewhere), status))
    })
    .collect();
    rows.push(leaves_uncompared("307 to another host", to(Some(&elsewhere), 307)));
    rows.push(fails("302 to itself", Regions, "redirect", to(Some("?again"), 302)));
    rows.push(fails("301 to nowhere", Reports, "redirect", to(None, 301)));
    rows.push(tolerates("a link to another host", Usage, move |reply| {
        reply.member("next", quoted(&elsewhere));
        reply.header("location", elsewhere.as_str());
    }));
    rows
}

//! Commitments in the cloud service: the list of reservations, and the cost report of a month with commitments.

use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::cloud::{CostPage, List, PRICE_STATUS};
use super::json_rows::{CostTotal, Decimal, Money, UsageTotal};
use super::query::MonthQuery;
use super::refusal::Refusal;
use super::{Account, Asked, to_json};
use crate::days::{each_day, utc_date};
use crate::world::Commitment;

/// The longest period of the list, in days.
const MAX_DAYS: usize = 31;

#[derive(Serialize)]
struct Reservation {
    active_billing_plan_id: u64,
    commit: Commit,
    region_name: &'static str,
    resource_count: u64,
    resource_name: &'static str,
    unit_name: &'static str,
}

#[derive(Serialize)]
struct Commit {
    active_from: String,
    active_to: String,
    price_per_month: String,
    price_total: String,
    subscription_id: u64,
}

/// `GET /cloud/v2/reservations`: the reservations of a period. The period is required and at most 31 days long.
pub(super) fn reservations(account: &Account, _now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    let mut params = asked.params.check();
    let period = params.instant("time_from").zip(params.instant("time_to")).and_then(|(from, to)| {
        Some(utc_date(from)..utc_date(to)).filter(|period| (1..=MAX_DAYS).contains(&each_day(period).count()))
    });
    if period.is_none() {
        params.fault("time_to", "time_from and time_to must enclose 1 to 31 days");
    }
    params.finish()?;
    let touched = |commitment: &Commitment| period.as_ref().is_some_and(|period| commitment.touches(period));
    let results: Vec<Reservation> = account
        .simulator
        .commitments()
        .into_iter()
        .filter(touched)
        .map(|commitment| reservation(&commitment))
        .collect();
    to_json(&List { count: results.len(), results })
}

/// `POST /cloud/v1/reservation_cost_report/totals`: one line for each commitment, and one for the use beyond it.
pub(super) fn cost_totals(account: &Account, now: Timestamp, asked: &Asked) -> Result<Vec<u8>, Refusal> {
    asked.params.check().finish()?;
    let query = MonthQuery::parse(&asked.body)?;
    let commitments = account.simulator.commitments();
    let month = query.month..query.month.saturating_add(1.month());
    let mut results = Vec::new();
    for commitment in commitments.iter().filter(|commitment| commitment.touches(&month)) {
        let (overcommit, minutes) = commitment.overcommit(query.month, now);
        if query.wants(commitment.region_id, "baremetal") {
            results.push(line(commitment, "Instance Type: bm2-hf-medium - Commit", commitment.price_per_month, 0));
            results.push(line(commitment, "Instance Type: bm2-hf-medium - Overcommit", overcommit, minutes));
        }
    }
    to_json(&CostPage { count: results.len(), price_status: PRICE_STATUS, results })
}

fn reservation(commitment: &Commitment) -> Reservation {
    let price = |units: i128| format!("{}.{:05}0000000", units / 100_000, units % 100_000);
    Reservation {
        active_billing_plan_id: 40_000 + commitment.subscription_id,
        commit: Commit {
            active_from: commitment.start.to_string(),
            active_to: commitment.end.to_string(),
            price_per_month: price(commitment.price_per_month),
            price_total: price(12 * commitment.price_per_month),
            subscription_id: commitment.subscription_id,
        },
        region_name: commitment.region,
        resource_count: 1,
        resource_name: commitment.resource,
        unit_name: "minutes",
    }
}

fn line<'a>(commitment: &Commitment, feature: &'a str, cost: i128, minutes: i128) -> CostTotal<'a> {
    let micros = minutes * 10_i128.pow(6);
    CostTotal {
        money: Money {
            billing_feature_name: Some(feature),
            cost: Some(Decimal::cost(cost)),
            currency: Some("EUR"),
            err: None,
        },
        usage: UsageTotal {
            billing_metric_name: "bm2-hf-medium_min",
            billing_value: Decimal::value(micros, "minutes"),
            billing_value_unit: "minutes",
            region: commitment.region_id,
            region_id: commitment.region_id,
            resource_type: "baremetal",
            grouping: None,
        },
    }
}

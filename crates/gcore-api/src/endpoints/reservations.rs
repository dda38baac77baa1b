//! `GET /cloud/v2/reservations` and `POST /cloud/v1/reservation_cost_report/totals`: commitments, and the cost of a
//! month under them.
//!
//! The list requires a period of at most 31 days, and includes ended commitments. It has two shapes: the range is in
//! `commit`, or at the top.

use jiff::civil::Date;
use serde::Serialize;
use smol_str::format_smolstr;

use crate::billing::commitment::Commitment;
use crate::billing::period::Period;
use crate::billing::record::{CostTotal, RejectReason};

use crate::endpoints::cost_totals::{TOTAL_FIELDS, total};
use crate::endpoints::pagination;
use crate::endpoints::pagination::{Listing, PlainQuery, Query, RowSchema};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::payload::Payload;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::Field;
use crate::json::lenient_json::Instants;

const RESERVATIONS: RowSchema<Vec<Commitment>, 7> = RowSchema {
    endpoint: Endpoint::Reservations,
    rows_key: "results",
    fields: ["commit", "active_from", "active_to", "id", "active_billing_plan_id", "resource_name", "region_name"],
    identity: &[0, 1, 2, 3, 4, 5, 6],
    weight: None,
    records: |fields, intake| {
        let mut instants = Instants::default();
        intake.add(commitment(fields, &mut instants));
        instants.unread.into_iter().for_each(|reason| intake.reject(reason));
    },
};
const TOTALS: RowSchema<Vec<CostTotal>, 11> = RowSchema {
    endpoint: Endpoint::ReservationCostReportTotals,
    rows_key: "results",
    fields: TOTAL_FIELDS,
    identity: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    weight: None,
    records: |fields, intake| intake.add(total(fields)),
};

/// Reads the commitments of `period`, which has at most 31 days.
///
/// # Errors
/// Fails when the list cannot be read completely.
pub async fn commitments(
    client: &Client,
    period: Period,
    deadline: PollDeadline,
) -> Result<Listing<Vec<Commitment>>, Error> {
    let day_start = |day: Date| format!("{day}T00:00:00Z");
    let parameters = [("time_from", day_start(period.first())), ("time_to", day_start(period.end()))];
    pagination::read(client, &RESERVATIONS, PlainQuery { parameters: &parameters, page_size: None }, deadline).await
}

/// Reads the cost of a day's month under the commitments, overcommit included.
///
/// # Errors
/// Fails when the totals cannot be read completely.
pub async fn month_totals(
    client: &Client,
    day: Date,
    deadline: PollDeadline,
) -> Result<Listing<Vec<CostTotal>>, Error> {
    pagination::read(client, &TOTALS, MonthQuery { client, day }, deadline).await
}

struct MonthQuery<'a> {
    client: &'a Client,
    day: Date,
}

#[derive(Serialize)]
struct Body<'a> {
    year_month: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    regions: &'a [u64],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    types: &'a [String],
}

impl Query for MonthQuery<'_> {
    fn payload(&self, _offset: u64) -> Payload {
        let filter = &self.client.settings.filter;
        let year_month = format!("{:04}-{:02}", self.day.year(), self.day.month());
        Payload::json(&Body { year_month, regions: &filter.regions, types: &filter.types })
    }

    fn rows(&self) -> Option<u32> {
        None
    }
}

fn commitment(fields: &[Field<'_>; 7], instants: &mut Instants) -> Result<Commitment, RejectReason> {
    let [commit, active_from, active_to, id, plan, resource_name, region_name] = fields;
    let [from, to, subscription] = commit.object(["active_from", "active_to", "subscription_id"]);
    let described = || {
        let (plan, resource) = (plan.word()?.ok_or(RejectReason::NoId)?, resource_name.word()?.unwrap_or_default());
        Ok(format_smolstr!("{plan}:{resource}:{}", region_name.word()?.unwrap_or_default()))
    };
    let id = match id.identity()? {
        Some(id) => Some(id),
        None => subscription.identity()?,
    };
    let [start, end] = [from.or(active_from), to.or(active_to)].map(|edge| instants.read(edge));
    Ok(Commitment { id: id.map_or_else(described, Ok)?, start, end, has_unknown_edge: instants.unread.is_some() })
}

//! `POST /cloud/v1/cost_report/totals`: the same costs summed over resources, in one response without pages.

use crate::billing::period::Period;
use crate::billing::record::{CostTotal, RejectReason};
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use crate::endpoints::cost_report::price;
use crate::endpoints::pagination;
use crate::endpoints::pagination::{Listing, RowSchema};
use crate::endpoints::report_query::ReportQuery;
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::Field;

const LAYOUT: RowSchema<Vec<CostTotal>, 11> = RowSchema {
    endpoint: Endpoint::CostReportTotals,
    rows_key: "results",
    fields: TOTAL_FIELDS,
    identity: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    weight: None,
    records: |fields, intake| intake.add(total(fields)),
};

/// The fields of a line of totals. Those after `region` only identify the line.
pub(crate) const TOTAL_FIELDS: [&str; 11] = [
    "type",
    "cost",
    "currency",
    "err",
    "region_id",
    "region",
    "billing_metric_name",
    "billing_feature_name",
    "flavor",
    "volume_type",
    "billing_value",
];

/// Reads the totals for `period`. `project` replaces the projects of the account's filter.
///
/// # Errors
/// Fails when the totals cannot be read completely.
pub async fn read(
    client: &Client,
    period: Period,
    project: Option<ProjectId>,
    deadline: PollDeadline,
) -> Result<Listing<Vec<CostTotal>>, Error> {
    let query = ReportQuery::new(client, LAYOUT.endpoint, period, project);
    pagination::read(client, &LAYOUT, query, deadline).await
}

/// A line of totals. The report of commitments has the same lines.
pub(crate) fn total(fields: &[Field<'_>; 11]) -> Result<CostTotal, RejectReason> {
    let [resource_type, cost, currency, err, region_id, region, ..] = fields;
    Ok(CostTotal {
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: ResourceType::new(&resource_type.word()?.unwrap_or_default()),
        price: price(cost, err)?,
        has_error: err.is_some(),
        currency: Currency::new(&currency.word()?.unwrap_or_default()),
    })
}

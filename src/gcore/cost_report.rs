//! `POST /cloud/v1/cost_report/resources`: what each resource cost in a period, at pay-as-you-go prices.

use tokio::time::Instant;

use crate::billing::period::Period;
use crate::billing::record::{CostRecord, Fold, Price, RejectReason, UnpricedReason};
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing;
use super::listing::{Glance, Layout, Listing};
use super::report_query::ReportQuery;
use super::wire::Field;

/// The fields after `region` only tell one row from another.
const LAYOUT: Layout<CostRecord, 14> = Layout {
    endpoint: Endpoint::CostReportResources,
    rows_key: "results",
    fields: [
        "type",
        "cost",
        "currency",
        "err",
        "last_seen",
        "project_id",
        "region_id",
        "region",
        "uuid",
        "port_id",
        "last_name",
        "first_seen",
        "billing_metric_name",
        "billing_value",
    ],
    records: |fields, each| each(record(fields)),
};

/// Reads the report for `period` and folds its rows as their pages arrive.
///
/// # Errors
/// Whatever keeps the report from being read whole.
pub async fn read<F: Fold<CostRecord>>(
    client: &Client,
    period: Period,
    deadline: Instant,
) -> Result<Listing<F>, Error> {
    listing::read(client, &LAYOUT, ReportQuery::new(client, LAYOUT.endpoint, period), deadline).await
}

/// Reads the first page of the report for `period`.
///
/// # Errors
/// Whatever keeps the page from being read.
pub async fn peek<F: Fold<CostRecord>>(client: &Client, period: Period, deadline: Instant) -> Result<Glance<F>, Error> {
    listing::peek(client, &LAYOUT, ReportQuery::new(client, LAYOUT.endpoint, period), deadline).await
}

fn record(fields: &[Field<'_>; 14]) -> Result<CostRecord, RejectReason> {
    let [resource_type, cost, currency, err, last_seen, project, region_id, region, ..] = fields;
    let price = match cost.amount()? {
        Some(amount) => Price::Known(amount),
        None if err.is_some() => Price::Unknown(UnpricedReason::RowError),
        None => Price::Unknown(UnpricedReason::NullCost),
    };
    Ok(CostRecord {
        project: project.id().map(ProjectId).ok_or(RejectReason::NoProject)?,
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: ResourceType::new(&resource_type.text().unwrap_or_default()),
        price,
        currency: Currency::new(&currency.text().unwrap_or_default()),
        last_seen: last_seen.timestamp(),
    })
}

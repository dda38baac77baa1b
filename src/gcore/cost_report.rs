//! `POST /cloud/v1/cost_report/resources`: what each resource cost in a period, at pay-as-you-go prices.

use crate::billing::period::Period;
use crate::billing::record::{CostRecord, Fold, Price, RejectReason, UnpricedReason};
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing;
use super::listing::{Glance, Layout, Listing};
use super::patience::Patience;
use super::report_query::ReportQuery;
use super::wire::Field;

/// The fields after `region` only tell one row from another, with type, amount and project.
const LAYOUT: Layout<CostRecord, 11> = Layout {
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
    ],
    identity: &[0, 1, 5, 8, 9, 10],
    records: |fields, each| each(record(fields)),
};

/// Reads the report for `period`, of one project or of all that the account's filter lets pass, and folds its rows as
/// their pages arrive.
///
/// # Errors
/// Whatever keeps the report from being read whole.
pub async fn read<F: Fold<CostRecord>>(
    client: &Client,
    period: Period,
    project: Option<ProjectId>,
    patience: Patience,
) -> Result<Listing<F>, Error> {
    listing::read(client, &LAYOUT, ReportQuery::new(client, LAYOUT.endpoint, period, project), patience).await
}

/// Reads the first page of the report for `period`.
///
/// # Errors
/// Whatever keeps the page from being read.
pub async fn peek<F: Fold<CostRecord>>(
    client: &Client,
    period: Period,
    patience: Patience,
) -> Result<Glance<F>, Error> {
    listing::peek(client, &LAYOUT, ReportQuery::new(client, LAYOUT.endpoint, period, None), patience).await
}

fn record(fields: &[Field<'_>; 11]) -> Result<CostRecord, RejectReason> {
    let [resource_type, cost, currency, err, last_seen, project, region_id, region, ..] = fields;
    Ok(CostRecord {
        project: project.id().map(ProjectId).ok_or(RejectReason::NoProject)?,
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: ResourceType::new(&resource_type.text().unwrap_or_default()),
        price: price(cost, err)?,
        currency: Currency::new(&currency.text().unwrap_or_default()),
        last_seen: last_seen.timestamp(),
    })
}

/// The price that a row's `cost` and `err` tell.
pub(super) fn price(cost: &Field<'_>, err: &Field<'_>) -> Result<Price, RejectReason> {
    Ok(match cost.amount()? {
        Some(amount) => Price::Known(amount),
        None if err.is_some() => Price::Unknown(UnpricedReason::RowError),
        None => Price::Unknown(UnpricedReason::NullCost),
    })
}

//! `POST /cloud/v1/usage_report`: how much each resource used in a period, in the API's own units.
//!
//! The answer's `totals` have no project and are not paged, so they are left alone.

use crate::billing::period::Period;
use crate::billing::record::{Fold, MeteredUsage, RejectReason, UsageRecord};
use crate::billing::resource::{BillingMetric, ProjectId, RegionId, ResourceType, Unit};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing;
use super::listing::{Glance, Layout, Listing, Records};
use super::patience::Patience;
use super::report_query::ReportQuery;
use super::wire::Field;

const FIELDS: [&str; 11] = [
    "type",
    "billing_value",
    "billing_value_unit",
    "last_seen",
    "project_id",
    "region_id",
    "region",
    // These tell one row from another, with type and amount.
    "uuid",
    "port_id",
    "last_name",
    "billing_metric_name",
];
const IDENTITY: &[usize] = &[0, 1, 7, 8, 9];

const LAYOUT: Layout<UsageRecord, 10> = layout(|fields, each| each(record(fields)));

/// The same rows with the metric of each, for readings that want it.
const METERED: Layout<MeteredUsage, 11> = layout(|fields, each| each(metered(fields)));

const fn layout<R, const N: usize>(records: Records<R, N>) -> Layout<R, N> {
    let (endpoint, fields) = (Endpoint::UsageReport, listing::first(FIELDS));
    Layout { endpoint, rows_key: "resources", fields, identity: IDENTITY, is_kept: false, records }
}

/// Reads the report for `period` and folds the rows of `resources` as their pages arrive.
///
/// # Errors
/// Whatever keeps the report from being read whole.
pub async fn read<F: Fold<UsageRecord>>(
    client: &Client,
    period: Period,
    patience: Patience,
) -> Result<Listing<F>, Error> {
    listing::read(client, &LAYOUT, ReportQuery::new(client, LAYOUT.endpoint, period, None), patience).await
}

/// The same with the metric of each row.
///
/// # Errors
/// Whatever keeps the report from being read whole.
pub async fn read_metered<F: Fold<MeteredUsage>>(
    client: &Client,
    period: Period,
    patience: Patience,
) -> Result<Listing<F>, Error> {
    listing::read(client, &METERED, ReportQuery::new(client, METERED.endpoint, period, None), patience).await
}

/// Reads the first page of the report for `period`.
///
/// # Errors
/// Whatever keeps the page from being read.
pub async fn peek<F: Fold<UsageRecord>>(
    client: &Client,
    period: Period,
    patience: Patience,
) -> Result<Glance<F>, Error> {
    listing::peek(client, &LAYOUT, ReportQuery::new(client, LAYOUT.endpoint, period, None), patience).await
}

fn record(fields: &[Field<'_>; 10]) -> Result<UsageRecord, RejectReason> {
    let [resource_type, value, unit, last_seen, project, region_id, region, ..] = fields;
    Ok(UsageRecord {
        project: project.id().map(ProjectId).ok_or(RejectReason::NoProject)?,
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: ResourceType::new(&resource_type.text().unwrap_or_default()),
        value: value.amount()?.ok_or(RejectReason::NoValue)?,
        unit: Unit::new(&unit.text().unwrap_or_default()),
        last_seen: last_seen.timestamp(),
    })
}

fn metered(fields: &[Field<'_>; 11]) -> Result<MeteredUsage, RejectReason> {
    let [common @ .., metric] = fields;
    Ok(MeteredUsage { usage: record(common)?, metric: BillingMetric::new(&metric.text().unwrap_or_default()) })
}

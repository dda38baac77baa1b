//! `POST /cloud/v1/usage_report`: the quantity that each resource used in a period, in the API's units.
//!
//! The response's `totals` have no project and no pages, so they are not read.

use crate::billing::period::Period;
use crate::billing::record::{Fold, MeteredUsage, RejectReason, UsageRecord};
use crate::billing::resource::{ProjectId, RegionId, Word};

use crate::endpoints::pagination;
use crate::endpoints::pagination::{FirstPage, Listing, RecordSink, RowSchema};
use crate::endpoints::report_query::ReportQuery;
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::poll_deadline::PollDeadline;
use crate::json::field::Field;

const ENDPOINT: Endpoint = Endpoint::UsageReport;
const FIELDS: [&str; 12] = [
    "type",
    "billing_value",
    "billing_value_unit",
    "last_seen",
    "project_id",
    "region_id",
    "region",
    // With type and amount, these identify a row.
    "uuid",
    "port_id",
    "last_name",
    "ip_address",
    "billing_metric_name",
];
const IDENTITY: &[usize] = &[0, 1, 4, 5, 7, 8, 9, 10];

const fn layout<F: for<'a> Fold<UsageRecord<'a>>>() -> RowSchema<F, 11> {
    layout_of(F::weight, |fields, intake| intake.add(record(fields)))
}

/// The same rows with the metric of each. Only some readings ask for it.
const fn metered_layout<F: for<'a> Fold<MeteredUsage<'a>>>() -> RowSchema<F, 12> {
    layout_of(F::weight, |fields, intake| intake.add(metered(fields)))
}

const fn layout_of<F, const N: usize>(
    weight: fn(&F) -> usize,
    records: fn(&[Field<'_>; N], &mut RecordSink<'_, F>),
) -> RowSchema<F, N> {
    let (endpoint, fields) = (ENDPOINT, pagination::first(FIELDS));
    RowSchema { endpoint, rows_key: "resources", fields, identity: IDENTITY, weight: Some(weight), records }
}

/// Reads the report for `period`, and folds the rows of `resources` as pages arrive.
///
/// # Errors
/// Fails when the report cannot be read completely.
pub async fn read<F: for<'a> Fold<UsageRecord<'a>>>(
    client: &Client,
    period: Period,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    pagination::read(client, &layout(), ReportQuery::new(client, ENDPOINT, period, None), deadline).await
}

/// The same with the metric of each row.
///
/// # Errors
/// Fails when the report cannot be read completely.
pub async fn read_metered<F: for<'a> Fold<MeteredUsage<'a>>>(
    client: &Client,
    period: Period,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    pagination::read(client, &metered_layout(), ReportQuery::new(client, ENDPOINT, period, None), deadline).await
}

/// Reads the first page of the report for `period`.
///
/// # Errors
/// Fails when the page cannot be read.
pub async fn probe<F: for<'a> Fold<UsageRecord<'a>>>(
    client: &Client,
    period: Period,
    deadline: PollDeadline,
) -> Result<FirstPage<F>, Error> {
    pagination::probe(client, &layout(), ReportQuery::new(client, ENDPOINT, period, None), deadline).await
}

fn record<'a>(fields: &[Field<'a>; 11]) -> Result<UsageRecord<'a>, RejectReason> {
    let [resource_type, value, unit, last_seen, project, region_id, region, ..] = fields;
    Ok(UsageRecord {
        project: project.id().map(ProjectId).ok_or(RejectReason::NoProject)?,
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: Word::new(resource_type.word()?),
        value: value.amount()?.ok_or(RejectReason::NoValue)?,
        unit: Word::new(unit.word()?),
        // A usage counts, even without a readable metering time.
        last_seen: last_seen.timestamp().unwrap_or_default(),
    })
}

fn metered<'a>(fields: &[Field<'a>; 12]) -> Result<MeteredUsage<'a>, RejectReason> {
    let [common @ .., metric] = fields;
    Ok(MeteredUsage { usage: record(common)?, metric: Word::new(metric.word()?) })
}

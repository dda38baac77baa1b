//! `POST /cloud/v1/usage_report`: how much each resource used in a period, in the API's own units.

use tokio::time::Instant;

use crate::billing::period::Period;
use crate::billing::record::{RejectReason, UsageRecord};
use crate::billing::resource::{ProjectId, RegionId, ResourceType, Unit};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::report_query;
use super::wire::{Field, Row};

const FIELDS: [&str; 7] =
    ["type", "billing_value", "billing_value_unit", "last_seen", "project_id", "region_id", "region"];

/// Reads the report for `period`, handing every row of `resources` to `fold` as its page arrives.
///
/// The answer's `totals` have no project and are not paged, so they are left alone.
///
/// # Errors
/// Whatever keeps the report from being read whole; rows folded until then are a part only.
pub async fn read(
    client: &Client,
    period: Period,
    deadline: Instant,
    mut fold: impl FnMut(Result<UsageRecord, RejectReason>),
) -> Result<(), Error> {
    let endpoint = Endpoint::UsageReport;
    let on_row = |row: Row<'_, 7>| fold(row.and_then(record));
    report_query::read(client, endpoint, "resources", FIELDS, period, deadline, on_row).await.map(drop)
}

fn record(
    [resource_type, value, unit, last_seen, project, region_id, region]: [Field<'_>; 7],
) -> Result<UsageRecord, RejectReason> {
    Ok(UsageRecord {
        project: project.id().map(ProjectId).ok_or(RejectReason::NoProject)?,
        region: region_id.id().or_else(|| region.id()).map(RegionId),
        resource_type: ResourceType::new(&resource_type.text().unwrap_or_default()),
        value: value.amount()?.ok_or(RejectReason::NoValue)?,
        unit: Unit::new(&unit.text().unwrap_or_default()),
        last_seen: last_seen.timestamp(),
    })
}

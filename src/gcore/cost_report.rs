//! `POST /cloud/v1/cost_report/resources`: what each resource cost in a period, at pay-as-you-go prices.

use smol_str::SmolStr;
use tokio::time::Instant;

use crate::billing::period::Period;
use crate::billing::record::{CostRecord, Price, RejectReason, UnpricedReason};
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::report_query;
use super::wire::Field;

const FIELDS: [&str; 8] = ["type", "cost", "currency", "err", "last_seen", "project_id", "region_id", "region"];

/// Reads the report for `period`, handing every row to `fold` as its page arrives; returns `price_status`.
///
/// # Errors
/// Whatever keeps the report from being read whole; rows folded until then are a part only.
pub async fn read(
    client: &Client,
    period: Period,
    deadline: Instant,
    mut fold: impl FnMut(Result<CostRecord, RejectReason>),
) -> Result<Option<SmolStr>, Error> {
    let endpoint = Endpoint::CostReportResources;
    report_query::read(client, endpoint, "results", FIELDS, period, deadline, |row| fold(row.and_then(record))).await
}

fn record(
    [resource_type, cost, currency, err, last_seen, project, region_id, region]: [Field<'_>; 8],
) -> Result<CostRecord, RejectReason> {
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

//! `GET /cloud/v1/projects` and `GET /cloud/v1/regions`: the names of the ids in reports.

use crate::billing::names::{Project, Region};
use crate::billing::record::{Fold, RejectReason};
use crate::billing::resource::{ProjectId, RegionId};

use crate::endpoints::pagination;
use crate::endpoints::pagination::{Listing, PlainQuery, RowSchema};
use crate::http::client::Client;
use crate::http::endpoint::Endpoint;
use crate::http::error::Error;
use crate::http::poll_deadline::PollDeadline;

/// The largest page of these lists.
const PAGE_SIZE: u32 = 1000;

const fn projects_layout<F: Fold<(ProjectId, Project)>>() -> RowSchema<F, 3> {
    RowSchema {
        endpoint: Endpoint::Projects,
        rows_key: "results",
        fields: ["id", "name", "state"],
        identity: &[0],
        weight: None,
        records: |[id, name, state], intake| {
            let named = id.id().filter(|_| name.text().is_some()).ok_or(RejectReason::NoId);
            intake.add(named.map(|id| (ProjectId(id), Project { name: name.small(), state: state.small() })));
        },
    }
}

const fn regions_layout<F: Fold<(RegionId, Region)>>() -> RowSchema<F, 4> {
    RowSchema {
        endpoint: Endpoint::Regions,
        rows_key: "results",
        fields: ["id", "display_name", "keystone_name", "country"],
        identity: &[0],
        weight: None,
        records: |[id, display_name, keystone_name, country], intake| {
            let name = display_name.or(keystone_name);
            let named = id.id().filter(|_| name.text().is_some()).ok_or(RejectReason::NoId);
            intake.add(named.map(|id| (RegionId(id), Region { name: name.small(), country: country.small() })));
        },
    }
}

/// Reads the names of all projects. Deleted projects are included, because bills still name them.
///
/// # Errors
/// Fails when the list cannot be read completely.
pub async fn projects<F: Fold<(ProjectId, Project)>>(
    client: &Client,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    let parameters = [("include_deleted", "true".to_owned())];
    pagination::read(
        client,
        &projects_layout(),
        PlainQuery { parameters: &parameters, page_size: Some(PAGE_SIZE) },
        deadline,
    )
    .await
}

/// Reads the names of all regions.
///
/// # Errors
/// Fails when the list cannot be read completely.
pub async fn regions<F: Fold<(RegionId, Region)>>(
    client: &Client,
    deadline: PollDeadline,
) -> Result<Listing<F>, Error> {
    pagination::read(client, &regions_layout(), PlainQuery { parameters: &[], page_size: Some(PAGE_SIZE) }, deadline)
        .await
}

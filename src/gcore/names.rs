//! `GET /cloud/v1/projects` and `GET /cloud/v1/regions`: what the numbers in reports are called.

use crate::billing::names::{Project, Region};
use crate::billing::record::{Fold, RejectReason};
use crate::billing::resource::{ProjectId, RegionId};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::listing;
use super::listing::{Layout, Listing, PlainQuery};
use super::patience::Patience;

/// The most that these lists give at once.
const PAGE_SIZE: u32 = 1000;
const PROJECTS: Layout<(ProjectId, Project), 3> = Layout {
    endpoint: Endpoint::Projects,
    rows_key: "results",
    fields: ["id", "name", "state"],
    identity: &[0],
    is_kept: true,
    records: |[id, name, state], each| {
        let named = id.id().zip(name.text()).ok_or(RejectReason::NoId);
        each(named.map(|(id, name)| (ProjectId(id), Project { name: name.into(), state: state.small() })));
    },
};
const REGIONS: Layout<(RegionId, Region), 4> = Layout {
    endpoint: Endpoint::Regions,
    rows_key: "results",
    fields: ["id", "display_name", "keystone_name", "country"],
    identity: &[0],
    is_kept: true,
    records: |[id, display_name, keystone_name, country], each| {
        let named = id.id().zip(display_name.or(keystone_name).text()).ok_or(RejectReason::NoId);
        each(named.map(|(id, name)| (RegionId(id), Region { name: name.into(), country: country.small() })));
    },
};

/// Reads the names of all projects, deleted ones included: bills go on naming them.
///
/// # Errors
/// Whatever keeps the list from being read whole.
pub async fn projects<F: Fold<(ProjectId, Project)>>(client: &Client, patience: Patience) -> Result<Listing<F>, Error> {
    let parameters = [("include_deleted", "true".to_owned())];
    listing::read(client, &PROJECTS, PlainQuery { parameters: &parameters, page_size: Some(PAGE_SIZE) }, patience).await
}

/// Reads the names of all regions.
///
/// # Errors
/// Whatever keeps the list from being read whole.
pub async fn regions<F: Fold<(RegionId, Region)>>(client: &Client, patience: Patience) -> Result<Listing<F>, Error> {
    listing::read(client, &REGIONS, PlainQuery { parameters: &[], page_size: Some(PAGE_SIZE) }, patience).await
}

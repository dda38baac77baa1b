//! `GET /cloud/v1/projects` and `GET /cloud/v1/regions`: what the numbers in reports are called.

use tokio::time::Instant;

use crate::billing::names::{Names, Project, Region};
use crate::billing::record::RejectReason;
use crate::billing::resource::{ProjectId, RegionId};

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::Error;
use super::list;

/// The most that these lists give at once.
const PAGE_SIZE: u32 = 1000;

/// Reads the names of all projects, deleted ones included, and of all regions.
///
/// # Errors
/// Whatever keeps one of the lists from being read whole.
pub async fn read(client: &Client, deadline: Instant, mut rejected: impl FnMut(RejectReason)) -> Result<Names, Error> {
    let mut names = Names::default();
    let query = [("include_deleted", "true".to_owned())];
    let fields = ["id", "name", "state"];
    list::read(client, Endpoint::Projects, PAGE_SIZE, &query, fields, deadline, |row| {
        let project = row.and_then(|[id, name, state]| {
            let (id, name) = id.id().zip(name.text()).ok_or(RejectReason::NoId)?;
            Ok((ProjectId(id), Project { name: name.into(), state: state.small() }))
        });
        match project {
            Ok((id, project)) => drop(names.projects.insert(id, project)),
            Err(reason) => rejected(reason),
        }
    })
    .await?;
    let fields = ["id", "display_name", "keystone_name", "country"];
    list::read(client, Endpoint::Regions, PAGE_SIZE, &[], fields, deadline, |row| {
        let region = row.and_then(|[id, display_name, keystone_name, country]| {
            let (id, name) = id.id().zip(display_name.or(&keystone_name).text()).ok_or(RejectReason::NoId)?;
            Ok((RegionId(id), Region { name: name.into(), country: country.small() }))
        });
        match region {
            Ok((id, region)) => drop(names.regions.insert(id, region)),
            Err(reason) => rejected(reason),
        }
    })
    .await?;
    Ok(names)
}

//! Reads the names of projects and regions.

use std::sync::Arc;

use crate::snapshot::Collector;
use gcore_api::billing::names::Names;
use gcore_api::endpoints::names;
use gcore_api::http::client::Client;
use gcore_api::http::error::Error;

use super::poll::Poll;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        let projects = names::projects(&self.client, poll.deadline).await?;
        let regions = names::regions(&self.client, poll.deadline).await?;
        poll.reject(&projects.rejected);
        poll.reject(&regions.rejected);
        let names = Names { projects: projects.data, regions: regions.data };
        poll.publish(|account| {
            account.names = Arc::new(names);
            account.shares.insert(Collector::Names, vec![projects.share, regions.share]);
        });
        Ok(())
    }
}

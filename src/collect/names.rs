//! Names of projects and regions.

use std::sync::Arc;

use crate::gcore::client::Client;
use crate::gcore::error::Error;
use crate::gcore::names;

use super::poller::Poll;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        let names = names::read(&self.client, poll.deadline, |reason| poll.reject(reason)).await?;
        poll.publish(|account| account.names = Arc::new(names));
        Ok(())
    }
}

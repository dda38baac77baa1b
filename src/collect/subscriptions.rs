//! Subscriptions.

use std::sync::Arc;

use crate::gcore::client::Client;
use crate::gcore::error::Error;
use crate::gcore::subscriptions;

use super::poller::Poll;
use super::settings::Subscriptions;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Subscriptions,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        let mut list = Vec::new();
        subscriptions::read(&self.client, poll.deadline, |subscription| match subscription {
            Ok(subscription) => list.push(subscription),
            Err(reason) => poll.reject(reason),
        })
        .await?;
        poll.publish(|account| account.subscriptions = Some(poll.reading(list, self.settings.stale_after)));
        Ok(())
    }
}

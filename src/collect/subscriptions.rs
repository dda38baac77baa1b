//! Reads subscriptions.

use std::sync::Arc;

use crate::aggregate::unique_ids;
use crate::snapshot::Collector;
use gcore_api::billing::subscription::Subscription;
use gcore_api::endpoints::subscriptions;
use gcore_api::http::client::Client;
use gcore_api::http::error::Error;

use super::poll::Poll;
use super::settings::Listed;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Listed,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        let listing = subscriptions::read(&self.client, poll.deadline).await?;
        poll.reject(&listing.rejected);
        let mut list: Vec<Subscription> = listing.data;
        unique_ids::number(&mut list, |subscription| &mut subscription.id);
        let reading = poll.reading(list, self.settings.stale_after);
        poll.publish(|account| {
            account.subscriptions = Some(reading);
            account.shares.insert(Collector::Subscriptions, vec![listing.share]);
        });
        Ok(())
    }
}

//! Reads subscriptions.

use std::sync::Arc;

use crate::billing::subscription::Subscription;
use crate::billing::ties;
use crate::gcore::client::Client;
use crate::gcore::error::Error;
use crate::gcore::subscriptions;
use crate::snapshot::Collector;

use super::poller::Poll;
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
        ties::number(&mut list, |subscription| &mut subscription.id);
        let reading = poll.reading(list, self.settings.stale_after);
        poll.publish(|account| {
            account.subscriptions = Some(reading);
            account.shares.insert(Collector::Subscriptions, vec![listing.share]);
        });
        Ok(())
    }
}

//! Usage per window.

use std::sync::Arc;

use crate::aggregate::usage::UsageTotals;
use crate::gcore::client::Client;
use crate::gcore::error::Error;
use crate::gcore::usage_report;
use crate::snapshot::WindowReading;

use super::poller::Poll;
use super::settings::Windowed;
use super::windows;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Windowed,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        windows::read_each(poll, &self.settings.windows, async |window, period| {
            let mut totals = UsageTotals::default();
            usage_report::read(&self.client, period, poll.deadline, |record| {
                record.and_then(|record| totals.add(record)).unwrap_or_else(|reason| poll.reject(reason));
            })
            .await?;
            let reading = WindowReading::new(poll.reading(totals), period, self.settings.settle_after);
            poll.publish(|account| drop(account.usage.insert(window, reading)));
            Ok(())
        })
        .await
    }
}

//! Reads usage per window.

use std::sync::Arc;

use crate::aggregate::usage::UsageTotals;
use crate::snapshot::WindowReading;
use gcore_api::billing::period::Window;
use gcore_api::endpoints::usage_report;
use gcore_api::http::client::Client;
use gcore_api::http::error::Error;

use super::poll::Poll;
use super::settings::Windowed;
use super::windows;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Windowed,
    /// Whether values are split by billing metric.
    pub(super) by_metric: bool,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        windows::read_each(poll, &self.settings.windows, |window| self.read(poll, window)).await
    }

    async fn read(&self, poll: &Poll<'_>, window: Window) -> Result<(), Error> {
        let period = window.period(poll.now);
        let listing = if self.by_metric {
            usage_report::read_metered::<UsageTotals>(&self.client, period, poll.deadline).await?
        } else {
            usage_report::read::<UsageTotals>(&self.client, period, poll.deadline).await?
        };
        poll.reject(&listing.rejected);
        let totals = UsageTotals { share: listing.share, ..listing.data };
        let reading = poll.reading(totals, self.settings.stale_after);
        let reading = WindowReading::new(reading, period, self.settings.settle_after);
        poll.publish(|account| drop(account.usage.insert(window, reading)));
        Ok(())
    }
}

//! Reads commitments, and the cost of the month under them.

use std::sync::Arc;

use crate::aggregate::commitments::CommitmentTotals;
use crate::aggregate::cost::line_sums;
use crate::aggregate::unique_ids;
use crate::snapshot::Collector;
use gcore_api::billing::period::{Window, next_month, utc_date};
use gcore_api::endpoints::reservations;
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
        let month_so_far = Window::MonthToDate.period(poll.now);
        let listing = reservations::commitments(&self.client, month_so_far, poll.deadline).await?;
        poll.reject(&listing.rejected);
        let mut commitments = listing.data;
        unique_ids::number(&mut commitments, |commitment| &mut commitment.id);
        let mut totals = CommitmentTotals { commitments, ..CommitmentTotals::default() };
        if totals.has_active(poll.now) {
            let lines = reservations::month_totals(&self.client, utc_date(poll.now), poll.deadline).await?;
            poll.reject(&lines.rejected);
            totals.month_amounts = line_sums(&lines.data);
            totals.month_ends_at = next_month(poll.now);
        }
        let reading = poll.reading(totals, self.settings.stale_after);
        poll.publish(|account| {
            account.commitments = Some(reading);
            account.shares.insert(Collector::Commitments, vec![listing.share]);
        });
        Ok(())
    }
}

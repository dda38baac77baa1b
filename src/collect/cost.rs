//! Costs per window.

use std::sync::Arc;

use crate::aggregate::cost::CostTotals;
use crate::billing::period::Window;
use crate::gcore::client::Client;
use crate::gcore::cost_report;
use crate::gcore::error::Error;
use crate::snapshot::WindowReading;

use super::poller::Poll;
use super::settings::Windowed;
use super::windows::Attempts;

pub(super) struct Source {
    pub(super) client: Arc<Client>,
    pub(super) settings: Windowed,
}

impl Source {
    pub(super) async fn poll(&self, poll: &Poll<'_>) -> Result<(), Error> {
        let mut attempts = Attempts::new(poll);
        for &window in &self.settings.windows {
            if attempts.are_worthwhile() {
                attempts.note(window, self.read(poll, window).await);
            }
        }
        attempts.outcome()
    }

    async fn read(&self, poll: &Poll<'_>, window: Window) -> Result<(), Error> {
        let period = window.period(poll.now);
        let mut totals = CostTotals::default();
        let price_status = cost_report::read(&self.client, period, poll.deadline, |record| {
            record.and_then(|record| totals.add(record)).unwrap_or_else(|reason| poll.reject(reason));
        })
        .await?;
        totals.price_status = price_status;
        let reading = poll.reading(totals, self.settings.stale_after);
        let reading = WindowReading::new(reading, period, self.settings.settle_after);
        poll.publish(|account| drop(account.cost.insert(window, reading)));
        Ok(())
    }
}

//! The sources of an account. A source can be polled, and publishes its readings.

use crate::snapshot::Collector;
use gcore_api::http::error::Error;

use super::commitments;
use super::cost;
use super::history;
use super::names;
use super::poll::Poll;
use super::report_tasks;
use super::subscriptions;
use super::usage;

/// Every kind of source.
pub(super) enum Source {
    Cost(cost::Source),
    Usage(usage::Source),
    Reports(report_tasks::Source),
    Subscriptions(subscriptions::Source),
    Commitments(commitments::Source),
    Names(names::Source),
    History(Box<history::Source>),
}

impl Source {
    pub(super) fn collector(&self) -> Collector {
        match self {
            Self::Cost(_) => Collector::Cost,
            Self::Usage(_) => Collector::Usage,
            Self::Reports(_) => Collector::Reports,
            Self::Subscriptions(_) => Collector::Subscriptions,
            Self::Commitments(_) => Collector::Commitments,
            Self::Names(_) => Collector::Names,
            Self::History(_) => Collector::History,
        }
    }

    /// Whether its readings may end with the UTC day.
    pub(super) fn follows_the_calendar(&self) -> bool {
        matches!(self, Self::Cost(_) | Self::Usage(_) | Self::Commitments(_))
    }

    /// Whether its requests wait for all other polls of the account.
    pub(super) fn yields(&self) -> bool {
        matches!(self, Self::History(_))
    }

    /// Whether the last poll found nothing to read.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::History(source) if source.is_idle())
    }

    /// Reads everything once. Good readings are published even if others fail.
    pub(super) async fn poll(&mut self, poll: &Poll<'_>) -> Result<(), Error> {
        match self {
            Self::Cost(source) => source.poll(poll).await,
            Self::Usage(source) => source.poll(poll).await,
            Self::Reports(source) => source.poll(poll).await,
            Self::Subscriptions(source) => source.poll(poll).await,
            Self::Commitments(source) => source.poll(poll).await,
            Self::Names(source) => source.poll(poll).await,
            Self::History(source) => source.poll(poll).await,
        }
    }

    /// Ends what the source has started.
    pub(super) async fn stop(&mut self) {
        if let Self::History(source) = self {
            source.stop().await;
        }
    }
}

//! Collectors: one loop per account and source, which polls the API and publishes readings.
//!
//! Collectors are independent. Each has its own interval, poll deadline and metrics, and a failure does not disturb the
//! others. A collector writes its readings to the snapshot, and does not know the readers.

mod commitments;
mod cost;
mod history;
pub mod metrics;
mod names;
mod poll;
mod poll_timer;
pub mod poller;
mod report_tasks;
pub mod settings;
mod source;
mod subscriptions;
mod usage;
mod windows;

use std::sync::Arc;

use crate::account::AccountName;
use crate::jobs::insights::InsightsJob;
use crate::snapshot::{Collector, Writer};
use crate::store::Store;
use common::clock::Clock;
use gcore_api::http::client::Client;

use metrics::Metrics;
use poller::Poller;
use settings::{Schedule, Settings};
use source::Source;

/// The parts that all pollers of the daemon share.
pub struct Shared {
    /// The clock.
    pub clock: Clock,
    /// The store, which survives restarts.
    pub store: Store,
    /// The writer of the snapshot.
    pub writer: Writer,
    /// Metrics of the polls.
    pub metrics: Metrics,
}

/// The pollers of one account, one for each enabled collector.
#[must_use]
pub fn pollers(account: &AccountName, client: &Arc<Client>, settings: &Settings, shared: &Shared) -> Vec<Poller> {
    let Shared { clock, store, writer, metrics } = shared;
    let source = |collector| {
        let client = Arc::clone(client);
        match collector {
            Collector::Cost => Source::Cost(cost::Source::new(client, settings)),
            Collector::Usage => {
                let (settings, by_metric) = (settings.usage.clone(), settings.usage_by_metric);
                Source::Usage(usage::Source { client, settings, by_metric })
            }
            Collector::Reports => {
                Source::Reports(report_tasks::Source { client, settings: settings.reports, store: store.clone() })
            }
            Collector::Subscriptions => {
                Source::Subscriptions(subscriptions::Source { client, settings: settings.subscriptions })
            }
            Collector::Commitments => {
                Source::Commitments(commitments::Source { client, settings: settings.commitments })
            }
            Collector::Names => Source::Names(names::Source { client }),
            Collector::History => {
                let budgets = settings.history.budgets.iter().filter(|budget| budget.account == *account);
                let (scope, budgets) = (client.scope(), budgets.cloned().collect());
                let (account, clock, writer) = (account.clone(), clock.clone(), writer.clone());
                let insights = InsightsJob::new(account, scope, clock, store.clone(), writer, budgets).start();
                Source::History(Box::new(history::Source::new(client, store.clone(), settings, insights)))
            }
        }
    };
    settings
        .enabled()
        .map(|(collector, schedule)| Poller {
            account: account.clone(),
            client: Arc::clone(client),
            source: source(collector),
            schedule,
            clock: clock.clone(),
            writer: writer.clone(),
            metrics: metrics.clone(),
            last_failure: None,
            is_overrun: false,
        })
        .collect()
}

impl Settings {
    /// Whether a collector has the same settings in both.
    #[must_use]
    pub fn agrees(&self, other: &Self, collector: Collector) -> bool {
        match collector {
            Collector::Cost => {
                self.cost == other.cost
                    && self.cost_method == other.cost_method
                    && self.cost_details == other.cost_details
            }
            Collector::Usage => self.usage == other.usage && self.usage_by_metric == other.usage_by_metric,
            Collector::Reports => self.reports == other.reports,
            Collector::Subscriptions => self.subscriptions == other.subscriptions,
            Collector::Commitments => self.commitments == other.commitments,
            Collector::Names => self.names == other.names,
            Collector::History => {
                self.history == other.history
                    && self.agrees(other, Collector::Cost)
                    && self.agrees(other, Collector::Usage)
            }
        }
    }

    /// The schedule of the history. Without costs and usage it is disabled.
    fn history_schedule(&self) -> Schedule {
        let enabled = self.cost.schedule.enabled || self.usage.schedule.enabled;
        Schedule { enabled: self.history.schedule.enabled && enabled, ..self.history.schedule }
    }

    /// The enabled collectors with their schedules. Names come first, because the others wait for them.
    pub fn enabled(&self) -> impl Iterator<Item = (Collector, Schedule)> {
        [
            (Collector::Names, self.names),
            (Collector::Cost, self.cost.schedule),
            (Collector::Usage, self.usage.schedule),
            (Collector::Reports, self.reports.schedule),
            (Collector::Subscriptions, self.subscriptions.schedule),
            (Collector::Commitments, self.commitments.schedule),
            (Collector::History, self.history_schedule()),
        ]
        .into_iter()
        .filter(|(_, schedule)| schedule.enabled)
    }
}

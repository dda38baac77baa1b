//! An imaginary company with a Gcore account, with projects, resources, report tasks and subscriptions.
//!
//! It is pure and deterministic: a seed and an instant of birth define it, and each call has its own `now`. Money and
//! quantities are integers. A day's quantity has a weekly profile, a trend, and noise from a hash of seed, resource and
//! day. Today's quantity grows with every millisecond. Days are independent of each other.

mod calendar;
mod commitment;
mod company;
mod details;
mod edge_cases;
mod history;
mod jobs;
mod ledger;
mod meter;
mod product;
mod resources;
mod rng;
mod subscription;
mod task;
mod workload;

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;

pub use commitment::Commitment;
pub use company::{Project, Region};
pub(crate) use details::{Details, Grouping};
pub use history::{Correction, Spike};
pub use ledger::Group;
pub(crate) use meter::{Measured, Meter, decimals, rounded_cost};
pub use subscription::Subscription;
pub use task::Task;

/// The company and its resources.
pub struct World {
    seed: u64,
    born: Timestamp,
    projects: Vec<Project>,
    regions: Vec<Region>,
    meters: Vec<Meter>,
}

impl World {
    /// The company as of `born`. Most resources are older than 120 days, so that calls can ask for past days.
    #[must_use]
    pub fn new(seed: u64, born: Timestamp) -> Self {
        // Whole seconds, so that its dates look like real ones.
        let born = Timestamp::from_second(born.as_second()).unwrap_or(born);
        let (projects, regions) = (company::projects(born), company::regions());
        let meters = resources::meters(seed, born, &projects, &regions);
        Self { seed, born, projects, regions, meters }
    }

    /// Every project by id, with the deleted ones.
    #[must_use]
    pub fn projects(&self) -> &[Project] {
        &self.projects
    }

    /// Every region of the company, in no order.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Every report task that exists at `now`, newest first.
    #[must_use]
    pub fn tasks(&self, now: Timestamp) -> Vec<Task> {
        task::tasks(self.seed, self.born, now)
    }

    /// Every subscription, by id.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        subscription::subscriptions(self.born)
    }

    /// Every commitment, past ones included.
    #[must_use]
    pub fn commitments(&self) -> Vec<Commitment> {
        commitment::commitments(self.born)
    }

    /// The rows of a report for the period: projects ascending, otherwise in a fixed order.
    pub(crate) fn measured(&self, period: &Range<Date>, now: Timestamp) -> impl Iterator<Item = (&Meter, Measured)> {
        let days = calendar::days(period);
        self.meters.iter().filter_map(move |meter| Some((meter, meter.measure(&days, now)?)))
    }
}

#[cfg(test)]
mod tests;

//! An imaginary company with a Gcore account: projects, resources, report tasks and subscriptions.
//!
//! Pure and deterministic: a seed and an instant of birth make it, and every question carries its own `now`.
//! Money and quantities are integers throughout. A day's quantity follows a weekday pattern, a trend and a noise
//! that is a hash of seed, resource and day; today's part of it grows with every millisecond. No day hangs on another.

mod calendar;
mod commitment;
mod company;
mod details;
mod edge_cases;
mod history;
mod jobs;
mod ledger;
mod load;
mod meter;
mod product;
mod resources;
mod rng;
mod subscription;
mod task;

use jiff::Timestamp;

pub use commitment::Commitment;
pub use company::{Project, Region};
pub(crate) use details::{Details, Grouping};
pub use history::{Correction, Spike};
pub use ledger::Group;
pub(crate) use meter::{Measured, Meter, decimals, rounded_cost};
pub use subscription::Subscription;
pub use task::Task;

use crate::billing::period::Period;

/// The company and everything that it rents.
pub struct World {
    seed: u64,
    born: Timestamp,
    projects: Vec<Project>,
    regions: Vec<Region>,
    meters: Vec<Meter>,
}

impl World {
    /// A company as it is at `born`. Most of its resources are older than 120 days, so that earlier days can be
    /// asked about as well as later ones.
    #[must_use]
    pub fn new(seed: u64, born: Timestamp) -> Self {
        // The company was founded on a whole second: its dates look like dates.
        let born = Timestamp::from_second(born.as_second()).unwrap_or(born);
        let (projects, regions) = (company::projects(born), company::regions());
        let meters = resources::meters(seed, born, &projects, &regions);
        Self { seed, born, projects, regions, meters }
    }

    /// Every project, deleted ones included, by id.
    #[must_use]
    pub fn projects(&self) -> &[Project] {
        &self.projects
    }

    /// Every region that the company uses, in no particular order.
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

    /// Everything that was ever bought ahead.
    #[must_use]
    pub fn commitments(&self) -> Vec<Commitment> {
        commitment::commitments(self.born)
    }

    /// The rows of a report: whatever was seen in the period, projects ascending and otherwise in a fixed order.
    pub(crate) fn measured(&self, period: Period, now: Timestamp) -> impl Iterator<Item = (&Meter, Measured)> {
        let days = calendar::days(period);
        self.meters.iter().filter_map(move |meter| Some((meter, meter.measure(&days, now)?)))
    }
}

#[cfg(test)]
mod tests;

//! Budgets: what the owner of an account means to spend in a month, and on what.

use crate::aggregate::group::Group;
use crate::billing::account::AccountName;
use crate::billing::amount::Amount;
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

/// A monthly budget (`[[alerts.budget]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name: the `budget` label.
    pub name: String,
    /// The account whose costs count.
    pub account: AccountName,
    /// Which of its costs count.
    pub selector: Selector,
    /// How much may be spent in a calendar month, more than zero.
    pub amount: Amount,
    /// The only currency that counts.
    pub currency: Currency,
}

/// A choice among the groups of an account. An empty list restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Projects.
    pub projects: Vec<ProjectId>,
    /// Regions.
    pub regions: Vec<RegionId>,
    /// Resource types.
    pub types: Vec<ResourceType>,
}

impl Selector {
    /// Whether a group is chosen; one without a region is not, where regions are named.
    #[must_use]
    pub fn selects(&self, group: &Group) -> bool {
        (self.projects.is_empty() || self.projects.contains(&group.project))
            && (self.regions.is_empty() || group.region.is_some_and(|region| self.regions.contains(&region)))
            && (self.types.is_empty() || self.types.contains(&group.resource_type))
    }
}

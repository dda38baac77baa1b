//! Costs by tag, and the resources with the largest costs.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use gcore_api::billing::amount::Amount;
use gcore_api::billing::resource::{Currency, Heap as _};

use super::group::Group;

/// The costs of a cost report by tag and by resource. Each of them adds up to the whole, per currency.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CostDetails {
    /// For each wanted tag key, the costs by the value of that tag.
    pub tags: BTreeMap<SmolStr, TagSums>,
    /// The resources with the largest costs. `None` when they are not wanted.
    pub resources: Option<TopResources>,
}

impl CostDetails {
    /// The memory of the details, approximately, in bytes.
    pub(super) fn weight(&self) -> usize {
        let values = self.tags.values().flat_map(|sums| sums.0.keys());
        let tags: usize =
            values.map(|(value, _)| 3 * size_of::<(SmolStr, Currency, Amount)>() / 2 + value.heap()).sum();
        let resources = self.resources.iter().flat_map(|resources| &resources.largest);
        tags + resources
            .map(|(resource, ..)| size_of_val(resource) + resource.id.heap() + resource.name.heap())
            .sum::<usize>()
    }
}

/// Costs by the value of a tag. Resources without the tag have the value "".
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TagSums(#[serde(with = "super::serde_pairs")] pub HashMap<(SmolStr, Currency), Amount, RandomState>);

/// The resources with the largest costs of each currency, by absolute amount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopResources {
    /// The wanted number of resources for each currency.
    pub asked: usize,
    /// The resources with the largest costs. Equal ones are ordered by identity.
    pub largest: Vec<(Resource, Currency, Amount)>,
    /// The sum of all others. Empty when there are none.
    pub others: BTreeMap<Currency, Amount>,
}

/// The identity of one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// Its project, region and type.
    pub group: Group,
    /// Its uuid, or another id when it has none.
    pub id: SmolStr,
    /// Its name.
    pub name: SmolStr,
}

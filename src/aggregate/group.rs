//! Exact sums per project, region and resource type.

use std::borrow::Borrow;
use std::hash::Hash;

use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashMap};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use gcore_api::billing::amount::Amount;
use gcore_api::billing::record::RejectReason;
use gcore_api::billing::resource::{Heap, ProjectId, RegionId, ResourceType, UNKNOWN};

/// The labels of a cost or usage series, besides its currency or unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The project.
    pub project: ProjectId,
    /// The region. `None` when the API names none.
    pub region: Option<RegionId>,
    /// The resource type.
    pub resource_type: ResourceType,
}

impl Group {
    /// The region's id for a label.
    #[must_use]
    pub fn region_id(&self) -> SmolStr {
        self.region.map_or(SmolStr::new_static(UNKNOWN), |region| format_smolstr!("{}", region.0))
    }
}

/// A borrowed group and measure of a row, with the hash of the owned key. So a sum is found without an allocation: most
/// rows add to an existing sum.
#[derive(Hash)]
pub(super) struct GroupKeyRef<'a> {
    pub(super) project: ProjectId,
    pub(super) region: Option<RegionId>,
    pub(super) resource_type: &'a str,
    pub(super) measure: &'a str,
}

impl<M: Borrow<str>> Equivalent<(Group, M)> for GroupKeyRef<'_> {
    #[inline]
    fn equivalent(&self, (group, measure): &(Group, M)) -> bool {
        self.project == group.project
            && self.region == group.region
            && self.resource_type == group.resource_type.as_str()
            && self.measure == measure.borrow()
    }
}

/// Sums per group and measure. A measure is a currency or a unit, and sums of different measures are never added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "M: Serialize", deserialize = "M: Deserialize<'de> + Eq + Hash"))]
pub struct Sums<M> {
    #[serde(with = "super::serde_pairs")]
    sums: HashMap<(Group, M), Amount, RandomState>,
    /// The memory of texts outside the map.
    #[serde(skip)]
    heap: usize,
}

impl<M> Default for Sums<M> {
    fn default() -> Self {
        Self { sums: HashMap::default(), heap: 0 }
    }
}

impl<M: Eq + Hash + Heap> Sums<M> {
    /// Adds an amount to its group. A sum outside the range of [`Amount`] is refused and stays unchanged.
    ///
    /// # Errors
    /// [`RejectReason::OutOfRange`].
    pub fn add(&mut self, group: Group, measure: M, amount: Amount) -> Result<(), RejectReason> {
        let words = group.resource_type.heap() + measure.heap();
        let sum = self.sums.entry((group, measure)).or_insert_with(|| {
            self.heap += words;
            Amount::ZERO
        });
        *sum = sum.checked_add(amount).ok_or(RejectReason::OutOfRange)?;
        Ok(())
    }

    /// The same for a row.
    #[inline]
    pub(super) fn add_named(&mut self, named: &GroupKeyRef<'_>, amount: Amount) -> Result<(), RejectReason>
    where
        M: Borrow<str> + for<'m> From<&'m str>,
    {
        if let Some(sum) = self.sums.get_mut(named) {
            *sum = sum.checked_add(amount).ok_or(RejectReason::OutOfRange)?;
            return Ok(());
        }
        let GroupKeyRef { project, region, resource_type, measure } = *named;
        self.add(Group { project, region, resource_type: resource_type.into() }, measure.into(), amount)
    }

    /// Removes the sums of a project.
    pub fn remove(&mut self, project: ProjectId) {
        self.sums.retain(|(group, _), _| group.project != project);
    }

    /// Every sum, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Group, &M, Amount)> {
        self.sums.iter().map(|((group, measure), sum)| (group, measure, *sum))
    }

    /// The number of sums.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Whether there are no sums.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty()
    }

    /// The memory of the sums, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.sums.allocation_size() + self.heap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gcore_api::billing::resource::Currency;

    #[test]
    fn a_row_adds_to_the_sum_of_its_group() {
        let mut sums = Sums::<Currency>::default();
        let one: Amount = "1".parse().unwrap();
        for region in [None, Some(RegionId(0)), Some(RegionId(76))] {
            for (resource_type, measure) in [("instance", "EUR"), ("instance", "USD"), ("volume", "EUR")] {
                let (project, owned) = (ProjectId(1), ResourceType::new(resource_type));
                let group = Group { project, region, resource_type: owned };
                let named = GroupKeyRef { project, region, resource_type, measure };
                sums.add_named(&named, one).unwrap();
                sums.add(group, measure.into(), one).unwrap();
                sums.add_named(&named, one).unwrap();
            }
        }
        assert_eq!(sums.len(), 9, "neither way makes a sum of its own");
        assert!(sums.iter().all(|(.., sum)| sum == "3".parse().unwrap()));
        let named = GroupKeyRef { project: ProjectId(1), region: None, resource_type: "instance", measure: "EUR" };
        let most = "170141183460469231731687303".parse().unwrap();
        assert_eq!(sums.add_named(&named, most), Err(RejectReason::OutOfRange));
        assert!(sums.iter().all(|(.., sum)| sum == "3".parse().unwrap()), "refused as a whole");
    }
}

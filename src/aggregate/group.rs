//! Exact sums per project, region and resource type.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::billing::amount::Amount;
use crate::billing::record::RejectReason;
use crate::billing::resource::{ProjectId, RegionId, ResourceType, UNKNOWN};

/// What one series of a cost or usage family stands for, besides its currency or unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The project.
    pub project: ProjectId,
    /// The region; `None` where the API names none.
    pub region: Option<RegionId>,
    /// The resource type.
    pub resource_type: ResourceType,
}

impl Group {
    /// The region's number for a label.
    #[must_use]
    pub fn region_id(&self) -> SmolStr {
        self.region.map_or(SmolStr::new_static(UNKNOWN), |region| format_smolstr!("{}", region.0))
    }
}

/// Sums per group and measure, where a measure is a currency or a unit: two of them are never added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "M: Serialize", deserialize = "M: Deserialize<'de> + Eq + Hash"))]
pub struct Sums<M>(#[serde(with = "super::pairs")] HashMap<(Group, M), Amount, RandomState>);

impl<M> Default for Sums<M> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<M: Eq + Hash> Sums<M> {
    /// Adds an amount to its group; a sum past the range of [`Amount`] is refused and stays as it was.
    ///
    /// # Errors
    /// [`RejectReason::OutOfRange`].
    #[inline]
    pub fn add(&mut self, group: Group, measure: M, amount: Amount) -> Result<(), RejectReason> {
        let key = (group, measure);
        match self.0.get_mut(&key) {
            Some(sum) => *sum = sum.checked_add(amount).ok_or(RejectReason::OutOfRange)?,
            None => drop(self.0.insert(key, amount)),
        }
        Ok(())
    }

    /// Takes a project's sums out.
    pub fn remove(&mut self, project: ProjectId) {
        self.0.retain(|(group, _), _| group.project != project);
    }

    /// Every sum, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Group, &M, Amount)> {
        self.0.iter().map(|((group, measure), sum)| (group, measure, *sum))
    }

    /// The number of sums.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

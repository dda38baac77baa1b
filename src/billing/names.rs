//! What projects and regions are called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::resource::{ProjectId, RegionId, UNKNOWN};

/// A project as people know it (`GET /cloud/v1/projects`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its display name; any text at all.
    pub name: SmolStr,
    /// Its state, such as `ACTIVE` or `DELETED`; empty where the API does not say.
    pub state: SmolStr,
}

/// A region as people know it (`GET /cloud/v1/regions`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its display name, such as `Luxembourg-2`.
    pub name: SmolStr,
    /// Its country; empty where the API does not say.
    pub country: SmolStr,
}

/// The names of one account. A number without a name is shown as the number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Projects by number, deleted ones included: bills go on naming them.
    pub projects: BTreeMap<ProjectId, Project>,
    /// Regions by number.
    pub regions: BTreeMap<RegionId, Region>,
}

impl Names {
    /// The text for a `project_name` label.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> SmolStr {
        self.projects.get(&id).map_or_else(|| smol_str::format_smolstr!("{}", id.0), |project| project.name.clone())
    }

    /// The text for a `region_name` label.
    #[must_use]
    pub fn region(&self, id: Option<RegionId>) -> SmolStr {
        let Some(id) = id else { return SmolStr::new_static(UNKNOWN) };
        self.regions.get(&id).map_or_else(|| smol_str::format_smolstr!("{}", id.0), |region| region.name.clone())
    }
}

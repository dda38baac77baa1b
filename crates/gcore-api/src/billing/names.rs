//! Names of projects and regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::resource::{ProjectId, RegionId, UNKNOWN};

/// A project with its display name (`GET /cloud/v1/projects`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its display name. Any text is possible.
    pub name: SmolStr,
    /// Its state, such as `ACTIVE` or `DELETED`. Empty when the API gives none.
    pub state: SmolStr,
}

/// A region with its display name (`GET /cloud/v1/regions`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its display name, such as `Luxembourg-2`.
    pub name: SmolStr,
    /// Its country. Empty when the API gives none.
    pub country: SmolStr,
}

/// The names of one account. An id without a name is shown as the id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Projects by id. Deleted projects are included, because bills still name them.
    pub projects: BTreeMap<ProjectId, Project>,
    /// Regions by id.
    pub regions: BTreeMap<RegionId, Region>,
}

impl Names {
    /// No names.
    #[must_use]
    pub const fn none() -> Self {
        Self { projects: BTreeMap::new(), regions: BTreeMap::new() }
    }

    /// The value of the `project_name` label.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> SmolStr {
        self.projects.get(&id).map_or_else(|| smol_str::format_smolstr!("{}", id.0), |project| project.name.clone())
    }

    /// The value of the `region_name` label.
    #[must_use]
    pub fn region(&self, id: Option<RegionId>) -> SmolStr {
        let Some(id) = id else { return SmolStr::new_static(UNKNOWN) };
        self.regions.get(&id).map_or_else(|| smol_str::format_smolstr!("{}", id.0), |region| region.name.clone())
    }
}

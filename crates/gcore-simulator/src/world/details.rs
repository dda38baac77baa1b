//! The fields of single resource types, with the API's names.

use std::collections::BTreeMap;

use serde::Serialize;

/// `null`, an empty list, or a list of small maps. All three occur.
pub(super) type Tags = Option<Vec<BTreeMap<&'static str, &'static str>>>;

/// The fields of a row besides the common ones.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Details {
    /// Machines, GPU clusters, load balancers.
    Flavored {
        flavor: &'static str,
        last_name: String,
        uuid: String,
        tags: Tags,
    },
    Inference {
        flavor: &'static str,
        last_name: String,
        uuid: String,
    },
    Volume {
        attached_to_vm: Option<String>,
        last_name: String,
        last_size: i64,
        size_unit: &'static str,
        volume_type: &'static str,
        uuid: String,
        tags: Tags,
    },
    Snapshot {
        last_name: String,
        last_size: i64,
        size_unit: &'static str,
        source_volume_uuid: String,
        volume_type: &'static str,
        uuid: String,
        tags: Tags,
    },
    /// Has a size without a unit.
    Backup {
        last_name: String,
        last_size: i64,
        schedule_id: String,
        source_volume_uuid: String,
        uuid: String,
    },
    FileShare {
        file_share_type: &'static str,
        last_name: String,
        last_size: i64,
        size_unit: &'static str,
        uuid: String,
        tags: Tags,
    },
    Image {
        last_name: String,
        last_size: i64,
        size_unit: &'static str,
        uuid: String,
        tags: Tags,
    },
    /// May have no uuid and no name.
    LogIndex {
        last_name: String,
        last_size: i64,
        size_unit: &'static str,
        uuid: Option<String>,
    },
    FloatingIp {
        ip_address: String,
        last_name: String,
        uuid: String,
        tags: Tags,
    },
    /// Has neither uuid nor name.
    ExternalIp {
        attached_to_vm: Option<String>,
        ip_address: String,
        network_id: String,
        port_id: String,
        subnet_id: String,
    },
    /// Has neither uuid nor name.
    Egress {
        instance_name: Option<String>,
        instance_type: &'static str,
        port_id: String,
        size_unit: &'static str,
        vm_id: String,
        tags: Tags,
    },
    /// Containers, functions and most parts of a database.
    Named {
        last_name: String,
        uuid: String,
    },
    DatabaseVolume {
        last_name: String,
        size_unit: &'static str,
        volume_type: &'static str,
        uuid: String,
    },
}

/// The field that totals are grouped by, besides region, type and metric. At most one, named as in the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grouping {
    Flavor(&'static str),
    VolumeType(&'static str),
    FileShareType(&'static str),
    InstanceType(&'static str),
    LastSize(i64),
}

impl Details {
    /// Takes the uuid of another row, because both belong to one machine.
    pub(super) fn share_uuid(&mut self, other: &Self) {
        if let (Self::Flavored { uuid, .. }, Self::Flavored { uuid: shared, .. }) = (self, other) {
            uuid.clone_from(shared);
        }
    }

    /// The grouping field of this type in totals, if it has one.
    pub(crate) fn grouping(&self) -> Option<Grouping> {
        match self {
            Self::Flavored { flavor, .. } => Some(Grouping::Flavor(flavor)),
            Self::Volume { volume_type, .. }
            | Self::Snapshot { volume_type, .. }
            | Self::DatabaseVolume { volume_type, .. } => Some(Grouping::VolumeType(volume_type)),
            Self::FileShare { file_share_type, .. } => Some(Grouping::FileShareType(file_share_type)),
            Self::Egress { instance_type, .. } => Some(Grouping::InstanceType(instance_type)),
            Self::Backup { last_size, .. } => Some(Grouping::LastSize(*last_size)),
            Self::Inference { .. }
            | Self::Image { .. }
            | Self::LogIndex { .. }
            | Self::FloatingIp { .. }
            | Self::ExternalIp { .. }
            | Self::Named { .. } => None,
        }
    }
}

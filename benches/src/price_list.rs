//! The 25 resource types with their variants. Because of variants, a real account has more totals than types.

/// The fields that a type has besides the common ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Details {
    /// Machines, GPU clusters, load balancers.
    Flavored,
    /// As [`Details::Flavored`], but without tags and grouping.
    Inference,
    /// Block storage.
    Volume,
    /// A snapshot of block storage.
    Snapshot,
    /// Has a size without a unit.
    Backup,
    /// Network storage.
    FileShare,
    /// A disk image.
    Image,
    /// A log index, which may have no uuid.
    LogIndex,
    /// A floating IP address.
    FloatingIp,
    /// An address without uuid and name.
    ExternalIp,
    /// Outgoing bytes, without uuid and name.
    Egress,
    /// Has a name and a uuid: containers, functions, most parts of a database.
    Named,
    /// Storage of a database.
    DatabaseVolume,
}

/// One resource type.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// The API's name of the type.
    pub resource_type: &'static str,
    /// `billing_value_unit`.
    pub unit: &'static str,
    /// The fields of its rows.
    pub details: Details,
    /// The prefix of `billing_feature_name`.
    pub feature: &'static str,
    /// The suffix of `billing_metric_name`, after the variant.
    pub metric_suffix: &'static str,
    /// Flavors, volume types and the like. Metric names begin with them.
    pub variants: &'static [&'static str],
}

const fn product(
    (resource_type, unit, details): (&'static str, &'static str, Details),
    feature: &'static str,
    metric_suffix: &'static str,
    variants: &'static [&'static str],
) -> Product {
    Product { resource_type, unit, details, feature, metric_suffix, variants }
}

const MINUTES: &str = "minutes";
const GB_MINUTES: &str = "gbminutes";
const DISKS: &[&str] = &["standard", "ssd_hiiops", "ssd_lowlatency"];

/// Every documented resource type.
pub const PRODUCTS: [Product; 25] = [
    product(
        ("instance", MINUTES, Details::Flavored),
        "Instance Type: virtual machine of the flavor",
        "_min",
        &[
            "g1-standard-1-2",
            "g1-standard-2-4",
            "g1-standard-4-8",
            "g1-standard-8-16",
            "g1-memory-8-64",
            "g2-cpu-16-32",
        ],
    ),
    product(("volume", GB_MINUTES, Details::Volume), "Block Storage - Gb", "_t_gbm", DISKS),
    product(("external_ip", MINUTES, Details::ExternalIp), "Public IP address", "_min", &["externalip"]),
    product(("egress_traffic", "bytes", Details::Egress), "Egress traffic", "_gbs", &["baremetal", "vm", "router"]),
    product(
        ("baremetal", MINUTES, Details::Flavored),
        "Instance Type: bare metal server (Intel Xeon, local disks, two network cards)",
        "_min",
        &["bm2-hf-small", "bm2-hf-medium", "bm3-infra-large"],
    ),
    product(
        ("basic_vm", MINUTES, Details::Flavored),
        "Basic VM Type: shared virtual machine",
        "_min",
        &["b1-standard-1-1", "b1-standard-2-2"],
    ),
    product(
        ("ai_cluster", MINUTES, Details::Flavored),
        "AI Infrastructure: bare metal GPU cluster",
        "_min",
        &["bm3-ai-1xlarge-a100-80-8", "bm3-ai-1xlarge-h100-80-8"],
    ),
    product(
        ("ai_virtual_cluster", MINUTES, Details::Flavored),
        "AI Infrastructure: virtual GPU cluster",
        "_min",
        &["g3-ai-32-192-1500-l40s-48-1", "g3-ai-64-384-3000-l40s-48-2"],
    ),
    product(
        ("load_balancer", MINUTES, Details::Flavored),
        "Load Balancer Type: highly available pair",
        "_min",
        &["lb1-1-2", "lb1-2-4", "lb1-4-8"],
    ),
    product(
        ("inference", "H", Details::Inference),
        "Inference at the edge, time of one replica",
        "_sec",
        &["inference-16vcpu-232gib-1xl40s-48gb", "inference-4vcpu-16gib"],
    ),
    product(("snapshot", GB_MINUTES, Details::Snapshot), "Snapshots for Volumes - Gb", "_snap_gbm", DISKS),
    product(("backup", GB_MINUTES, Details::Backup), "Backups of Volumes - Gb", "_gbm", &["backup"]),
    product(("file_share", GB_MINUTES, Details::FileShare), "File Shares - Gb", "_share_gbm", &["standard", "vast"]),
    product(("image", GB_MINUTES, Details::Image), "Images - Gb", "_gbm", &["image"]),
    product(("log_index", GB_MINUTES, Details::LogIndex), "Logging as a Service - Gb", "_gbm", &["log_index"]),
    product(("floatingip", MINUTES, Details::FloatingIp), "Floating IP address", "_min", &["floating"]),
    product(("containers", "GBS", Details::Named), "Container as a Service - Compute", "_sec", &["caas_container"]),
    product(("functions", "GBS", Details::Named), "Functions - Total Compute", "_sec", &["faas_function_resources"]),
    product(("functions_calls", "MLS", Details::Named), "Functions - Requests", "_piece", &["faas_function_calls"]),
    product(("functions_traffic", "GB", Details::Named), "Functions - Egress", "_gbs", &["faas_function_egress"]),
    product(
        ("dbaas_postgresql_cpu", MINUTES, Details::Named),
        "Managed PostgreSQL CPU -",
        "_min",
        &["dbaas_postgresql_cpu"],
    ),
    product(
        ("dbaas_postgresql_memory", GB_MINUTES, Details::Named),
        "Managed PostgreSQL Memory -",
        "_gbmin",
        &["dbaas_postgresql_memory"],
    ),
    product(
        ("dbaas_postgresql_volume", GB_MINUTES, Details::DatabaseVolume),
        "Managed PostgreSQL Storage -",
        "_dbaas_gbm",
        &["ssd_hiiops", "ssd_lowlatency"],
    ),
    product(
        ("dbaas_postgresql_connection_pooler", MINUTES, Details::Named),
        "Managed PostgreSQL Connection Pooler -",
        "_min",
        &["dbaas_postgresql_pooler"],
    ),
    product(
        ("dbaas_postgresql_public_network", MINUTES, Details::Named),
        "Managed PostgreSQL Public Network -",
        "_min",
        &["dbaas_postgresql_public_network"],
    ),
];

/// The prefixes of the names of regions.
pub const REGION_NAMES: [&str; 8] =
    ["Luxembourg-2", "Manassas", "Frankfurt-1", "Singapore-2", "Tokyo-1", "Sao Paulo-1", "Sydney-1", "Amsterdam-3"];

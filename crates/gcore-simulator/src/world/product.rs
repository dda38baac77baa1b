//! The price list: products with their units and prices.
//!
//! The prices have a realistic size and are not real.

/// One line of the price list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    /// The API's resource type.
    pub(super) resource_type: &'static str,
    /// Flavor, volume type, file share type or instance type. Empty for types without one.
    pub(super) variant: &'static str,
    /// `billing_value_unit`.
    pub(super) unit: &'static str,
    /// `billing_metric_name`.
    pub(super) metric: &'static str,
    /// The prefix of `billing_feature_name`. Region and price model follow it.
    pub(super) feature: &'static str,
    /// The price of one unit, in 1e-15 of the project's currency. One byte of traffic costs 5000.
    pub(super) price: i64,
}

const fn product(
    (resource_type, variant): (&'static str, &'static str),
    unit: &'static str,
    metric: &'static str,
    feature: &'static str,
    price: i64,
) -> Product {
    Product { resource_type, variant, unit, metric, feature, price }
}

const MINUTES: &str = "minutes";
const GB_MINUTES: &str = "gbminutes";

pub(super) const INSTANCES: [Product; 4] = [
    product(
        ("instance", "g1-standard-1-2"),
        MINUTES,
        "g1-standard-1-2_min",
        "Instance Type: g1-standard-1-2 (1vCPU/2GB RAM)",
        391_667_000_000,
    ),
    product(
        ("instance", "g1-standard-2-4"),
        MINUTES,
        "g1-standard-2-4_min",
        "Instance Type: g1-standard-2-4 (2vCPU/4GB RAM)",
        776_333_000_000,
    ),
    product(
        ("instance", "g1-standard-4-8"),
        MINUTES,
        "g1-standard-4-8_min",
        "Instance Type: g1-standard-4-8 (4vCPU/8GB RAM)",
        1_549_810_000_000,
    ),
    product(
        ("instance", "g1-memory-8-64"),
        MINUTES,
        "g1-memory-8-64_min",
        "Instance Type: g1-memory-8-64 (8vCPU/64GB RAM)",
        6_204_170_000_000,
    ),
];

pub(super) const BASIC_VMS: [Product; 2] = [
    product(
        ("basic_vm", "b1-standard-1-1"),
        MINUTES,
        "b1-standard-1-1_min",
        "Basic VM Type: b1-standard-1-1 (1vCPU/1GB RAM)",
        101_852_000_000,
    ),
    product(
        ("basic_vm", "b1-standard-2-2"),
        MINUTES,
        "b1-standard-2-2_min",
        "Basic VM Type: b1-standard-2-2 (2vCPU/2GB RAM)",
        198_413_000_000,
    ),
];

pub(super) const BARE_METAL: Product = product(
    ("baremetal", "bm2-hf-medium"),
    MINUTES,
    "bm2-hf-medium_min",
    "Instance Type: bm2-hf-medium (1x Intel Xeon E-2388G, 64GB, 2x480 SSD, 2x1Gbit NIC)",
    5_300_950_000_000,
);
pub(super) const AI_CLUSTER: Product = product(
    ("ai_cluster", "bm3-ai-1xlarge-a100-80-8"),
    MINUTES,
    "bm3-ai-1xlarge-a100-80-8_min",
    "AI Infrastructure: bm3-ai-1xlarge-a100-80-8 (2 x Intel Xeon 8468, 2TB RAM, 8x Nvidia A100)",
    171_296_000_000_000,
);
pub(super) const AI_VIRTUAL_CLUSTER: Product = product(
    ("ai_virtual_cluster", "g3-ai-32-192-1500-l40s-48-1"),
    MINUTES,
    "g3-ai-32-192-1500-l40s-48-1_min",
    "AI Infrastructure: g3-ai-32-192-1500-l40s-48-1 (32vCPU/192GB RAM, 1x Nvidia L40S)",
    22_150_000_000_000,
);
pub(super) const LOAD_BALANCER: Product = product(
    ("load_balancer", "lb1-1-2"),
    MINUTES,
    "lb1-1-2_min",
    "Load Balancer Type: lb1-1-2 (1vCPU/2GB RAM)",
    333_333_000_000,
);
/// The only type with a free text as unit.
pub(super) const INFERENCE: Product = product(
    ("inference", "inference-16vcpu-232gib-1xl40s-48gb"),
    "H",
    "inference_gpu_l40s_48_sec",
    "Inference: inference-16vcpu-232gib-1xl40s-48gb",
    1_437_500_000_000_000,
);
/// The newest type. The documents describe only its common fields.
pub(super) const PUBLIC_MODELS: Product = product(
    ("inference_public_models", ""),
    "tokens",
    "inference_public_models_token",
    "Inference: Public Models (tokens),",
    350_000_000,
);

pub(super) const VOLUMES: [Product; 3] = [
    product(
        ("volume", "standard"),
        GB_MINUTES,
        "volume_t_standard_gbm",
        "Block Storage (Standard) - Gb",
        2_569_440_000,
    ),
    product(
        ("volume", "ssd_hiiops"),
        GB_MINUTES,
        "volume_t_ssd_hiiops_gbm",
        "Block Storage (High IOPS SSD) - Gb",
        5_902_780_000,
    ),
    product(
        ("volume", "ssd_lowlatency"),
        GB_MINUTES,
        "volume_t_ssd_lowlatency_gbm",
        "Block Storage (SSD Low Latency) - Gb",
        6_448_410_000,
    ),
];
pub(super) const SNAPSHOT: Product = product(
    ("snapshot", "standard"),
    GB_MINUTES,
    "snap_t_standard_gbm",
    "Snapshots for Standard Volumes - Gb",
    3_075_400_000,
);
pub(super) const BACKUP: Product =
    product(("backup", ""), GB_MINUTES, "backup_gbm", "Backups for Volumes - Gb", 2_314_810_000);
pub(super) const FILE_SHARE: Product =
    product(("file_share", "standard"), GB_MINUTES, "file_share_standard_gbm", "File Share - Gb", 4_629_630_000);
pub(super) const IMAGE: Product = product(("image", ""), GB_MINUTES, "image_gbm", "Custom Images - Gb", 2_083_330_000);
pub(super) const LOG_INDEX: Product =
    product(("log_index", ""), GB_MINUTES, "log_index_gbm", "Logging as a Service - Gb", 5_952_380_000);

pub(super) const FLOATING_IP: Product =
    product(("floatingip", ""), MINUTES, "floating_min", "Floating IP address", 55_555_600_000);
pub(super) const EXTERNAL_IP: Product =
    product(("external_ip", ""), MINUTES, "externalip_min", "Public IP address", 66_666_700_000);
pub(super) const EGRESS_VM: Product =
    product(("egress_traffic", "vm"), "bytes", "egress_traffic_vm_gbs", "Egress traffic", 5_000);
pub(super) const EGRESS_BARE_METAL: Product =
    product(("egress_traffic", "baremetal"), "bytes", "egress_traffic_baremetal_gbs", "Egress traffic", 5_000);
/// Traffic of routers is metered and free: a real zero.
pub(super) const EGRESS_ROUTER: Product =
    product(("egress_traffic", "router"), "bytes", "egress_traffic_vm_gbs", "Egress traffic", 0);

pub(super) const CONTAINERS: Product = product(
    ("containers", ""),
    "GBS",
    "caas_container_resources_sec",
    "Container as a Service - Total Compute (GB-seconds),",
    12_500_000_000,
);
pub(super) const FUNCTIONS: Product = product(
    ("functions", ""),
    "GBS",
    "faas_function_resources_sec",
    "Functions - Total Compute (GB-seconds),",
    17_610_000_000,
);
pub(super) const FUNCTIONS_CALLS: Product = product(
    ("functions_calls", ""),
    "MLS",
    "faas_function_calls_piece",
    "Functions - Total Requests,",
    200_120_000_000_000,
);
/// Included in the price of the calls: a group with only a real zero.
pub(super) const FUNCTIONS_TRAFFIC: Product = product(
    ("functions_traffic", ""),
    "GB",
    "faas_function_egress_traffic_gbs",
    "Functions - Total Egress Traffic (GB),",
    0,
);

pub(super) const POSTGRESQL_CPU: Product = product(
    ("dbaas_postgresql_cpu", ""),
    MINUTES,
    "dbaas_postgresql_cpu_min",
    "Managed PostgreSQL CPU -",
    310_019_000_000,
);
pub(super) const POSTGRESQL_MEMORY: Product = product(
    ("dbaas_postgresql_memory", ""),
    GB_MINUTES,
    "dbaas_postgresql_memory_gbmin",
    "Managed PostgreSQL Memory -",
    89_905_800_000,
);
pub(super) const POSTGRESQL_VOLUME: Product = product(
    ("dbaas_postgresql_volume", "ssd_lowlatency"),
    GB_MINUTES,
    "dbaas_postgresql_volume_ssd_gbm",
    "Managed PostgreSQL Storage (SSD Low Latency) -",
    6_448_410_000,
);
pub(super) const POSTGRESQL_POOLER: Product = product(
    ("dbaas_postgresql_connection_pooler", ""),
    MINUTES,
    "dbaas_postgresql_pooler_min",
    "Managed PostgreSQL Connection Pooler -",
    115_741_000_000,
);
pub(super) const POSTGRESQL_NETWORK: Product = product(
    ("dbaas_postgresql_public_network", ""),
    MINUTES,
    "dbaas_postgresql_public_network_min",
    "Managed PostgreSQL Public Network -",
    66_666_700_000,
);

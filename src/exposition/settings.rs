//! Settings of the exposition.

use crate::shard::Shard;

/// Settings of the exposition (`[metrics]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The series limit of a family that grows with the API's data. Beyond it, the smallest sums fold into `__other__`,
    /// and the last entries of a list are dropped. Default 10,000.
    pub series_limit: usize,
    /// Whether the anomaly families have a series for each group of project, region and type. Otherwise they have
    /// roll-ups, and groups with an anomaly. Default false.
    pub anomaly_groups: bool,
    /// The shard whose series are served. The command line sets it, not the file. Default all.
    pub shard: Shard,
}

impl Default for Settings {
    fn default() -> Self {
        Self { series_limit: 10_000, anomaly_groups: false, shard: Shard::default() }
    }
}

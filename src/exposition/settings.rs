//! How much is exported.

/// Settings of the exposition (`[metrics]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most series that one family may have where its number grows with what the API reports. Past it, the
    /// smallest sums fold into `__other__`; of a list, what comes last is left out. Default 10,000.
    pub series_limit: usize,
    /// Whether the anomaly families have a series for each group of project, region and type. Otherwise only for
    /// roll-ups, and for the groups that are out of the usual. Default false.
    pub anomaly_groups: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { series_limit: 10_000, anomaly_groups: false }
    }
}

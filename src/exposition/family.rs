//! Collecting the series of one family.

use std::collections::BTreeMap;

use prometheus::proto;
use smol_str::SmolStr;

use super::catalog::Family;

/// The series of a family under way. Label values are unique and sorted, so equal data gives equal bytes.
pub(super) struct Gauges {
    family: Family,
    series: BTreeMap<Vec<SmolStr>, f64>,
}

impl Gauges {
    pub(super) fn new(family: Family) -> Self {
        Self { family, series: BTreeMap::new() }
    }

    /// Sets the series with these label values, given in the order of the family's labels.
    pub(super) fn set<const N: usize>(&mut self, values: [SmolStr; N], value: f64) {
        debug_assert_eq!(N, self.family.labels.len(), "labels of {}", self.family.name);
        self.series.insert(values.into(), value);
    }

    /// The finished family; nothing where it has no series, which the text format cannot express.
    pub(super) fn finish(self) -> Option<proto::MetricFamily> {
        if self.series.is_empty() {
            return None;
        }
        let metrics = self.series.into_iter().map(|(values, value)| {
            let labels = self.family.labels.iter().zip(values).map(|(name, value)| {
                let mut pair = proto::LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(value.into());
                pair
            });
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            let mut metric = proto::Metric::from_label(labels.collect());
            metric.set_gauge(gauge);
            metric
        });
        let mut family = proto::MetricFamily::default();
        family.set_name(self.family.name.to_owned());
        family.set_help(self.family.help.to_owned());
        family.set_field_type(proto::MetricType::GAUGE);
        family.set_metric(metrics.collect());
        Some(family)
    }
}

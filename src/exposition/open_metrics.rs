//! The daemon's own metrics as OpenMetrics 1.0 text.
//!
//! The billing metrics need nothing of their own: they are gauges, whose lines are the same in both formats. So one
//! encoded text serves both, and only the short end of an answer differs: counters, histograms, units and the mark of
//! the end.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::text::Text;

/// The media type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The end of every text. A text without it is incomplete.
const END: &str = "# EOF\n";
/// The ending of a counter's samples, which the name of its family lacks.
const TOTAL: &str = "_total";
/// The units that a name of a family may end with.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// The text of these families, with the mark of the end.
pub(super) fn own(families: &[MetricFamily]) -> Vec<u8> {
    let mut text = Text::with_capacity(4096);
    families.iter().for_each(|family| write(&mut text, family));
    text.push(&[END]);
    text.finish().into_bytes()
}

fn write(text: &mut Text, family: &MetricFamily) {
    let (name, kind) = match (family.get_field_type(), family.name().strip_suffix(TOTAL)) {
        (MetricType::COUNTER, Some(name)) => (name, "counter"),
        // A counter must end in `_total`. Another one keeps its name and has no type.
        (MetricType::COUNTER | MetricType::UNTYPED, _) => (family.name(), "unknown"),
        (MetricType::GAUGE, _) => (family.name(), "gauge"),
        (MetricType::HISTOGRAM, _) => (family.name(), "histogram"),
        (MetricType::SUMMARY, _) => (family.name(), "summary"),
    };
    text.push(&["# TYPE ", name, " ", kind, "\n"]);
    let is_unit = |unit: &&str| name.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'));
    if let Some(unit) = UNITS.into_iter().find(is_unit) {
        text.push(&["# UNIT ", name, " ", unit, "\n"]);
    }
    text.push(&["# HELP ", name, " "]);
    text.escape(family.help(), true);
    text.push(&["\n"]);
    for metric in family.get_metric() {
        match family.get_field_type() {
            MetricType::HISTOGRAM => histogram(text, name, metric),
            MetricType::COUNTER => sample(text, family.name(), metric, None, metric.get_counter().get_value()),
            MetricType::GAUGE => sample(text, name, metric, None, metric.get_gauge().get_value()),
            // The daemon has none.
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count reaches 2^53")]
fn histogram(text: &mut Text, name: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count() as f64;
    let bucket = format!("{name}_bucket");
    for step in histogram.get_bucket().iter().filter(|step| step.upper_bound().is_finite()) {
        // The format wants `1.0`, where the text format has `1`.
        let bound = format!("{:?}", step.upper_bound());
        sample(text, &bucket, metric, Some(&bound), step.cumulative_count() as f64);
    }
    sample(text, &bucket, metric, Some("+Inf"), count);
    sample(text, &format!("{name}_count"), metric, None, count);
    sample(text, &format!("{name}_sum"), metric, None, histogram.get_sample_sum());
}

/// A line with the labels of a metric and `le`, if it is a bucket.
fn sample(text: &mut Text, name: &str, metric: &Metric, bound: Option<&str>, value: f64) {
    text.push(&[name]);
    let labels = metric.get_label().iter().map(|label| (label.name(), label.value()));
    let mut before = "{";
    for (name, value) in labels.chain(bound.map(|bound| ("le", bound))) {
        text.push(&[before, name, "=\""]);
        text.escape(value, true);
        before = "\",";
    }
    if before != "{" {
        text.push(&["\"}"]);
    }
    let value = match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    };
    text.push(&[" ", &value, "\n"]);
}

#[cfg(test)]
mod tests {
    use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

    use super::*;

    #[test]
    fn families_are_written_as_the_format_wants_them() {
        let registry = Registry::new();
        let requests = IntCounterVec::new(Opts::new("a_bytes_total", "Says \"so\".\nAnd \\."), &["of"]).unwrap();
        requests.with_label_values(&["\"\\\n"]).inc_by(7);
        let odd = prometheus::IntCounter::new("b_odd", "No total.").unwrap();
        let opts = HistogramOpts::new("c_seconds", "How long.").buckets(vec![0.005, 1.0, 10.0]);
        let histogram = HistogramVec::new(opts, &["of"]).unwrap();
        histogram.with_label_values(&["x"]).observe(0.5);
        histogram.with_label_values(&["x"]).observe(20.0);
        let gauge = Gauge::new("d_milliseconds", "No base unit.").unwrap();
        gauge.set(f64::INFINITY);
        registry.register(Box::new(requests)).unwrap();
        registry.register(Box::new(odd)).unwrap();
        registry.register(Box::new(histogram)).unwrap();
        registry.register(Box::new(gauge)).unwrap();
        let want = r#"# TYPE a_bytes counter
# UNIT a_bytes bytes
# HELP a_bytes Says \"so\".\nAnd \\.
a_bytes_total{of="\"\\\n"} 7
# TYPE b_odd unknown
# HELP b_odd No total.
b_odd 0
# TYPE c_seconds histogram
# UNIT c_seconds seconds
# HELP c_seconds How long.
c_seconds_bucket{of="x",le="0.005"} 0
c_seconds_bucket{of="x",le="1.0"} 1
c_seconds_bucket{of="x",le="10.0"} 1
c_seconds_bucket{of="x",le="+Inf"} 2
c_seconds_count{of="x"} 2
c_seconds_sum{of="x"} 20.5
# TYPE d_milliseconds gauge
# HELP d_milliseconds No base unit.
d_milliseconds +Inf
# EOF
"#;
        assert_eq!(String::from_utf8(own(&registry.gather())).unwrap(), want);
    }
}

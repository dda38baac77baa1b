//! The daemon's own metrics as text, in both formats.
//!
//! The billing metrics are gauges, whose lines are the same in both formats. So one encoded text serves both, and only
//! this short end of an answer differs: counters, histograms, units and the mark of the end.

use std::fmt;
use std::fmt::Display;

use prometheus::Registry;
use prometheus::proto::{Histogram, Metric, MetricFamily, MetricType};

use super::Format;
use super::text::Text;

/// The media type of OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The end of every text in OpenMetrics. A text without it is incomplete.
const END: &str = "# EOF\n";
/// The ending of a counter's samples, which the name of its family lacks in OpenMetrics.
const TOTAL: &str = "_total";
/// The units that a name of a family may end with.
const UNITS: [&str; 2] = ["seconds", "bytes"];
/// The usual length of the whole text.
const LENGTH: usize = 48 << 10;

/// The daemon's own metrics, which end the text in this format.
#[must_use]
pub fn text(registry: &Registry, format: Format) -> String {
    let (mut text, mut labels) = (Text::with_capacity(LENGTH), Text::with_capacity(256));
    for family in &registry.gather() {
        match format {
            Format::Text => head(&mut text, family),
            Format::OpenMetrics => open_metrics_head(&mut text, family),
        }
        let (name, metrics) = (family.name(), family.get_metric());
        let bounds = metrics.first().map(|metric| bounds(metric, format)).unwrap_or_default();
        for metric in metrics {
            write_labels(&mut labels, metric);
            let labels = labels.as_str();
            match family.get_field_type() {
                MetricType::HISTOGRAM => histogram(&mut text, name, labels, metric.get_histogram(), &bounds),
                MetricType::COUNTER => sample(&mut text, [name, ""], labels, Number(metric.get_counter().get_value())),
                MetricType::GAUGE => sample(&mut text, [name, ""], labels, Number(metric.get_gauge().get_value())),
                MetricType::SUMMARY | MetricType::UNTYPED => {}
            }
        }
    }
    if format == Format::OpenMetrics {
        text.push(&[END]);
    }
    text.finish()
}

/// Begins a family in the text format.
fn head(text: &mut Text, family: &MetricFamily) {
    text.push(&["# HELP ", family.name(), " "]);
    text.escape(family.help(), false);
    text.push(&["\n# TYPE ", family.name(), " ", kind(family.get_field_type()), "\n"]);
}

/// Begins a family in OpenMetrics.
fn open_metrics_head(text: &mut Text, family: &MetricFamily) {
    let (name, kind) = match (family.get_field_type(), family.name().strip_suffix(TOTAL)) {
        (MetricType::COUNTER, Some(name)) => (name, "counter"),
        // A counter must end in `_total`. Another one keeps its name and has no type.
        (MetricType::COUNTER, None) => (family.name(), "unknown"),
        (other, _) => (family.name(), kind(other)),
    };
    text.push(&["# TYPE ", name, " ", kind, "\n"]);
    let is_unit = |unit: &&str| name.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'));
    if let Some(unit) = UNITS.into_iter().find(is_unit) {
        text.push(&["# UNIT ", name, " ", unit, "\n"]);
    }
    text.push(&["# HELP ", name, " "]);
    text.escape(family.help(), true);
    text.push(&["\n"]);
}

fn kind(of: MetricType) -> &'static str {
    match of {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        // The daemon has no others.
        MetricType::SUMMARY | MetricType::UNTYPED => "untyped",
    }
}

/// The labels of a metric, without braces. All lines of a histogram have them.
fn write_labels(text: &mut Text, metric: &Metric) {
    text.clear();
    let mut before = "";
    for label in metric.get_label() {
        text.push(&[before, label.name(), "=\""]);
        text.escape(label.value(), true);
        before = "\",";
    }
    if !before.is_empty() {
        text.push(&["\""]);
    }
}

/// The finite upper bounds of the buckets, which all histograms of a family share.
fn bounds(metric: &Metric, format: Format) -> Vec<String> {
    let bounds = metric.get_histogram().get_bucket().iter().map(|bucket| bucket.upper_bound());
    let finite = bounds.filter(|bound| bound.is_finite());
    match format {
        Format::Text => finite.map(|bound| bound.to_string()).collect(),
        // It wants `1.0`.
        Format::OpenMetrics => finite.map(|bound| format!("{bound:?}")).collect(),
    }
}

fn histogram(text: &mut Text, name: &str, labels: &str, histogram: &Histogram, bounds: &[String]) {
    let (count, comma) = (histogram.get_sample_count(), if labels.is_empty() { "" } else { "," });
    let counts = histogram.get_bucket().iter().map(|bucket| bucket.cumulative_count());
    for (bound, count) in bounds.iter().map(String::as_str).zip(counts).chain([("+Inf", count)]) {
        text.push(&[name, "_bucket{", labels, comma, "le=\"", bound, "\"}"]);
        text.value(count);
    }
    sample(text, [name, "_sum"], labels, Number(histogram.get_sample_sum()));
    sample(text, [name, "_count"], labels, count);
}

fn sample(text: &mut Text, name: [&str; 2], labels: &str, value: impl Display) {
    text.push(&name);
    if !labels.is_empty() {
        text.push(&["{", labels, "}"]);
    }
    text.value(value);
}

/// A number as both formats want it.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, TextEncoder};

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
c_seconds_sum{of="x"} 20.5
c_seconds_count{of="x"} 2
# TYPE d_milliseconds gauge
# HELP d_milliseconds No base unit.
d_milliseconds +Inf
# EOF
"#;
        assert_eq!(text(&registry, Format::OpenMetrics), want);
        let by_the_crate = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert_eq!(text(&registry, Format::Text), by_the_crate.replace(" inf\n", " +Inf\n"));
    }
}

//! Prometheus' text format for gauges.
//!
//! The `prometheus` crate needs owned strings for every series before it writes the first one. This module writes
//! directly from borrowed labels. A test compares the two outputs byte for byte.

use std::fmt::{Display, Write as _};

use super::catalog::Family;

/// A text in progress.
pub(super) struct Text(String);

impl Text {
    pub(super) fn with_capacity(length: usize) -> Self {
        Self(String::with_capacity(length))
    }

    /// Begins a family.
    pub(super) fn family(&mut self, family: &Family) {
        self.push(&["# HELP ", family.name, " "]);
        self.escape(family.help, false);
        self.push(&["\n# TYPE ", family.name, " gauge\n"]);
    }

    /// Writes one series of a family, with its label values in the order of the family's labels. The value may include
    /// a timestamp.
    pub(super) fn series<'a>(
        &mut self,
        family: &Family,
        values: impl IntoIterator<Item = &'a str>,
        value: impl Display,
    ) {
        self.0.push_str(family.name);
        let mut before = "{";
        for (name, value) in family.labels.iter().zip(values) {
            self.push(&[before, name, "=\""]);
            self.escape(value, true);
            before = "\",";
        }
        if !family.labels.is_empty() {
            self.0.push_str("\"}");
        }
        self.value(value);
    }

    /// Ends a line with its value.
    pub(super) fn value(&mut self, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, " {value}");
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Writes text as it is.
    pub(super) fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.0.push_str(part));
    }

    /// Writes text with backslashes and line ends escaped, and quotes if wanted.
    pub(super) fn escape(&mut self, mut text: &str, with_quotes: bool) {
        let special = |byte: &u8| matches!(byte, b'\\' | b'\n') || with_quotes && *byte == b'"';
        while let Some(at) = text.as_bytes().iter().position(special) {
            let (plain, rest) = text.split_at(at);
            self.0.push_str(plain);
            self.0.push_str(match rest.as_bytes()[0] {
                b'\n' => "\\n",
                b'"' => "\\\"",
                _ => "\\\\",
            });
            text = &rest[1..];
        }
        self.0.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{TextEncoder, proto};
    use proptest::prelude::*;

    use super::*;

    /// The same family, written by the `prometheus` crate.
    fn by_the_crate(family: &Family, series: &[(Vec<String>, f64)]) -> String {
        let metrics = series.iter().map(|(values, value)| {
            let labels = family.labels.iter().zip(values).map(|(name, value)| {
                let mut pair = proto::LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(value.clone());
                pair
            });
            let mut gauge = proto::Gauge::default();
            gauge.set_value(*value);
            let mut metric = proto::Metric::from_label(labels.collect());
            metric.set_gauge(gauge);
            metric
        });
        let mut whole = proto::MetricFamily::default();
        whole.set_name(family.name.to_owned());
        whole.set_help(family.help.to_owned());
        whole.set_field_type(proto::MetricType::GAUGE);
        whole.set_metric(metrics.collect());
        TextEncoder::new().encode_to_string(&[whole]).unwrap()
    }

    fn by_us(family: &Family, series: &[(Vec<String>, f64)]) -> String {
        let mut text = Text::with_capacity(0);
        text.family(family);
        for (values, value) in series {
            text.series(family, values.iter().map(String::as_str), *value);
        }
        text.finish()
    }

    fn label() -> impl Strategy<Value = String> {
        prop_oneof!["[\\\\\"\n a-z{},=é🚀]{0,12}", any::<String>()]
    }

    const HELP: &str = "Says \"so\" with a \\ and a\nbreak.";

    proptest! {
        #[test]
        fn the_text_is_that_of_the_prometheus_crate(
            series in prop::collection::vec((prop::collection::vec(label(), 3), any::<f64>()), 1..5),
            amounts in prop::collection::vec(-1_000_000_000_000_i64..1_000_000_000_000, 1..5),
        ) {
            let three = Family { name: "family", help: HELP, labels: &["a", "b_c", "d"], grows: false, of_daemon: false };
            prop_assert_eq!(by_us(&three, &series), by_the_crate(&three, &series));
            let none = Family { name: "family", help: "", ..three };
            let none = Family { help: HELP, labels: &[], ..none };
            #[expect(clippy::cast_precision_loss, reason = "any float will do")]
            let bare: Vec<_> = amounts.iter().map(|amount| (Vec::new(), *amount as f64 / 1e5)).collect();
            prop_assert_eq!(by_us(&none, &bare), by_the_crate(&none, &bare));
        }
    }
}

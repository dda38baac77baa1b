//! Writes families one after the other, each within its series limit.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::catalog;
use super::catalog::Family;
use super::text::Text;

/// The series of a family in progress. Label values are unique and sorted, so equal data give equal bytes.
pub(super) struct Gauges {
    family: Family,
    series: BTreeMap<Vec<SmolStr>, f64>,
}

impl Gauges {
    pub(super) fn new(family: Family) -> Self {
        Self { family, series: BTreeMap::new() }
    }

    /// Sets the series with these label values, in the order of the family's labels.
    pub(super) fn set<const N: usize>(&mut self, values: [SmolStr; N], value: f64) {
        debug_assert_eq!(N, self.family.labels.len(), "labels of {}", self.family.name);
        self.series.insert(values.into(), value);
    }
}

/// The families written so far.
pub(super) struct Families {
    text: Text,
    series_limit: usize,
    tallies: Vec<Tally>,
}

/// The series counts of a family that grows with the data.
struct Tally {
    family: &'static str,
    exported: usize,
    dropped: usize,
}

impl Families {
    /// An empty text with the capacity `length`.
    pub(super) fn new(series_limit: usize, length: usize) -> Self {
        Self { text: Text::with_capacity(length), series_limit, tallies: Vec::new() }
    }

    /// The series limit of a family that grows with the data.
    pub(super) fn series_limit(&self) -> usize {
        self.series_limit
    }

    /// Writes each family. Beyond the limit, the last series are dropped.
    pub(super) fn write(&mut self, families: impl IntoIterator<Item = Gauges>) {
        for Gauges { family, series } in families {
            let exported = if family.grows { series.len().min(self.series_limit) } else { series.len() };
            self.begin(&family, exported, series.len() - exported);
            for (values, value) in series.iter().take(exported) {
                self.text.series(&family, values.iter().map(SmolStr::as_str), *value);
            }
        }
    }

    /// Begins a family of `exported` series. An empty family is only counted, because the format cannot express it.
    pub(super) fn begin(&mut self, family: &Family, exported: usize, dropped: usize) {
        if family.grows {
            self.tallies.push(Tally { family: family.name, exported, dropped });
        }
        // With one of them, the two text formats would differ.
        debug_assert!(!family.help.contains(['"', '\\', '\n']), "the help of {}", family.name);
        if exported > 0 {
            self.text.family(family);
        }
    }

    /// The text, for the series of a family that has begun.
    pub(super) fn text(&mut self) -> &mut Text {
        &mut self.text
    }

    /// The whole text, with the series counts of each family at its end.
    #[expect(clippy::cast_precision_loss, reason = "no family has 2^53 series")]
    pub(super) fn finish(mut self) -> String {
        let [mut series, mut limit, mut dropped] =
            [catalog::SERIES, catalog::SERIES_LIMIT, catalog::SERIES_DROPPED].map(Gauges::new);
        for tally in &self.tallies {
            let family = || [SmolStr::new_static(tally.family)];
            series.set(family(), tally.exported as f64);
            limit.set(family(), self.series_limit as f64);
            dropped.set(family(), tally.dropped as f64);
        }
        self.write([series, limit, dropped]);
        self.text.finish()
    }
}

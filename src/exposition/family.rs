//! Writes families one after the other, each within its series limit.

use std::collections::BTreeMap;

use smol_str::{SmolStr, format_smolstr};

use crate::shard::Shard;
use gcore_api::billing::resource::ProjectId;

use super::catalog;
use super::catalog::Family;
use super::settings::Settings;
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
    shard: Shard,
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
    pub(super) fn new(settings: Settings, length: usize) -> Self {
        let Settings { series_limit, shard, .. } = settings;
        Self { text: Text::with_capacity(length), series_limit, shard, tallies: Vec::new() }
    }

    /// The series limit of a family that grows with the data.
    pub(super) fn series_limit(&self) -> usize {
        self.series_limit
    }

    /// The shard whose series are written.
    pub(super) fn shard(&self) -> Shard {
        self.shard
    }

    /// Writes the shard's series of each family. Beyond the limit, the last series are dropped.
    pub(super) fn write(&mut self, families: impl IntoIterator<Item = Gauges>) {
        for Gauges { family, mut series } in families {
            if !family.of_daemon {
                let place = family.labels.iter().position(|label| *label == "project_id");
                // A roll-up has a word there.
                let project =
                    |values: &[SmolStr]| place.and_then(|place| values.get(place)?.parse().ok()).map(ProjectId);
                series.retain(|values, _| self.shard.holds(project(values)));
            }
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

    /// The whole text, with the series counts of each family and the shards at its end.
    #[expect(clippy::cast_precision_loss, reason = "no family has 2^53 series")]
    pub(super) fn finish(mut self) -> String {
        let [mut series, mut limit, mut dropped, mut shards] =
            [catalog::SERIES, catalog::SERIES_LIMIT, catalog::SERIES_DROPPED, catalog::SHARDS].map(Gauges::new);
        for tally in &self.tallies {
            let family = || [SmolStr::new_static(tally.family)];
            series.set(family(), tally.exported as f64);
            limit.set(family(), self.series_limit as f64);
            dropped.set(family(), tally.dropped as f64);
        }
        if !self.shard.is_only() {
            shards.set([format_smolstr!("{}", self.shard.index())], self.shard.count() as f64);
        }
        self.write([series, limit, dropped, shards]);
        self.text.finish()
    }
}

//! `[metrics]`: how much is exported.

use crate::config::key::Key;
use crate::config::keys::Reader;
use crate::exposition::settings::Settings;

pub(super) fn read(reader: &mut Reader) -> Settings {
    let table = Key::new(["metrics"]);
    reader.table(&table);
    let defaults = Settings::default();
    let series_limit = reader.whole(&table.child("series_limit"), 100..=1_000_000);
    Settings { series_limit: series_limit.unwrap_or(defaults.series_limit) }
}

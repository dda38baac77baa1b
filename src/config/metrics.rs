//! `[metrics]`: the exported metrics, and the data to read for them.

use smol_str::SmolStr;

use crate::collect;
use crate::collect::settings::{Details, Method};
use crate::config::key_path::Key;
use crate::config::key_reader::Reader;
use crate::exposition::settings::Settings;

/// The table. It also sets the details that collectors must read.
pub(super) fn read(reader: &mut Reader, collect: &mut collect::settings::Settings) -> Settings {
    let table = Key::new(["metrics"]);
    reader.table(&table);
    let defaults = Settings::default();
    let series_limit = reader.whole(&table.child("series_limit"), 100..=1_000_000);
    let anomaly_groups = reader.flag(&table.child("anomaly_groups"));
    collect.usage_by_metric = reader.flag(&table.child("billing_metric")).unwrap_or(collect.usage_by_metric);
    let [tag_keys, top_resources] = ["tag_keys", "top_resources"].map(|name| table.child(name));
    collect.cost_details = Details {
        tag_keys: keys_of_tags(reader, &tag_keys).unwrap_or_default(),
        top_resources: reader.whole(&top_resources, 0..=10_000).unwrap_or_default(),
    };
    let asked = [
        (&tag_keys, !collect.cost_details.tag_keys.is_empty()),
        (&top_resources, collect.cost_details.top_resources > 0),
    ];
    for (key, _) in asked.iter().filter(|(_, is_asked)| *is_asked) {
        refuse_unread(reader, key, collect);
    }
    Settings {
        series_limit: series_limit.unwrap_or(defaults.series_limit),
        anomaly_groups: anomaly_groups.unwrap_or(defaults.anomaly_groups),
        ..defaults
    }
}

fn keys_of_tags(reader: &mut Reader, key: &Key) -> Option<Vec<SmolStr>> {
    let words = reader.words(key, r#"["env", "team"]"#)?;
    if let Some(index) = words.iter().position(String::is_empty) {
        reader.fault(key, format!("entry {} is empty: name the key of a tag, such as \"env\"", index + 1));
    }
    Some(words.into_iter().map(SmolStr::from).collect())
}

/// Refuses a detail by resource of a window whose resources are never read.
fn refuse_unread(reader: &mut Reader, key: &Key, collect: &collect::settings::Settings) {
    let (cost, window) = (&collect.cost, Details::WINDOW);
    if !cost.schedule.enabled {
        reader.fault(key, "needs the costs: set collect.cost.enabled = true, or leave this out");
    } else if !cost.windows.contains(&window) {
        let window = window.as_str();
        reader.fault(key, format!("needs the costs of {window}: add {window:?} to collect.cost.windows"));
    }
    if collect.cost_method == Method::Totals {
        let problem = "needs single resources, which collect.cost.method = \"totals\" does not read: set that to \"auto\" \
                       or \"resources\"";
        reader.fault(key, problem);
    }
}

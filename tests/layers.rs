//! The modules of the library are layers: each uses only those below it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. Modules of one layer do not use each other.
const LAYERS: [&[&str]; 14] = [
    &["terminal", "wording"],
    &["clock", "shutdown", "telemetry", "transport"],
    &["billing"],
    &["gcore"],
    &["aggregate"],
    &["store"],
    &["insights"],
    &["snapshot"],
    &["alert", "collect", "exposition"],
    &["http", "notify"],
    &["demo"],
    &["config"],
    &["app"],
    &["cli"],
];

#[test]
fn every_import_points_to_a_lower_layer() {
    let layer_of: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(layer, names)| names.iter().map(move |name| (*name, layer))).collect();
    let mut faults = Vec::new();
    for file in sources(Path::new("src")) {
        let inner = file.strip_prefix("src").unwrap().to_path_buf();
        let module = inner.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(&own) = layer_of.get(module.as_str()) else {
            faults.push(format!("{}: `{module}` is in no layer", file.display()));
            continue;
        };
        for path in fs::read_to_string(&file).unwrap().split("crate::").skip(1) {
            let used: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if used.is_empty() {
                faults.push(format!("{}: a group `crate::{{…}}` hides what is used", file.display()));
            } else if used != module && layer_of.get(used.as_str()).is_none_or(|layer| *layer >= own) {
                faults.push(format!("{}: `{module}` may not use `{used}`", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_simulator_and_the_client_are_witnesses_against_each_other() {
    for file in sources(Path::new("src/demo")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("crate::gcore"), "{} uses the client that it is to check", file.display());
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    assert!(!files.is_empty(), "no sources in {}", folder.display());
    files
}

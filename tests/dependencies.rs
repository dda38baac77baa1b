//! The crates of the program: their number, and the tables of docs/dependencies.md.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The largest number of crates, with those of the tests.
const MOST: usize = 250;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dependencies.md")).unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every crate of the tree on Linux, once, by the kinds of its edges.
fn tree(edges: &str) -> usize {
    let package = ["tree", "--package=gcore-billing-exporter", "--locked", "--target=x86_64-unknown-linux-gnu"];
    let form = ["--prefix=none", "--format={p}", "--edges", edges];
    let text = cargo(&[package.as_slice(), &form].concat());
    let crates: BTreeSet<Vec<&str>> = text.lines().map(|line| line.split(' ').take(2).collect()).collect();
    crates.len()
}

#[test]
fn the_program_has_as_many_crates_as_documented_and_no_more_than_allowed() {
    let (program, all) = (tree("normal,build"), tree("normal,build,dev"));
    assert!(all <= MOST, "{all} crates are in the tree; at most {MOST} are allowed");
    let page = page();
    let wanted = [format!("consists of {program} crates"), format!("it is {all}."), format!("At most {MOST} are")];
    for text in wanted {
        assert!(page.contains(&text), "docs/dependencies.md has other numbers: it lacks {text:?}");
    }
}

#[test]
fn each_direct_crate_has_a_row_with_a_purpose() {
    let metadata = cargo(&["metadata", "--locked", "--no-deps", "--format-version=1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let dependencies = packages.iter().flat_map(|package| package["dependencies"].as_array().unwrap());
    let of_others = dependencies.filter(|dependency| dependency["path"].is_null());
    let direct: BTreeSet<&str> = of_others.map(|dependency| dependency["name"].as_str().unwrap()).collect();

    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let documented: Vec<(&str, &str)> = rows.collect();
    assert!(documented.iter().all(|(_, purpose)| purpose.trim_matches([' ', '|']).len() > 2), "{documented:?}");
    let names: BTreeSet<&str> = documented.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, direct, "docs/dependencies.md on the left, the Cargo.toml files on the right");
    assert_eq!(names.len(), documented.len(), "each crate has one row");
}

//! The configuration file (TOML): settings or faults, and their texts.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use gcore_billing_exporter::config::{Config, Environment};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static FILE: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("config.toml"));

fuzz_target!(|input: &[u8]| {
    std::fs::write(&*FILE, input).unwrap();
    let environment = Environment::from([("STATE_DIRECTORY".to_owned(), FOLDER.path().display().to_string())]);
    let text = match Config::load(Some(FILE.as_path()), &environment) {
        Ok(loaded) => {
            assert!(!loaded.config.accounts.is_empty(), "no account");
            assert!(!loaded.keys.is_empty(), "no key was read");
            loaded.config.to_string()
        }
        Err(faults) => faults.to_string(),
    };
    assert!(!text.trim().is_empty());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
});

//! The web configuration (YAML): TLS, users and headers, or faults.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use gcore_billing_exporter::http::web_config::WebConfig;
use gcore_billing_fuzz::noon;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static FILE: LazyLock<PathBuf> = LazyLock::new(|| FOLDER.path().join("web.yml"));

fuzz_target!(|input: &[u8]| {
    std::fs::write(&*FILE, input).unwrap();
    match WebConfig::read(&FILE, noon()) {
        Ok(config) => {
            std::hint::black_box((config.tls(), config.warnings()));
        }
        Err(faults) => {
            let text = faults.to_string();
            assert!(!text.trim().is_empty());
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }
    }
});

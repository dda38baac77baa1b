//! Families on the process itself: which build it is, and what it uses.

use prometheus::process_collector::ProcessCollector;
use prometheus::{IntGaugeVec, Opts, Registry};

/// Registers `gcore_exporter_build_info` and the `process_*` families.
///
/// # Errors
/// Fails where the registry already has them.
pub fn register(registry: &Registry) -> prometheus::Result<()> {
    let help = "Version, source revision and compiler of this build, always 1.";
    let build_info = IntGaugeVec::new(Opts::new("gcore_exporter_build_info", help), &["version", "revision", "rustc"])?;
    build_info
        .with_label_values(&[env!("CARGO_PKG_VERSION"), env!("EXPORTER_REVISION"), env!("EXPORTER_RUSTC")])
        .set(1);
    registry.register(Box::new(build_info))?;
    registry.register(Box::new(ProcessCollector::for_self()))
}

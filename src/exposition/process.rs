//! Families on the process itself: which build it is, and what it uses.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry};
use tokio::time::Instant;

/// How long what was read of the process counts. Its seconds of CPU time come in whole seconds.
const GOOD_FOR: Duration = Duration::from_secs(1);

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
    registry.register(Box::new(Process { collector: ProcessCollector::for_self(), last: Mutex::default() }))
}

/// What the process uses, read at most once a second: asking the system takes a dozen calls, a quarter of what a scrape
/// costs.
struct Process {
    collector: ProcessCollector,
    last: Mutex<Option<(Instant, Vec<MetricFamily>)>>,
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.collector.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, families)) if at.elapsed() < GOOD_FOR => families.clone(),
            _ => last.insert((Instant::now(), self.collector.collect())).1.clone(),
        }
    }
}

//! Metrics of the alerts. Each scrape builds them from the published alerts.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts, Registry};

use super::Reader;
use super::alert::{Alert, Status};

/// The largest number of firing alerts with a series each. The counts include all alerts.
const MOST_SHOWN: usize = 1_000;

const COUNT_LABELS: [&str; 3] = ["alertname", "severity", "state"];

/// Every label that an alert of a rule can have. A series has an empty text for a missing one.
pub const LABELS: [&str; 17] = [
    "alertname",
    "severity",
    "account",
    "currency",
    "project_id",
    "region_id",
    "resource_type",
    "budget",
    "step",
    "threshold",
    "window",
    "collector",
    "channel",
    "report_uuid",
    "task_type",
    "subscription_id",
    "days",
];

/// Registers the families.
///
/// # Errors
/// Fails if the registry already has the families.
pub(super) fn register(registry: &Registry, alerts: Reader) -> prometheus::Result<()> {
    let descriptions = gauges()?.iter().flat_map(Collector::desc).cloned().collect();
    registry.register(Box::new(Published { alerts, descriptions }))
}

struct Published {
    alerts: Reader,
    descriptions: Vec<Desc>,
}

/// The count of alerts by state, and the firing alerts.
fn gauges() -> prometheus::Result<[GaugeVec; 2]> {
    let count = Opts::new("gcore_alerts", "Alerts of the daemon itself, by where they stand; none: no series.");
    let firing = Opts::new("gcore_alert_firing", "1 for each alert of the daemon itself that fires.");
    Ok([GaugeVec::new(count, &COUNT_LABELS)?, GaugeVec::new(firing, &LABELS)?])
}

impl Collector for Published {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The same gauges were made before, at registration.
        let Ok([count, firing]) = gauges() else { return Vec::new() };
        let alerts = self.alerts.borrow().clone().unwrap_or_default();
        for alert in alerts.iter() {
            let labels = [alert.label("alertname"), alert.label("severity"), alert.status.as_str()];
            count.with_label_values(&labels).inc();
        }
        let fires = |alert: &&Arc<Alert>| alert.status == Status::Firing;
        for alert in alerts.iter().filter(fires).take(MOST_SHOWN) {
            firing.with_label_values(&LABELS.map(|name| alert.label(name))).set(1.0);
        }
        // The encoder refuses a family without a series.
        let families = [count, firing].into_iter().flat_map(|gauge| gauge.collect());
        families.filter(|family| !family.get_metric().is_empty()).collect()
    }
}

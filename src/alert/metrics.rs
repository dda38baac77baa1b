//! Metrics of the alerts. The first scrape after a change of the published alerts sets them.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts, Registry};

use super::alert::{Alert, Status};
use super::{Current, Reader};

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
    let count = Opts::new("gcore_alerts", "Alerts of the daemon itself, by where they stand; none: no series.");
    let firing = Opts::new("gcore_alert_firing", "1 for each alert of the daemon itself that fires.");
    let (count, firing) = (GaugeVec::new(count, &COUNT_LABELS)?, GaugeVec::new(firing, &LABELS)?);
    registry.register(Box::new(Published { alerts, count, firing, shown: Mutex::default() }))
}

struct Published {
    alerts: Reader,
    count: GaugeVec,
    firing: GaugeVec,
    /// The alerts that the gauges are of.
    shown: Mutex<Current>,
}

impl Published {
    fn set(&self, alerts: &[Arc<Alert>]) {
        self.count.reset();
        self.firing.reset();
        for alert in alerts {
            let labels = [alert.label("alertname"), alert.label("severity"), alert.status.as_str()];
            self.count.with_label_values(&labels).inc();
        }
        let fires = |alert: &&Arc<Alert>| alert.status == Status::Firing;
        for alert in alerts.iter().filter(fires).take(MOST_SHOWN) {
            self.firing.with_label_values(&LABELS.map(|name| alert.label(name))).set(1.0);
        }
    }
}

impl Collector for Published {
    fn desc(&self) -> Vec<&Desc> {
        [self.count.desc(), self.firing.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let alerts = self.alerts.borrow().clone();
        if alerts.as_ref().map(Arc::as_ptr) != shown.as_ref().map(Arc::as_ptr) {
            self.set(alerts.as_deref().map_or(&[], Vec::as_slice));
            *shown = alerts;
        }
        // The encoder refuses a family without a series.
        let families = self.count.collect().into_iter().chain(self.firing.collect());
        families.filter(|family| !family.get_metric().is_empty()).collect()
    }
}

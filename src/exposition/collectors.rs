//! Families of the status of the collectors.

use crate::snapshot::{Outcome, Snapshot};

use super::catalog;
use super::family::Gauges;
use super::{seconds, word};

/// One series per family and enabled collector, and the number of stored days.
pub(super) fn collectors(snapshot: &Snapshot) -> [Gauges; 7] {
    let mut up = Gauges::new(catalog::UP);
    let mut supported = Gauges::new(catalog::SUPPORTED);
    let mut access_lost = Gauges::new(catalog::ACCESS_LOST);
    let mut interval = Gauges::new(catalog::POLL_INTERVAL);
    let mut last_attempt = Gauges::new(catalog::POLL_LAST_ATTEMPT);
    let mut last_success = Gauges::new(catalog::POLL_LAST_SUCCESS);
    let mut history_readings = Gauges::new(catalog::HISTORY_READINGS);
    for (name, account) in &snapshot.accounts {
        for (kind, days) in &account.history_days {
            history_readings.set([word(name.as_str()), word(kind.as_str())], f64::from(*days));
        }
        for (collector, status) in &account.collectors {
            let labels = || [word(name.as_str()), word(collector.as_str())];
            let is = |condition: bool| f64::from(u8::from(condition));
            interval.set(labels(), status.interval.as_secs_f64());
            if status.access_lost || status.last_outcome.is_some() {
                access_lost.set(labels(), is(status.access_lost));
            }
            if let Some(outcome) = status.last_outcome {
                up.set(labels(), is(outcome == Outcome::Good));
                supported.set(labels(), is(outcome != Outcome::Unsupported));
            }
            if let Some(at) = status.last_attempt {
                last_attempt.set(labels(), seconds(at));
            }
            if let Some(at) = status.last_success {
                last_success.set(labels(), seconds(at));
            }
        }
    }
    [up, supported, access_lost, interval, last_attempt, last_success, history_readings]
}

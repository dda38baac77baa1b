//! The alerts that one Alertmanager was sent, and those that are due. This module is pure: it has no clock and no
//! network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::alert::{Alert, Route, Status, severity_rank};

/// How long a resolved alert is repeated. An Alertmanager that restarts loses the end, while its own notification log
/// remembers the start.
const REPEATED: Duration = Duration::from_secs(15 * 60);
/// How long an alert that was refused alone is not sent.
const ASIDE: Duration = Duration::from_secs(15 * 60);

/// The alerts of one Alertmanager, by fingerprint.
#[derive(Default)]
pub(super) struct NotificationLog(BTreeMap<u64, Entry>);

struct Entry {
    alert: Arc<Alert>,
    /// Whether it is not due before the next round.
    is_told: bool,
    /// When Alertmanager first accepted its current status.
    taken_at: Option<Instant>,
    /// Whether Alertmanager accepted it before, in any status. Then its end must be sent too.
    has_begun: bool,
    /// Whether the store knows that it was sent.
    is_recorded: bool,
    /// It was refused alone, and is not sent before this time.
    aside_until: Option<Instant>,
}

impl Entry {
    fn new(alert: Arc<Alert>, has_begun: bool) -> Self {
        Self { alert, is_told: false, taken_at: None, has_begun, is_recorded: false, aside_until: None }
    }

    /// Whether each round sends it.
    fn is_repeated(&self, now: Instant) -> bool {
        self.alert.status == Status::Firing || self.taken_at.is_none_or(|at| now < at + REPEATED)
    }
}

impl NotificationLog {
    /// A log with the alerts that the process before sent as firing.
    pub(super) fn restored(told: Vec<Alert>) -> Self {
        let firing = told.into_iter().filter(|alert| alert.status == Status::Firing);
        let entry =
            |alert: Alert| (alert.fingerprint(), Entry { is_recorded: true, ..Entry::new(Arc::new(alert), true) });
        Self(firing.map(entry).collect())
    }

    /// Takes over the current alerts. A sent alert that is no longer listed is resolved. Its end stays until it was
    /// accepted and repeated.
    pub(super) fn follow(&mut self, current: &[Arc<Alert>], route: &Route, now: Instant, today: Timestamp) {
        let mut listed = BTreeSet::new();
        let wanted = |alert: &&Arc<Alert>| alert.status != Status::Pending && route.takes(&alert.labels);
        for alert in current.iter().filter(wanted) {
            let fingerprint = alert.fingerprint();
            listed.insert(fingerprint);
            match self.0.get_mut(&fingerprint) {
                Some(entry) if entry.alert.status == alert.status && entry.alert.starts_at == alert.starts_at => {
                    if entry.alert.annotations != alert.annotations {
                        // Changed texts are sent with the next round. A refused alert is sent at once.
                        entry.aside_until = None;
                    }
                    entry.alert = Arc::clone(alert);
                }
                before => {
                    let has_begun = before.is_some_and(|entry| entry.has_begun);
                    self.0.insert(fingerprint, Entry::new(Arc::clone(alert), has_begun));
                }
            }
        }
        self.0.retain(|fingerprint, entry| match entry.alert.status {
            _ if listed.contains(fingerprint) => true,
            Status::Resolved => entry.has_begun && entry.is_repeated(now),
            Status::Pending | Status::Firing => {
                let mut alert = Arc::clone(&entry.alert);
                let ended = Arc::make_mut(&mut alert);
                (ended.status, ended.ends_at) = (Status::Resolved, Some(today));
                *entry = Entry::new(alert, entry.has_begun);
                entry.has_begun
            }
        });
    }

    /// Makes all alerts due that each round sends: those that fire, and those that were resolved recently.
    pub(super) fn begin_round(&mut self, now: Instant) {
        for entry in self.0.values_mut() {
            if entry.is_repeated(now) {
                entry.is_told = false;
            }
        }
    }

    /// The due alerts, the gravest first. Alertmanager must know the graver alert first, if an inhibition rule mutes
    /// another by it. `group_wait` does not delay alerts that started long ago.
    pub(super) fn unsent(&self, now: Instant) -> Vec<u64> {
        let waits = |entry: &Entry| !entry.is_told && entry.aside_until.is_none_or(|until| until <= now);
        let waiting = self.0.iter().filter(|(_, entry)| waits(entry));
        let mut unsent: Vec<_> =
            waiting.map(|(fingerprint, entry)| (severity_rank(entry.alert.label("severity")), *fingerprint)).collect();
        unsent.sort_unstable();
        unsent.into_iter().map(|(_, fingerprint)| fingerprint).collect()
    }

    /// The number of due alerts, including those that were refused.
    pub(super) fn waiting(&self) -> u64 {
        self.0.values().filter(|entry| !entry.is_told).count() as u64
    }

    /// The alerts of a batch.
    pub(super) fn alerts<'a>(&'a self, batch: &'a [u64]) -> impl Iterator<Item = &'a Alert> {
        batch.iter().filter_map(|fingerprint| self.0.get(fingerprint)).map(|entry| entry.alert.as_ref())
    }

    /// Notes that a batch was accepted.
    pub(super) fn told(&mut self, batch: &[u64], now: Instant) {
        for fingerprint in batch {
            if let Some(entry) = self.0.get_mut(fingerprint) {
                entry.taken_at.get_or_insert(now);
                (entry.is_told, entry.has_begun, entry.aside_until) = (true, true, None);
            }
        }
    }

    /// The sent alerts that the store does not know yet.
    pub(super) fn unrecorded(&self) -> Vec<&Alert> {
        let unrecorded = self.0.values().filter(|entry| entry.taken_at.is_some() && !entry.is_recorded);
        unrecorded.map(|entry| entry.alert.as_ref()).collect()
    }

    /// Notes that the store knows these alerts.
    pub(super) fn recorded(&mut self, fingerprints: impl Iterator<Item = u64>) {
        for fingerprint in fingerprints {
            if let Some(entry) = self.0.get_mut(&fingerprint) {
                entry.is_recorded = true;
            }
        }
    }

    /// Stops sending one refused alert for a while. Returns it the first time.
    pub(super) fn set_aside(&mut self, fingerprint: u64, now: Instant) -> Option<&Alert> {
        let entry = self.0.get_mut(&fingerprint)?;
        let is_news = entry.aside_until.is_none();
        entry.aside_until = Some(now + ASIDE);
        is_news.then_some(&entry.alert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Labels;

    const MINUTE: Duration = Duration::from_secs(60);

    fn alert(name: &str, status: Status) -> Alert {
        let at = "2026-11-22T00:00:00Z".parse().unwrap();
        Alert {
            labels: Labels::from([("alertname".into(), name.into()), ("severity".into(), "warning".into())]),
            annotations: Labels::new(),
            status,
            starts_at: at,
            ends_at: (status == Status::Resolved).then_some(at),
            value: None,
            threshold: None,
            since: at,
        }
    }

    fn today() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn follow(log: &mut NotificationLog, alerts: &[Alert], route: &Route, now: Instant) {
        let alerts: Vec<_> = alerts.iter().cloned().map(Arc::new).collect();
        log.follow(&alerts, route, now, today());
    }

    fn unsent(log: &NotificationLog, now: Instant) -> String {
        let batch = log.unsent(now);
        let mut names: Vec<_> = log.alerts(&batch).map(|a| (a.label("alertname"), a.status.as_str())).collect();
        names.sort_unstable();
        names.iter().map(|(name, status)| format!("{name} {status}, ")).collect()
    }

    fn tell(log: &mut NotificationLog, now: Instant) -> String {
        let said = unsent(log, now);
        let batch = log.unsent(now);
        log.told(&batch, now);
        said
    }

    #[tokio::test]
    async fn what_changes_is_told_at_once_and_what_stays_with_every_round() {
        let (mut log, route, start) = (NotificationLog::default(), Route::default(), Instant::now());
        let [a, b] = ["a", "b"].map(|name| alert(name, Status::Firing));
        follow(&mut log, &[a.clone(), alert("p", Status::Pending)], &route, start);
        assert_eq!(tell(&mut log, start), "a firing, ", "a pending alert is not sent");
        follow(&mut log, &[Alert { value: Some(2.0), ..a.clone() }, b.clone()], &route, start);
        assert_eq!(tell(&mut log, start), "b firing, ", "only what is new");
        log.begin_round(start + MINUTE);
        assert_eq!(tell(&mut log, start + MINUTE), "a firing, b firing, ");
        let again = Alert { starts_at: "2026-11-23T00:00:00Z".parse().unwrap(), ..a };
        follow(&mut log, &[again, b], &route, start + MINUTE);
        assert_eq!(unsent(&log, start), "a firing, ", "it began again");
    }

    #[tokio::test]
    async fn the_gravest_is_told_first() {
        let (mut log, route, start) = (NotificationLog::default(), Route::default(), Instant::now());
        let of = |severity: &str| {
            let mut alert = alert("a", Status::Firing);
            alert.labels.insert("severity".into(), severity.into());
            alert
        };
        follow(&mut log, &["none", "info", "critical", "warning"].map(of), &route, start);
        let batch = log.unsent(start);
        let told: Vec<_> = log.alerts(&batch).map(|alert| alert.label("severity")).collect();
        assert_eq!(told, ["critical", "warning", "info", "none"]);
    }

    #[tokio::test]
    async fn an_end_is_repeated_for_15_minutes_and_until_it_is_taken() {
        let (route, start) = (Route::default(), Instant::now());
        let [begin, end] = [Status::Firing, Status::Resolved].map(|status| [alert("a", status)]);
        let mut log = NotificationLog::default();
        follow(&mut log, &begin, &route, start);
        tell(&mut log, start);
        follow(&mut log, &end, &route, start);
        // The alert leaves the list before Alertmanager accepts its end.
        follow(&mut log, &[], &route, start + 20 * MINUTE);
        assert_eq!(tell(&mut log, start + 20 * MINUTE), "a resolved, ");
        for (minutes, want) in [(21, "a resolved, "), (34, "a resolved, "), (35, "")] {
            let now = start + minutes * MINUTE;
            log.begin_round(now);
            follow(&mut log, &[], &route, now);
            assert_eq!(tell(&mut log, now), want, "after {minutes} minutes");
        }
        assert!(log.0.is_empty(), "long enough");

        follow(&mut log, &end, &route, start);
        assert_eq!(unsent(&log, start), "a resolved, ", "it may have begun before this process");
        follow(&mut log, &[], &route, start);
        assert!(log.0.is_empty(), "what was never taken need not end");
    }

    #[tokio::test]
    async fn what_was_told_as_firing_is_told_as_ended_even_after_a_restart() {
        let (route, start) = (Route::default(), Instant::now());
        let [a, b] = ["a", "b"].map(|name| alert(name, Status::Firing));
        let mut log = NotificationLog::default();
        follow(&mut log, &[a, b], &route, start);
        assert!(log.unrecorded().is_empty(), "nothing was told");
        let told = log.unsent(start);
        log.told(&told[..1], start);
        let recorded: Vec<_> = log.unrecorded().into_iter().cloned().collect();
        assert_eq!((recorded.len(), log.unrecorded().len()), (1, 1), "as long as the store does not know");
        log.recorded(recorded.iter().map(Alert::fingerprint));
        assert!(log.unrecorded().is_empty());
        follow(&mut log, &[], &route, start);
        assert_eq!(log.0.len(), 1, "what was never told need not end");

        let name = recorded[0].label("alertname").to_owned();
        let mut log = NotificationLog::restored(recorded.clone());
        follow(&mut log, &recorded, &route, start);
        assert_eq!(tell(&mut log, start), format!("{name} firing, "), "told at once, in case it was forgotten");
        let mut log = NotificationLog::restored(recorded);
        follow(&mut log, &[], &route, start);
        assert_eq!(tell(&mut log, start), format!("{name} resolved, "));
        let ended: Vec<_> = log.unrecorded().into_iter().cloned().collect();
        assert_eq!((ended[0].status, ended[0].ends_at), (Status::Resolved, Some(today())));
        assert!(NotificationLog::restored(ended).0.is_empty(), "it has ended for good");
    }

    #[tokio::test]
    async fn what_was_refused_is_left_alone_for_a_while_or_until_it_changes() {
        let (mut log, route, start) = (NotificationLog::default(), Route::default(), Instant::now());
        let mut bad = alert("a", Status::Firing);
        follow(&mut log, std::slice::from_ref(&bad), &route, start);
        assert!(log.set_aside(bad.fingerprint(), start).is_some(), "news");
        log.begin_round(start + MINUTE);
        assert_eq!((unsent(&log, start + MINUTE), log.waiting()), (String::new(), 1));
        assert_eq!(unsent(&log, start + ASIDE), "a firing, ");
        assert!(log.set_aside(bad.fingerprint(), start + ASIDE).is_none(), "no news");
        bad.annotations.insert("summary".into(), "in other words".into());
        follow(&mut log, &[bad], &route, start + ASIDE);
        assert_eq!(unsent(&log, start + ASIDE), "a firing, ");
    }

    #[tokio::test]
    async fn only_what_the_route_takes_is_told() {
        let (mut log, start) = (NotificationLog::default(), Instant::now());
        let route = Route { severities: vec!["critical".into()], ..Route::default() };
        let mut critical = alert("b", Status::Firing);
        critical.labels.insert("severity".into(), "critical".into());
        follow(&mut log, &[alert("a", Status::Firing), critical], &route, start);
        assert_eq!(unsent(&log, start), "b firing, ");
    }
}

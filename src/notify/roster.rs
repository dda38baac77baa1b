//! What one Alertmanager has been told, and what it has to be told next. Pure: it neither sends nor looks at a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::alert::{Alert, Route, Status};

/// How long an end is repeated: an Alertmanager that restarts has forgotten it, while its notification log remembers
/// that it told the beginning.
const REPEATED: Duration = Duration::from_secs(15 * 60);
/// How long an alert that was refused by itself is left alone.
const ASIDE: Duration = Duration::from_secs(15 * 60);

/// The alerts of one Alertmanager, by fingerprint.
#[derive(Default)]
pub(super) struct Roster(BTreeMap<u64, Entry>);

struct Entry {
    alert: Alert,
    /// When it came to its status.
    since: Instant,
    is_told: bool,
    /// It was refused by itself, and is not sent before this.
    aside_until: Option<Instant>,
}

impl Roster {
    /// Takes over what is so now. An end that was never taken stays, even when it is no longer listed.
    pub(super) fn follow(&mut self, current: &[Alert], route: &Route, now: Instant) {
        let mut listed = BTreeSet::new();
        let wanted = |alert: &&Alert| alert.status != Status::Pending && route.takes(&alert.labels);
        for alert in current.iter().filter(wanted) {
            let fingerprint = alert.fingerprint();
            listed.insert(fingerprint);
            match self.0.get_mut(&fingerprint) {
                Some(entry) if entry.alert.status == alert.status && entry.alert.starts_at == alert.starts_at => {
                    if entry.alert.annotations != alert.annotations {
                        // New words come with the next round, unless the old ones were refused.
                        entry.aside_until = None;
                    }
                    entry.alert.clone_from(alert);
                }
                _ => {
                    let entry = Entry { alert: alert.clone(), since: now, is_told: false, aside_until: None };
                    self.0.insert(fingerprint, entry);
                }
            }
        }
        self.0.retain(|fingerprint, entry| {
            listed.contains(fingerprint) || entry.alert.status == Status::Resolved && !entry.is_told
        });
    }

    /// Lets everything be told again that has to be: all that fires, and what ended a short while ago.
    pub(super) fn begin_round(&mut self, now: Instant) {
        for entry in self.0.values_mut() {
            if entry.alert.status == Status::Firing || now < entry.since + REPEATED {
                entry.is_told = false;
            }
        }
    }

    /// What has to be told now.
    pub(super) fn untold(&self, now: Instant) -> Vec<u64> {
        let waits = |entry: &Entry| !entry.is_told && entry.aside_until.is_none_or(|until| until <= now);
        self.0.iter().filter(|(_, entry)| waits(entry)).map(|(fingerprint, _)| *fingerprint).collect()
    }

    /// How many alerts have yet to be taken, those that were refused included.
    pub(super) fn waiting(&self) -> u64 {
        self.0.values().filter(|entry| !entry.is_told).count() as u64
    }

    /// The alerts of a batch.
    pub(super) fn alerts<'a>(&'a self, batch: &'a [u64]) -> impl Iterator<Item = &'a Alert> {
        batch.iter().filter_map(|fingerprint| self.0.get(fingerprint)).map(|entry| &entry.alert)
    }

    /// Notes that a batch was taken.
    pub(super) fn told(&mut self, batch: &[u64]) {
        for fingerprint in batch {
            if let Some(entry) = self.0.get_mut(fingerprint) {
                (entry.is_told, entry.aside_until) = (true, None);
            }
        }
    }

    /// Puts one alert aside for a while. Returns it the first time.
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

    fn untold(roster: &Roster, now: Instant) -> String {
        let batch = roster.untold(now);
        let mut names: Vec<_> = roster.alerts(&batch).map(|a| (a.label("alertname"), a.status.as_str())).collect();
        names.sort_unstable();
        names.iter().map(|(name, status)| format!("{name} {status}, ")).collect()
    }

    fn tell(roster: &mut Roster, now: Instant) -> String {
        let said = untold(roster, now);
        let batch = roster.untold(now);
        roster.told(&batch);
        said
    }

    #[tokio::test]
    async fn what_changes_is_told_at_once_and_what_stays_with_every_round() {
        let (mut roster, route, start) = (Roster::default(), Route::default(), Instant::now());
        let [a, b] = ["a", "b"].map(|name| alert(name, Status::Firing));
        roster.follow(&[a.clone(), alert("p", Status::Pending)], &route, start);
        assert_eq!(tell(&mut roster, start), "a firing, ", "what is pending is told nobody");
        roster.follow(&[Alert { value: Some(2.0), ..a.clone() }, b.clone()], &route, start);
        assert_eq!(tell(&mut roster, start), "b firing, ", "only what is new");
        roster.begin_round(start + MINUTE);
        assert_eq!(tell(&mut roster, start + MINUTE), "a firing, b firing, ");
        let again = Alert { starts_at: "2026-11-23T00:00:00Z".parse().unwrap(), ..a };
        roster.follow(&[again, b], &route, start + MINUTE);
        assert_eq!(untold(&roster, start), "a firing, ", "it began again");
    }

    #[tokio::test]
    async fn an_end_is_repeated_for_15_minutes_and_until_it_is_taken() {
        let (mut roster, route, start) = (Roster::default(), Route::default(), Instant::now());
        let end = [alert("a", Status::Resolved)];
        roster.follow(&end, &route, start);
        // The list forgets it before anybody took it.
        roster.follow(&[], &route, start + 20 * MINUTE);
        assert_eq!(tell(&mut roster, start + 20 * MINUTE), "a resolved, ");
        roster.follow(&[], &route, start + 20 * MINUTE);
        assert_eq!((roster.waiting(), roster.0.len()), (0, 0), "taken and forgotten");

        roster.follow(&end, &route, start);
        tell(&mut roster, start);
        roster.begin_round(start + 14 * MINUTE);
        assert_eq!(tell(&mut roster, start + 14 * MINUTE), "a resolved, ");
        roster.begin_round(start + 15 * MINUTE);
        assert_eq!(untold(&roster, start + 15 * MINUTE), "", "long enough");
    }

    #[tokio::test]
    async fn what_was_refused_is_left_alone_for_a_while_or_until_it_changes() {
        let (mut roster, route, start) = (Roster::default(), Route::default(), Instant::now());
        let mut bad = alert("a", Status::Firing);
        roster.follow(std::slice::from_ref(&bad), &route, start);
        assert!(roster.set_aside(bad.fingerprint(), start).is_some(), "news");
        roster.begin_round(start + MINUTE);
        assert_eq!((untold(&roster, start + MINUTE), roster.waiting()), (String::new(), 1));
        assert_eq!(untold(&roster, start + ASIDE), "a firing, ");
        assert!(roster.set_aside(bad.fingerprint(), start + ASIDE).is_none(), "no news");
        bad.annotations.insert("summary".into(), "in other words".into());
        roster.follow(&[bad], &route, start + ASIDE);
        assert_eq!(untold(&roster, start + ASIDE), "a firing, ");
    }

    #[tokio::test]
    async fn only_what_the_route_takes_is_told() {
        let (mut roster, start) = (Roster::default(), Instant::now());
        let route = Route { severities: vec!["critical".into()], ..Route::default() };
        let mut critical = alert("b", Status::Firing);
        critical.labels.insert("severity".into(), "critical".into());
        roster.follow(&[alert("a", Status::Firing), critical], &route, start);
        assert_eq!(untold(&roster, start), "b firing, ");
    }
}

//! The state of every alert, advanced by each round of judgements.
//!
//! This module is pure: the same judgements at the same times give the same transitions. An alert is pending, then
//! firing, then resolved. After that it is listed for 15 minutes and remembered for 45 days, which is longer than any
//! month. So an alert that fires again with the same start in the data is not taken for the one before. One round of
//! judgements is in `round.rs`.

mod round;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{Alert, Status};
use super::rule_judgement::{Breach, Judgement, Scope, Strength};

use round::Round;

/// How long a resolved alert is listed.
const LISTED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// The annotation with the reason why an alert ended.
pub const REASON: &str = "reason";

/// The state of every alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertStates {
    states: BTreeMap<u64, State>,
}

/// The state of one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    scope: Scope,
    alert: Arc<Alert>,
    /// The time of the data that counted last. `None` if no data had a time.
    #[serde(rename = "epoch")]
    data_time: Option<Timestamp>,
    /// While pending: readings in a row with the breach.
    readings: u32,
    /// While firing: readings in a row without the breach.
    clears: u32,
    /// When the first of these readings came.
    cleared_since: Option<Timestamp>,
    /// When the calendar ends the alert.
    #[serde(rename = "until")]
    period_end: Option<Timestamp>,
    /// Whether only the calendar can end the alert.
    #[serde(rename = "latched")]
    ends_with_period_only: bool,
    /// While pending: the resolved alert with the same labels. If the pending alert never fires, this one comes back.
    #[serde(rename = "before")]
    previous_alert: Option<Arc<Alert>>,
}

/// The changes of one round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The alerts that began to fire or were resolved, in their new state, by fingerprint.
    pub transitions: Vec<Arc<Alert>>,
    /// The states to write, by fingerprint. `None`: delete.
    pub states: Vec<(u64, Option<String>)>,
}

impl AlertStates {
    /// Loads stored states over those of this process, except for alerts that began to fire meanwhile. Returns the
    /// fingerprints of the loaded states, and how many stored ones were unreadable.
    pub fn load(&mut self, bodies: &[String]) -> (BTreeSet<u64>, usize) {
        let read = |body: &String| serde_json::from_str::<State>(body).ok();
        let stored: BTreeMap<u64, State> =
            bodies.iter().filter_map(read).map(|state| (state.alert.fingerprint(), state)).collect();
        let lost = bodies.len() - stored.len();
        let fires = |state: &State| state.alert.status == Status::Firing;
        let mut loaded = BTreeSet::new();
        for (fingerprint, state) in stored {
            if self.states.get(&fingerprint).is_none_or(|found| !fires(found) || fires(&state)) {
                self.states.insert(fingerprint, state);
                loaded.insert(fingerprint);
            }
        }
        (loaded, lost)
    }

    /// When the oldest remembered alert reached its status.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.states.values().map(|state| state.alert.since).min()
    }

    /// The pending, firing and recently resolved alerts, by fingerprint.
    #[must_use]
    pub fn listed(&self, now: Timestamp) -> Vec<Arc<Alert>> {
        let is_listed = |alert: &&Arc<Alert>| alert.ends_at.is_none_or(|end| now.duration_since(end) < LISTED_FOR);
        self.states.values().map(|state| &state.alert).filter(is_listed).cloned().collect()
    }

    /// Advances all states by the judgements of all scopes. An alert whose scope has no judgement ends, because its
    /// rule is no longer evaluated.
    pub fn advance(&mut self, judgements: Vec<Judgement>, now: Timestamp) -> Changes {
        Round::new(self, now).run(judgements)
    }
}

impl State {
    /// The state of a new breach, or of one that follows a resolved alert.
    fn new(scope: &Scope, data_time: Option<Timestamp>, breach: &Breach, ended: Option<&Self>, now: Timestamp) -> Self {
        let previous_alert = ended.map(|ended| Arc::clone(&ended.alert));
        // If the start in the data is not newer than that of the resolved alert, the new alert starts at its end. The
        // same start would give the same alert, and the data have no other time.
        let again = previous_alert.as_ref().filter(|previous| breach.starts_at <= previous.starts_at);
        let starts_at = again.and_then(|previous| previous.ends_at).unwrap_or(breach.starts_at);
        let earliest = again.map_or(Timestamp::MIN, |previous| {
            previous.starts_at.checked_add(SignedDuration::from_millis(1)).unwrap_or(Timestamp::MAX)
        });
        let alert = Alert {
            labels: breach.labels.clone(),
            annotations: breach.annotations.clone(),
            status: Status::Pending,
            starts_at: starts_at.max(earliest),
            ends_at: None,
            value: None,
            threshold: None,
            since: now,
        };
        Self {
            scope: scope.clone(),
            alert: Arc::new(alert),
            data_time,
            readings: 1,
            clears: 0,
            cleared_since: None,
            period_end: breach.period_end,
            ends_with_period_only: false,
            previous_alert,
        }
    }

    /// Whether these data were not counted yet. Data without a time are new in each round.
    fn is_new(&self, data_time: Option<Timestamp>) -> bool {
        data_time.is_none() || self.data_time != data_time
    }

    /// Notes that these data were counted. Data without a time change nothing, so that not each round writes a state.
    fn count(&mut self, data_time: Option<Timestamp>) {
        self.data_time = data_time.or(self.data_time);
    }

    /// Whether newer data were counted already, so that these do not contradict. A killed process may have judged a
    /// reading without storing it, and the next one starts with the reading before. Data from the future come from a
    /// clock that was set back.
    fn has_overtaken(&self, data_time: Option<Timestamp>, now: Timestamp) -> bool {
        data_time.zip(self.data_time).is_some_and(|(time, counted)| time < counted && counted <= now)
    }

    /// Takes over the values and texts of the newest reading.
    fn refresh(&mut self, data_time: Option<Timestamp>, breach: Breach) {
        self.count(data_time);
        self.period_end = breach.period_end;
        self.ends_with_period_only = breach.strength == Strength::Latched;
        (self.clears, self.cleared_since) = (0, None);
        // JSON has no other numbers.
        let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
        let (value, threshold) = (finite(breach.value), finite(breach.threshold));
        let alert = &*self.alert;
        if (&alert.annotations, alert.value, alert.threshold) != (&breach.annotations, value, threshold) {
            let alert = Arc::make_mut(&mut self.alert);
            (alert.annotations, alert.value, alert.threshold) = (breach.annotations, value, threshold);
        }
    }
}

#[cfg(test)]
mod tests;

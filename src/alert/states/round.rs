//! One round of judgements: it moves the states by the verdicts of all scopes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use crate::alert::alert::{Alert, Labels, Status, fingerprint};
use crate::alert::rule_judgement::{Breach, HoldDurations, Judgement, Scope, Strength, Verdict};

use super::{AlertStates, Changes, REASON, State};

/// How long a resolved alert is remembered.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(45 * 24);
/// The largest error of a clock that corrects itself. A state with a time further in the future was written while the
/// clock was ahead.
const LARGEST_CLOCK_ERROR: SignedDuration = SignedDuration::from_hours(1);
/// The labels that differ between the steps of one alert.
const STEP_LABELS: [&str; 3] = ["severity", "step", "days"];

/// One round of judgements.
pub(super) struct Round<'a> {
    states: &'a mut BTreeMap<u64, State>,
    now: Timestamp,
    transitions: BTreeMap<u64, Arc<Alert>>,
    changed: BTreeSet<u64>,
}

/// The alerts of a verdict, to find the states without a breach.
enum Verdicts {
    Unknown,
    Known { data_time: Option<Timestamp>, listed: Listed },
}

/// The alerts that a verdict lists.
struct Listed {
    fingerprints: HashSet<u64>,
    /// The breaches without the labels that differ between steps.
    fingerprints_without_step: HashSet<u64>,
}

impl<'a> Round<'a> {
    pub(super) fn new(states: &'a mut AlertStates, now: Timestamp) -> Self {
        Self { states: &mut states.states, now, transitions: BTreeMap::new(), changed: BTreeSet::new() }
    }

    /// Applies the judgements of all scopes.
    pub(super) fn run(mut self, judgements: Vec<Judgement>) -> Changes {
        self.move_back();
        let mut scopes: HashMap<Scope, (Verdicts, HoldDurations)> = HashMap::with_capacity(judgements.len());
        for Judgement { scope, holds, verdict } in judgements {
            let verdicts = match verdict {
                Verdict::Unknown => Verdicts::Unknown,
                Verdict::Known { data_time, breaches } => {
                    let listed = self.take(&scope, holds, data_time, breaches);
                    Verdicts::Known { data_time, listed }
                }
            };
            scopes.insert(scope, (verdicts, holds));
        }
        self.pass(&scopes);
        self.finish()
    }

    /// Moves times in the future back to now. Otherwise an end would be listed until its time, and a latched alert
    /// would fire until the end of a wrong month.
    fn move_back(&mut self) {
        let now = self.now;
        let is_ahead = |state: &&State| state.alert.since.duration_since(now) > LARGEST_CLOCK_ERROR;
        let ahead: Vec<_> =
            self.states.iter().filter(|(_, state)| is_ahead(state)).map(|(fingerprint, _)| *fingerprint).collect();
        if !ahead.is_empty() {
            tracing::warn!(alerts = ahead.len(), "stored alerts are from a clock that was ahead, and are moved back");
        }
        for fingerprint in ahead {
            let Some(mut state) = self.states.get(&fingerprint).cloned() else { continue };
            let alert = Arc::make_mut(&mut state.alert);
            (alert.since, alert.starts_at) = (now, alert.starts_at.min(now));
            alert.ends_at = alert.ends_at.map(|end| end.min(now));
            (state.period_end, state.ends_with_period_only) = (None, false);
            self.put(fingerprint, state);
        }
    }

    /// Applies the breaches of a verdict.
    fn take(
        &mut self,
        scope: &Scope,
        holds: HoldDurations,
        data_time: Option<Timestamp>,
        breaches: Vec<Breach>,
    ) -> Listed {
        let mut listed = Listed { fingerprints: HashSet::new(), fingerprints_without_step: HashSet::new() };
        for breach in breaches {
            let fingerprint = fingerprint(&breach.labels);
            // The calendar has ended this breach, even if the data are older.
            if breach.period_end.is_some_and(|end| end <= self.now) {
                continue;
            }
            listed.fingerprints.insert(fingerprint);
            // An alert of a period ends with the period. If the next period starts with the same breach, the next round
            // fires it.
            if self.is_over(fingerprint) {
                self.end(fingerprint, "period_over");
                continue;
            }
            let is_overtaken =
                self.states.get(&fingerprint).is_some_and(|state| state.has_overtaken(data_time, self.now));
            match breach.strength {
                Strength::Muted => self.end(fingerprint, "muted"),
                _ if is_overtaken => {}
                Strength::Full | Strength::Latched => {
                    listed.fingerprints_without_step.insert(fingerprint_without_step(&breach.labels));
                    self.full(fingerprint, scope, holds, data_time, breach);
                }
                Strength::Lingering => self.keep_firing(fingerprint, data_time, breach),
            }
        }
        listed
    }

    fn full(
        &mut self,
        fingerprint: u64,
        scope: &Scope,
        holds: HoldDurations,
        data_time: Option<Timestamp>,
        breach: Breach,
    ) {
        let now = self.now;
        let known = self.states.get(&fingerprint);
        // Two scopes never share one alert: the first keeps it until it ends.
        if known.is_some_and(|state| state.scope != *scope && state.alert.status != Status::Resolved) {
            return;
        }
        let mut state = match known {
            Some(state) if state.alert.status != Status::Resolved => {
                let mut state = state.clone();
                if state.is_new(data_time) && state.alert.status == Status::Pending {
                    state.readings = state.readings.saturating_add(1);
                }
                state
            }
            ended => State::new(scope, data_time, &breach, ended, now),
        };
        state.refresh(data_time, breach);
        // If the clock was set back, the wait starts again. It never counts less than the real time.
        let mut since = state.alert.since;
        let waited = elapsed(&mut since, now);
        if since != state.alert.since {
            Arc::make_mut(&mut state.alert).since = since;
        }
        if state.alert.status == Status::Pending && state.readings >= holds.readings && waited >= holds.pending_for {
            let alert = Arc::make_mut(&mut state.alert);
            (alert.status, alert.since) = (Status::Firing, now);
            state.previous_alert = None;
            self.transitions.insert(fingerprint, Arc::clone(&state.alert));
        }
        self.put(fingerprint, state);
    }

    /// Keeps an alert whose value is near its threshold firing. An alert that does not fire ends.
    fn keep_firing(&mut self, fingerprint: u64, data_time: Option<Timestamp>, breach: Breach) {
        match self.states.get(&fingerprint) {
            Some(state) if state.alert.status == Status::Firing => {
                let mut state = state.clone();
                state.refresh(data_time, breach);
                self.put(fingerprint, state);
            }
            _ => self.end(fingerprint, "cleared"),
        }
    }

    /// Handles the states that no verdict of this round lists.
    fn pass(&mut self, scopes: &HashMap<Scope, (Verdicts, HoldDurations)>) {
        let fingerprints: Vec<u64> = self.states.keys().copied().collect();
        for fingerprint in fingerprints {
            let Some(state) = self.states.get(&fingerprint) else { continue };
            if state.alert.status == Status::Resolved {
                if state.alert.ends_at.is_some_and(|end| self.now.duration_since(end) >= REMEMBERED_FOR) {
                    self.states.remove(&fingerprint);
                    self.changed.insert(fingerprint);
                }
                continue;
            }
            match scopes.get(&state.scope) {
                None => self.end(fingerprint, "rule_removed"),
                Some(_) if self.is_over(fingerprint) => self.end(fingerprint, "period_over"),
                Some((Verdicts::Unknown, _)) => {}
                Some((Verdicts::Known { listed, .. }, _)) if listed.fingerprints.contains(&fingerprint) => {}
                Some((Verdicts::Known { data_time, listed }, holds)) => {
                    let without_step = fingerprint_without_step(&state.alert.labels);
                    let is_superseded = listed.fingerprints_without_step.contains(&without_step);
                    self.clear(fingerprint, *data_time, *holds, is_superseded);
                }
            }
        }
    }

    /// Counts one more reading without the breach.
    fn clear(&mut self, fingerprint: u64, data_time: Option<Timestamp>, holds: HoldDurations, is_superseded: bool) {
        let Some(state) = self.states.get(&fingerprint) else { return };
        let is_latched = state.ends_with_period_only && state.alert.status == Status::Firing;
        if is_latched || state.has_overtaken(data_time, self.now) {
            return;
        }
        if is_superseded {
            return self.end(fingerprint, "superseded");
        }
        if state.alert.status == Status::Pending {
            return self.end(fingerprint, "cleared");
        }
        let mut state = state.clone();
        let is_restated = state.clears == 0 && !state.is_new(data_time);
        if state.clears == 0 || state.is_new(data_time) {
            state.clears = state.clears.saturating_add(1);
            state.count(data_time);
        }
        let since = state.cleared_since.get_or_insert(self.now);
        let waited = elapsed(since, self.now);
        let is_over = state.clears >= holds.clears && waited >= holds.keep_firing_for;
        self.put(fingerprint, state);
        if is_over {
            self.end(fingerprint, if is_restated { "restated" } else { "cleared" });
        }
    }

    /// Resolves a firing alert and forgets a pending one.
    fn end(&mut self, fingerprint: u64, reason: &'static str) {
        let Some(state) = self.states.get(&fingerprint) else { return };
        match state.alert.status {
            Status::Resolved => {}
            Status::Pending => match state.previous_alert.clone() {
                Some(alert) => self.put(fingerprint, State { alert, previous_alert: None, ..state.clone() }),
                None => {
                    self.states.remove(&fingerprint);
                    self.changed.insert(fingerprint);
                }
            },
            Status::Firing => {
                let mut state = state.clone();
                let alert = Arc::make_mut(&mut state.alert);
                alert.status = Status::Resolved;
                alert.annotations.insert(SmolStr::new_static(REASON), SmolStr::new_static(reason));
                // A clock that was set back must not give an end before the start.
                alert.ends_at = Some(self.now.max(alert.starts_at));
                alert.since = self.now;
                self.transitions.insert(fingerprint, Arc::clone(&state.alert));
                self.put(fingerprint, state);
            }
        }
    }

    /// Whether the calendar has ended a pending or firing alert.
    fn is_over(&self, fingerprint: u64) -> bool {
        let is_past = |state: &&State| state.period_end.is_some_and(|end| end <= self.now);
        self.states.get(&fingerprint).filter(is_past).is_some_and(|state| state.alert.status != Status::Resolved)
    }

    fn put(&mut self, fingerprint: u64, state: State) {
        if self.states.get(&fingerprint) != Some(&state) {
            self.states.insert(fingerprint, state);
            self.changed.insert(fingerprint);
        }
    }

    fn finish(self) -> Changes {
        let Self { states, transitions, changed, .. } = self;
        let body = |fingerprint: &u64| states.get(fingerprint).and_then(|state| serde_json::to_string(state).ok());
        let states = changed.iter().map(|fingerprint| (*fingerprint, body(fingerprint))).collect();
        Changes { transitions: transitions.into_values().collect(), states }
    }
}

/// The time since `since`. If the clock was set back, `since` moves to now.
fn elapsed(since: &mut Timestamp, now: Timestamp) -> Duration {
    *since = (*since).min(now);
    Duration::try_from(now.duration_since(*since)).unwrap_or_default()
}

/// A hash of the labels without those that differ between steps.
fn fingerprint_without_step(labels: &Labels) -> u64 {
    fingerprint(labels.iter().filter(|(name, _)| !STEP_LABELS.contains(&name.as_str())))
}

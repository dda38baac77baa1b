//! The state of every alert, advanced by each round of judgements.
//!
//! This module is pure: the same judgements at the same times give the same transitions. An alert is pending, then
//! firing, then resolved. After that it is listed for 15 minutes and remembered for 45 days, which is longer than any
//! month. So an alert that fires again with the same start in the data is not taken for the one before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::alert::{Alert, Labels, Status, fingerprint};
use super::judgement::{Breach, HoldDurations, Judgement, Scope, Strength, Verdict};

/// How long a resolved alert is listed.
const LISTED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How long a resolved alert is remembered.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(45 * 24);

/// A state with a time further in the future than this was written while the clock was ahead. A smaller error corrects
/// itself.
const LEEWAY: SignedDuration = SignedDuration::from_hours(1);

/// The annotation with the reason why an alert ended.
pub const REASON: &str = "reason";
/// The labels that differ between the steps of one alert.
const STEP_LABELS: [&str; 3] = ["severity", "step", "days"];

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
    /// The time of the data that counted last.
    epoch: Timestamp,
    /// While pending: readings in a row with the breach.
    readings: u32,
    /// While firing: readings in a row without the breach.
    clears: u32,
    /// When the first of these readings came.
    cleared_since: Option<Timestamp>,
    /// When the calendar ends the alert.
    until: Option<Timestamp>,
    /// Whether only the calendar can end the alert.
    latched: bool,
    /// While pending: the resolved alert with the same labels. If the pending alert never fires, this one comes back.
    before: Option<Arc<Alert>>,
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
    /// The stored states. Returns also how many were unreadable and left out.
    #[must_use]
    pub fn restore(bodies: &[String]) -> (Self, usize) {
        let mut states = Self::default();
        let (_, lost) = states.take_up(bodies);
        (states, lost)
    }

    /// Loads stored states over those of this process, except for alerts that began to fire meanwhile. Returns the
    /// fingerprints of these, and how many states were unreadable.
    pub fn take_up(&mut self, bodies: &[String]) -> (BTreeSet<u64>, usize) {
        let read = |body: &String| serde_json::from_str::<State>(body).ok();
        let stored: BTreeMap<u64, State> =
            bodies.iter().filter_map(read).map(|state| (state.alert.fingerprint(), state)).collect();
        let lost = bodies.len() - stored.len();
        let fires = |state: &State| state.alert.status == Status::Firing;
        let mut known = BTreeSet::new();
        for (number, state) in stored {
            if self.states.get(&number).is_none_or(|found| !fires(found) || fires(&state)) {
                self.states.insert(number, state);
                known.insert(number);
            }
        }
        (known, lost)
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
        let mut step = Step::new(self, now);
        step.move_back();
        let mut scopes: HashMap<Scope, (Verdicts, HoldDurations)> = HashMap::with_capacity(judgements.len());
        for Judgement { scope, holds, verdict } in judgements {
            let verdicts = match verdict {
                Verdict::Unknown => Verdicts::Unknown,
                Verdict::Known { epoch, breaches } => {
                    let named = step.take(&scope, holds, epoch, breaches);
                    Verdicts::Known { epoch, named }
                }
            };
            scopes.insert(scope, (verdicts, holds));
        }
        step.pass(&scopes);
        step.finish()
    }
}

/// The alerts of a verdict, to find the states without a breach.
enum Verdicts {
    Unknown,
    Known { epoch: Timestamp, named: Named },
}

/// The alerts that a verdict lists.
struct Named {
    fingerprints: HashSet<u64>,
    /// The breaches without the labels that differ between steps.
    families: HashSet<u64>,
}

/// One round of judgements.
struct Step<'a> {
    states: &'a mut BTreeMap<u64, State>,
    now: Timestamp,
    transitions: BTreeMap<u64, Arc<Alert>>,
    changed: BTreeSet<u64>,
}

impl<'a> Step<'a> {
    fn new(states: &'a mut AlertStates, now: Timestamp) -> Self {
        Self { states: &mut states.states, now, transitions: BTreeMap::new(), changed: BTreeSet::new() }
    }

    /// Moves times in the future back to now. Otherwise an end would be listed until its time, and a latched alert
    /// would fire until the end of a wrong month.
    fn move_back(&mut self) {
        let now = self.now;
        let is_ahead = |state: &&State| state.alert.since.duration_since(now) > LEEWAY;
        let ahead: Vec<_> =
            self.states.iter().filter(|(_, state)| is_ahead(state)).map(|(number, _)| *number).collect();
        if !ahead.is_empty() {
            tracing::warn!(alerts = ahead.len(), "stored alerts are from a clock that was ahead, and are moved back");
        }
        for number in ahead {
            let Some(mut state) = self.states.get(&number).cloned() else { continue };
            let alert = Arc::make_mut(&mut state.alert);
            (alert.since, alert.starts_at) = (now, alert.starts_at.min(now));
            alert.ends_at = alert.ends_at.map(|end| end.min(now));
            (state.until, state.latched) = (None, false);
            self.put(number, state);
        }
    }

    /// Applies the breaches of a verdict.
    fn take(&mut self, scope: &Scope, holds: HoldDurations, epoch: Timestamp, breaches: Vec<Breach>) -> Named {
        let mut named = Named { fingerprints: HashSet::new(), families: HashSet::new() };
        for breach in breaches {
            let number = fingerprint(&breach.labels);
            // The calendar has ended this breach, even if the data are older.
            if breach.until.is_some_and(|until| until <= self.now) {
                continue;
            }
            named.fingerprints.insert(number);
            // An alert of a period ends with the period. If the next period starts with the same breach, the next round
            // fires it.
            if self.is_over(number) {
                self.end(number, "period_over");
                continue;
            }
            let is_overtaken = self.states.get(&number).is_some_and(|state| state.has_overtaken(epoch, self.now));
            match breach.strength {
                Strength::Muted => self.end(number, "muted"),
                _ if is_overtaken => {}
                Strength::Full | Strength::Latched => {
                    named.families.insert(family(&breach.labels));
                    self.full(number, scope, holds, epoch, breach);
                }
                Strength::Lingering => self.linger(number, epoch, breach),
            }
        }
        named
    }

    fn full(&mut self, number: u64, scope: &Scope, holds: HoldDurations, epoch: Timestamp, breach: Breach) {
        let now = self.now;
        let before = self.states.get(&number);
        // Two scopes never share one alert: the first keeps it until it ends.
        if before.is_some_and(|state| state.scope != *scope && state.alert.status != Status::Resolved) {
            return;
        }
        let mut state = match before {
            Some(state) if state.alert.status != Status::Resolved => {
                let mut state = state.clone();
                if state.is_new(epoch, now) && state.alert.status == Status::Pending {
                    state.readings = state.readings.saturating_add(1);
                }
                state
            }
            ended => State::new(scope, epoch, &breach, ended, now),
        };
        state.refresh(epoch, breach, now);
        // If the clock was set back, the wait starts again. It never counts less than the real time.
        let mut since = state.alert.since;
        let waited = elapsed(&mut since, now);
        if since != state.alert.since {
            Arc::make_mut(&mut state.alert).since = since;
        }
        if state.alert.status == Status::Pending && state.readings >= holds.readings && waited >= holds.pending_for {
            let alert = Arc::make_mut(&mut state.alert);
            (alert.status, alert.since) = (Status::Firing, now);
            state.before = None;
            self.transitions.insert(number, Arc::clone(&state.alert));
        }
        self.put(number, state);
    }

    /// Only a firing alert can linger.
    fn linger(&mut self, number: u64, epoch: Timestamp, breach: Breach) {
        match self.states.get(&number) {
            Some(state) if state.alert.status == Status::Firing => {
                let mut state = state.clone();
                state.refresh(epoch, breach, self.now);
                self.put(number, state);
            }
            _ => self.end(number, "cleared"),
        }
    }

    /// Handles the states that no verdict of this round lists.
    fn pass(&mut self, scopes: &HashMap<Scope, (Verdicts, HoldDurations)>) {
        let numbers: Vec<u64> = self.states.keys().copied().collect();
        for number in numbers {
            let Some(state) = self.states.get(&number) else { continue };
            if state.alert.status == Status::Resolved {
                if state.alert.ends_at.is_some_and(|end| self.now.duration_since(end) >= REMEMBERED_FOR) {
                    self.states.remove(&number);
                    self.changed.insert(number);
                }
                continue;
            }
            match scopes.get(&state.scope) {
                None => self.end(number, "rule_removed"),
                Some(_) if self.is_over(number) => self.end(number, "period_over"),
                Some((Verdicts::Unknown, _)) => {}
                Some((Verdicts::Known { named, .. }, _)) if named.fingerprints.contains(&number) => {}
                Some((Verdicts::Known { epoch, named }, holds)) => {
                    let is_step = named.families.contains(&family(&state.alert.labels));
                    self.clear(number, *epoch, *holds, is_step);
                }
            }
        }
    }

    /// Counts one more reading without the breach.
    fn clear(&mut self, number: u64, epoch: Timestamp, holds: HoldDurations, is_superseded: bool) {
        let Some(state) = self.states.get(&number) else { return };
        let is_latched = state.latched && state.alert.status == Status::Firing;
        if is_latched || state.has_overtaken(epoch, self.now) {
            return;
        }
        if is_superseded {
            return self.end(number, "superseded");
        }
        if state.alert.status == Status::Pending {
            return self.end(number, "cleared");
        }
        let mut state = state.clone();
        let is_restated = state.epoch == epoch && state.clears == 0 && epoch != self.now;
        if state.is_new(epoch, self.now) || state.clears == 0 {
            state.clears = state.clears.saturating_add(1);
            state.count(epoch, self.now);
        }
        let since = state.cleared_since.get_or_insert(self.now);
        let waited = elapsed(since, self.now);
        let is_over = state.clears >= holds.clears && waited >= holds.keep_firing_for;
        self.put(number, state);
        if is_over {
            self.end(number, if is_restated { "restated" } else { "cleared" });
        }
    }

    /// Resolves a firing alert and forgets a pending one.
    fn end(&mut self, number: u64, reason: &'static str) {
        let Some(state) = self.states.get(&number) else { return };
        match state.alert.status {
            Status::Resolved => {}
            Status::Pending => match state.before.clone() {
                Some(alert) => self.put(number, State { alert, before: None, ..state.clone() }),
                None => {
                    self.states.remove(&number);
                    self.changed.insert(number);
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
                self.transitions.insert(number, Arc::clone(&state.alert));
                self.put(number, state);
            }
        }
    }

    /// Whether the calendar has ended a pending or firing alert.
    fn is_over(&self, number: u64) -> bool {
        let is_past = |state: &&State| state.until.is_some_and(|until| until <= self.now);
        self.states.get(&number).filter(is_past).is_some_and(|state| state.alert.status != Status::Resolved)
    }

    fn put(&mut self, number: u64, state: State) {
        if self.states.get(&number) != Some(&state) {
            self.states.insert(number, state);
            self.changed.insert(number);
        }
    }

    fn finish(self) -> Changes {
        let Self { states, transitions, changed, .. } = self;
        let body = |number: &u64| states.get(number).and_then(|state| serde_json::to_string(state).ok());
        let states = changed.iter().map(|number| (*number, body(number))).collect();
        Changes { transitions: transitions.into_values().collect(), states }
    }
}

impl State {
    /// The state of a new breach, or of one that follows a resolved alert.
    fn new(scope: &Scope, epoch: Timestamp, breach: &Breach, ended: Option<&Self>, now: Timestamp) -> Self {
        let before = ended.map(|ended| Arc::clone(&ended.alert));
        // If the start in the data is not newer than that of the resolved alert, the new alert starts at its end. The
        // same start would give the same alert, and the data have no other time.
        let again = before.as_ref().filter(|before| breach.starts_at <= before.starts_at);
        let starts_at = again.and_then(|before| before.ends_at).unwrap_or(breach.starts_at);
        let earliest = again.map_or(Timestamp::MIN, |before| {
            before.starts_at.checked_add(SignedDuration::from_millis(1)).unwrap_or(Timestamp::MAX)
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
        let (until, latched, cleared_since) = (breach.until, false, None);
        let alert = Arc::new(alert);
        Self { scope: scope.clone(), alert, epoch, readings: 1, clears: 0, cleared_since, until, latched, before }
    }

    /// Whether these data were not counted yet. Each round counts as new for a verdict without data.
    fn is_new(&self, epoch: Timestamp, now: Timestamp) -> bool {
        self.epoch != epoch || epoch == now
    }

    /// Notes that these data were counted. For verdicts without data only the first round is noted, so that not each
    /// round writes a state.
    fn count(&mut self, epoch: Timestamp, now: Timestamp) {
        if epoch != now {
            self.epoch = epoch;
        }
    }

    /// Whether newer data were counted already, so that these do not contradict. A killed process may have judged a
    /// reading without storing it, and the next one starts with the reading before. Data from the future come from a
    /// clock that was set back.
    fn has_overtaken(&self, epoch: Timestamp, now: Timestamp) -> bool {
        epoch < self.epoch && self.epoch <= now
    }

    /// Takes over the values and texts of the newest reading.
    fn refresh(&mut self, epoch: Timestamp, breach: Breach, now: Timestamp) {
        self.count(epoch, now);
        self.until = breach.until;
        self.latched = breach.strength == Strength::Latched;
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

/// The time since `since`. If the clock was set back, `since` moves to now.
fn elapsed(since: &mut Timestamp, now: Timestamp) -> Duration {
    *since = (*since).min(now);
    Duration::try_from(now.duration_since(*since)).unwrap_or_default()
}

/// A hash of the labels without those that differ between steps.
fn family(labels: &Labels) -> u64 {
    fingerprint(labels.iter().filter(|(name, _)| !STEP_LABELS.contains(&name.as_str())))
}

#[cfg(test)]
mod tests;

//! Properties of the states, tested on random sequences of judgements.

use proptest::prelude::*;

use super::*;

/// One round: how far the clock moves, and the verdict on each of two scopes. `None`: no judgement.
type Move = (i64, [Option<Said>; 2]);

/// The advance of the data's time, and the breach of each of three alerts: its strength, and whether it is at the
/// second step. `None`: unknown.
type Said = Option<(i64, [Option<(Strength, bool)>; 3])>;

/// The length of a period. The last alert of each scope belongs to a period: it starts and ends with it, and latches.
const PERIOD: i64 = 3 * 3_600 * SECOND;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = || prop::bool::weighted(0.2);
    let strength = || prop_oneof![6 => Just(FULL), 2 => Just(Strength::Lingering), 1 => Just(Strength::Muted)];
    let latching = prop_oneof![4 => Just(Strength::Latched), 3 => strength()];
    let one = || prop::option::of((strength(), step()));
    let strengths = (one(), one(), prop::option::of((latching, step()))).prop_map(|(a, b, c)| [a, b, c]);
    let data = prop_oneof![3 => Just(1), 2 => Just(0), 1 => -2..0_i64];
    let said = prop::option::weighted(0.8, (data, strengths));
    let scopes = prop::array::uniform2(prop::option::weighted(0.95, said));
    // In total shorter than a resolved alert is remembered.
    let clock = prop_oneof![8 => 0..120 * SECOND, 1 => -600 * SECOND..0, 1 => 0..12 * 3_600 * SECOND];
    prop::collection::vec((clock, scopes), 1..60)
}

fn holds() -> impl Strategy<Value = HoldDurations> {
    let readings = prop_oneof![2 => Just(1), 1 => 2..4_u32];
    (readings, 0..200_u64, 1..3_u32, 0..200_u64).prop_map(|(readings, pending, clears, keep)| HoldDurations {
        readings,
        pending_for: Duration::from_secs(pending),
        clears,
        keep_firing_for: Duration::from_secs(keep),
    })
}

/// One of the three alerts of a scope at `now`.
fn one_of(number: usize, index: usize, strength: Strength, is_second: bool, now: i64) -> Breach {
    let id = u8::try_from(10 * number + index).unwrap();
    let breach = Breach { labels: labels(id, if is_second { "critical" } else { "warning" }), ..breach(id, strength) };
    let begin = now.div_euclid(PERIOD) * PERIOD;
    if index < 2 { breach } else { Breach { starts_at: at(begin), period_end: Some(at(begin + PERIOD)), ..breach } }
}

/// The judgements of each round with their time. The two scopes have different alerts.
fn judgements(moves: &[Move], holds: HoldDurations) -> Vec<(Timestamp, Vec<Judgement>)> {
    // Data are older than any time that the clock can reach.
    let (mut now, mut data_times) = (0, [-1_000_000 * SECOND; 2]);
    let mut all = Vec::new();
    for (clock, scopes) in moves {
        now += clock;
        let judge = |(number, said): (usize, &Option<Said>)| {
            let verdict = match said.as_ref()? {
                None => Verdict::Unknown,
                Some((newer, strengths)) => {
                    data_times[number] += newer;
                    let named = strengths.iter().enumerate().filter_map(|(index, said)| {
                        said.map(|(strength, is_second)| one_of(number, index, strength, is_second, now))
                    });
                    known(data_times[number], named.collect())
                }
            };
            Some(Judgement { scope: scope(u8::try_from(number).unwrap()), holds, verdict })
        };
        all.push((at(now), scopes.iter().enumerate().filter_map(judge).collect()));
    }
    all
}

/// The newest word on an alert: its strength and the time of the data.
type Word = Result<(Option<Strength>, Timestamp), &'static str>;

fn word_on(judgements: &[Judgement], labels: &Labels) -> Word {
    let place = if labels["id"].len() > 1 { "1" } else { "0" };
    let judgement = judgements.iter().find(|judgement| judgement.scope.place == place).ok_or("not judged")?;
    match &judgement.verdict {
        Verdict::Unknown => Err("unknown"),
        Verdict::Known { data_time, breaches } => {
            let data_time = data_time.expect("all data have a time here");
            Ok((breaches.iter().find(|breach| breach.labels == *labels).map(|breach| breach.strength), data_time))
        }
    }
}

/// The time since when no verdict denies an alert: the data that confirm it, and the earliest time of these rounds.
#[derive(Default)]
struct Undenied {
    data_times: BTreeSet<Timestamp>,
    since: Option<Timestamp>,
    /// The newest data of its scope.
    newest: Option<Timestamp>,
}

impl Undenied {
    /// Takes in one verdict.
    fn hear(&mut self, word: Word, now: Timestamp) {
        // Newer data have confirmed it.
        let is_overtaken = matches!(word, Ok((_, data_time)) if Some(&data_time) < self.data_times.last());
        match word {
            Ok((Some(FULL | Strength::Latched), data_time)) => {
                self.data_times.insert(data_time);
                self.since = Some(self.since.map_or(now, |since| since.min(now)));
            }
            Err("unknown") => {}
            Ok((None | Some(Strength::Lingering), _)) if is_overtaken => {}
            _ => (self.data_times, self.since) = (BTreeSet::new(), None),
        }
        self.newest = self.newest.max(word.ok().map(|(_, data_time)| data_time));
    }

    /// Whether a verdict with newer data came before.
    fn is_behind(&self, word: Word) -> bool {
        matches!(word, Ok((_, data_time)) if Some(data_time) < self.newest)
    }

    fn is_enough(&self, holds: HoldDurations, now: Timestamp) -> bool {
        let waited = self.since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
        self.data_times.len() >= holds.readings as usize && waited.is_some_and(|waited| waited >= holds.pending_for)
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_false_is_told(moves in moves(), holds in holds()) {
        let (mut states, mut restarted) = (AlertStates::default(), AlertStates::default());
        let mut stored: BTreeMap<u64, String> = BTreeMap::new();
        let mut firing: BTreeMap<u64, (Arc<Alert>, Timestamp)> = BTreeMap::new();
        let mut messages = BTreeSet::new();
        let ids = [0, 1, 2, 10, 11, 12];
        let all = ids.into_iter().flat_map(|id| ["warning", "critical"].map(|severity| labels(id, severity)));
        let mut undenied: BTreeMap<Labels, Undenied> = all.map(|labels| (labels, Undenied::default())).collect();
        let mut latched: BTreeSet<u64> = BTreeSet::new();
        for (now, judgements) in judgements(&moves, holds) {
            let mut behind = BTreeSet::new();
            for (labels, undenied) in &mut undenied {
                let word = word_on(&judgements, labels);
                behind.extend(undenied.is_behind(word).then(|| labels.clone()));
                undenied.hear(word, now);
            }
            let changes = states.advance(judgements.clone(), now);
            // Ends come first, because a step ends when the next one starts.
            let (begun, ended): (Vec<_>, Vec<_>) =
                changes.transitions.iter().partition(|alert| alert.status == Status::Firing);
            for alert in ended {
                let (said, reason) = (word_on(&judgements, &alert.labels), alert.annotations[REASON].as_str());
                let (_, told_by) = firing.remove(&alert.fingerprint()).expect("what did not fire does not end");
                if reason != "period_over" {
                    prop_assert!(said != Err("unknown"), "missing data resolve nothing");
                    let is_so = matches!(said, Ok((Some(FULL | Strength::Latched | Strength::Lingering), _)));
                    prop_assert!(!is_so, "it is so, or nearly: {said:?}");
                    let is_latched = latched.contains(&alert.fingerprint());
                    prop_assert!(!is_latched || ["muted", "rule_removed"].contains(&reason), "{reason} ends a latch");
                    let is_older = said.is_ok_and(|(_, data_time)| data_time < told_by);
                    prop_assert!(!is_older || reason == "muted", "data older than those that told it end it");
                }
                latched.remove(&alert.fingerprint());
                prop_assert!(messages.insert(alert.message_id()), "a message is used twice");
            }
            for alert in begun {
                let said = word_on(&judgements, &alert.labels);
                let Ok((Some(FULL | Strength::Latched), data_time)) = said else { panic!("fires by its breach alone: {said:?}") };
                prop_assert!(undenied[&alert.labels].is_enough(holds, now), "too soon");
                prop_assert!(firing.insert(alert.fingerprint(), (Arc::clone(alert), data_time)).is_none(), "it fired already");
                prop_assert!(messages.insert(alert.message_id()), "a message is used twice");
            }
            for alert in changes.transitions.iter().filter(|alert| alert.status == Status::Firing) {
                let steps = firing.values().filter(|(other, _)| other.label("id") == alert.label("id"));
                let may_be_two = behind.contains(&alert.labels) || alert.label("id").ends_with('2');
                prop_assert!(may_be_two || steps.count() == 1, "two steps of one alert");
            }
            for labels in undenied.keys() {
                match word_on(&judgements, labels) {
                    Ok((Some(Strength::Latched), _)) if !behind.contains(labels) => latched.insert(fingerprint(labels)),
                    Ok((Some(_), _)) => latched.remove(&fingerprint(labels)),
                    _ => false,
                };
            }
            // The firing alerts are those with a transition to firing, and none outlasts its period.
            let listed = states.listed(now);
            let fires = listed.iter().filter(|alert| alert.status == Status::Firing).map(|alert| alert.fingerprint());
            prop_assert_eq!(fires.collect::<BTreeSet<_>>(), firing.keys().copied().collect::<BTreeSet<_>>());
            let is_past = |state: &&State| state.alert.status == Status::Firing && state.period_end.is_some_and(|end| end <= now);
            prop_assert!(states.states.values().find(is_past).is_none(), "it outlasts its period");
            // A daemon that restarts before every round gives the same transitions and states.
            prop_assert_eq!(&restarted.advance(judgements, now), &changes);
            for (number, body) in changes.states {
                match body {
                    Some(body) => drop(stored.insert(number, body)),
                    None => drop(stored.remove(&number)),
                }
            }
            let bodies: Vec<String> = stored.values().cloned().collect();
            restarted = AlertStates::default();
            let (_, lost) = restarted.load(&bodies);
            prop_assert_eq!(lost, 0);
            prop_assert_eq!(&restarted, &states);
        }
    }
}

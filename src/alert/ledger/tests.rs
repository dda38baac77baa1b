use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000;

/// Some milliseconds after a noon.
fn at(ms: i64) -> Timestamp {
    "2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_millis(ms)
}

fn scope(number: u8) -> Scope {
    Scope { rule: "rule".into(), place: number.to_string().into() }
}

fn labels(id: u8, severity: &str) -> Labels {
    [("alertname", "A"), ("severity", severity), ("id", &id.to_string())].map(|(n, t)| (n.into(), t.into())).into()
}

fn breach(id: u8, strength: Strength) -> Breach {
    Breach {
        labels: labels(id, "warning"),
        annotations: Labels::new(),
        value: Some(f64::from(id)),
        threshold: None,
        strength,
        starts_at: at(-3_600 * SECOND),
        until: None,
    }
}

fn known(epoch: i64, breaches: Vec<Breach>) -> Verdict {
    Verdict::Known { epoch: at(epoch), breaches }
}

/// What a ledger says of a verdict on one scope, in words.
fn told(ledger: &mut Ledger, patience: Patience, verdict: Verdict, now: i64) -> Vec<String> {
    let judgement = Judgement { scope: scope(0), patience, verdict };
    words(&ledger.advance(vec![judgement], at(now)))
}

fn words(changes: &Changes) -> Vec<String> {
    let word = |alert: &Alert| {
        let reason = alert.annotations.get(REASON).map_or(String::new(), |reason| format!(" {reason}"));
        format!("{} {}{reason}", alert.label("id"), alert.status.as_str())
    };
    changes.transitions.iter().map(word).collect()
}

const FULL: Strength = Strength::Full;
const NONE: [&str; 0] = [];

#[test]
fn an_event_is_told_at_once_and_its_end_too() {
    let mut ledger = Ledger::default();
    let mut both = told(&mut ledger, Patience::NONE, known(0, vec![breach(1, FULL), breach(2, FULL)]), 1);
    both.sort();
    assert_eq!(both, ["1 firing", "2 firing"]);
    assert_eq!(told(&mut ledger, Patience::NONE, Verdict::Unknown, 2), NONE, "unknown holds");
    assert_eq!(told(&mut ledger, Patience::NONE, known(3, vec![breach(2, FULL)]), 3), ["1 resolved cleared"]);
    assert_eq!(ledger.listed(at(4)).len(), 2, "what is resolved is listed for a while");
    assert_eq!(ledger.listed(at(3 + 15 * 60 * SECOND)).len(), 1);
}

#[test]
fn readings_count_once_and_in_a_row() {
    let patience = Patience { readings: 2, clears: 2, ..Patience::NONE };
    let mut ledger = Ledger::default();
    let high = |epoch| known(epoch, vec![breach(1, FULL)]);
    let low = |epoch| known(epoch, vec![]);
    for (name, verdict, want) in [
        ("first", high(0), &[][..]),
        ("the same data again", high(0), &[]),
        ("not in a row", low(1), &[]),
        ("first again", high(2), &[]),
        ("nothing is known", Verdict::Unknown, &[]),
        ("second", high(3), &["1 firing"]),
        ("lower", low(4), &[]),
        ("the same data", low(4), &[]),
        ("high again", high(5), &[]),
        ("lower", low(6), &[]),
        ("near", known(7, vec![breach(1, Strength::Lingering)]), &[]),
        ("lower", low(8), &[]),
        ("lower twice", low(9), &["1 resolved cleared"]),
        ("near is not enough to begin", known(10, vec![breach(1, Strength::Lingering)]), &[]),
    ] {
        assert_eq!(told(&mut ledger, patience, verdict, 100), want, "{name}");
    }
}

#[test]
fn a_look_at_the_time_counts_and_is_not_written() {
    let patience = Patience { readings: 2, clears: 2, ..Patience::NONE };
    let mut ledger = Ledger::default();
    let mut look = |now: i64, breaches| {
        let judgement = Judgement { scope: scope(0), patience, verdict: known(now, breaches) };
        let changes = ledger.advance(vec![judgement], at(now));
        (words(&changes), changes.states.len())
    };
    let told = |text: &str| vec![text.to_owned()];
    for (now, is_so, want) in [
        (1, true, (vec![], 1)),
        (2, true, (told("1 firing"), 1)),
        (3, true, (vec![], 0)),
        (4, true, (vec![], 0)),
        (5, false, (vec![], 1)),
        (6, false, (told("1 resolved cleared"), 1)),
    ] {
        assert_eq!(look(now, if is_so { vec![breach(1, FULL)] } else { vec![] }), want, "{now}");
    }
}

#[test]
fn time_counts_and_a_clock_that_is_set_back_shortens_nothing() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let patience = Patience { pending_for: minutes(10), keep_firing_for: minutes(5), ..Patience::NONE };
    let minute = 60 * SECOND;
    let mut ledger = Ledger::default();
    for (name, now, is_so, want) in [
        ("begins", 0, true, &[][..]),
        ("nine minutes", 9, true, &[]),
        ("set back by an hour", -51, true, &[]),
        ("nine minutes again", -42, true, &[]),
        ("ten minutes", -41, true, &["1 firing"]),
        ("ends", -40, false, &[]),
        ("set back again", -100, false, &[]),
        ("four minutes", -96, false, &[]),
        ("is so again", -95, true, &[]),
        ("ends", -94, false, &[]),
        ("five minutes", -89, false, &["1 resolved cleared"]),
        ("begins again", -88, true, &[]),
        ("ends while pending", -87, false, &[]),
        ("begins anew", -80, true, &[]),
        ("ten minutes again", -70, true, &["1 firing"]),
    ] {
        let breaches = if is_so { vec![breach(1, FULL)] } else { vec![] };
        assert_eq!(told(&mut ledger, patience, known(now * minute, breaches), now * minute), want, "{name}");
    }
}

#[test]
fn the_reason_of_an_end_is_told() {
    let until = |breach: Breach, until: i64| Breach { until: Some(at(until)), ..breach };
    let latched = || until(breach(1, Strength::Latched), 100);
    let critical = Breach { labels: labels(1, "critical"), ..breach(1, FULL) };
    for (name, begins, then, now, want) in [
        ("the same data, restated", breach(1, FULL), known(0, vec![]), 50, &["1 resolved restated"][..]),
        ("another severity", breach(1, FULL), known(50, vec![critical]), 50, &["1 resolved superseded", "1 firing"]),
        (
            "nobody wants to know",
            breach(1, FULL),
            known(50, vec![breach(1, Strength::Muted)]),
            50,
            &["1 resolved muted"],
        ),
        ("below, but latched", latched(), known(50, vec![]), 50, &[]),
        ("latched until the month is over", latched(), known(50, vec![]), 100, &["1 resolved period_over"]),
        (
            "over, though nothing is known",
            until(breach(1, FULL), 100),
            Verdict::Unknown,
            100,
            &["1 resolved period_over"],
        ),
        (
            "over, though the data are still there",
            latched(),
            known(50, vec![latched()]),
            100,
            &["1 resolved period_over"],
        ),
        ("not over", until(breach(1, FULL), 100), Verdict::Unknown, 99, &[]),
    ] {
        let mut ledger = Ledger::default();
        assert_eq!(told(&mut ledger, Patience::NONE, known(0, vec![begins]), 1), ["1 firing"], "{name}");
        let mut found = told(&mut ledger, Patience::NONE, then, now);
        found.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(found, want, "{name}");
    }
    let mut ledger = Ledger::default();
    told(&mut ledger, Patience::NONE, known(0, vec![breach(1, FULL)]), 1);
    let other = Judgement { scope: scope(1), patience: Patience::NONE, verdict: known(2, vec![]) };
    assert_eq!(words(&ledger.advance(vec![other], at(2))), ["1 resolved rule_removed"], "its scope is not judged");
}

#[test]
fn a_period_that_begins_like_the_one_before_is_told_of_its_own() {
    let of_month =
        |start: i64, end: i64| Breach { starts_at: at(start), until: Some(at(end)), ..breach(1, Strength::Latched) };
    let mut ledger = Ledger::default();
    assert_eq!(told(&mut ledger, Patience::NONE, known(0, vec![of_month(0, 100)]), 1), ["1 firing"]);
    // The first reading of the next month comes before anybody has looked at the calendar.
    let next = || known(100, vec![of_month(100, 200)]);
    assert_eq!(told(&mut ledger, Patience::NONE, next(), 101), ["1 resolved period_over"]);
    assert_eq!(told(&mut ledger, Patience::NONE, next(), 102), ["1 firing"]);
    assert_eq!(ledger.listed(at(102))[0].starts_at, at(100), "not since the month before");
}

#[test]
fn data_older_than_those_that_were_counted_change_nothing() {
    let high = |epoch| known(epoch, vec![breach(1, FULL)]);
    let low = |epoch| known(epoch, vec![]);
    let mut ledger = Ledger::default();
    for (name, verdict, now, want) in [
        ("begins", high(10), 11, &["1 firing"][..]),
        ("not so before", low(9), 11, &[]),
        ("muted, whatever the data", known(9, vec![breach(1, Strength::Muted)]), 11, &["1 resolved muted"]),
        ("so before", high(9), 11, &[]),
        ("begins again", high(20), 21, &["1 firing"]),
        ("near before", known(19, vec![breach(1, Strength::Lingering)]), 22, &[]),
        ("ends", low(30), 31, &["1 resolved cleared"]),
        ("so before", high(29), 31, &[]),
        ("so, by a clock that was set back", high(-50), -49, &["1 firing"]),
        ("not so, by that clock", low(-40), -39, &["1 resolved cleared"]),
    ] {
        assert_eq!(told(&mut ledger, Patience::NONE, verdict, now), want, "{name}");
    }
}

#[test]
fn what_begins_again_is_another_message() {
    let mut ledger = Ledger::default();
    let mut messages = BTreeSet::new();
    for round in 0..4 {
        let now = round * 3_600 * SECOND;
        for (now, breaches) in [(now, vec![breach(1, FULL)]), (now + 1, vec![])] {
            let judgement = Judgement { scope: scope(0), patience: Patience::NONE, verdict: known(now, breaches) };
            let transitions = ledger.advance(vec![judgement], at(now)).transitions;
            assert_eq!(transitions.len(), 1);
            assert!(messages.insert(transitions[0].message_id()), "round {round}");
        }
    }
    let judgement = |verdict| vec![Judgement { scope: scope(0), patience: Patience::NONE, verdict }];
    let changes = ledger.advance(judgement(known(0, vec![])), at(50 * 86_400 * SECOND));
    assert_eq!(changes.states.len(), 1, "forgotten in the end");
    assert!(ledger.states.is_empty());
}

/// One move: by how much the clock moves, and what is said of each of two scopes; `None`: it is not judged.
type Move = (i64, [Option<Said>; 2]);

/// How much newer the data are, and what is said of each of three alerts: how strong it is, and whether it has come to
/// its second step; `None`: nothing is known.
type Said = Option<(i64, [Option<(Strength, bool)>; 3])>;

/// How long a period lasts. The last alert of each scope is of one: it begins with it, is over with it, and latches.
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
    // In all less than an ended alert is remembered for.
    let clock = prop_oneof![8 => 0..120 * SECOND, 1 => -600 * SECOND..0, 1 => 0..12 * 3_600 * SECOND];
    prop::collection::vec((clock, scopes), 1..60)
}

fn patience() -> impl Strategy<Value = Patience> {
    let readings = prop_oneof![2 => Just(1), 1 => 2..4_u32];
    (readings, 0..200_u64, 1..3_u32, 0..200_u64).prop_map(|(readings, pending, clears, keep)| Patience {
        readings,
        pending_for: Duration::from_secs(pending),
        clears,
        keep_firing_for: Duration::from_secs(keep),
    })
}

/// One of three alerts of a scope, as of now.
fn one_of(number: usize, index: usize, strength: Strength, is_second: bool, now: i64) -> Breach {
    let id = u8::try_from(10 * number + index).unwrap();
    let breach = Breach { labels: labels(id, if is_second { "critical" } else { "warning" }), ..breach(id, strength) };
    let begin = now.div_euclid(PERIOD) * PERIOD;
    if index < 2 { breach } else { Breach { starts_at: at(begin), until: Some(at(begin + PERIOD)), ..breach } }
}

/// The judgements of each move, with their time; alerts of the second scope are others than those of the first.
fn judgements(moves: &[Move], patience: Patience) -> Vec<(Timestamp, Vec<Judgement>)> {
    // Data are of before any time that the clock may be set to.
    let (mut now, mut epochs) = (0, [-1_000_000 * SECOND; 2]);
    let mut all = Vec::new();
    for (clock, scopes) in moves {
        now += clock;
        let judge = |(number, said): (usize, &Option<Said>)| {
            let verdict = match said.as_ref()? {
                None => Verdict::Unknown,
                Some((newer, strengths)) => {
                    epochs[number] += newer;
                    let named = strengths.iter().enumerate().filter_map(|(index, said)| {
                        said.map(|(strength, is_second)| one_of(number, index, strength, is_second, now))
                    });
                    known(epochs[number], named.collect())
                }
            };
            Some(Judgement { scope: scope(u8::try_from(number).unwrap()), patience, verdict })
        };
        all.push((at(now), scopes.iter().enumerate().filter_map(judge).collect()));
    }
    all
}

/// What is said of an alert: how strong it is and by which data.
type Word = Result<(Option<Strength>, Timestamp), &'static str>;

fn word_on(judgements: &[Judgement], labels: &Labels) -> Word {
    let place = if labels["id"].len() > 1 { "1" } else { "0" };
    let judgement = judgements.iter().find(|judgement| judgement.scope.place == place).ok_or("not judged")?;
    match &judgement.verdict {
        Verdict::Unknown => Err("unknown"),
        Verdict::Known { epoch, breaches } => {
            Ok((breaches.iter().find(|breach| breach.labels == *labels).map(|breach| breach.strength), *epoch))
        }
    }
}

/// Since when nobody has denied an alert, at least: the data that said it, and the earliest time of these looks.
#[derive(Default)]
struct Undenied {
    epochs: BTreeSet<Timestamp>,
    since: Option<Timestamp>,
    /// The newest data of its scope.
    newest: Option<Timestamp>,
}

impl Undenied {
    /// Takes in what is said now.
    fn hear(&mut self, word: Word, now: Timestamp) {
        // Newer data have said it since.
        let is_overtaken = matches!(word, Ok((_, epoch)) if Some(&epoch) < self.epochs.last());
        match word {
            Ok((Some(FULL | Strength::Latched), epoch)) => {
                self.epochs.insert(epoch);
                self.since = Some(self.since.map_or(now, |since| since.min(now)));
            }
            Err("unknown") => {}
            Ok((None | Some(Strength::Lingering), _)) if is_overtaken => {}
            _ => (self.epochs, self.since) = (BTreeSet::new(), None),
        }
        self.newest = self.newest.max(word.ok().map(|(_, epoch)| epoch));
    }

    /// Whether there were newer data, whatever they said.
    fn is_behind(&self, word: Word) -> bool {
        matches!(word, Ok((_, epoch)) if Some(epoch) < self.newest)
    }

    fn is_enough(&self, patience: Patience, now: Timestamp) -> bool {
        let waited = self.since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
        self.epochs.len() >= patience.readings as usize && waited.is_some_and(|waited| waited >= patience.pending_for)
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_false_is_told(moves in moves(), patience in patience()) {
        let (mut ledger, mut restarted) = (Ledger::default(), Ledger::default());
        let mut stored: BTreeMap<u64, String> = BTreeMap::new();
        let mut firing: BTreeMap<u64, (Alert, Timestamp)> = BTreeMap::new();
        let mut messages = BTreeSet::new();
        let ids = [0, 1, 2, 10, 11, 12];
        let all = ids.into_iter().flat_map(|id| ["warning", "critical"].map(|severity| labels(id, severity)));
        let mut undenied: BTreeMap<Labels, Undenied> = all.map(|labels| (labels, Undenied::default())).collect();
        let mut latched: BTreeSet<u64> = BTreeSet::new();
        for (now, judgements) in judgements(&moves, patience) {
            let mut behind = BTreeSet::new();
            for (labels, undenied) in &mut undenied {
                let word = word_on(&judgements, labels);
                behind.extend(undenied.is_behind(word).then(|| labels.clone()));
                undenied.hear(word, now);
            }
            let changes = ledger.advance(judgements.clone(), now);
            // First the ends, since a step ends where the next one begins.
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
                    let is_older = said.is_ok_and(|(_, epoch)| epoch < told_by);
                    prop_assert!(!is_older || reason == "muted", "data older than those that told it end it");
                }
                latched.remove(&alert.fingerprint());
                prop_assert!(messages.insert(alert.message_id()), "a message is used twice");
            }
            for alert in begun {
                let said = word_on(&judgements, &alert.labels);
                let Ok((Some(FULL | Strength::Latched), epoch)) = said else { panic!("fires by its breach alone: {said:?}") };
                prop_assert!(undenied[&alert.labels].is_enough(patience, now), "too soon");
                prop_assert!(firing.insert(alert.fingerprint(), (alert.clone(), epoch)).is_none(), "it fired already");
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
            // Those that fire are those that were told, and none outlasts its period.
            let listed = ledger.listed(now);
            let fires = listed.iter().filter(|alert| alert.status == Status::Firing).map(Alert::fingerprint);
            prop_assert_eq!(fires.collect::<BTreeSet<_>>(), firing.keys().copied().collect::<BTreeSet<_>>());
            let is_past = |state: &&State| state.alert.status == Status::Firing && state.until.is_some_and(|end| end <= now);
            prop_assert!(ledger.states.values().find(is_past).is_none(), "it outlasts its period");
            // A daemon that restarts before every move says the same, and knows the same.
            prop_assert_eq!(&restarted.advance(judgements, now), &changes);
            for (number, body) in changes.states {
                match body {
                    Some(body) => drop(stored.insert(number, body)),
                    None => drop(stored.remove(&number)),
                }
            }
            let bodies: Vec<String> = stored.values().cloned().collect();
            let lost;
            (restarted, lost) = Ledger::restore(&bodies);
            prop_assert_eq!(lost, 0);
            prop_assert_eq!(&restarted, &ledger);
        }
    }
}

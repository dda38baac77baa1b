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

/// Whether the data are new, and how strong each of three alerts is; `None`: nothing is known.
type Said = Option<(bool, [Option<Strength>; 3])>;

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let strength = prop_oneof![3 => Just(FULL), 1 => Just(Strength::Lingering), 1 => Just(Strength::Muted)];
    let strengths = prop::array::uniform3(prop::option::of(strength));
    let said = prop::option::weighted(0.8, (any::<bool>(), strengths));
    let scopes = prop::array::uniform2(prop::option::weighted(0.9, said));
    // In all less than an ended alert is remembered for.
    let clock = prop_oneof![8 => 0..120 * SECOND, 1 => -600 * SECOND..0, 1 => 0..12 * 3_600 * SECOND];
    prop::collection::vec((clock, scopes), 1..60)
}

fn patience() -> impl Strategy<Value = Patience> {
    (1..4_u32, 0..200_u64, 1..3_u32, 0..200_u64).prop_map(|(readings, pending, clears, keep)| Patience {
        readings,
        pending_for: Duration::from_secs(pending),
        clears,
        keep_firing_for: Duration::from_secs(keep),
    })
}

/// The judgements of each move, with their time; alerts of the second scope are others than those of the first.
fn judgements(moves: &[Move], patience: Patience) -> Vec<(Timestamp, Vec<Judgement>)> {
    let (mut now, mut epochs) = (0, [0; 2]);
    let mut all = Vec::new();
    for (clock, scopes) in moves {
        now += clock;
        let judge = |(number, said): (usize, &Option<Said>)| {
            let verdict = match said.as_ref()? {
                None => Verdict::Unknown,
                Some((is_new, strengths)) => {
                    epochs[number] += i64::from(*is_new);
                    let id = |index: usize| u8::try_from(10 * number + index).unwrap();
                    let breaches = strengths.iter().enumerate();
                    let breaches = breaches.filter_map(|(index, strength)| Some(breach(id(index), (*strength)?)));
                    known(epochs[number], breaches.collect())
                }
            };
            Some(Judgement { scope: scope(u8::try_from(number).unwrap()), patience, verdict })
        };
        all.push((at(now), scopes.iter().enumerate().filter_map(judge).collect()));
    }
    all
}

fn strength_of(judgements: &[Judgement], alert: &Alert) -> Result<Option<Strength>, &'static str> {
    let place = if alert.label("id").len() > 1 { "1" } else { "0" };
    let judgement = judgements.iter().find(|judgement| judgement.scope.place == place).ok_or("not judged")?;
    match &judgement.verdict {
        Verdict::Unknown => Err("unknown"),
        Verdict::Known { breaches, .. } => {
            Ok(breaches.iter().find(|breach| breach.labels == alert.labels).map(|breach| breach.strength))
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_nothing_false_is_told(moves in moves(), patience in patience()) {
        let (mut ledger, mut restarted) = (Ledger::default(), Ledger::default());
        let mut stored: BTreeMap<u64, String> = BTreeMap::new();
        let mut firing: BTreeSet<u64> = BTreeSet::new();
        let mut messages = BTreeSet::new();
        for (now, judgements) in judgements(&moves, patience) {
            let before = ledger.clone();
            let changes = ledger.advance(judgements.clone(), now);
            for alert in &changes.transitions {
                let said = strength_of(&judgements, alert);
                if alert.status == Status::Firing {
                    prop_assert_eq!(said, Ok(Some(FULL)), "fires by its breach alone");
                    prop_assert!(firing.insert(alert.fingerprint()), "it fired already");
                } else {
                    prop_assert!(said != Err("unknown"), "missing data resolve nothing");
                    prop_assert!(!matches!(said, Ok(Some(FULL | Strength::Lingering))), "it is so, or nearly: {:?}", said);
                    prop_assert!(firing.remove(&alert.fingerprint()), "it did not fire");
                }
                prop_assert!(messages.insert(alert.message_id()), "a message is used twice");
            }
            // Each alert is in one state, and those that fire are those that were told.
            let listed = ledger.listed(now);
            let fires = listed.iter().filter(|alert| alert.status == Status::Firing).map(Alert::fingerprint);
            prop_assert_eq!(fires.collect::<BTreeSet<_>>(), firing.clone());
            let identities: BTreeSet<_> = listed.iter().map(|alert| &alert.labels).collect();
            prop_assert_eq!(identities.len(), listed.len());
            // A replay says the same, and so does a daemon that restarts before every move.
            prop_assert_eq!(before.clone().advance(judgements.clone(), now), changes.clone());
            prop_assert_eq!(restarted.advance(judgements, now), changes.clone());
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

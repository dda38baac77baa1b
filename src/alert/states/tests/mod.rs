use std::time::Duration;

use super::*;
use crate::alert::alert::{Labels, fingerprint};
use crate::alert::rule_judgement::{HoldDurations, Verdict};

mod histories;

const SECOND: i64 = 1_000;

/// A time in milliseconds after a noon.
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
        period_end: None,
    }
}

fn known(data_time: i64, breaches: Vec<Breach>) -> Verdict {
    Verdict::Known { data_time: Some(at(data_time)), breaches }
}

/// A verdict on data without a time.
fn undated(breaches: Vec<Breach>) -> Verdict {
    Verdict::Known { data_time: None, breaches }
}

/// The transitions after a verdict on one scope, in words.
fn told(states: &mut AlertStates, holds: HoldDurations, verdict: Verdict, now: i64) -> Vec<String> {
    let judgement = Judgement { scope: scope(0), holds, verdict };
    words(&states.advance(vec![judgement], at(now)))
}

fn words(changes: &Changes) -> Vec<String> {
    let word = |alert: &Arc<Alert>| {
        let reason = alert.annotations.get(REASON).map_or(String::new(), |reason| format!(" {reason}"));
        format!("{} {}{reason}", alert.label("id"), alert.status.as_str())
    };
    changes.transitions.iter().map(word).collect()
}

const FULL: Strength = Strength::Full;
const NONE: [&str; 0] = [];

#[test]
fn states_that_are_found_late_count_but_for_what_began_to_fire_meanwhile() {
    let judge = |states: &mut AlertStates, breaches, now| {
        let judgement = Judgement { scope: scope(0), holds: HoldDurations::NONE, verdict: known(now, breaches) };
        states.advance(vec![judgement], at(now))
    };
    let mut before = AlertStates::default();
    let mut written: BTreeMap<u64, Option<String>> = BTreeMap::new();
    written.extend(judge(&mut before, vec![breach(1, FULL), breach(2, FULL), breach(4, FULL)], 0).states);
    written.extend(judge(&mut before, vec![breach(1, FULL), breach(4, FULL)], 1).states);
    let stored: Vec<String> = written.into_values().flatten().collect();
    assert_eq!(stored.len(), 3, "1 and 4 fire, 2 was resolved");

    let mut states = AlertStates::default();
    judge(&mut states, vec![breach(1, FULL), breach(2, FULL), breach(3, FULL)], 10);
    let (taken, lost) = states.load(&[&stored[..], &["{}".to_owned()]].concat());
    assert_eq!((taken.len(), lost), (2, 1), "1 and 4; 2 fires anew");
    let told = words(&judge(&mut states, vec![breach(1, FULL), breach(2, FULL), breach(3, FULL)], 11));
    assert_eq!(told, ["4 resolved cleared"], "1 was told before, and 4 is over");
}

#[test]
fn an_event_is_told_at_once_and_its_end_too() {
    let mut states = AlertStates::default();
    let mut both = told(&mut states, HoldDurations::NONE, known(0, vec![breach(1, FULL), breach(2, FULL)]), 1);
    both.sort();
    assert_eq!(both, ["1 firing", "2 firing"]);
    assert_eq!(told(&mut states, HoldDurations::NONE, Verdict::Unknown, 2), NONE, "unknown holds");
    assert_eq!(told(&mut states, HoldDurations::NONE, known(3, vec![breach(2, FULL)]), 3), ["1 resolved cleared"]);
    assert_eq!(states.listed(at(4)).len(), 2, "what is resolved is listed for a while");
    assert_eq!(states.listed(at(3 + 15 * 60 * SECOND)).len(), 1);
}

/// The clock was ahead. In that time one alert fired, one latched until the end of its own month, and one was resolved.
#[test]
fn what_a_clock_that_was_ahead_has_written_is_moved_back() {
    const AHEAD: i64 = 730 * 86_400 * SECOND;
    let ahead = |id, strength| Breach { starts_at: at(AHEAD), period_end: Some(at(2 * AHEAD)), ..breach(id, strength) };
    let mut states = AlertStates::default();
    let all = vec![ahead(1, FULL), ahead(2, Strength::Latched), ahead(3, FULL)];
    told(&mut states, HoldDurations::NONE, known(AHEAD, all), AHEAD);
    told(
        &mut states,
        HoldDurations::NONE,
        known(AHEAD + 1, vec![ahead(1, FULL), ahead(2, Strength::Latched)]),
        AHEAD + 1,
    );
    let bodies: Vec<String> = states.states.values().map(|state| serde_json::to_string(state).unwrap()).collect();
    let mut states = AlertStates::default();
    let (loaded, lost) = states.load(&bodies);
    assert_eq!((loaded.len(), lost), (3, 0));

    assert_eq!(told(&mut states, HoldDurations::NONE, Verdict::Unknown, 5), NONE);
    let listed = states.listed(at(5));
    assert!(listed.iter().all(|alert| alert.starts_at == at(5) && alert.since == at(5)), "{listed:?}");
    let told_now = told(&mut states, HoldDurations::NONE, known(6, vec![breach(1, FULL)]), 6);
    assert_eq!(told_now, ["2 resolved cleared"], "no latch of another month holds it");
    assert_eq!(states.listed(at(5 + 15 * 60 * SECOND)).len(), 2, "the third is not listed for years");
    let again = told(&mut states, HoldDurations::NONE, known(7, vec![breach(1, FULL), breach(3, FULL)]), 7);
    assert_eq!(again, ["3 firing"]);
    let third = states.listed(at(7)).into_iter().find(|alert| alert.label("id") == "3").unwrap();
    assert_eq!(third.starts_at, at(6), "it goes on from its end, which is no longer in the future");
}

#[test]
fn what_does_not_change_is_shared() {
    let mut states = AlertStates::default();
    told(&mut states, HoldDurations::NONE, known(0, vec![breach(1, FULL), breach(2, FULL)]), 1);
    let before = states.listed(at(1));
    let dearer = Breach { value: Some(9.5), ..breach(2, FULL) };
    // A newer reading, so that the states differ.
    told(&mut states, HoldDurations::NONE, known(2, vec![breach(1, FULL), dearer]), 3);
    let mut words: Vec<_> = std::iter::zip(&before, states.listed(at(3)))
        .map(|(before, now)| (before.label("id"), before.value, now.value, Arc::ptr_eq(before, &now)))
        .collect();
    words.sort_by_key(|(id, ..)| *id);
    assert_eq!(words, [("1", Some(1.0), Some(1.0), true), ("2", Some(2.0), Some(9.5), false)]);
}

#[test]
fn readings_count_once_and_in_a_row() {
    let holds = HoldDurations { readings: 2, clears: 2, ..HoldDurations::NONE };
    let mut states = AlertStates::default();
    let high = |data_time| known(data_time, vec![breach(1, FULL)]);
    let low = |data_time| known(data_time, vec![]);
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
        assert_eq!(told(&mut states, holds, verdict, 100), want, "{name}");
    }
}

#[test]
fn data_read_at_this_moment_count_once() {
    let holds = HoldDurations { readings: 2, clears: 2, ..HoldDurations::NONE };
    let mut states = AlertStates::default();
    let high = |data_time| known(data_time, vec![breach(1, FULL)]);
    let low = |data_time| known(data_time, vec![]);
    for (name, verdict, now, want) in [
        ("first", high(1), 1, &[][..]),
        ("the same data again", high(1), 1, &[]),
        ("second", high(2), 2, &["1 firing"]),
        ("lower", low(3), 3, &[]),
        ("the same data again", low(3), 3, &[]),
        ("lower twice", low(4), 4, &["1 resolved cleared"]),
    ] {
        assert_eq!(told(&mut states, holds, verdict, now), want, "{name}");
    }
    let mut states = AlertStates::default();
    assert_eq!(told(&mut states, HoldDurations::NONE, high(1), 1), ["1 firing"]);
    assert_eq!(told(&mut states, HoldDurations::NONE, low(1), 1), ["1 resolved restated"]);
}

#[test]
fn stored_states_keep_their_names() {
    let stored = |verdict| {
        let mut states = AlertStates::default();
        let judgement = Judgement { scope: scope(0), holds: HoldDurations::NONE, verdict };
        let body = states.advance(vec![judgement], at(1)).states.remove(0).1.unwrap();
        serde_json::from_str::<serde_json::Value>(&body).unwrap()
    };
    let month = Breach { period_end: Some(at(9 * SECOND)), ..breach(1, Strength::Latched) };
    let body = stored(known(0, vec![month]));
    let words = [("epoch", "\"2026-11-22T12:00:00Z\""), ("until", "\"2026-11-22T12:00:09Z\""), ("latched", "true")];
    for (name, want) in [&words[..], &[("before", "null"), ("readings", "1"), ("clears", "0")]].concat() {
        assert_eq!(body[name].to_string(), want, "{name}");
    }
    assert_eq!(stored(undated(vec![breach(1, FULL)]))["epoch"], serde_json::Value::Null);
}

#[test]
fn a_look_at_the_time_counts_and_is_not_written() {
    let holds = HoldDurations { readings: 2, clears: 2, ..HoldDurations::NONE };
    let mut states = AlertStates::default();
    let mut look = |now: i64, breaches| {
        let judgement = Judgement { scope: scope(0), holds, verdict: undated(breaches) };
        let changes = states.advance(vec![judgement], at(now));
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
    let holds = HoldDurations { pending_for: minutes(10), keep_firing_for: minutes(5), ..HoldDurations::NONE };
    let minute = 60 * SECOND;
    let mut states = AlertStates::default();
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
        assert_eq!(told(&mut states, holds, undated(breaches), now * minute), want, "{name}");
    }
}

#[test]
fn the_reason_of_an_end_is_told() {
    let until = |breach: Breach, end: i64| Breach { period_end: Some(at(end)), ..breach };
    let latched = || until(breach(1, Strength::Latched), 100);
    let critical = Breach { labels: labels(1, "critical"), ..breach(1, FULL) };
    for (name, begins, then, now, want) in [
        ("the same data, restated", breach(1, FULL), known(0, vec![]), 50, &["1 resolved restated"][..]),
        ("another severity", breach(1, FULL), known(50, vec![critical]), 50, &["1 resolved superseded", "1 firing"]),
        ("a muted breach", breach(1, FULL), known(50, vec![breach(1, Strength::Muted)]), 50, &["1 resolved muted"]),
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
        let mut states = AlertStates::default();
        assert_eq!(told(&mut states, HoldDurations::NONE, known(0, vec![begins]), 1), ["1 firing"], "{name}");
        let mut found = told(&mut states, HoldDurations::NONE, then, now);
        found.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(found, want, "{name}");
    }
    let mut states = AlertStates::default();
    told(&mut states, HoldDurations::NONE, known(0, vec![breach(1, FULL)]), 1);
    let other = Judgement { scope: scope(1), holds: HoldDurations::NONE, verdict: known(2, vec![]) };
    assert_eq!(words(&states.advance(vec![other], at(2))), ["1 resolved rule_removed"], "its scope is not judged");
}

#[test]
fn a_period_that_begins_like_the_one_before_is_told_of_its_own() {
    let of_month = |start: i64, end: i64| Breach {
        starts_at: at(start),
        period_end: Some(at(end)),
        ..breach(1, Strength::Latched)
    };
    let mut states = AlertStates::default();
    assert_eq!(told(&mut states, HoldDurations::NONE, known(0, vec![of_month(0, 100)]), 1), ["1 firing"]);
    // The first reading of the next month comes before a round without data.
    let next = || known(100, vec![of_month(100, 200)]);
    assert_eq!(told(&mut states, HoldDurations::NONE, next(), 101), ["1 resolved period_over"]);
    assert_eq!(told(&mut states, HoldDurations::NONE, next(), 102), ["1 firing"]);
    assert_eq!(states.listed(at(102))[0].starts_at, at(100), "not since the month before");
}

#[test]
fn data_older_than_those_that_were_counted_change_nothing() {
    let high = |data_time| known(data_time, vec![breach(1, FULL)]);
    let low = |data_time| known(data_time, vec![]);
    let mut states = AlertStates::default();
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
        assert_eq!(told(&mut states, HoldDurations::NONE, verdict, now), want, "{name}");
    }
}

#[test]
fn what_begins_again_is_another_message() {
    let mut states = AlertStates::default();
    let mut messages = BTreeSet::new();
    for round in 0..4 {
        let now = round * 3_600 * SECOND;
        for (now, breaches) in [(now, vec![breach(1, FULL)]), (now + 1, vec![])] {
            let judgement = Judgement { scope: scope(0), holds: HoldDurations::NONE, verdict: known(now, breaches) };
            let transitions = states.advance(vec![judgement], at(now)).transitions;
            assert_eq!(transitions.len(), 1);
            assert!(messages.insert(transitions[0].message_id()), "round {round}");
        }
    }
    let judgement = |verdict| vec![Judgement { scope: scope(0), holds: HoldDurations::NONE, verdict }];
    let changes = states.advance(judgement(known(0, vec![])), at(50 * 86_400 * SECOND));
    assert_eq!(changes.states.len(), 1, "forgotten in the end");
    assert!(states.states.is_empty());
}

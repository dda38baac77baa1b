//! The model with small series of a known kind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::{Basis, Blackouts, Forecast, Judgement, Model, Reason, Settings, contributors};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

const DAYS: usize = 200;
/// A Wednesday, 7 August.
const SPIKE: usize = 145;

/// The first day, a Friday.
fn start() -> Date {
    date(2024, 3, 15)
}

fn day(index: usize) -> Date {
    start().checked_add(i64::try_from(index).unwrap().days()).unwrap()
}

fn weekday(index: usize) -> i8 {
    weekday_of(day(index))
}

fn weekday_of(day: Date) -> i8 {
    day.weekday().to_monday_zero_offset()
}

/// Evenly distributed in -1..1, and equal for equal arguments.
fn noise(index: usize, seed: u64) -> f64 {
    let mut mixed = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(0xD1B5_4A32_D192_ED03);
    mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 32)) % 20_001) as f64 / 10_000.0 - 1.0
}

type Shape = fn(usize) -> f64;

/// The cost of a day in a series of each kind.
const SHAPES: [(&str, Shape); 12] = [
    ("steady", |index| 100.0 * (1.0 + 0.05 * noise(index, 1))),
    ("exact", |_| 100.0),
    ("weekly", |index| if weekday(index) < 5 { 100.0 } else { 40.0 } * (1.0 + 0.04 * noise(index, 2))),
    ("dear weekends", |index| if weekday(index) < 5 { 100.0 } else { 230.0 } * (1.0 + 0.04 * noise(index, 3))),
    ("working days only", |index| if weekday(index) < 5 { 100.0 + noise(index, 4) } else { 0.0 }),
    ("growing", |index| 50.0 * 1.006_f64.powi(i32::try_from(index).unwrap()) * (1.0 + 0.03 * noise(index, 5))),
    ("falling to half", |index| if index < 90 { 200.0 } else { 100.0 } + 4.0 * noise(index, 6)),
    ("charge on the first", |index| if day(index).day() == 1 { 700.0 } else { 100.0 } + 2.0 * noise(index, 7)),
    (
        "charge on the last",
        |index| if day(index).tomorrow().unwrap().day() == 1 { 300.0 } else { 100.0 } + noise(index, 8),
    ),
    ("discount until the first", |index| if day(index).day() < 12 { 100.0 } else { 65.0 } + noise(index, 9)),
    ("outages", |index| if index % 37 == 20 { 0.0 } else { 100.0 + 3.0 * noise(index, 10) }),
    (
        "every other day or so",
        |index| if noise(index, 11) > 0.0 || index == SPIKE { 100.0 + noise(index, 12) } else { 0.0 },
    ),
];

fn judged(series: &[f64]) -> Vec<Judgement> {
    let mut model = Model::new(Settings::default());
    series.iter().enumerate().map(|(index, amount)| model.step(day(index), &[*amount])[0]).collect()
}

fn anomalies(series: &[f64]) -> Vec<usize> {
    judged(series).iter().enumerate().filter(|(_, judgement)| judgement.anomaly).map(|(index, _)| index).collect()
}

fn days_of(shape: Shape) -> Vec<f64> {
    (0..DAYS).map(shape).collect()
}

#[test]
fn no_shape_is_an_anomaly_to_itself() {
    for (name, shape) in SHAPES {
        // The first charge and the end of the first discount are anomalies.
        let news = match name {
            "discount until the first" => vec![17],
            _ => vec![],
        };
        assert_eq!(anomalies(&days_of(shape)).iter().filter(|day| !news.contains(*day)).count(), 0, "{name}");
    }
}

#[test]
fn a_spike_is_found_on_its_first_day_and_until_its_last() {
    for (name, shape) in SHAPES {
        // A smaller spike could be a holiday, a price of last week, or, on the first Wednesday of a month, the charge of
        // the first of May.
        let least = match name {
            "discount until the first" => 2.0,
            "dear weekends" => 2.9,
            "charge on the first" => 12.0,
            _ => 1.0,
        };
        for (days, rise) in [(1, 1.6_f64), (3, 2.0), (5, 5.0)].map(|(days, rise)| (days, rise.max(least))) {
            let mut series = days_of(shape);
            for amount in &mut series[SPIKE..SPIKE + days] {
                *amount *= rise;
            }
            let expected: Vec<usize> = (SPIKE..SPIKE + days).filter(|index| series[*index] > 0.0).collect();
            assert_eq!(anomalies(&series), expected, "{name}, {days} days times {rise}");
        }
    }
}

/// The same amount each day, except for some days.
fn flat(days: usize, other: &[(usize, f64)]) -> Vec<f64> {
    let amount = |index| other.iter().find(|(day, _)| *day == index).map_or(100.0, |(_, amount)| *amount);
    (0..days).map(amount).collect()
}

fn last(series: &[f64]) -> Judgement {
    *judged(series).last().unwrap()
}

#[test]
fn each_reason_has_its_example() {
    let in_a_row = |from: usize, days: usize, amount| (from..from + days).map(move |day| (day, amount));
    let with = |last: f64, other: Vec<(usize, f64)>| flat(100, &[other, vec![(99, last)]].concat());
    // Day 99 is a Saturday, 2024-06-22. Day 68 is a matching day of the month before.
    for (reason, upper, series) in [
        (Reason::WithinBand, 145.0, with(130.0, vec![])),
        (Reason::AboveBand, 145.0, with(146.0, vec![])),
        (Reason::NewLevel, 145.0, with(200.0, in_a_row(95, 4, 200.0).collect())),
        (Reason::NewLevel, 145.0, with(40.0, in_a_row(95, 4, 40.0).collect())),
        (Reason::SameDayOfMonth, 400.0, with(350.0, vec![(68, 300.0)])),
        (Reason::OftenLately, 345.0, with(340.0, [80, 83, 86, 89, 95].map(|day| (day, 300.0)).to_vec())),
        (Reason::Below, 145.0, with(50.0, vec![])),
        (Reason::Pause, 145.0, with(0.0, vec![])),
        (Reason::Unknown, 145.0, with(f64::NAN, vec![])),
    ] {
        let judgement = last(&series);
        assert_eq!(judgement.reason, reason, "{judgement:?}");
        assert!((judgement.upper / upper - 1.0).abs() < 0.12, "{reason:?}: {judgement:?}");
        assert_eq!(judgement.anomaly, judgement.actual > judgement.upper, "{judgement:?}");
    }
    let young = last(&flat(29, &[(28, 900.0)]));
    assert_eq!((young.reason, young.anomaly, young.low_confidence), (Reason::TooYoung, false, true));
    let judge_last =
        |amount: f64| last(&(0..DAYS).map(|day| if day + 1 < DAYS { 0.02 } else { amount }).collect::<Vec<_>>());
    assert_eq!(judge_last(0.11).reason, Reason::BelowFloor);
    assert_eq!(judge_last(0.13).reason, Reason::AboveBand);
    // A Monday with the cost of a Sunday: a holiday.
    let weekends = |day: usize| if weekday(day) < 5 { 100.0 } else { 200.0 };
    let holiday: Vec<f64> = (0..172).map(|day| if day == 171 { 200.0 } else { weekends(day) }).collect();
    assert_eq!((weekday(171), last(&holiday).reason), (0, Reason::OtherWeekday));
}

#[test]
fn the_bound_and_the_score_tell_the_same_as_the_verdict() {
    for (name, shape) in SHAPES {
        let mut series = days_of(shape);
        series[SPIKE] *= 3.0;
        for judgement in judged(&series) {
            assert_eq!(judgement.anomaly, judgement.score > 1.0, "{name}: {judgement:?}");
            assert_eq!(judgement.anomaly, judgement.actual > judgement.upper, "{name}: {judgement:?}");
        }
    }
}

#[test]
fn a_judgement_carries_the_numbers_of_its_reason() {
    let judgement = last(&flat(100, &[(99, 200.0), (68, 120.0)]));
    assert!((judgement.expected - 100.0).abs() < 2.0, "{judgement:?}");
    let is_share = judgement.basis == Basis::Share && (judgement.upper / judgement.base - 1.3).abs() < 1e-9;
    assert!(is_share, "{judgement:?}");
    // In three months: the day from the start, the day from the end, and the weekday by its number.
    assert_eq!((judgement.matching_days, judgement.matching_most.round() as i64), (7, 120), "{judgement:?}");
}

#[test]
fn a_step_up_is_told_for_five_days_and_then_is_the_usual() {
    let mut series = days_of(SHAPES[0].1);
    for amount in &mut series[SPIKE..] {
        *amount *= 1.8;
    }
    assert_eq!(anomalies(&series), (SPIKE..SPIKE + 5).collect::<Vec<_>>());
    let after = judged(&series)[SPIKE + 5];
    assert!((after.expected - 180.0).abs() < 10.0, "{after:?}");
}

#[test]
fn an_explanation_tells_the_amount_from_its_bound() {
    let just_above = Judgement {
        expected: 100.0,
        upper: 130.0,
        base: 100.0,
        anomaly: true,
        reason: Reason::AboveBand,
        ..Judgement::unknown(130.0004)
    };
    let explanation = just_above.explanation("EUR");
    assert!(
        explanation.starts_with("cost 130.0004 EUR; expected 100.0000, at most 130.0000 (30 % more)"),
        "{explanation}"
    );
    // A file may have no currency. Like days may have cost more when the expectation was higher.
    let like = Judgement { matching_days: 3, matching_most: 200.0, actual: 150.0, ..just_above };
    let want = "cost 150.00; expected 100.00, at most 130.00 (30 % more); like days of earlier months cost up to 200.00, \
                but more was expected of them";
    assert_eq!(like.explanation(""), want);
    let mut roll_up = Judgement { actual: 150.0, ..just_above };
    roll_up.raise(160.0, Basis::Parts);
    let want = "cost 150.00 EUR; expected 100.00, at most 160.00 (what its groups should cost, and its own band); its \
                groups together are not up by more than its band";
    assert_eq!((roll_up.anomaly, roll_up.explanation("EUR").as_str()), (false, want));
}

#[test]
fn a_charge_at_any_place_of_the_month_is_told_once_and_known_the_month_after() {
    type IsDue = fn(Date) -> bool;
    for (name, is_due) in [
        ("the sixteenth", (|day| day.day() == 16) as IsDue),
        ("two days before the last", |day| day.day() + 2 == day.days_in_month()),
        ("the third Friday", |day| weekday_of(day) == 4 && (day.day() - 1) / 7 == 2),
    ] {
        let charged = |index: usize| if is_due(day(index)) && index > 30 { 400.0 } else { 100.0 } + noise(index, 13);
        let first = (31..DAYS).find(|index| is_due(day(*index))).unwrap();
        assert_eq!(anomalies(&(0..DAYS).map(charged).collect::<Vec<_>>()), [first], "{name}");
    }
}

#[test]
fn a_job_on_a_new_weekday_is_an_anomaly_for_four_weeks() {
    let series: Vec<f64> = (0..DAYS).map(|day| if day > 80 && weekday(day) == 2 { 300.0 } else { 100.0 }).collect();
    let first = (81..DAYS).find(|day| weekday(*day) == 2).unwrap();
    assert_eq!(anomalies(&series), [first, first + 7, first + 14, first + 21]);
}

#[test]
fn incidents_do_not_widen_the_band() {
    // Every 37th day costs twice as much, beside 5 % noise.
    let is_incident = |index: usize| index > 60 && index.is_multiple_of(37);
    let series: Vec<f64> =
        (0..DAYS).map(|index| SHAPES[0].1(index) * if is_incident(index) { 2.0 } else { 1.0 }).collect();
    assert_eq!(anomalies(&series), (0..DAYS).filter(|index| is_incident(*index)).collect::<Vec<_>>());
}

#[test]
fn a_series_that_costs_something_now_and_then_is_compared_with_its_days_with_a_cost() {
    // No weekly profile, and mostly zero.
    let runs = |index: usize| noise(index, 20) > 0.3;
    let amount = |index: usize| if runs(index) { 100.0 + 5.0 * noise(index, 21) } else { 0.0 };
    let mut series: Vec<f64> = (0..DAYS).map(amount).collect();
    assert_eq!(anomalies(&series), Vec::<usize>::new());
    let run = (SPIKE..DAYS).find(|index| runs(*index)).unwrap();
    series[run] = 200.0;
    assert_eq!(anomalies(&series), [run]);
    assert!((judged(&series)[run].expected - 100.0).abs() < 10.0);
}

#[test]
fn five_days_after_an_outage_of_any_length_the_level_is_known() {
    for outage in [0.0, 3.0] {
        for days in 1..=10 {
            let series: Vec<f64> = (0..DAYS)
                .map(|index| if (100..100 + days).contains(&index) { outage } else { SHAPES[0].1(index) })
                .collect();
            assert_eq!(anomalies(&series), Vec::<usize>::new(), "{days} days at {outage}");
            let after = judged(&series)[105 + days];
            assert!((after.expected / 100.0 - 1.0).abs() < 0.1, "{days} days at {outage}: {after:?}");
        }
    }
}

#[test]
fn bad_input_has_a_defined_judgement() {
    let before = || flat(60, &[]);
    let then = |more: &[f64]| [before(), more.to_vec()].concat();
    let weeks = |amount: f64| vec![amount; 35];
    for (name, series, reason, expected) in [
        ("one day of history", vec![100.0], Reason::TooYoung, f64::NAN),
        ("never a cost", vec![0.0; 40], Reason::TooYoung, f64::NAN),
        ("a refund", then(&[-500.0]), Reason::Below, 100.0),
        ("the day after a refund", then(&[-500.0, 100.0]), Reason::WithinBand, 100.0),
        ("a month of refunds", then(&weeks(-5.0)), Reason::Below, 100.0),
        ("zero for one day", then(&[0.0]), Reason::Pause, 100.0),
        ("zero for weeks", then(&weeks(0.0)), Reason::Pause, 0.0),
        ("a cost as before after weeks of zero", then(&[weeks(0.0), vec![100.0]].concat()), Reason::WithinBand, 0.0),
        ("twice as much after weeks of zero", then(&[weeks(0.0), vec![200.0]].concat()), Reason::AboveBand, 0.0),
        ("unknown for weeks", then(&weeks(f64::NAN)), Reason::Unknown, 100.0),
        (
            "a cost as before after weeks unknown",
            then(&[weeks(f64::NAN), vec![100.0]].concat()),
            Reason::WithinBand,
            100.0,
        ),
        ("infinite", then(&[f64::INFINITY]), Reason::Unknown, 100.0),
        ("beyond any amount", then(&[1e300]), Reason::Unknown, 100.0),
        ("next to nothing", then(&[1e-300]), Reason::Pause, 100.0),
    ] {
        let judgement = last(&series);
        assert_eq!(judgement.reason, reason, "{name}: {judgement:?}");
        let is_expected =
            (judgement.expected - expected).abs() < 1.0 || judgement.expected.is_nan() && expected.is_nan();
        assert!(is_expected, "{name}: {judgement:?}");
    }
}

#[test]
fn days_that_are_never_given_are_unknown() {
    let mut model = Model::new(Settings::default());
    for index in (0..DAYS).filter(|index| !(90..120).contains(index)) {
        let judgement = model.step(day(index), &[SHAPES[2].1(index)])[0];
        assert!(!judgement.anomaly, "{judgement:?}");
        assert!(index < 30 || judgement.score.abs() < 0.9, "day {index}: {judgement:?}");
    }
    // Years later.
    let later = model.step(day(9000), &[300.0])[0];
    assert_eq!(later.reason, Reason::AboveBand, "{later:?}");
}

#[test]
fn a_group_that_is_renamed_is_young_and_the_old_one_pauses() {
    let mut model = Model::new(Settings::default());
    for index in 0..60 {
        model.step(day(index), &[100.0]);
    }
    let judgements = model.step(day(60), &[0.0, 100.0]);
    assert_eq!(
        judgements.iter().map(|judgement| judgement.reason).collect::<Vec<_>>(),
        [Reason::Pause, Reason::TooYoung]
    );
}

/// Two series of a project and one of another. The `vanished` ones have no cost from day 60 on.
fn vanishing(days: usize, vanished: &[usize]) -> (Vec<Reason>, Vec<(&'static str, u8)>, Forecast) {
    let (mut model, mut blackouts) = (Model::new(Settings::default()), Blackouts::default());
    for (series, wholes) in [["", "shop"], ["", "shop"], ["", "test"]].iter().enumerate() {
        wholes.iter().for_each(|whole| blackouts.add(*whole, series));
    }
    let mut reasons = Vec::new();
    for index in 0..60 + days {
        let mut amounts = [100.0, 10.0, 20.0];
        vanished.iter().filter(|_| index >= 60).for_each(|series| amounts[*series] = 0.0);
        blackouts.apply(&model, day(index), &mut amounts);
        reasons = model.step(day(index), &amounts).iter().map(|judgement| judgement.reason).collect();
    }
    let missing = blackouts.missing().map(|(whole, days)| (*whole, days)).collect();
    (reasons, missing, model.forecast(day(59 + days).first_of_month())[0])
}

#[test]
fn a_whole_that_vanishes_at_once_is_unknown_and_its_forecast_does_not_fall() {
    use Reason::{Pause, Unknown, WithinBand};
    let (reasons, missing, forecast) = vanishing(1, &[0, 1]);
    assert_eq!((reasons, missing), (vec![Unknown, Unknown, WithinBand], vec![("shop", 1)]));
    // 60 days from 15 March on: it vanishes on 14 May.
    assert!((forecast.estimate - 3100.0).abs() < 50.0, "{forecast:?}");
    let (reasons, missing, forecast) = vanishing(9, &[0, 1]);
    assert_eq!((reasons, missing), (vec![Unknown, Unknown, WithinBand], vec![("shop", 9)]));
    assert!((forecast.estimate - 3100.0).abs() < 50.0, "{forecast:?}");
    assert!(forecast.lower <= 2200.0, "its band reaches down to nine days without a cost: {forecast:?}");
    let (reasons, missing, _) = vanishing(1, &[0, 1, 2]);
    assert_eq!((reasons, missing), (vec![Unknown; 3], vec![("", 1), ("shop", 1)]));
    // A single series pauses, and after ten days a whole project has ended.
    let (reasons, missing, forecast) = vanishing(1, &[2]);
    assert_eq!((reasons, missing), (vec![WithinBand, WithinBand, Pause], vec![]));
    assert!((forecast.estimate - 3100.0).abs() < 50.0, "{forecast:?}");
    let (reasons, missing, _) = vanishing(12, &[0, 1]);
    assert_eq!((reasons, missing), (vec![Pause, Pause, WithinBand], vec![]));
}

#[test]
fn a_clone_goes_on_as_its_original_would_have() {
    let mut model = Model::new(Settings::default());
    for index in 0..SPIKE {
        model.step(day(index), &[SHAPES[2].1(index)]);
    }
    let mut other = model.clone();
    other.step(day(SPIKE), &[10_000.0]);
    let mut fresh = Model::new(Settings::default());
    for index in 0..SPIKE {
        fresh.step(day(index), &[SHAPES[2].1(index)]);
    }
    for index in SPIKE..DAYS {
        let amounts = [SHAPES[2].1(index)];
        assert_eq!(model.step(day(index), &amounts), fresh.step(day(index), &amounts));
    }
}

#[test]
fn what_is_judged_does_not_depend_on_whether_months_are_forecast() {
    let mut models = [true, false].map(|forecasts| Model::new(Settings { forecasts, ..Settings::default() }));
    for index in 0..DAYS {
        let amounts = [SHAPES[2].1(index), SHAPES[3].1(index)];
        // As text, because NaN does not equal itself.
        let [both, judging] = models.each_mut().map(|model| format!("{:?}", model.step(day(index), &amounts)));
        assert_eq!(both, judging, "day {index}");
    }
    assert_eq!(models.map(|model| model.forecast(day(DAYS)).len()), [2, 0]);
}

#[test]
fn contributors_are_the_largest_excesses_with_their_share() {
    let of = |expected: f64, actual: f64| Judgement {
        expected,
        upper: expected * 1.3,
        anomaly: true,
        ..Judgement::unknown(actual)
    };
    let children = [of(10.0, 15.0), of(100.0, 40.0), of(50.0, 80.0), of(f64::NAN, 7.0)];
    let found = contributors(&of(160.0, 200.0), &children);
    assert_eq!(
        found.iter().map(|found| (found.child, found.share)).collect::<Vec<_>>(),
        [(2, 0.75), (3, 0.175), (0, 0.125)]
    );
    assert_eq!(contributors(&of(160.0, 150.0), &children), []);
}

/// Amounts of every kind: none, tiny, huge, credits, unknown.
fn any_amount() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..500.0_f64,
        2 => Just(0.0),
        1 => -50.0..0.0_f64,
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(1e-12), Just(1e17), Just(1e300), Just(-1e17)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_larger_amount_is_never_less_of_an_anomaly(
        shape in 0..SHAPES.len(), amounts in prop::collection::vec(any_amount(), 0..40), one in 0.0..1000.0_f64,
        more in 0.0..1000.0_f64,
    ) {
        let mut model = Model::new(Settings::default());
        let series: Vec<f64> = (0..60).map(SHAPES[shape].1).chain(amounts).collect();
        for (index, amount) in series.iter().enumerate() {
            model.step(day(index), &[*amount]);
        }
        let judge = |amount| model.clone().step(day(series.len()), &[amount])[0];
        let (one, other) = (judge(one), judge(one + more));
        prop_assert!(one.score <= other.score && one.anomaly <= other.anomaly, "{one:?} {other:?}");
        prop_assert!(one.upper.to_bits() == other.upper.to_bits(), "{one:?} {other:?}");
    }

    #[test]
    fn nothing_that_is_no_number_leaves_the_model(amounts in prop::collection::vec(any_amount(), 1..150)) {
        let mut model = Model::new(Settings::default());
        let mut has_begun = false;
        for (index, amount) in amounts.iter().enumerate() {
            let judgement = model.step(day(index), &[*amount])[0];
            prop_assert!(judgement.score.is_finite() && judgement.matching_most.is_finite(), "{judgement:?}");
            prop_assert!(judgement.deviation.is_finite() && judgement.deviation >= 0.0, "{judgement:?}");
            prop_assert!(!has_begun || judgement.expected.is_finite(), "{judgement:?}");
            prop_assert!(!judgement.upper.is_nan() && (judgement.upper.is_finite() || judgement.low_confidence), "{judgement:?}");
            has_begun |= *amount >= 1e-9 && *amount <= 1e18;
            let forecast = model.forecast(day(index).first_of_month())[0];
            for number in [forecast.month_to_date, forecast.estimate, forecast.lower, forecast.upper] {
                prop_assert!(number.is_finite(), "{forecast:?}");
            }
            prop_assert!(forecast.lower <= forecast.estimate && forecast.estimate <= forecast.upper, "{forecast:?}");
        }
    }

    #[test]
    fn another_currency_changes_the_amounts_and_not_the_verdicts(
        shape in 0..SHAPES.len(), power in -3.0..5.0_f64, spikes in prop::collection::vec((30..DAYS, 1.3..6.0_f64), 0..5),
    ) {
        let factor = 10.0_f64.powf(power);
        let mut series = days_of(SHAPES[shape].1);
        for (index, rise) in spikes {
            series[index] *= rise;
        }
        let judge = |factor: f64| {
            let mut model = Model::new(Settings { least_amount: 0.0, ..Settings::default() });
            let step = |(index, amount): (usize, &f64)| model.step(day(index), &[amount * factor])[0];
            series.iter().enumerate().map(step).collect::<Vec<_>>()
        };
        for (one, other) in judge(1.0).iter().zip(judge(factor)) {
            // On the bound itself, rounding decides.
            prop_assert!(one.anomaly == other.anomaly || (one.score - 1.0).abs() < 1e-3, "{one:?} {other:?}");
            for (one, other) in [(one.expected, other.expected), (one.upper, other.upper)] {
                prop_assert!(!one.is_finite() || (one * factor - other).abs() <= 1e-3 * other.abs(), "{one} {other}");
            }
        }
    }

    #[test]
    fn what_is_said_of_a_series_does_not_depend_on_the_others(turn in 0..SHAPES.len()) {
        let all: Vec<usize> = (0..SHAPES.len()).map(|place| (place + turn) % SHAPES.len()).collect();
        let mut together = Model::new(Settings::default());
        let mut alone = Model::new(Settings::default());
        for index in 0..DAYS {
            let amounts: Vec<f64> = all.iter().map(|shape| SHAPES[*shape].1(index)).collect();
            let judgement = format!("{:?}", together.step(day(index), &amounts)[0]);
            prop_assert_eq!(judgement, format!("{:?}", alone.step(day(index), &amounts[..1])[0]));
        }
    }
}

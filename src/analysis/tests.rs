//! The model against series of a known kind, small enough to be read as a table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::analysis::{Judgement, Model, Settings, contributors};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

const DAYS: usize = 200;
/// A Wednesday, the seventh of August.
const SPIKE: usize = 145;

/// The day that all others count from: a Friday.
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

/// Evenly spread in -1..1, the same for the same arguments everywhere.
fn noise(index: usize, seed: u64) -> f64 {
    let mut mixed = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(0xD1B5_4A32_D192_ED03);
    mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 32)) % 20_001) as f64 / 10_000.0 - 1.0
}

type Shape = fn(usize) -> f64;

/// What a day costs in a series of that kind.
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
        assert_eq!(anomalies(&days_of(shape)), Vec::<usize>::new(), "{name}");
    }
}

#[test]
fn a_spike_is_found_on_its_first_day_and_until_its_last() {
    for (name, shape) in SHAPES {
        for (days, rise) in [(1, 1.5), (3, 2.0), (5, 5.0)] {
            let mut series = days_of(shape);
            for amount in &mut series[SPIKE..SPIKE + days] {
                *amount *= rise;
            }
            let expected: Vec<usize> = (SPIKE..SPIKE + days).filter(|index| series[*index] > 0.0).collect();
            assert_eq!(anomalies(&series), expected, "{name}, {days} days times {rise}");
        }
    }
}

#[test]
fn a_step_up_is_told_for_five_days_and_then_is_the_usual() {
    let mut series = days_of(SHAPES[0].1);
    for amount in &mut series[SPIKE..] {
        *amount *= 1.8;
    }
    assert_eq!(anomalies(&series), (SPIKE..SPIKE + 5).collect::<Vec<_>>());
    let after = judged(&series)[DAYS - 1];
    assert!((after.expected - 180.0).abs() < 10.0, "{after:?}");
}

#[test]
fn a_charge_at_any_place_of_the_month_is_told_once_and_known_the_month_after() {
    type IsDue = fn(Date) -> bool;
    for (name, is_due, first) in [
        ("the ninth", (|day| day.day() == 9) as IsDue, Some(date(2024, 4, 9))),
        // Its first time lies in the first days, when nothing is told.
        ("the last Tuesday", |day| weekday_of(day) == 1 && day.day() + 7 > day.days_in_month(), None),
        ("the second Friday", |day| weekday_of(day) == 4 && (day.day() - 1) / 7 == 1, Some(date(2024, 4, 12))),
        (
            "the tenth, or the Monday after it",
            |day| match weekday_of(day) {
                0 => (10..=12).contains(&day.day()),
                5 | 6 => false,
                _ => day.day() == 10,
            },
            Some(date(2024, 4, 10)),
        ),
    ] {
        let charged = |index: usize| if is_due(day(index)) { 400.0 } else { 100.0 } + noise(index, 13);
        let told = anomalies(&(0..DAYS).map(charged).collect::<Vec<_>>());
        assert_eq!(told.iter().map(|index| day(*index)).collect::<Vec<_>>(), Vec::from_iter(first), "{name}");
    }
}

#[test]
fn a_charge_whose_amount_varies_is_told_twice_at_most() {
    let charges = [4.0, 5.5, 4.2, 5.0, 6.0, 4.5, 5.2];
    let charged = |index: usize| match day(index) {
        day if day.day() == 9 => 100.0 * charges[usize::from(day.month().unsigned_abs()) - 4],
        _ => 100.0 + noise(index, 15),
    };
    let series: Vec<f64> = (0..DAYS).map(charged).collect();
    let told: Vec<Date> = anomalies(&series).into_iter().map(day).collect();
    assert!([date(2024, 4, 9), date(2024, 5, 9)].starts_with(&told) && !told.is_empty(), "{told:?}");
}

#[test]
fn a_charge_of_several_days_among_the_first_days_is_known_the_month_after() {
    for first in [16, 20] {
        for days in [2, 3] {
            let is_due = |index: usize| (first..first + days).contains(&usize::try_from(day(index).day()).unwrap());
            let series: Vec<f64> = (0..60).map(|index| if is_due(index) { 300.0 } else { 100.0 }).collect();
            assert_eq!(anomalies(&series), Vec::<usize>::new(), "{days} days from the {first}th on");
        }
    }
}

#[test]
fn the_second_day_of_a_charge_is_known_where_the_calendar_has_none_like_it() {
    // In May the day after the first Tuesday is not the first Wednesday.
    let is_first_tuesday = |day: Date| weekday_of(day) == 1 && day.day() <= 7;
    let is_due = |index: usize| (0..3).any(|days| index >= days && is_first_tuesday(day(index - days)));
    let series: Vec<f64> =
        (0..DAYS).map(|index| if is_due(index) { 300.0 } else { 100.0 + noise(index, 31) }).collect();
    let told: Vec<Date> = anomalies(&series).into_iter().map(day).collect();
    assert_eq!(told, [] as [Date; 0]);
}

#[test]
fn a_charge_that_is_due_amid_a_spike_is_no_part_of_it() {
    let charged = |index: usize| if day(index).day() == 9 { 400.0 } else { 100.0 } + noise(index, 13);
    let mut series = days_of(charged);
    let due = (SPIKE..DAYS).find(|index| day(*index).day() == 9).unwrap();
    for amount in &mut series[due - 2..due] {
        *amount *= 2.0;
    }
    assert_eq!(anomalies(&series)[1..], [due - 2, due - 1]);
}

#[test]
fn after_a_step_a_spike_shows_though_the_amounts_are_exact() {
    let mut series: Vec<f64> = (0..DAYS).map(|index| if index < 100 { 100.0 } else { 160.0 }).collect();
    series[SPIKE] *= 1.45;
    assert_eq!(anomalies(&series), [100, 101, 102, 103, 104, SPIKE]);
}

#[test]
fn a_level_that_was_stayed_at_twice_may_be_returned_to() {
    // Away from it for longer than a former level is remembered.
    let stays = |index: usize| (40..55).contains(&index) || (90..105).contains(&index) || index >= SPIKE;
    let series: Vec<f64> = (0..DAYS).map(|index| if stays(index) { 160.0 } else { 100.0 }).collect();
    let told = anomalies(&series);
    assert_eq!(told, [40, 41, 42, 43, 44, 90, 91, 92, 93, 94]);
    let elsewhere: Vec<f64> = (0..DAYS).map(|index| if index == SPIKE { 190.0 } else { series[index] }).collect();
    assert!(anomalies(&elsewhere).contains(&SPIKE));
}

#[test]
fn a_job_that_runs_at_times_and_costs_more_from_now_on_is_told_once() {
    let runs = [3, 4, 10, 18, 27, 31, 38, 47, 52, 53, 61, 70, 78, 86, 95, 99, 108, 121, 133, 134, 150, 167];
    // Twice as much while little is known of it may be its habit, more than ever by far may not.
    for (dearer, amount, told) in
        [(70, 120.0, None), (70, 300.0, Some(70)), (95, 120.0, Some(95)), (99, 120.0, Some(99))]
    {
        let cost = |index: &usize| if *index < dearer { 50.0 } else { amount } + noise(*index, 32);
        let series: Vec<f64> = (0..DAYS).map(|index| if runs.contains(&index) { cost(&index) } else { 0.0 }).collect();
        assert_eq!(anomalies(&series), Vec::from_iter(told), "{amount} from {dearer} on");
    }
}

#[test]
fn a_spike_of_any_size_shows() {
    for factor in [5.5, 20.0, 10_000.0] {
        for (name, shape) in SHAPES {
            for at in [60, 100, SPIKE, 160] {
                let mut series = days_of(shape);
                series[at] *= factor;
                let judgement = judged(&series)[at];
                assert!(judgement.anomaly || series[at] <= 0.0, "{name} {factor} on {}: {judgement:?}", day(at));
                assert_eq!(judgement.anomaly, judgement.score > 1.0, "{name}: {judgement:?}");
            }
        }
    }
}

#[test]
fn an_amount_between_a_former_level_and_the_present_one_is_a_return_to_neither() {
    const FALL: usize = 130;
    let mut series: Vec<f64> =
        (0..DAYS).map(|index| if index < FALL { 200.0 } else { 100.0 } + noise(index, 6)).collect();
    series[SPIKE] = 190.0;
    assert_eq!(anomalies(&series), Vec::<usize>::new(), "back at the former level");
    series[SPIKE] = 150.0;
    assert_eq!(anomalies(&series), [SPIKE], "halfway");
    series[SPIKE] = 260.0;
    assert_eq!(anomalies(&series), [SPIKE], "above it");
}

#[test]
fn a_weekend_that_has_its_own_small_amount_has_its_own_spikes() {
    const SATURDAY: usize = SPIKE + 3;
    assert_eq!(weekday(SATURDAY), 5);
    for (weekend, spike, found) in [(3.0, 9.0, true), (0.0, 90.0, false)] {
        let usual = |index| if weekday(index) < 5 { 100.0 } else { weekend };
        let mut series = days_of(|index| 1.0 + 0.03 * noise(index, 15));
        series.iter_mut().enumerate().for_each(|(index, amount)| *amount *= usual(index));
        series[SATURDAY] = spike;
        assert_eq!(anomalies(&series), Vec::from_iter(found.then_some(SATURDAY)), "weekends cost {weekend}");
    }
}

#[test]
fn a_spike_a_fortnight_ago_explains_only_just_the_same() {
    for (earlier, found) in [(200.0, vec![SPIKE - 14]), (188.0, vec![SPIKE - 14, SPIKE])] {
        let mut series = vec![100.0; DAYS];
        (series[SPIKE - 14], series[SPIKE]) = (earlier, 200.0);
        assert_eq!(anomalies(&series), found, "{earlier}");
    }
}

#[test]
fn a_spike_on_the_day_of_a_charge_shows_above_the_charge() {
    let charge = SHAPES.iter().find(|(name, _)| *name == "charge on the first").unwrap().1;
    let mut series = days_of(charge);
    let first = (SPIKE..DAYS).find(|index| day(*index).day() == 1).unwrap();
    series[first] *= 2.0;
    assert_eq!(anomalies(&series), [first]);
}

#[test]
fn a_job_on_every_third_day_is_usual_and_a_spike_on_top_of_it_is_not() {
    let job = |index: usize| if index % 3 == 1 { 400.0 } else { 100.0 } + noise(index, 14);
    for spike in [SPIKE, SPIKE + 1] {
        let mut series: Vec<f64> = (0..DAYS).map(job).collect();
        series[spike] *= 1.6;
        assert_eq!(anomalies(&series), [spike], "on a run: {}", spike % 3 == 1);
    }
    let mut model = Model::new(Settings::default());
    for index in 0..DAYS {
        model.step(day(index), &[job(index)]);
    }
    for index in DAYS..DAYS + 9 {
        let Judgement { expected, actual, .. } = model.step(day(index), &[job(index)])[0];
        assert!((expected - actual).abs() < 0.05 * actual, "{index}: {expected} for {actual}");
    }
}

#[test]
fn a_spike_to_the_price_before_a_discount_shows_while_the_discount_lasts() {
    let discount = SHAPES.iter().find(|(name, _)| *name == "discount until the first").unwrap().1;
    let mut series = days_of(discount);
    let spike = (SPIKE..DAYS).find(|index| day(*index).day() == 20).unwrap();
    series[spike] = 100.0;
    assert_eq!(anomalies(&series), [spike]);
}

#[test]
fn a_holiday_of_the_account_is_no_anomaly_for_the_series_that_peak() {
    let mut model = Model::new(Settings::default());
    let mut told = Vec::new();
    for index in 0..DAYS {
        let peak = if index == SPIKE { 1.6 } else { 1.0 };
        let amounts: Vec<f64> = (0..20).map(|seed| 100.0 * peak * (1.0 + 0.05 * noise(index, seed))).collect();
        told.extend(model.step(day(index), &amounts).iter().filter(|judgement| judgement.anomaly).map(|_| index));
    }
    assert_eq!(told, Vec::<usize>::new());
}

#[test]
fn the_first_week_is_never_an_anomaly_and_the_second_only_when_large() {
    for (index, rise, is_told) in [(4, 50.0, false), (10, 3.0, false), (10, 20.0, true)] {
        let mut series = vec![100.0; 20];
        series[index] *= rise;
        let judgement = judged(&series)[index];
        assert_eq!((judgement.anomaly, judgement.low_confidence), (is_told, true), "day {index} times {rise}");
    }
}

#[test]
fn a_missing_day_is_unknown_and_a_new_series_begins_late() {
    let mut model = Model::new(Settings::default());
    for index in (0..120).filter(|index| index % 11 != 5) {
        let amounts = [100.0, 50.0 + noise(index, 1)];
        let known = if index < 60 { 1 } else { 2 };
        let judgements = model.step(day(index), &amounts[..known]);
        assert_eq!(judgements.iter().filter(|judgement| judgement.anomaly).count(), 0, "day {index}");
    }
    let spiked = model.step(day(120), &[100.0, 100.0]);
    assert_eq!(spiked.iter().map(|judgement| judgement.anomaly).collect::<Vec<_>>(), [false, true]);
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
        // As text, in which what is not known equals itself.
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
        actual,
        score: 0.0,
        anomaly: true,
        low_confidence: false,
    };
    let children = [of(10.0, 15.0), of(100.0, 40.0), of(50.0, 80.0), of(f64::NAN, 7.0)];
    let found = contributors(&of(160.0, 200.0), &children);
    assert_eq!(
        found.iter().map(|found| (found.child, found.share)).collect::<Vec<_>>(),
        [(2, 0.75), (3, 0.175), (0, 0.125)]
    );
    assert_eq!(contributors(&of(160.0, 150.0), &children), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

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
                // Rounding decides too what a weekday without cost costs.
                let slack = 1e-3 * other.abs().max(0.1 * factor);
                prop_assert!(!one.is_finite() || (one * factor - other).abs() <= slack, "{one} {other}");
            }
        }
    }
}

//! What is known about a day above the usual, as numbers: what the forest decides by.
//!
//! Ratios are natural logarithms of today's amount over another, so that 0 is the same and 0.7 twice as much.

use crate::analysis::calendar::{Kind, Place};
use crate::analysis::habit::Rise;
use crate::analysis::past::{Cell, MEMORY_DAYS};

/// Stands for what is not known, or is compared with nothing.
const MISSING: f32 = -9.0;
/// Ratios end here.
const FARTHEST: f32 = 8.0;
/// A distance of what was never there.
const NEVER: f32 = 9.0;
/// An earlier day so far above its usual, as a logarithm, was a rise.
const RISEN: f32 = 0.18;
/// Days compared one by one.
const DAYS: [usize; 5] = [1, 2, 7, 14, 28];
/// Stretches of days looked at as a whole.
const STRETCHES: [usize; 4] = [7, 28, 56, 120];
/// Two amounts are about the same within this logarithm, and nearly the same within the other.
const ALIKE: f32 = 0.2;
const NEARLY: f32 = 0.08;
/// Days around the same day one, two and three months ago.
const MONTHS_AGO: [(usize, usize); 3] = [(26, 34), (57, 65), (88, 96)];
/// Rhythms in days.
const RHYTHMS: std::ops::RangeInclusive<usize> = 2..=63;
/// A place in the month with a like amount, as a logarithm.
const SAME_PLACE: f32 = 0.15;

/// The numbers of one day, in the order of [`NAMES`].
#[derive(Clone, Copy, Debug)]
pub struct Evidence([f32; NAMES.len()]);

/// What the rules found out about the day.
pub(super) struct Findings {
    pub(super) base: f32,
    pub(super) expected: f32,
    pub(super) margin: f32,
    /// What explains the amount and how far that reaches, 1 for an event, 2 for a level, 3 for a habit.
    pub(super) explained: Option<(f32, u8)>,
    pub(super) former: Option<f32>,
    pub(super) is_sparse: bool,
    pub(super) days_above: usize,
    pub(super) regime: usize,
}

/// What the numbers are called in the table that a forest is grown from.
pub const NAMES: [&str; 81] = [
    "over_expected",
    "over_base",
    "margin",
    "over_bound",
    "explained",
    "over_explained",
    "over_former",
    "noise",
    "sparse",
    "days_above",
    "regime",
    "weekday_part",
    "day",
    "from_end",
    "weekday",
    "over_1",
    "lift_1",
    "over_2",
    "lift_2",
    "over_7",
    "lift_7",
    "over_14",
    "lift_14",
    "over_28",
    "lift_28",
    "median_7",
    "most_7",
    "rises_7",
    "anomalies_7",
    "alike_7",
    "lift_alike_7",
    "upper_7",
    "median_28",
    "most_28",
    "rises_28",
    "anomalies_28",
    "alike_28",
    "lift_alike_28",
    "upper_28",
    "median_56",
    "most_56",
    "rises_56",
    "anomalies_56",
    "alike_56",
    "lift_alike_56",
    "upper_56",
    "median_120",
    "most_120",
    "rises_120",
    "anomalies_120",
    "alike_120",
    "lift_alike_120",
    "upper_120",
    "last_alike",
    "week_median",
    "week_most",
    "week_days",
    "day_best",
    "day_alike",
    "from_end_best",
    "from_end_alike",
    "working_best",
    "working_alike",
    "working_from_end_best",
    "working_from_end_alike",
    "nth_weekday_best",
    "nth_weekday_alike",
    "last_weekday_best",
    "last_weekday_alike",
    "moved_best",
    "moved_alike",
    "month_ago_lift",
    "month_ago_anomaly",
    "rhythm",
    "near_1",
    "near_2",
    "near_3",
    "trend",
    "begins",
    "steps",
    "spread",
];

impl Evidence {
    pub(super) fn of(rise: &Rise<'_>, found: &Findings) -> Evidence {
        let mut numbers = Numbers { values: [MISSING; NAMES.len()], count: 0 };
        let past = Days::read(rise);
        numbers.rules(rise, found);
        numbers.days(&past);
        numbers.stretches(&past);
        numbers.weeks(&past);
        numbers.places(&past, rise);
        numbers.rhythm(&past);
        numbers.months(&past);
        numbers.changes(&past);
        debug_assert_eq!(numbers.count, NAMES.len());
        Evidence(numbers.values)
    }

    /// The numbers, in the order of [`NAMES`].
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }
}

/// The logarithm of `one` over `other`.
fn over(one: f32, other: f32) -> f32 {
    if one > 0.0 && other > 0.0 { (one / other).ln().clamp(-FARTHEST, FARTHEST) } else { MISSING }
}

fn is_known(ratio: f32) -> bool {
    ratio > MISSING
}

/// The days before, the newest first, as ratios.
struct Days {
    /// How many of them the series has lived through.
    count: usize,
    /// Today's amount over that of each.
    over: [f32; MEMORY_DAYS],
    /// How far each was above its usual.
    lift: [f32; MEMORY_DAYS],
    is_anomaly: [bool; MEMORY_DAYS],
    /// How far today is above its usual.
    today: f32,
}

impl Days {
    fn read(rise: &Rise<'_>) -> Days {
        let cells = rise.past.newest(rise.series, MEMORY_DAYS);
        let count = cells.iter().rposition(|cell| cell.actual() > 0.0).map_or(0, |last| last + 1);
        let ratio = |of: fn(&Cell, f32) -> f32| {
            let mut ratios = [MISSING; MEMORY_DAYS];
            for (ratio, cell) in ratios.iter_mut().zip(&cells[..count]) {
                *ratio = of(cell, rise.actual);
            }
            ratios
        };
        Days {
            count,
            over: ratio(|cell, today| over(today, cell.actual())),
            lift: ratio(|cell, _| over(cell.actual(), cell.usual())),
            is_anomaly: cells.map(Cell::is_anomaly),
            today: over(rise.actual, rise.usual),
        }
    }

    /// How far today's amount is from what that day's rise would make of it: by the amount or by the ratio to the usual.
    fn off_rise(&self, lag: usize) -> f32 {
        let (over, lift) = (self.over[lag - 1], self.lift[lag - 1]);
        if lift > RISEN { over.abs().min((self.today - lift).abs()) } else { NEVER }
    }
}

struct Numbers {
    values: [f32; NAMES.len()],
    count: usize,
}

impl Numbers {
    fn add(&mut self, number: f32) {
        self.values[self.count] = number;
        self.count += 1;
    }

    fn count(&mut self, days: impl Iterator<Item = bool>) {
        self.add(days.filter(|day| *day).count() as f32);
    }

    fn rules(&mut self, rise: &Rise<'_>, found: &Findings) {
        let (amount, kind) = found.explained.unwrap_or((0.0, 0));
        self.add(over(rise.actual, found.expected));
        self.add(over(rise.actual, found.base));
        self.add(found.margin);
        self.add(over(rise.actual, found.expected) / found.margin);
        self.add(f32::from(kind));
        self.add(over(rise.actual, amount));
        self.add(found.former.map_or(MISSING, |former| over(rise.actual, former)));
        self.add(rise.noise);
        self.add(f32::from(found.is_sparse));
        self.add(found.days_above as f32);
        self.add(found.regime.min(STRETCHES[3]) as f32);
        self.add(rise.part(0));
        self.calendar(rise.place);
    }

    fn calendar(&mut self, place: &Place) {
        self.add(f32::from(place.day));
        self.add(f32::from(place.from_end));
        self.add(place.weekday as f32);
    }

    fn days(&mut self, past: &Days) {
        for lag in DAYS {
            self.add(past.over[lag - 1]);
            self.add(past.lift[lag - 1]);
        }
    }

    fn stretches(&mut self, past: &Days) {
        for days in STRETCHES {
            let days = days.min(past.count);
            let (over, lift) = (&past.over[..days], &past.lift[..days]);
            let mut known = Known::of(over.iter().copied());
            self.add(known.median());
            // The most that a day cost is the least that today is over one.
            self.add(known.least());
            self.count(lift.iter().map(|lift| *lift > RISEN));
            self.count(past.is_anomaly[..days].iter().copied());
            self.count(over.iter().map(|over| over.abs() < ALIKE));
            self.count(lift.iter().map(|lift| (past.today - lift).abs() < ALIKE));
            self.add(Known::of(lift.iter().copied()).quantile(0.9));
        }
        let alike = past.over[..past.count].iter().position(|over| over.abs() < NEARLY);
        self.add(alike.map_or(MEMORY_DAYS, |index| index + 1) as f32);
    }

    fn weeks(&mut self, past: &Days) {
        let mut same = Known::of((7..=past.count.min(56)).step_by(7).map(|lag| past.over[lag - 1]));
        self.add(same.median());
        self.add(same.least());
        self.add(same.count as f32);
    }

    fn places(&mut self, past: &Days, rise: &Rise<'_>) {
        const KINDS: [fn(Kind) -> bool; 7] = [
            |kind| kind == Kind::Day,
            |kind| kind == Kind::FromEnd,
            |kind| kind == Kind::Working,
            |kind| kind == Kind::WorkingFromEnd,
            |kind| kind == Kind::Weekday,
            |kind| kind == Kind::WeekdayFromEnd,
            |kind| matches!(kind, Kind::MovedLater(_) | Kind::MovedEarlier(_)),
        ];
        let earlier = || rise.place.monthly.iter().filter(|earlier| earlier.lag <= past.count);
        for is_kind in KINDS {
            let (mut best, mut alike) = (NEVER, 0);
            for earlier in earlier().filter(|earlier| is_kind(earlier.kind)) {
                let distance = past.off_rise(earlier.lag);
                best = best.min(distance);
                alike += usize::from(distance < SAME_PLACE);
            }
            self.add(best);
            self.add(alike as f32);
        }
        let month_ago = earlier().find(|earlier| earlier.kind == Kind::Day && earlier.months == 1);
        self.add(month_ago.map_or(MISSING, |earlier| past.lift[earlier.lag - 1]));
        self.add(month_ago.map_or(MISSING, |earlier| f32::from(past.is_anomaly[earlier.lag - 1])));
    }

    /// The nearest that two rises so many days apart come to today.
    fn rhythm(&mut self, past: &Days) {
        let apart = |days: usize| past.off_rise(days).max(past.off_rise(2 * days));
        self.add(RHYTHMS.map(apart).fold(NEVER, f32::min));
    }

    fn months(&mut self, past: &Days) {
        for (from, to) in MONTHS_AGO {
            let near = &past.lift[from - 1..to];
            self.add(near.iter().copied().fold(MISSING, f32::max));
        }
    }

    /// How the level has moved.
    fn changes(&mut self, past: &Days) {
        let median = |from: usize, to: usize| {
            let days = from.min(past.count)..to.min(past.count);
            Known::of(past.over[days].iter().copied()).median()
        };
        let (now, before) = (median(0, 14), median(14, 56));
        self.add(if is_known(now) && is_known(before) { before - now } else { MISSING });
        let begins = past.lift[..past.count].windows(2).filter(|days| days[0] > RISEN && days[1] <= RISEN);
        self.add(begins.count() as f32);
        let weeks = past.over[..past.count].chunks_exact(7).map(|week| Known::of(week.iter().copied()).median());
        let mut weeks = Known::of(weeks);
        let in_turn = &weeks.values[..weeks.count];
        self.count(in_turn.windows(2).map(|weeks| (weeks[0] - weeks[1]).abs() > ALIKE));
        self.add(weeks.quantile(0.9) - weeks.quantile(0.1));
    }
}

/// The ratios that are known.
struct Known {
    values: [f32; MEMORY_DAYS],
    count: usize,
}

impl Known {
    fn of(ratios: impl Iterator<Item = f32>) -> Known {
        let mut known = Known { values: [MISSING; MEMORY_DAYS], count: 0 };
        for ratio in ratios.filter(|ratio| is_known(*ratio)) {
            known.values[known.count] = ratio;
            known.count += 1;
        }
        known
    }

    fn quantile(&mut self, share: f32) -> f32 {
        let place = (self.count as f32 * share) as usize;
        if place >= self.count {
            return MISSING;
        }
        *self.values[..self.count].select_nth_unstable_by(place, f32::total_cmp).1
    }

    fn median(&mut self) -> f32 {
        self.quantile(0.5)
    }

    fn least(&self) -> f32 {
        self.values[..self.count].iter().copied().reduce(f32::min).unwrap_or(MISSING)
    }
}

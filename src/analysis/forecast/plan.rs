//! Which days of a month are still to come, and which days of earlier months lay in the same part.

use jiff::civil::Date;

use crate::analysis::calendar::days_between;
use crate::analysis::past::{MEMORY_DAYS, Past};

use super::presence;

/// How many earlier months are looked at; more are not remembered.
pub(super) const MONTHS: usize = 5;
/// The length of the stretches by which two times are compared: as many of each weekday, about a month's charges.
pub(super) const STRETCH: usize = 28;
/// How many days of a month are over where forecasts are held against what came; one for each of [`STAGES`].
pub(super) const CHECKPOINTS: [i8; STAGES] = [0, 5, 10, 20, 25];
/// The parts of a month, each with errors and a band of its own.
pub(super) const STAGES: usize = 5;

/// The days of one month as seen after a certain day. The same for all series.
pub(in crate::analysis) struct Plan {
    /// How many days of the month are over.
    pub(super) elapsed: i8,
    /// How many days the month has.
    pub(super) length: f32,
    /// Days without a known amount: those to come, and those over of which nothing is known.
    pub(super) open: f32,
    /// How many of them are of each weekday, Monday first.
    pub(super) weekdays: [f32; 7],
    /// Where the days to come begin and end, in days after the one that comes next.
    pub(super) window: (usize, usize),
    /// How far the days to come are from the last known day, on average.
    pub(super) distance: f32,
    /// The same part of earlier months, nearest first.
    pub(super) parts: Vec<Part>,
    /// The weekday of each lag (1 is the newest day), 0 being Monday.
    pub(super) weekday_at: [u8; MEMORY_DAYS + 1],
    /// The lags that fall on each weekday; bit 0 is the newest day.
    pub(super) lags_of: [u128; 7],
    /// The weekdays of the days known among the last [`STRETCH`].
    pub(super) stretch: [f32; 7],
}

/// The part of an earlier month that corresponds to the days to come, and the stretch before it.
pub(super) struct Part {
    /// Lags, the further one first.
    pub(super) lags: (usize, usize),
    pub(super) weekdays: [f32; 7],
    pub(super) before: [f32; 7],
}

impl Plan {
    /// Of the month that begins on `month`, after `newest`, the last known day.
    pub(in crate::analysis) fn new(newest: Date, month: Date, past: &Past) -> Self {
        let tomorrow = next(newest);
        let last = month.last_of_month();
        let first = if newest < month { month } else { tomorrow };
        let elapsed = if newest >= last { last.day() } else { first.day() - 1 };
        let to_come = last.day() - elapsed;
        let start = days_between(tomorrow, first);
        let mut plan = Self {
            elapsed,
            length: f32::from(last.day()),
            open: f32::from(to_come),
            weekdays: [0.0; 7],
            window: (start, start + usize::from(to_come.unsigned_abs())),
            distance: start as f32 + (f32::from(to_come) + 1.0) / 2.0,
            parts: Vec::new(),
            weekday_at: [0; MEMORY_DAYS + 1],
            lags_of: [0; 7],
            stretch: [0.0; 7],
        };
        let weekday = usize::from(tomorrow.weekday().to_monday_zero_offset().unsigned_abs());
        for (lag, place) in plan.weekday_at.iter_mut().enumerate() {
            *place = ((weekday + 7 * MEMORY_DAYS - lag) % 7) as u8;
        }
        for (lag, place) in plan.weekday_at.iter().enumerate().skip(1).take(presence::DAYS) {
            plan.lags_of[usize::from(*place)] |= 1 << (lag - 1);
        }
        for day in plan.window.0..plan.window.1 {
            plan.weekdays[(weekday + day) % 7] += 1.0;
        }
        if newest >= month {
            plan.open_unknown(past);
        }
        plan.stretch = plan.known(past, STRETCH, 1);
        plan.add_parts(newest, month, past);
        plan
    }

    /// The weekday of the day after the newest, 0 being Monday.
    pub(in crate::analysis) fn tomorrow(&self) -> usize {
        usize::from(self.weekday_at[0])
    }

    /// The part of the month that has no known amount.
    pub(super) fn share_open(&self) -> f32 {
        self.open / self.length
    }

    /// Which part of the month this is.
    pub(super) fn stage(&self) -> usize {
        match self.elapsed {
            ..3 => 0,
            3..8 => 1,
            8..15 => 2,
            15..23 => 3,
            _ => 4,
        }
    }

    /// Whether forecasts made today are to be held against what comes.
    pub(super) fn is_checkpoint(&self) -> bool {
        CHECKPOINTS.contains(&self.elapsed)
    }

    /// How many earlier months a series of this age has.
    pub(super) fn months(&self, age: usize) -> usize {
        self.parts.iter().take_while(|part| part.lags.0 <= age).count()
    }

    /// What errors at the checkpoint of this stage come to now that fewer days are open.
    pub(super) fn of_checkpoint(&self) -> f32 {
        self.open / (self.length - f32::from(CHECKPOINTS[self.stage()]))
    }

    /// Days of the month that were missed cost something, too.
    fn open_unknown(&mut self, past: &Past) {
        for lag in 1..=usize::from(self.elapsed.unsigned_abs()).min(past.len()) {
            if !past.is_known(lag) {
                self.weekdays[usize::from(self.weekday_at[lag])] += 1.0;
                self.open += 1.0;
            }
        }
    }

    fn add_parts(&mut self, newest: Date, month: Date, past: &Past) {
        let mut earlier = month;
        for _ in 0..MONTHS {
            let end = earlier.yesterday().unwrap_or(earlier);
            earlier = end.first_of_month();
            let over = usize::from(self.elapsed.unsigned_abs());
            let lags = (days_between(earlier, newest) + 1).saturating_sub(over);
            let lags = (lags, days_between(end, newest) + 1);
            // A short month may have had no such days, and the history may begin amid them. In the month that has just
            // ended, all lags are at least 1.
            if lags.0 < lags.1 || lags.1 > past.len().min(MEMORY_DAYS) {
                continue;
            }
            let weekdays = self.known(past, lags.0, lags.1);
            let before = self.known(past, lags.0 + STRETCH, lags.0 + 1);
            self.parts.push(Part { lags, weekdays, before });
        }
    }

    /// The weekdays of the known days between two lags, the further one first.
    fn known(&self, past: &Past, from: usize, to: usize) -> [f32; 7] {
        let mut weekdays = [0.0; 7];
        for lag in (to..=from.min(MEMORY_DAYS)).filter(|lag| past.is_known(*lag)) {
            weekdays[usize::from(self.weekday_at[lag])] += 1.0;
        }
        weekdays
    }
}

fn next(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

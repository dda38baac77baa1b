//! The plan of a month: its open days, and the same part of earlier months.

use jiff::civil::Date;

use crate::calendar::{MONTHS, days_between, weekday};
use crate::series::DAYS;

/// The parts of a month, each with errors and a band of its own.
pub(super) const STAGES: usize = 5;
/// The numbers of elapsed days at which forecasts are recorded for comparison.
const CHECKPOINTS: [i8; STAGES] = [0, 5, 10, 20, 25];

/// The days of one month, seen from a certain day. The same for all series.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The number of the newest day, counted by the model.
    pub(super) at: usize,
    /// Its weekday. 0 is Monday.
    pub(super) weekday: usize,
    /// The number of elapsed days of the month.
    pub(super) elapsed: usize,
    /// The number of days of the month.
    pub(super) length: f64,
    /// The number of open days, in total and by weekday.
    pub(super) open: f64,
    pub(super) weekdays: [f64; 7],
    /// The average distance of the open days from the newest day.
    pub(super) distance: f64,
    /// The same part of earlier months, by the distances of its days: the nearest month first, and in each the earlier
    /// day first.
    pub(super) parts: Vec<(usize, usize)>,
}

impl Plan {
    /// The plan of the month of the day after `newest`.
    pub(crate) fn of_tomorrow(newest: Date, at: usize) -> Self {
        Self::new(newest, next(newest).first_of_month(), at)
    }

    /// The plan of the month that begins on `month`, after `newest`, the last known day.
    pub(crate) fn new(newest: Date, month: Date, at: usize) -> Self {
        let (tomorrow, last) = (next(newest), month.last_of_month());
        let first = if newest < month { month } else { tomorrow };
        let elapsed = if newest >= last { last.day() } else { first.day() - 1 };
        let to_come = usize::from((last.day() - elapsed).unsigned_abs());
        let start = days_between(tomorrow, first);
        let mut weekdays = [0.0; 7];
        for day in start..start + to_come {
            weekdays[(weekday(tomorrow) + day) % 7] += 1.0;
        }
        let elapsed = usize::from(elapsed.unsigned_abs());
        Self {
            at,
            weekday: weekday(newest),
            elapsed,
            length: f64::from(last.day()),
            open: to_come as f64,
            weekdays,
            distance: start as f64 + (to_come as f64 + 1.0) / 2.0,
            parts: parts(newest, month, elapsed),
        }
    }

    /// The weekday of an earlier day, by its distance from the newest.
    pub(super) fn weekday_at(&self, lag: usize) -> usize {
        (self.weekday + 7 * DAYS - lag) % 7
    }

    /// The open share of the month.
    pub(super) fn share_open(&self) -> f64 {
        self.open / self.length
    }

    /// The current part of the month.
    pub(super) fn stage(&self) -> usize {
        match self.elapsed {
            ..3 => 0,
            3..8 => 1,
            8..15 => 2,
            15..23 => 3,
            _ => 4,
        }
    }

    /// The part whose forecasts are recorded today.
    pub(super) fn checkpoint(&self) -> Option<usize> {
        CHECKPOINTS.iter().position(|day| usize::from(day.unsigned_abs()) == self.elapsed)
    }

    /// The number of earlier months for a series of this age.
    pub(super) fn months(&self, age: usize) -> usize {
        self.parts.iter().take_while(|(from, _)| *from < age).count()
    }
}

fn parts(newest: Date, month: Date, elapsed: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut first = month;
    for _ in 0..MONTHS {
        let last = first.yesterday().unwrap_or(first);
        first = last.first_of_month();
        let to = days_between(last, newest);
        let from = days_between(first, newest).saturating_sub(elapsed);
        // A short month may lack these days.
        if (to..DAYS).contains(&from) {
            parts.push((from, to));
        }
    }
    parts
}

fn next(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

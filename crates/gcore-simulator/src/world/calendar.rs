//! The calendar of the company.

use std::ops::Range;

use jiff::civil::{Date, Weekday};

use crate::days::{each_day, midnight};

const DAY_SECONDS: i64 = 86_400;

/// The facts of a UTC day that a load needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Day {
    /// Days since 1970-01-01.
    pub(super) number: i64,
    /// 0 is Monday.
    pub(super) weekday: usize,
    pub(super) opens_month: bool,
    pub(super) closes_month: bool,
    pub(super) holiday: bool,
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self {
            number: day_number(date),
            weekday: usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0),
            opens_month: date.day() == 1,
            closes_month: date == date.last_of_month(),
            holiday: is_holiday(date),
        }
    }
}

/// Every day of a period.
pub(super) fn days(period: &Range<Date>) -> Vec<Day> {
    each_day(period).map(Day::from).collect()
}

/// The days from 1970-01-01 to a date.
pub(super) fn day_number(date: Date) -> i64 {
    midnight(date).as_second().div_euclid(DAY_SECONDS)
}

/// Whether the day is a holiday: Christmas, New Year, and the fourth Thursday of even months. So any four months have a
/// holiday within a week.
fn is_holiday(date: Date) -> bool {
    let fourth_thursday = date.weekday() == Weekday::Thursday && (22..=28).contains(&date.day());
    matches!((date.month(), date.day()), (1, 1) | (12, 25 | 26)) || (date.month() % 2 == 0 && fourth_thursday)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_know_their_place_in_week_month_and_year() {
        for (date, weekday, opens, closes, holiday) in [
            ("2026-10-01", 3, true, false, false),
            ("2026-10-22", 3, false, false, true),
            ("2026-11-26", 3, false, false, false),
            ("2026-12-26", 5, false, false, true),
            ("2027-01-01", 4, true, false, true),
            ("2028-02-28", 0, false, false, false),
            ("2028-02-29", 1, false, true, false),
        ] {
            let day = Day::from(date.parse::<Date>().unwrap());
            let got = (day.weekday, day.opens_month, day.closes_month, day.holiday);
            assert_eq!(got, (weekday, opens, closes, holiday), "{date}");
        }
        assert_eq!(day_number("1970-01-02".parse().unwrap()), 1);
    }
}

//! UTC days, periods, and the windows of reports.
//!
//! The API knows whole UTC days only. So a period is a half-open range of dates, and `end` is the first day after it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A half-open range of UTC days, at least one day long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    first: Date,
    end: Date,
}

impl Period {
    /// The days from `first` until the day before `end`. `None` when that is not even one day.
    #[must_use]
    pub fn new(first: Date, end: Date) -> Option<Self> {
        (first < end).then_some(Self { first, end })
    }

    /// A single day.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self { first: day, end: day.saturating_add(1.day()) }
    }

    /// The first day.
    #[must_use]
    pub fn first(self) -> Date {
        self.first
    }

    /// The first day after the period.
    #[must_use]
    pub fn end(self) -> Date {
        self.end
    }

    /// The last day.
    #[must_use]
    pub fn last(self) -> Date {
        self.end.saturating_sub(1.day())
    }

    /// The start of the first day.
    #[must_use]
    pub fn starts_at(self) -> Timestamp {
        midnight(self.first)
    }

    /// The end of the last day.
    #[must_use]
    pub fn ends_at(self) -> Timestamp {
        midnight(self.end)
    }

    /// Every day, in order.
    pub fn days(self) -> impl Iterator<Item = Date> {
        self.first.series(1.day()).take_while(move |day| *day < self.end)
    }
}

/// A period relative to now that has its own cost and usage families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The current UTC day, which is not complete.
    Today,
    /// The last whole UTC day.
    Yesterday,
    /// From the first day of the month to the current day, both included.
    MonthToDate,
    /// The whole month before the current one.
    PreviousMonth,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Self; 4] = [Self::Today, Self::Yesterday, Self::MonthToDate, Self::PreviousMonth];

    /// The name of this window in labels, metric names and the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Yesterday => "yesterday",
            Self::MonthToDate => "month_to_date",
            Self::PreviousMonth => "previous_month",
        }
    }

    /// The days that this window covers at `now`.
    #[must_use]
    pub fn period(self, now: Timestamp) -> Period {
        let today = utc_date(now);
        let tomorrow = today.saturating_add(1.day());
        let month = today.first_of_month();
        let (first, end) = match self {
            Self::Today => (today, tomorrow),
            Self::Yesterday => (today.saturating_sub(1.day()), today),
            Self::MonthToDate => (month, tomorrow),
            Self::PreviousMonth => (month.saturating_sub(1.month()), month),
        };
        Period { first, end }
    }
}

/// The UTC day of an instant.
#[must_use]
pub fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The start of the UTC day after `now`.
#[must_use]
pub fn next_midnight(now: Timestamp) -> Timestamp {
    midnight(utc_date(now).saturating_add(1.day()))
}

/// The start of the UTC month after `now`.
#[must_use]
pub fn next_month(now: Timestamp) -> Timestamp {
    midnight(utc_date(now).first_of_month().saturating_add(1.month()))
}

/// The start of a UTC day.
#[must_use]
pub fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_the_utc_calendar() {
        for (name, now, window, first, end) in [
            ("last second of a day", "2026-11-22T23:59:59Z", Window::Today, "2026-11-22", "2026-11-23"),
            ("first second of a day", "2026-11-23T00:00:00Z", Window::Today, "2026-11-23", "2026-11-24"),
            ("yesterday over a month", "2026-12-01T00:00:00Z", Window::Yesterday, "2026-11-30", "2026-12-01"),
            ("first of the month", "2026-12-01T00:00:00Z", Window::MonthToDate, "2026-12-01", "2026-12-02"),
            ("last of a long month", "2026-10-31T12:00:00Z", Window::MonthToDate, "2026-10-01", "2026-11-01"),
            ("previous month, leap year", "2028-03-31T12:00:00Z", Window::PreviousMonth, "2028-02-01", "2028-03-01"),
            ("previous month, new year", "2027-01-15T12:00:00Z", Window::PreviousMonth, "2026-12-01", "2027-01-01"),
            ("yesterday over new year", "2027-01-01T00:00:00Z", Window::Yesterday, "2026-12-31", "2027-01-01"),
        ] {
            let period = window.period(now.parse().unwrap());
            assert_eq!((period.first().to_string(), period.end().to_string()), (first.into(), end.into()), "{name}");
        }
    }

    #[test]
    fn no_window_is_longer_than_the_31_days_that_the_api_allows() {
        let start: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        for hours in (0..24 * 365 * 5).step_by(12) {
            let now = start + hours.hours();
            for window in Window::ALL {
                let days = window.period(now).days().count();
                assert!((1..=31).contains(&days), "{} at {now}: {days} days", window.as_str());
            }
        }
    }
}

//! UTC days and ranges of them.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Every day of a range, in order.
pub(crate) fn each_day(days: &Range<Date>) -> impl Iterator<Item = Date> {
    let end = days.end;
    days.start.series(1.day()).take_while(move |day| *day < end)
}

/// The UTC day of an instant.
pub(crate) fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The start of a UTC day.
pub(crate) fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The windows of reports, for tests: name and days at `now`.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    Today,
    Yesterday,
    MonthToDate,
    PreviousMonth,
}

#[cfg(test)]
impl Window {
    pub(crate) const ALL: [Self; 4] = [Self::Today, Self::Yesterday, Self::MonthToDate, Self::PreviousMonth];

    pub(crate) fn period(self, now: Timestamp) -> Range<Date> {
        let today = utc_date(now);
        let (tomorrow, month) = (today.tomorrow().unwrap(), today.first_of_month());
        match self {
            Self::Today => today..tomorrow,
            Self::Yesterday => today.yesterday().unwrap()..today,
            Self::MonthToDate => month..tomorrow,
            Self::PreviousMonth => month.yesterday().unwrap().first_of_month()..month,
        }
    }
}

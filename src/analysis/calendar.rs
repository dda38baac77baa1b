//! Which earlier days sit where a day sits in its month: charges come on the 15th, on the last working day, on the first
//! Monday, on the Monday after a 15th that was a Sunday.

use jiff::civil::Date;

/// How many months back a place in the month is looked up: more than a quarter, for fees of that rhythm.
const MONTHS: i16 = 4;
/// Working days are counted up to this one from either side of a month.
const LAST_RANK: i8 = 10;

/// Where a day sits, and the lags (days back) of the earlier days in the same place.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// 0 is Monday.
    pub(super) weekday: usize,
    /// Of the month, from 1.
    pub(super) day: i8,
    /// Days to the end of the month.
    pub(super) from_end: i8,
    /// Lags of the same place in the month, nearest first within a month.
    pub(super) monthly: Vec<Equivalent>,
    /// A day on which bills commonly fall: the turn of the month, its middle, the working days next to them.
    pub(super) is_billing_day: bool,
    /// A holiday or a sale in many countries.
    is_holiday: bool,
}

/// An earlier day in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Equivalent {
    pub(super) lag: usize,
    /// 1 is the month before.
    pub(super) months: i16,
    pub(super) kind: Kind,
}

/// What the two days have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The day of the month.
    Day,
    /// The distance from the month's end.
    FromEnd,
    /// The number of the working day, from the month's start.
    Working,
    /// The number of the working day, from the month's end.
    WorkingFromEnd,
    /// The weekday and the week of the month.
    Weekday,
    /// The weekday and the week, counted from the month's end.
    WeekdayFromEnd,
    /// The due day, which is today or was so many days ago: off a weekend it moves to the Monday after.
    MovedLater(i8),
    /// The due day, which is today or in so many days: off a weekend it moves to the Friday before.
    MovedEarlier(i8),
}

impl Kind {
    /// What earlier days have in common with a day, the surest first.
    pub(super) const ALL: [Kind; 12] = [
        Kind::Day,
        Kind::FromEnd,
        Kind::Working,
        Kind::WorkingFromEnd,
        Kind::Weekday,
        Kind::WeekdayFromEnd,
        Kind::MovedLater(0),
        Kind::MovedLater(1),
        Kind::MovedLater(2),
        Kind::MovedEarlier(0),
        Kind::MovedEarlier(1),
        Kind::MovedEarlier(2),
    ];

    /// The same day of the month or the same distance from its end.
    pub(super) fn is_exact(self) -> bool {
        matches!(self, Kind::Day | Kind::FromEnd)
    }
}

impl Equivalent {
    /// The same day of the month or the same distance from its end.
    pub(super) fn is_exact(self) -> bool {
        self.kind.is_exact()
    }
}

impl Place {
    pub(super) fn of(day: Date) -> Place {
        let mut place = Place {
            weekday: weekday(day),
            day: day.day(),
            from_end: day.days_in_month() - day.day(),
            monthly: Vec::new(),
            is_billing_day: is_billing_day(day),
            is_holiday: is_holiday(day),
        };
        for months in 1..=MONTHS {
            let Some(month) = month_before(day, months) else { continue };
            let same = on(month, day.day());
            place.add(day, same, months, Kind::Day);
            let from_end = day.days_in_month() - day.day();
            if from_end < 10 {
                place.add(day, on(month, month.days_in_month() - from_end), months, Kind::FromEnd);
            }
            if let Some(rank) = working_rank(day, Side::Start) {
                place.add(day, nth_working(month, rank, Side::Start), months, Kind::Working);
            }
            if let Some(rank) = working_rank(day, Side::End) {
                place.add(day, nth_working(month, rank, Side::End), months, Kind::WorkingFromEnd);
            }
            place.add_shifted(day, month, months);
            place.add(day, nth_weekday(month, day), months, Kind::Weekday);
            if from_end < 7 {
                place.add(day, last_weekday(month, day), months, Kind::WeekdayFromEnd);
            }
        }
        place
    }

    /// A day on which many series may rise for one reason.
    pub(super) fn is_event(&self) -> bool {
        self.is_billing_day || self.is_holiday
    }

    /// Whether a series has been at this place of a month before, in so many days.
    pub(super) fn was_seen(&self, age: usize) -> bool {
        self.monthly.iter().any(|earlier| earlier.is_exact() && earlier.lag <= age)
    }

    /// A fee that falls due at a weekend moves to the Monday after, or to the Friday before.
    fn add_shifted(&mut self, day: Date, month: Date, months: i16) {
        let (ahead, behind) = match weekday(day) {
            0 => (0, 2),
            4 => (2, 0),
            5 | 6 => return,
            _ => (0, 0),
        };
        for shift in -behind..=ahead {
            let due = day.day() + shift;
            if (1..=month.days_in_month()).contains(&due) {
                let due = on(month, due);
                if shift <= 0 {
                    self.add(day, rolled(due, Side::End), months, Kind::MovedLater(-shift));
                }
                if shift >= 0 {
                    self.add(day, rolled(due, Side::Start), months, Kind::MovedEarlier(shift));
                }
            }
        }
    }

    fn add(&mut self, day: Date, earlier: Date, months: i16, kind: Kind) {
        let lag = days_between(earlier, day);
        if lag > 0 && !self.monthly.iter().any(|known| known.lag == lag && known.kind == kind) {
            self.monthly.push(Equivalent { lag, months, kind });
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Start,
    End,
}

/// Days from `earlier` to `later`; 0 where that is not the order.
pub(super) fn days_between(earlier: Date, later: Date) -> usize {
    let hours = later.duration_since(earlier).as_hours();
    usize::try_from(hours / 24).unwrap_or(0)
}

fn weekday(day: Date) -> usize {
    usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0)
}

fn is_working(day: Date) -> bool {
    weekday(day) < 5
}

fn is_billing_day(day: Date) -> bool {
    let from_end = day.days_in_month() - day.day();
    matches!(day.day(), 1 | 2 | 15)
        || from_end < 3
        || working_rank(day, Side::Start) == Some(1)
        || working_rank(day, Side::End) == Some(1)
}

/// New Year, May Day, Christmas, and the days of sales after the fourth Thursday of November.
fn is_holiday(day: Date) -> bool {
    match (day.month(), day.day()) {
        (1, 1 | 2) | (5, 1) | (12, 24..=26 | 31) => true,
        (11, 23..=25) => weekday(day) == 4,
        (11, 26..=29) => matches!(weekday(day), 0 | 4),
        (11, 30) | (12, 1 | 2) => weekday(day) == 0,
        _ => false,
    }
}

/// The first day of the month that lies `months` before the day's.
fn month_before(day: Date, months: i16) -> Option<Date> {
    let ordinal = day.year().checked_mul(12)?.checked_add(i16::from(day.month()) - 1)?.checked_sub(months)?;
    let month = i8::try_from(ordinal.rem_euclid(12) + 1).ok()?;
    Date::new(ordinal.div_euclid(12), month, 1).ok()
}

/// A day of the month, or its last day where it is shorter.
fn on(month: Date, day: i8) -> Date {
    Date::new(month.year(), month.month(), day.clamp(1, month.days_in_month())).unwrap_or(month)
}

/// Which working day from that side of the month this is, 1 being the outermost; none at weekends and in the middle.
fn working_rank(day: Date, side: Side) -> Option<i8> {
    if !is_working(day) {
        return None;
    }
    let outer = match side {
        Side::Start => 1..=day.day(),
        Side::End => day.day()..=day.days_in_month(),
    };
    let rank = outer.filter(|other| is_working(on(day, *other))).count();
    i8::try_from(rank).ok().filter(|rank| *rank <= LAST_RANK)
}

fn nth_working(month: Date, rank: i8, side: Side) -> Date {
    let days = 1..=month.days_in_month();
    let nth = usize::try_from(rank - 1).unwrap_or(0);
    let found = match side {
        Side::Start => days.filter(|day| is_working(on(month, *day))).nth(nth),
        Side::End => days.rev().filter(|day| is_working(on(month, *day))).nth(nth),
    };
    on(month, found.unwrap_or(1))
}

/// The same weekday in the same week of the month (the first Monday, the third Friday).
fn nth_weekday(month: Date, day: Date) -> Date {
    let first = month.weekday().to_monday_zero_offset();
    let offset = (day.weekday().to_monday_zero_offset() - first).rem_euclid(7);
    on(month, 1 + offset + (day.day() - 1) / 7 * 7)
}

/// The same weekday in the same week from the month's end, for a day in the last week.
fn last_weekday(month: Date, day: Date) -> Date {
    let last = on(month, 31);
    let offset = (last.weekday().to_monday_zero_offset() - day.weekday().to_monday_zero_offset()).rem_euclid(7);
    on(month, last.day() - offset)
}

/// Where a day that falls on a weekend moves to, towards the month's start or end.
fn rolled(day: Date, side: Side) -> Date {
    let (saturday, sunday) = match side {
        Side::Start => (-1, -2),
        Side::End => (2, 1),
    };
    let days = match weekday(day) {
        5 => saturday,
        6 => sunday,
        _ => 0,
    };
    day.checked_add(jiff::Span::new().days(days)).unwrap_or(day)
}

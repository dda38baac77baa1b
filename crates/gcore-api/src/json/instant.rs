//! Parsing of instants in every form that an API may use.

use std::borrow::Cow;

use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// An instant as text or as a number. `None` when it is neither.
///
/// - Text is a date with or without a time, after a `T` or a blank. Without an offset it is UTC. 24:00 is the midnight
///   at the end of the day.
/// - A year beyond the calendar is the last instant of the calendar. Example: 9999-12-31T23:59:59Z for "never".
/// - A number of ten digits is the seconds since 1970. Three, six or nine digits more are parts of a second.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    plain_utc(text.as_bytes()).or_else(|| since_1970(text)).or_else(|| written(text))
}

/// An instant in the form of nearly every row, `2026-11-22T11:00:30Z`. The general parser takes three times as long.
fn plain_utc(text: &[u8]) -> Option<Timestamp> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = text else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| (tens - b'0') as i8 * 10 + (ones - b'0') as i8)
    };
    let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
    let civil = DateTime::new(year, two(m1, m2)?, two(d1, d2)?, two(h1, h2)?, two(n1, n2)?, two(s1, s2)?, 0).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

fn since_1970(text: &str) -> Option<Timestamp> {
    const TEN_DIGITS: std::ops::Range<f64> = 1e9..1e10;
    let number: f64 = text.parse().ok()?;
    let mut scales = [1.0, 1e3, 1e6, 1e9].into_iter().map(|parts| number / parts);
    let seconds = scales.find(|seconds| TEN_DIGITS.contains(seconds))?;
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

fn written(text: &str) -> Option<Timestamp> {
    let ends_the_day = text.get(10..13).is_some_and(|hour| ["T24", "t24", " 24"].contains(&hour));
    let text = if ends_the_day { Cow::Owned(text.replacen("24:", "00:", 1)) } else { Cow::Borrowed(text) };
    let pieces = Pieces::parse(text.as_bytes()).ok()?;
    let time = pieces.time().unwrap_or_default();
    let offset = match pieces.to_numeric_offset() {
        Some(offset) => offset,
        // Time zone names are not read, because no documented form has them.
        None if pieces.time_zone_annotation().is_some() => return None,
        None => Offset::UTC,
    };
    if ends_the_day && time != Time::midnight() {
        return None;
    }
    let beyond = |is_late: bool| is_late.then_some(Timestamp::MAX);
    let at = offset.to_timestamp(pieces.date().to_datetime(time)).ok().or_else(|| beyond(pieces.date().year() > 0))?;
    let rest = if ends_the_day { SignedDuration::from_hours(24) } else { SignedDuration::ZERO };
    at.checked_add(rest).ok().or_else(|| beyond(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_form() {
        for (want, texts) in [
            (
                "2024-02-10T08:11:12Z",
                &[
                    "2024-02-10T08:11:12Z",
                    "2024-02-10T08:11:12",
                    "2024-02-10 08:11:12",
                    " 2024-02-10 08:11:12+00:00 ",
                    "2024-02-10T08:11:12.000Z",
                    "2024-02-10T10:11:12+02:00",
                    "2024-02-10T10:11:12+0200",
                    "1707552672",
                    "1707552672.0",
                    "1.707552672e9",
                    "1707552672000",
                    "1707552672000000",
                    "1707552672000000000",
                ][..],
            ),
            (
                "2027-01-01T00:00:00Z",
                &[
                    "2026-12-31T24:00:00Z",
                    "2026-12-31T24:00:00.000Z",
                    "2026-12-31T24:00:00",
                    "2026-12-31 24:00",
                    "2026-12-31T24:00:00-00:00",
                    "2027-01-01T02:00:00+02:00",
                    "2026-12-31T24:00:00+00:00",
                    "2027-01-01",
                ],
            ),
            ("2026-12-31T22:00:00Z", &["2026-12-31T24:00:00+02:00"]),
            ("2028-03-01T00:00:00Z", &["2028-02-29T24:00:00Z"]),
            ("2026-12-31T23:59:59Z", &["2026-12-31T23:59:60Z"]),
            ("9999-12-30T22:00:00.999999999Z", &["9999-12-31T23:59:59Z", "9999-12-31T24:00:00Z", "9999-12-31"]),
            ("0001-01-01T00:00:00Z", &["0001-01-01T00:00:00Z"]),
        ] {
            for text in texts {
                assert_eq!(read(text), Some(want.parse().unwrap()), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_instant_is_not_taken_for_one() {
        for text in [
            "2024-02-30T08:11:12Z",
            "2024-02-10T0x:11:12Z",
            "2024-02-10T24:11:12Z",
            "2024-02-10T24:00:01Z",
            "2024-02-10T25:00:00Z",
            "2024-02-10T08:11:12[Europe/Berlin]",
            "yesterday",
            "never",
            "0",
            "-1",
            "2026",
            "17675520",
            "NaN",
            "infinity",
            "1e400",
            "é24:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

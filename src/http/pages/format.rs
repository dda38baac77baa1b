//! Amounts, days, ages and names as text of a page.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::aggregate::group::Group;
use crate::insights::Subject;
use crate::terminal::escaped;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::Names;
use gcore_api::billing::period::Period;
use gcore_api::billing::resource::ProjectId;

/// The longest name on a page, in characters.
const MOST_OF_A_NAME: usize = 80;
/// The longest sentence on a page.
const MOST_OF_A_SENTENCE: usize = 600;

/// The sign of a missing figure, with its meaning for screen readers.
pub(super) fn unknown() -> Markup {
    html! { span.unknown { "unknown" } }
}

/// An amount, or the word for an unknown one.
pub(super) fn amount(amount: Option<Amount>) -> Markup {
    match amount {
        Some(amount) => html! { (money(amount)) },
        None => unknown(),
    }
}

/// An amount with two decimals and thousands separators, such as `12,345.67`. Rounded half away from zero.
pub(super) fn money(amount: Amount) -> String {
    let text = amount.to_string();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("−", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digit = |at: usize| fraction.as_bytes().get(at).map_or(0, |byte| u128::from(byte - b'0'));
    let cents = whole.parse::<u128>().unwrap_or_default() * 100 + digit(0) * 10 + digit(1) + u128::from(digit(2) >= 5);
    let sign = if cents == 0 { "" } else { sign };
    format!("{sign}{}.{:02}", grouped(cents / 100), cents % 100)
}

/// An estimate in the same form.
pub(super) fn estimate(value: f64) -> String {
    format!("{value:.2}").parse().map_or_else(|_| "unknown".to_owned(), money)
}

/// Digits with a separator after each three.
pub(super) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent: whole above 10 %, with one decimal below.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.abs() < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// A day such as `22 Nov`.
pub(super) fn day(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}

/// A period such as `22–28 Nov` or `25 Nov – 1 Dec`.
pub(super) fn period(period: Period) -> String {
    let (first, last) = (period.first(), period.last());
    if first == last {
        day(first)
    } else if first.first_of_month() == last.first_of_month() {
        format!("{}–{}", first.day(), day(last))
    } else {
        format!("{} – {}", day(first), day(last))
    }
}

/// An instant to the minute, for people and for machines.
pub(super) fn instant(at: Timestamp) -> Markup {
    let zoned = at.to_zoned(TimeZone::UTC);
    html! { time datetime=(zoned.strftime("%Y-%m-%dT%H:%M:%SZ")) { (zoned.strftime("%Y-%m-%d %H:%M")) " UTC" } }
}

/// The age of an instant, such as `3 min`. An instant in the future has none.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    length(now.duration_since(at))
}

/// A length of time in its largest unit.
pub(super) fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A name from the API or the configuration. It cannot change the direction of the text around it, and is cut.
pub(super) fn name(text: &str) -> Markup {
    // A link or a heading without a text would be lost.
    let shown = if text.trim().is_empty() { "(no name)".to_owned() } else { shortened(text, MOST_OF_A_NAME) };
    html! { bdi { (shown) } }
}

/// A sentence that may hold such names.
pub(super) fn sentence(text: &str) -> Markup {
    html! { bdi { (shortened(text, MOST_OF_A_SENTENCE)) } }
}

/// The text without control characters, up to a number of characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    // The cut comes first, because an escape has several characters.
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", escaped(&text[..end])),
        None => escaped(text).into_owned(),
    }
}

/// The name of a project with its id.
pub(super) fn project(names: &Names, id: ProjectId) -> String {
    let (name, number) = (names.project(id), id.0.to_string());
    if name == number {
        format!("project {number}")
    } else {
        format!("{} ({number})", shortened(&name, MOST_OF_A_NAME))
    }
}

/// A group as text.
pub(super) fn group(names: &Names, group: &Group) -> String {
    let region = names.region(group.region);
    format!(
        "{} in {} of {}",
        shortened(group.resource_type.as_str(), MOST_OF_A_NAME),
        shortened(&region, MOST_OF_A_NAME),
        project(names, group.project)
    )
}

/// The subject of an anomaly as text.
pub(super) fn subject(names: &Names, subject: &Subject) -> String {
    match subject {
        Subject::Account | Subject::Budget(_) => "Whole account".into(),
        Subject::Project(id) => format!("Project {}", project(names, *id)),
        Subject::Type(word) => format!("{} in all projects", shortened(word.as_str(), MOST_OF_A_NAME)),
        Subject::Group(one) => group(names, one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_decimals_and_separators() {
        for (text, want) in [
            ("0", "0.00"),
            ("12.3", "12.30"),
            ("1234.567", "1,234.57"),
            ("999.995", "1,000.00"),
            ("0.004", "0.00"),
            ("-0.004", "0.00"),
            ("-1234567.891", "−1,234,567.89"),
            ("1000000", "1,000,000.00"),
        ] {
            assert_eq!(money(text.parse().unwrap()), want, "{text}");
        }
        assert_eq!([estimate(6085.675), estimate(f64::NAN)], ["6,085.68", "unknown"]);
        assert_eq!([0.034_f64, 0.5, 1.35].map(percent), ["3.4 %", "50 %", "135 %"]);
    }

    #[test]
    fn periods_name_their_first_and_last_day() {
        for (first, end, want) in [
            ("2026-11-22", "2026-11-29", "22–28 Nov"),
            ("2026-11-25", "2026-12-02", "25 Nov – 1 Dec"),
            ("2026-11-22", "2026-11-23", "22 Nov"),
        ] {
            let days = Period::new(first.parse().unwrap(), end.parse().unwrap()).unwrap();
            assert_eq!(period(days), want);
        }
    }

    #[test]
    fn names_cannot_reverse_text_or_fill_a_page() {
        assert_eq!(name("a\u{202e}b").into_string(), "<bdi>a\\u202eb</bdi>");
        assert_eq!(name("<script>\"'&").into_string(), "<bdi>&lt;script&gt;&quot;'&amp;</bdi>");
        assert_eq!(name(" ").into_string(), "<bdi>(no name)</bdi>");
        let long = name(&"ü".repeat(10_000)).into_string();
        assert_eq!(long.chars().filter(|character| *character == 'ü').count(), MOST_OF_A_NAME);
        assert!(long.ends_with("…</bdi>"));
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let of = |seconds| length(SignedDuration::from_secs(seconds));
        let want = ["0 s", "0 s", "119 s", "2 min", "2 h", "3 days"];
        assert_eq!([-5, 0, 119, 120, 7_200, 259_200].map(of), want);
    }
}

//! Amounts, days, ages and names as text of a page.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::escaping::escaped;
use crate::http::cost_sums::WindowSums;
use crate::insights::wording;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, Window};

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

/// The days of the month up to today.
pub(super) fn month_so_far(now: Timestamp) -> String {
    period(Window::MonthToDate.period(now))
}

/// An instant to the minute, for people and for machines.
pub(super) fn instant(at: Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) { (wording::instant(at)) } }
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

/// The text with a capital letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), rest.as_str()))
}

/// The accounts that sums of accounts leave out, after a comma. Empty when all are known or all are unknown.
pub(super) fn without(sums: &WindowSums<'_>) -> Markup {
    let (unknown, known) = (sums.unknown.len(), sums.known.len());
    html! {
        @if known > 0 && unknown > 0 {
            strong {
                ", without "
                @if let [account] = sums.unknown.as_slice() { "account " (name(account.as_str())) }
                @else { (unknown) " of " (known + unknown) " accounts" }
            }
        }
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
        let months = ["2026-12-01T00:00:00Z", "2026-11-22T12:00:00Z"].map(|now| month_so_far(now.parse().unwrap()));
        assert_eq!(months, ["1 Dec", "1–22 Nov"]);
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

//! Durations with units: `90s`, `15m`, `6h`, `7d`, `1h30m`. A day has 24 hours.

use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;

const UNITS: [(u128, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];

/// Parses a duration. The error gives an example.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(without_unit(text));
    }
    SpanParser::new()
        .parse_span(text)
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| r#"must be a length of time, such as "90s", "15m", "6h", "7d" or "1h30m""#.into())
}

/// The fault of a number without a unit.
pub(super) fn without_unit(number: &str) -> String {
    format!(r#"{number} has no unit: write "{number}s" for seconds, "{number}m", "{number}h" or "{number}d""#)
}

/// The shortest exact text of a duration, to the millisecond.
pub(super) fn text(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (length, unit) in UNITS {
        if rest >= length {
            text += &format!("{}{unit}", rest / length);
            rest %= length;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_needs_a_unit() {
        for (text, seconds) in [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("6h", Some(21_600)),
            ("7d", Some(604_800)),
            ("2w", Some(1_209_600)),
            ("1h30m", Some(5_400)),
            ("1h 30m", Some(5_400)),
            ("0s", Some(0)),
            ("", None),
            ("90", None),
            ("-5m", None),
            ("5m ago", None),
            ("1mo", None),
            ("1y", None),
            ("soon", None),
            ("P1D", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(parse(text).ok().map(|duration| duration.as_secs()), seconds, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for text in ["90s", "15m", "7d", "1h30m", "1d1h1m1s1ms", "0s", "400d"] {
            let duration = parse(text).unwrap();
            assert_eq!(parse(&super::text(duration)).unwrap(), duration, "{text}");
        }
        assert_eq!(text(Duration::from_secs(90)), "1m30s");
        assert_eq!(text(Duration::from_secs(86_400)), "1d");
    }
}

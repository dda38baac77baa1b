//! When a failed request is worth another try, and when that may start.

use std::time::Duration;

use backon::ExponentialBuilder;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::error::Reason;

/// Half a second, doubled each time up to eight, randomly stretched; three more tries at most.
pub(super) fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(3)
        .with_jitter()
}

/// What a status means, and whether it may pass by itself. `None`: a usable answer.
pub(super) fn classify(status: StatusCode) -> Option<(Reason, bool)> {
    match status.as_u16() {
        200..=299 => None,
        401 => Some((Reason::Unauthorized, false)),
        403 | 404 => Some((Reason::Unsupported, false)),
        408 => Some((Reason::Timeout, true)),
        429 => Some((Reason::RateLimited, true)),
        300..=399 => Some((Reason::Redirect, false)),
        500..=599 => Some((Reason::ServerError, true)),
        _ => Some((Reason::BadRequest, false)),
    }
}

/// How long the server asks to wait: milliseconds in `retry-after-ms`, or seconds, fractions of them or a date in
/// `Retry-After`. A date in the past asks for no wait; an unreadable value for none in particular.
pub(super) fn requested_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |number: f64| Duration::try_from_secs_f64(number.max(0.0)).ok();
    if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return seconds(milliseconds / 1000.0);
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(number) = value.parse::<f64>() {
        return seconds(number);
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_retry_after_is_understood() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        for (name, header, value, want) in [
            ("seconds", "retry-after", "7", Some(Duration::from_secs(7))),
            ("fraction", "retry-after", "0.25", Some(Duration::from_millis(250))),
            ("date", "retry-after", "Sun, 22 Nov 2026 12:00:30 GMT", Some(Duration::from_secs(30))),
            ("date in the past", "retry-after", "Sun, 22 Nov 2026 11:00:00 GMT", Some(Duration::ZERO)),
            ("milliseconds", "retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("negative", "retry-after", "-3", Some(Duration::ZERO)),
            ("word", "retry-after", "soon", None),
            ("not a number", "retry-after", "NaN", Some(Duration::ZERO)),
            ("endless", "retry-after", "inf", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header, value.parse().unwrap());
            assert_eq!(requested_wait(&headers, now), want, "{name}");
        }
        assert_eq!(requested_wait(&HeaderMap::new(), now), None, "no header");
    }

    #[test]
    fn statuses_have_their_reason() {
        for (status, want) in [
            (200, None),
            (204, None),
            (301, Some((Reason::Redirect, false))),
            (400, Some((Reason::BadRequest, false))),
            (401, Some((Reason::Unauthorized, false))),
            (403, Some((Reason::Unsupported, false))),
            (404, Some((Reason::Unsupported, false))),
            (408, Some((Reason::Timeout, true))),
            (409, Some((Reason::BadRequest, false))),
            (429, Some((Reason::RateLimited, true))),
            (500, Some((Reason::ServerError, true))),
            (504, Some((Reason::ServerError, true))),
        ] {
            assert_eq!(classify(StatusCode::from_u16(status).unwrap()), want, "{status}");
        }
    }
}

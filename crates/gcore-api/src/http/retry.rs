//! Decides whether and when a failed request is retried.

use std::time::Duration;

use backon::ExponentialBuilder;
use reqwest::StatusCode;

use crate::http::error::Reason;

/// At most three retries: the delay is half a second, doubles each time up to eight seconds, and has random jitter.
pub(crate) fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(3)
        .with_jitter()
}

/// The meaning of a status, and whether a retry may succeed. `None` is a usable response.
pub(crate) fn classify(status: StatusCode) -> Option<(Reason, bool)> {
    match status.as_u16() {
        200..=299 => None,
        401 => Some((Reason::Unauthorized, false)),
        403 | 404 => Some((Reason::Unsupported, false)),
        407 => Some((Reason::Proxy, false)),
        408 => Some((Reason::Timeout, true)),
        429 => Some((Reason::RateLimited, true)),
        300..=399 => Some((Reason::Redirect, false)),
        500..=599 => Some((Reason::ServerError, true)),
        _ => Some((Reason::BadRequest, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (407, Some((Reason::Proxy, false))),
            (409, Some((Reason::BadRequest, false))),
            (429, Some((Reason::RateLimited, true))),
            (500, Some((Reason::ServerError, true))),
            (504, Some((Reason::ServerError, true))),
        ] {
            assert_eq!(classify(StatusCode::from_u16(status).unwrap()), want, "{status}");
        }
    }
}

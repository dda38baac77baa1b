//! Why a notification was not accepted.

use std::time::Duration;

use reqwest::StatusCode;

/// A failed delivery, with a reason and a text. Neither holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// The reason, for the label.
    pub reason: Reason,
    /// The error in words.
    pub detail: String,
    /// The wait that the receiver asks for.
    pub wait: Option<Duration>,
    /// The status of the answer, if there was one.
    pub status: Option<StatusCode>,
}

impl Failure {
    /// A failure without an answer.
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), wait: None, status: None }
    }
}

/// All reasons of failures, as in the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A configured secret is unusable: its file is missing or holds something else.
    Secret,
    /// No connection, or a broken one.
    Connect,
    /// The certificate of the receiver is not trusted.
    Tls,
    /// No complete answer in time, or 408.
    Timeout,
    /// 3xx. Redirects are never followed, because they could send a secret to another host.
    Redirect,
    /// 401 or 403.
    Unauthorized,
    /// 404.
    NotFound,
    /// 410: the endpoint no longer exists.
    Gone,
    /// 429.
    RateLimited,
    /// 400 and every other refusal of the content.
    BadRequest,
    /// 5xx.
    ServerError,
    /// A good status with a wrong body, such as a login page.
    BadBody,
    /// A stored message cannot be read.
    Garbled,
}

impl Reason {
    /// The word for the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Redirect => "redirect",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Gone => "gone",
            Self::RateLimited => "rate_limited",
            Self::BadRequest => "bad_request",
            Self::ServerError => "server_error",
            Self::BadBody => "bad_body",
            Self::Garbled => "garbled",
        }
    }

    /// The reason for a status. `None`: accepted.
    pub(super) fn of(status: StatusCode) -> Option<Self> {
        Some(match status.as_u16() {
            200..=299 => return None,
            300..=399 => Self::Redirect,
            401 | 403 => Self::Unauthorized,
            404 => Self::NotFound,
            408 => Self::Timeout,
            410 => Self::Gone,
            429 => Self::RateLimited,
            500..=599 => Self::ServerError,
            _ => Self::BadRequest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_their_reason() {
        for (status, want) in [
            (200, None),
            (202, None),
            (301, Some(Reason::Redirect)),
            (400, Some(Reason::BadRequest)),
            (401, Some(Reason::Unauthorized)),
            (403, Some(Reason::Unauthorized)),
            (404, Some(Reason::NotFound)),
            (408, Some(Reason::Timeout)),
            (410, Some(Reason::Gone)),
            (422, Some(Reason::BadRequest)),
            (429, Some(Reason::RateLimited)),
            (503, Some(Reason::ServerError)),
        ] {
            assert_eq!(Reason::of(StatusCode::from_u16(status).unwrap()), want, "{status}");
        }
    }
}

//! The errors of requests and readings.

use crate::http::endpoint::Endpoint;

/// A failed reading: the endpoint, the reason, and advice for the reader of the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {detail}", .endpoint.as_str())]
pub struct Error {
    /// The endpoint of the request.
    pub endpoint: Endpoint,
    /// The kind of failure. Callers decide by it, and it becomes a label.
    pub reason: Reason,
    /// The explanation. It never holds the key.
    pub detail: String,
}

impl Error {
    /// Whether the server does not know the path. A key may lack access to one path, but not to all of them.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.detail.contains("answered 404 ")
    }
}

/// The kinds of failure, as the values of the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// 401: the key is wrong, incomplete or expired.
    Unauthorized,
    /// 403 or 404 with an error of the API: the key has no access, or the account has no such endpoint.
    Unsupported,
    /// 429 with a wait beyond the poll deadline.
    RateLimited,
    /// No complete response in time, or 408.
    Timeout,
    /// The poll deadline passed before the request could start or end. The next poll may succeed.
    Late,
    /// No connection, or a broken connection.
    Connect,
    /// 407: a proxy asks for a password.
    Proxy,
    /// A connection without trust: unknown authority, wrong host name, expired certificate.
    Tls,
    /// 3xx. Redirects are never followed, because the key could go to another host.
    Redirect,
    /// 400 and every other refusal: the API does not accept the request.
    BadRequest,
    /// 5xx.
    ServerError,
    /// The response is no JSON, no page, or too large for a page; or a 403 or 404 that is no error of the API.
    BadBody,
    /// The pages do not form one list.
    Inconsistent,
}

impl Reason {
    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Unsupported => "unsupported",
            Self::RateLimited => "rate_limited",
            Self::Timeout | Self::Late => "timeout",
            Self::Connect | Self::Proxy => "connect",
            Self::Tls => "tls",
            Self::Redirect => "redirect",
            Self::BadRequest => "bad_request",
            Self::ServerError => "server_error",
            Self::BadBody => "bad_body",
            Self::Inconsistent => "inconsistent",
        }
    }

    /// Whether every other request of the account would fail for the same reason.
    #[must_use]
    pub fn concerns_the_key(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Unsupported)
    }
}

//! What can go wrong between a request and its records.

use super::endpoint::Endpoint;

/// A reading that failed: which request, why, and what the reader of the log can do about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {detail}", .endpoint.as_str())]
pub struct Error {
    /// The endpoint that was asked.
    pub endpoint: Endpoint,
    /// The kind of failure: what a caller decides by, and what becomes a label.
    pub reason: Reason,
    /// The story in words; never holds the key.
    pub detail: String,
}

impl Error {
    /// Whether the server knows no such path: one of them may be closed to the key, all of them are not.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.detail.contains("answered 404 ")
    }
}

/// The closed list of kinds of failure, as the `reason` label shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// 401: the key is wrong, cut short or expired.
    Unauthorized,
    /// 403 or 404 with an error of the API: the key may not read this, or the account has no such endpoint.
    Unsupported,
    /// 429, and waiting as long as asked would outlast the poll.
    RateLimited,
    /// No complete answer in time, or 408.
    Timeout,
    /// The poll's own time was over before the request had its turn or its whole answer: the next poll may do better.
    Late,
    /// No connection, or one that broke.
    Connect,
    /// 407: a proxy stands in between and lets nobody through without a password.
    Proxy,
    /// A connection that cannot be trusted: unknown authority, wrong host name, expired certificate.
    Tls,
    /// 3xx: never followed, or the key could travel to another host.
    Redirect,
    /// 400 and every other refusal: the API does not take the request as it is.
    BadRequest,
    /// 5xx.
    ServerError,
    /// An answer that is no JSON, no page, or larger than any page may be; a 403 or 404 that is no error of the API.
    BadBody,
    /// Pages that do not add up to one list.
    Inconsistent,
}

impl Reason {
    /// The word for the `reason` label.
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

    /// Whether every other request of the account would fail the same way, so that trying is pointless.
    #[must_use]
    pub fn concerns_the_key(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Unsupported)
    }
}

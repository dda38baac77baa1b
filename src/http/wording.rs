//! The state of a collector, and the reason of a failed poll, as sentences.

use jiff::Timestamp;

use crate::snapshot::{Outcome, Status};
use gcore_api::http::error::Reason;

/// The state of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No poll has ended yet.
    Waiting,
    /// The last poll was good, and recent.
    Good,
    /// The last poll was good, but is more than three intervals old.
    Late,
    /// The last poll failed.
    Failing,
    /// The key may not read the source.
    Unsupported,
    /// The key may no longer read the source.
    AccessLost,
}

/// The number of intervals after which a reading is late, as for the alert `GcoreDataStale`.
const LATE_AFTER: i64 = 3;

impl State {
    pub(super) fn of(status: &Status, now: Timestamp) -> Self {
        let age = status.last_success.map(|at| now.duration_since(at).as_secs());
        let interval = i64::try_from(status.interval.as_secs()).unwrap_or(i64::MAX);
        match status.last_outcome {
            _ if status.access_lost => Self::AccessLost,
            None => Self::Waiting,
            Some(Outcome::Unsupported) => Self::Unsupported,
            Some(Outcome::Failed) => Self::Failing,
            Some(Outcome::Good) if age.is_some_and(|age| age > interval.saturating_mul(LATE_AFTER)) => Self::Late,
            Some(Outcome::Good) => Self::Good,
        }
    }

    /// The name in answers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Good => "good",
            Self::Late => "late",
            Self::Failing => "failing",
            Self::Unsupported => "unsupported",
            Self::AccessLost => "access_lost",
        }
    }

    /// Whether the key may read the source. `None`: not known.
    pub(super) fn may_read(self, status: &Status) -> Option<bool> {
        match self {
            Self::Good | Self::Late => Some(true),
            Self::Unsupported | Self::AccessLost => Some(false),
            Self::Failing if status.last_failure == Some(Reason::Unauthorized) => Some(false),
            Self::Failing if status.last_success.is_some() => Some(true),
            Self::Waiting | Self::Failing => None,
        }
    }
}

/// The reason of a failed poll as a sentence.
pub(super) fn sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::Unauthorized => "The API refuses the key (401). It is wrong, incomplete or expired.",
        Reason::Unsupported => "The key has no access to this source, or the account has no such source.",
        Reason::RateLimited => "The API answers 429, and asks for a longer wait than a poll has time for.",
        Reason::Timeout => "The API gave no complete answer in time.",
        Reason::Late => "The poll ran out of time before it had read everything.",
        Reason::Connect => "There is no connection to the API, or it broke.",
        Reason::Proxy => "The proxy asks for a password (407).",
        Reason::Tls => "The API's certificate is not trusted.",
        Reason::Redirect => "The API redirects to another address, which is never followed.",
        Reason::BadRequest => "The API does not accept the request.",
        Reason::ServerError => "The API failed (5xx).",
        Reason::BadBody => "The answer was not what the API documents.",
        Reason::Inconsistent => "The pages of the answer do not form one list.",
    }
}

//! The state of a collector, and the reason of a failed poll, as sentences.

use jiff::Timestamp;

use crate::snapshot::{Collector, Outcome, Status};
use gcore_api::http::error::Reason;

/// The state of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No poll has ended yet.
    Waiting,
    /// The last poll was good, and recent.
    Good,
    /// The last poll was good, but is too old.
    Late,
    /// The last poll failed.
    Failing,
    /// The key may not read the source.
    Unsupported,
    /// The key may no longer read the source.
    AccessLost,
}

/// The number of intervals after which a reading is late. It is the default of the alert `GcoreDataStale`.
const LATE_AFTER: f64 = 3.0;

impl State {
    pub(super) fn of(collector: Collector, status: &Status, now: Timestamp) -> Self {
        let is_late = || status.late_at(collector, LATE_AFTER).is_some_and(|late_at| late_at < now);
        match status.last_outcome {
            _ if status.access_lost => Self::AccessLost,
            None => Self::Waiting,
            Some(Outcome::Unsupported) => Self::Unsupported,
            Some(Outcome::Failed) => Self::Failing,
            Some(Outcome::Good) if is_late() => Self::Late,
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
        Reason::RateLimited => "The API answers 429 and asks for a wait longer than a poll may take.",
        Reason::Timeout => "The API gave no complete answer in time.",
        Reason::Late => "The poll deadline passed before everything was read.",
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alert::rule::Rule;

    #[test]
    fn a_collector_is_late_as_its_alert_says() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (name, collector, interval, age, want) in [
            ("three intervals", Collector::Cost, 900, 2_700, State::Good),
            ("more than three", Collector::Cost, 900, 2_701, State::Late),
            ("a short interval", Collector::Cost, 5, 300, State::Good),
            ("more than five minutes", Collector::Cost, 5, 301, State::Late),
            ("the history takes its time", Collector::History, 5, 86_400, State::Good),
        ] {
            let status = Status {
                last_outcome: Some(Outcome::Good),
                last_success: Some(now - Duration::from_secs(age)),
                ..Status::before_the_first_poll(Duration::from_secs(interval))
            };
            assert_eq!(State::of(collector, &status, now), want, "{name}");
        }
        assert_eq!(Rule::DataStale.profile().numbers, [("intervals", LATE_AFTER)]);
    }
}

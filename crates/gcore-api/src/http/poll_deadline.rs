//! The time limits of one poll.

use std::time::Duration;

use tokio::time::Instant;

/// The time limits of one poll.
#[derive(Clone, Copy, Debug)]
pub struct PollDeadline {
    /// The end of the poll.
    pub until: Instant,
    /// The longest `Retry-After` that pauses the account: a poll's interval, because the next poll sends requests
    /// anyway.
    pub longest_wait: Duration,
    /// Whether each request waits until no other poll of the account is in progress.
    pub yields: bool,
}

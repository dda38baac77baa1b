//! How long a poll may take, and how long it may wait where the server asks for that.

use std::time::Duration;

use tokio::time::Instant;

/// The limits of one poll.
#[derive(Clone, Copy, Debug)]
pub struct PollDeadline {
    /// When everything must be done.
    pub until: Instant,
    /// The longest `Retry-After` that holds back the account: a poll's interval, since the next poll asks again anyway.
    pub longest_wait: Duration,
    /// Whether each request waits until no other poll of the account is under way.
    pub yields: bool,
}

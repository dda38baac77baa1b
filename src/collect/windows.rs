//! Reading one report per window, each on its own.

use tokio::time::Instant;

use crate::billing::period::Window;
use crate::gcore::error::Error;

use super::poller::Poll;

/// What came of the windows read so far in one poll.
///
/// One window's failure does not keep the others from being read, unless none of them could succeed: the key is
/// refused, or the poll's time is up.
pub(super) struct Attempts {
    deadline: Instant,
    is_hopeless: bool,
    first_failure: Option<Error>,
}

impl Attempts {
    pub(super) fn new(poll: &Poll<'_>) -> Self {
        Self { deadline: poll.deadline, is_hopeless: false, first_failure: None }
    }

    /// Whether the next window could be read at all.
    pub(super) fn are_worthwhile(&self) -> bool {
        !self.is_hopeless
    }

    /// Notes how reading a window went.
    pub(super) fn note(&mut self, window: Window, result: Result<(), Error>) {
        let Err(mut error) = result else { return };
        self.is_hopeless = error.reason.concerns_the_key() || Instant::now() >= self.deadline;
        error.detail = format!("window {}: {}", window.as_str(), error.detail);
        self.first_failure.get_or_insert(error);
    }

    /// Good where every window was; else the first failure.
    pub(super) fn outcome(self) -> Result<(), Error> {
        self.first_failure.map_or(Ok(()), Err)
    }
}

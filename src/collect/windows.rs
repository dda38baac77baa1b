//! Reading one report per window, each on its own.

use tokio::time::Instant;

use crate::billing::period::{Period, Window};
use crate::gcore::error::Error;

use super::poller::Poll;

/// Reads every window and returns the first failure.
///
/// One window's failure does not keep the others from being read, unless none of them could succeed: the key is
/// refused, or the poll's time is up.
pub(super) async fn read_each(
    poll: &Poll<'_>,
    windows: &[Window],
    read: impl AsyncFn(Window, Period) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut first_failure = None;
    for &window in windows {
        let Err(mut error) = read(window, window.period(poll.now)).await else { continue };
        let is_hopeless = error.reason.concerns_the_key() || Instant::now() >= poll.deadline;
        error.detail = format!("window {}: {}", window.as_str(), error.detail);
        first_failure.get_or_insert(error);
        if is_hopeless {
            break;
        }
    }
    first_failure.map_or(Ok(()), Err)
}

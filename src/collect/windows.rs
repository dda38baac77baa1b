//! Reading one report per window, each on its own.

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::billing::period::Window;
use crate::gcore::error::Error;

use super::poller::Poll;

/// Reads the first window, then all others side by side, and returns the first failure.
///
/// One window's failure does not keep the others from being read. But where the first shows that none could succeed,
/// because the key is refused or the poll's time is up, the server is not asked again.
pub(super) async fn read_each<F: Future<Output = Result<(), Error>>>(
    poll: &Poll<'_>,
    windows: &[Window],
    read: impl Fn(Window) -> F,
) -> Result<(), Error> {
    let read = |&window: &Window| {
        let reading = read(window);
        async move {
            reading
                .await
                .map_err(|error| Error { detail: format!("window {}: {}", window.as_str(), error.detail), ..error })
        }
    };
    let Some((first, others)) = windows.split_first() else { return Ok(()) };
    let outcome = read(first).await;
    let is_hopeless = |error: &Error| error.reason.concerns_the_key() || Instant::now() >= poll.deadline.until;
    if outcome.as_ref().is_err_and(is_hopeless) {
        return outcome;
    }
    let others = join_all(others.iter().map(read)).await;
    std::iter::once(outcome).chain(others).collect()
}

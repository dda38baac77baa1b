//! Reads one report per window. Windows are independent.

use futures_util::future::join_all;
use tokio::time::Instant;

use gcore_api::billing::period::Window;
use gcore_api::http::error::Error;

use super::poll::Poll;

/// Reads the first window, then all others in parallel, and returns the first failure.
///
/// A failed window does not stop the others, with one exception. When the first window shows that none can succeed, the
/// server gets no more requests. Examples: the key is refused, or the poll deadline has passed.
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

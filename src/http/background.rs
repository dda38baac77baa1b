//! Work for an answer that takes long, such as a page of an account with 100,000 groups.

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// The number of answers that are made at once. Encoder, alerts and store use the same threads, so a flood of requests
/// must not fill them.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Does work outside the serving threads, when it has its turn.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    // The semaphore is never closed.
    let turn = TURNS.acquire().await;
    // The turn ends with the work, also if the client leaves before.
    spawn_blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

//! Keeps the last readings in the store, so that the next start can serve them at once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::snapshot::{Reader, Snapshot};
use crate::store::Store;

use super::persisted_readings;

/// The windows of a poll arrive in quick succession, as do the collectors at the start: waiting this long writes once
/// what would be written several times.
const BURST: Duration = Duration::from_secs(1);
/// How long the end of the daemon waits for the last readings to be written.
const LAST: Duration = Duration::from_secs(5);

/// Writes each reading that is another one than the last that it wrote.
pub(super) struct Persister {
    store: Store,
    snapshots: Reader,
    written: Arc<Snapshot>,
}

impl Persister {
    /// Takes what the snapshot holds so far as written.
    pub(super) fn new(store: Store, mut snapshots: Reader) -> Self {
        let written = Arc::clone(&snapshots.borrow_and_update());
        Self { store, snapshots, written }
    }

    /// Writes until the last writer of snapshots is gone, and then what is left. First of all it has the store looked
    /// through, which delays nothing.
    pub(super) async fn run(self) {
        let store = self.store.clone();
        let check = async {
            store.check().await;
            pending().await
        };
        tokio::select! {
            () = self.keep() => {}
            () = check => {}
        }
    }

    async fn keep(mut self) {
        loop {
            let is_over =
                self.snapshots.changed().await.is_err() || timeout(BURST, self.no_more_writers()).await.is_ok();
            if !is_over {
                self.write().await;
                continue;
            }
            if timeout(LAST, self.write()).await.is_err() {
                tracing::warn!("the last readings could not be kept in time; the next start polls before it has them");
            }
            return;
        }
    }

    async fn no_more_writers(&mut self) {
        while self.snapshots.changed().await.is_ok() {}
    }

    async fn write(&mut self) {
        let latest = Arc::clone(&self.snapshots.borrow_and_update());
        let written = std::mem::take(&mut self.written);
        for (name, account) in &latest.accounts {
            for (row, encode) in persisted_readings::changes(written.accounts.get(name), account) {
                let body = match tokio::task::spawn_blocking(encode).await {
                    Ok(Ok(body)) => body,
                    Ok(Err(error)) => {
                        tracing::error!(row, %error, "cannot encode a reading to keep it");
                        continue;
                    }
                    Err(_) => return,
                };
                // The store says itself when it fails. Nothing counts as written then: it may begin anew, empty.
                if self.store.keep(name, &account.scope, row, body).await.is_err() {
                    return;
                }
            }
        }
        self.written = latest;
    }
}

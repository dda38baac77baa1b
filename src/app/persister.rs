//! Writes the last readings to the store, so that the next start serves them at once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::snapshot::{Reader, Snapshot};
use crate::store::Store;

use super::persisted_readings;

/// The windows of a poll arrive in quick succession, and so do all collectors at the start. This delay combines their
/// writes.
const BURST: Duration = Duration::from_secs(1);
/// How long the shutdown waits for the last write.
const LAST: Duration = Duration::from_secs(5);

/// Writes each reading that differs from the last written one.
pub(super) struct Persister {
    store: Store,
    snapshots: Reader,
    written: Arc<Snapshot>,
}

impl Persister {
    /// A persister that takes the current snapshot as written.
    pub(super) fn new(store: Store, mut snapshots: Reader) -> Self {
        let written = Arc::clone(&snapshots.borrow_and_update());
        Self { store, snapshots, written }
    }

    /// Writes until the last writer of snapshots is gone, and then once more. First it starts the store's integrity
    /// check, which delays nothing.
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
                // The store logs its failure. All rows count as unwritten then, because the file may be recreated
                // empty.
                if self.store.keep(name, &account.scope, row, body).await.is_err() {
                    return;
                }
            }
        }
        self.written = latest;
    }
}

//! A file that another process holds at the start: how the store does without, and how it is used once it is let go.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;

use super::schema::Unfit;
use super::{Error, Inner, lock, memory_fallback, schema};

/// So long after it failed, a file that others hold is tried again: each try may wait for whoever holds it.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

impl Inner {
    /// Begins with a file that another process holds. Where that can be read, alerts go on from what it holds.
    pub(super) fn begin_held(&self, error: rusqlite::Error) {
        let mut connection = lock(&self.connection);
        if let Err(error) = memory_fallback::part_if_readable(&mut connection) {
            tracing::debug!(%error, "alerts cannot be read from the held store, and are judged anew until it is let go");
        }
        self.is_held.store(true, Ordering::Relaxed);
        self.tell(&mut connection, Some(&error.into()), false);
    }

    /// Makes a file ready that another process held at the start, once it is let go.
    pub(super) fn take_hold(&self, connection: &mut Connection) -> Result<(), Error> {
        if !self.is_held.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.has_just_failed() {
            return Err(Error::Held);
        }
        let error = match schema::prepare(connection) {
            Ok(()) => {
                self.is_held.store(false, Ordering::Relaxed);
                *lock(&self.failed_at) = None;
                self.metrics.writable.set(1);
                tracing::info!("the store was let go, and is used from now on");
                return Ok(());
            }
            Err(Unfit::Sqlite(error)) => Error::Sqlite(error),
            Err(unfit) => Error::Unfit(unfit.to_string()),
        };
        self.tell(connection, Some(&error), false);
        Err(error)
    }

    /// Whether trying again would only wait for whoever holds the file.
    pub(super) fn has_just_failed(&self) -> bool {
        lock(&self.failed_at).is_some_and(|at| at.elapsed() < PAUSE)
    }
}

//! A file that another process holds at the start: the store works without it, and uses it after its release.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;

use super::schema::Unfit;
use super::{Error, Inner, lock, memory_fallback, schema};

/// The pause before a held file is tried again, because each attempt may wait for the lock.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

impl Inner {
    /// Starts with a file that another process holds. If it can be read, alerts continue from its states.
    pub(super) fn begin_held(&self, error: rusqlite::Error) {
        let mut connection = lock(&self.connection);
        if let Err(error) = memory_fallback::part_if_readable(&mut connection) {
            tracing::debug!(%error, "alerts cannot be read from the held store, and are judged anew until it is let go");
        }
        self.is_held.store(true, Ordering::Relaxed);
        self.tell(&mut connection, Some(&error.into()), false);
    }

    /// Prepares a file that another process held at the start, once it is released.
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
                self.recover(&mut lock(&self.failed_at));
                tracing::info!("the store was let go, and is used from now on");
                return Ok(());
            }
            Err(Unfit::Sqlite(error)) => Error::Sqlite(error),
            Err(unfit) => Error::Unfit(unfit.to_string()),
        };
        self.tell(connection, Some(&error), false);
        Err(error)
    }

    /// Whether another attempt would only wait for the lock.
    pub(super) fn has_just_failed(&self) -> bool {
        lock(&self.failed_at).is_some_and(|at| at.elapsed() < PAUSE)
    }
}

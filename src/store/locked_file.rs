//! A file that another process has locked at the start: the store works without it, and uses it after its release.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;

use super::schema::Unfit;
use super::{Error, Inner, lock, memory_fallback, schema};

/// The pause before a locked file is tried again, because each attempt may wait for the lock.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

impl Inner {
    /// Starts with a file that another process has locked. If it can be read, alerts continue from its states.
    pub(super) fn start_with_locked_file(&self, error: rusqlite::Error) {
        let mut connection = lock(&self.connection);
        if let Err(error) = memory_fallback::part_if_readable(&mut connection) {
            tracing::debug!(%error, "cannot read the alerts of the locked store; they are judged anew until its release");
        }
        self.is_locked.store(true, Ordering::Relaxed);
        self.tell(&mut connection, Some(&error.into()), false);
    }

    /// Prepares a file that another process had locked at the start, once it is released.
    pub(super) fn prepare_released_file(&self, connection: &mut Connection) -> Result<(), Error> {
        if !self.is_locked.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.has_just_failed() {
            return Err(Error::Locked);
        }
        let error = match schema::prepare(connection) {
            Ok(()) => {
                self.is_locked.store(false, Ordering::Relaxed);
                self.recover(&mut lock(&self.failed_at));
                tracing::info!("the store was released, and is used from now on");
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

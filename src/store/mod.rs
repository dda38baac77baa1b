//! The store: the daily history, counted failures, the last readings and the alerts, in one SQLite file.
//!
//! No other module knows SQL. A file that cannot be written never stops the daemon. The log and a metric report it.
//! Unwritten data are lost, or read from the API again; alerts are kept in memory and written later. Each write is one
//! transaction, so a killed process leaves the state before or after it.

pub mod alerts;
pub mod days;
pub mod failures;
mod file;
mod future_days;
mod locked_file;
mod memory_fallback;
pub mod notification_log;
pub mod outbox;
mod schema;
pub mod series;
pub mod stored_bytes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{IntCounter, IntGauge, Registry};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, ffi};
use tokio::time::Instant;

use crate::account::AccountName;
use common::wording::shown;

pub use file::may_write;
use file::{Opened, connect, in_memory, is_damage, open_file, open_file_to_read, set_aside};
use schema::Unfit;

/// The open store. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    /// `None`: in memory.
    path: Option<PathBuf>,
    /// Whether the file belongs to another process, so that it must not change.
    is_read_only: bool,
    /// Whether another process has locked the file since the start, so that its version is unknown.
    is_locked: AtomicBool,
    /// The number of recreated files. An account's number is valid in one file only.
    file: AtomicU32,
    /// The time of the last failure. `None` while the store works.
    failed_at: Mutex<Option<Instant>>,
    metrics: Metrics,
}

/// The metrics of the store.
#[derive(Clone)]
struct Metrics {
    writable: IntGauge,
    set_aside: IntCounter,
}

/// The place of the store (`[storage]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file. `None` keeps everything in memory until the process ends.
    pub path: Option<PathBuf>,
}

impl Settings {
    /// Creates the directory of the file, with access for this user only.
    ///
    /// # Errors
    /// Fails when it does not exist and cannot be created.
    pub fn make_folder(&self) -> io::Result<()> {
        let folder = self.path.as_deref().and_then(Path::parent);
        folder.map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o700).create(folder))
    }

    /// Checks whether a daemon that starts now could use the store, and changes nothing. `makes_folder`: the daemon
    /// would create the directory.
    ///
    /// # Errors
    /// [`Refused`] gives the reason.
    pub fn examine(&self, makes_folder: bool) -> Result<(), Refused> {
        self.path.as_deref().map_or(Ok(()), |path| file::examine(path, makes_folder))
    }
}

/// A file that the daemon must not use, because only its owner can decide.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} as the store: {why}; {remedy}", path = shown(path))]
pub struct Refused {
    path: PathBuf,
    why: String,
    remedy: &'static str,
}

/// The errors of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The error of SQLite. A damaged file has been quarantined.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A stored value is unreadable.
    #[error("a stored {what} cannot be read")]
    Garbled {
        /// The kind of value.
        what: &'static str,
    },
    /// A day of a read-only file is unreadable.
    #[error("the stored day {day} is garbled; start the daemon once, which drops it and reads it again")]
    GarbledDay {
        /// The day as it is stored, such as 20261122.
        day: i64,
    },
    /// The file was damaged and recreated, and the new file does not know the account's number.
    #[error("the store was begun anew")]
    BegunAnew,
    /// Another process has locked the file since the start, and the last attempt was a moment ago.
    #[error("another process has locked the store")]
    Locked,
    /// The file was released, but this version cannot use it.
    #[error("cannot be the store: {0}")]
    Unfit(String),
    /// The work was cancelled.
    #[error("the work was dropped")]
    Dropped,
}

/// An account with one scope. Another filter has another history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId {
    number: i64,
    file: u32,
}

/// A nearly full disk accepts small writes and refuses large ones. So the store counts as healthy only after this time
/// without a failure.
const PROBATION: Duration = Duration::from_secs(120);

impl Store {
    /// Opens the store. A missing file is created, an older one is upgraded, and a damaged one is quarantined. A file
    /// that another process has locked is used after its release. When no file can be written, everything is kept in
    /// memory. A metric shows both.
    ///
    /// # Errors
    /// Fails when the file is of a newer version or of another program, or when a metric is already registered.
    pub fn open(settings: &Settings, registry: &Registry) -> anyhow::Result<Self> {
        let metrics = Metrics::register(registry)?;
        metrics.writable.set(1);
        let Some(path) = &settings.path else { return Ok(Self::of(in_memory()?, None, false, metrics)) };
        match open_file(path, &metrics)? {
            Opened::Ready(connection) => Ok(Self::of(connection, Some(path.clone()), false, metrics)),
            Opened::Locked(connection, error) => {
                let store = Self::of(connection, Some(path.clone()), false, metrics);
                store.0.start_with_locked_file(error);
                Ok(store)
            }
            Opened::Unwritable => {
                metrics.writable.set(0);
                Ok(Self::of(in_memory()?, None, false, metrics))
            }
        }
    }

    /// Opens the store's file for reading, with or without a running daemon. The file never changes, and writes fail.
    ///
    /// # Errors
    /// [`Refused`] when the file is missing, inaccessible, damaged, of another version or of another program.
    pub fn open_to_read(path: &Path) -> anyhow::Result<Self> {
        let connection = open_file_to_read(path)?;
        // Their values belong to the writing process, so they are not exported.
        let metrics = Metrics::register(&Registry::new())?;
        Ok(Self::of(connection, Some(path.to_owned()), true, metrics))
    }

    fn of(connection: Connection, path: Option<PathBuf>, is_read_only: bool, metrics: Metrics) -> Self {
        let (connection, is_locked) = (Mutex::new(connection), AtomicBool::default());
        let (file, failed_at) = (AtomicU32::default(), Mutex::default());
        Self(Arc::new(Inner { connection, path, is_read_only, is_locked, file, failed_at, metrics }))
    }

    /// Whether all data end with the process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.0.path.is_none()
    }

    /// Whether new writes survive the process, or need not to.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.0.metrics.writable.get() == 1
    }

    /// Checks the whole file for damage, in parallel to all other work, because old days are rarely read. A damaged
    /// file is quarantined.
    pub async fn check(&self) {
        let inner = Arc::clone(&self.0);
        // Nothing to do when the runtime ends meanwhile.
        let _ = tokio::task::spawn_blocking(move || inner.check()).await;
    }

    /// Reads or writes in one transaction, outside the serving thread.
    ///
    /// # Errors
    /// The error of `work`, after it was logged; then nothing of it was written.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.transact(None, work)).await.map_err(|_| Error::Dropped)?
    }

    /// The same for an account. `work` gets the account's number.
    async fn transact_for<T: Send + 'static>(
        &self,
        account: AccountId,
        work: impl FnOnce(&Transaction<'_>, i64) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        let work = move || inner.transact(Some(account), |transaction| work(transaction, account.number));
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Dropped)?
    }

    /// The account's number in the store, created if needed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn account(&self, name: &AccountName, scope: String) -> Result<AccountId, Error> {
        let name = name.clone();
        let inner = Arc::clone(&self.0);
        self.transact(move |transaction| {
            // Within the transaction, because then no other file can replace this one.
            let file = inner.file.load(Ordering::Relaxed);
            Ok(AccountId { number: account_id(transaction, &name, &scope)?, file })
        })
        .await
    }

    /// The account's number in the store. `None` when it has no stored data.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn known_account(&self, name: &AccountName, scope: String) -> Result<Option<AccountId>, Error> {
        let name = name.clone();
        let inner = Arc::clone(&self.0);
        self.transact(move |transaction| {
            let file = inner.file.load(Ordering::Relaxed);
            Ok(find_account(transaction, &name, &scope)?.map(|number| AccountId { number, file }))
        })
        .await
    }

    /// Every account of the store by name. Of an account with several filters, the last.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn accounts(&self) -> Result<BTreeMap<String, AccountId>, Error> {
        let inner = Arc::clone(&self.0);
        self.transact(move |transaction| {
            let file = inner.file.load(Ordering::Relaxed);
            let mut statement = transaction.prepare_cached("SELECT name, id FROM account ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, AccountId { number: row.get(1)?, file })))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn account_id(transaction: &Transaction<'_>, name: &AccountName, scope: &str) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO account (name, scope) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    transaction.execute(sql, [name.as_str(), scope])?;
    find_account(transaction, name, scope)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

impl Inner {
    fn transact<T>(
        &self,
        account: Option<AccountId>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = lock(&self.connection);
        self.prepare_released_file(&mut connection)?;
        if account.is_some_and(|account| account.file != self.file.load(Ordering::Relaxed)) {
            return Err(Error::BegunAnew);
        }
        let behavior = if self.is_read_only { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
        let changes_before = connection.total_changes();
        let outcome = connection.transaction_with_behavior(behavior).map_err(Error::from).and_then(|transaction| {
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        let has_written = connection.total_changes() > changes_before;
        self.tell(&mut connection, outcome.as_ref().err(), has_written);
        outcome
    }

    /// Logs the start and the end of failures, and quarantines a damaged file.
    fn tell(&self, connection: &mut Connection, error: Option<&Error>, has_written: bool) {
        let Some(path) = self.path.as_ref().filter(|_| !self.is_read_only) else { return };
        let mut failed_at = lock(&self.failed_at);
        if let Some(Error::Sqlite(damage)) = error
            && is_damage(damage)
        {
            match self.renew(connection, path, damage) {
                Ok(()) => return self.recover(&mut failed_at),
                Err(error) => tracing::error!(path = %path.display(), %error, "cannot replace the damaged store"),
            }
        }
        match (error, *failed_at) {
            (Some(error), last) => {
                *failed_at = Some(Instant::now());
                self.metrics.writable.set(0);
                if last.is_none() {
                    tracing::error!(
                        path = %path.display(),
                        %error,
                        "cannot use the store; until this is mended, nothing new is remembered"
                    );
                }
            }
            (None, Some(at)) if has_written && at.elapsed() >= PROBATION => {
                self.recover(&mut failed_at);
                tracing::info!(path = %path.display(), "the store can be used again");
            }
            _ => {}
        }
    }

    /// Ends the time of failures.
    fn recover(&self, failed_at: &mut Option<Instant>) {
        *failed_at = None;
        self.metrics.writable.set(1);
    }

    /// Reads the whole file with a separate connection, so that nothing waits for it.
    fn check(&self) {
        let Some(path) = &self.path else { return };
        let file = self.file.load(Ordering::Relaxed);
        let verdict = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
        let damage = match verdict {
            Ok(verdict) if verdict != "ok" => {
                rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(verdict))
            }
            Err(error) if is_damage(&error) => error,
            // Other failures are logged by the users of the store.
            Ok(_) | Err(_) => return,
        };
        let mut connection = lock(&self.connection);
        if file == self.file.load(Ordering::Relaxed) {
            self.tell(&mut connection, Some(&Error::Sqlite(damage)), false);
        }
    }

    fn renew(&self, connection: &mut Connection, path: &Path, damage: &rusqlite::Error) -> Result<(), Unfit> {
        // The damaged file must be closed before it is renamed.
        *connection = Connection::open_in_memory()?;
        set_aside(path, damage, &self.metrics);
        let mut fresh = connect(path)?;
        schema::prepare(&mut fresh)?;
        *connection = fresh;
        self.is_locked.store(false, Ordering::Relaxed);
        self.file.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Metrics {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let writable = prometheus::register_int_gauge_with_registry!(
            "gcore_store_writable",
            "0 while nothing is remembered beyond this process although storage.path asks for it.",
            registry
        )?;
        let set_aside = prometheus::register_int_counter_with_registry!(
            "gcore_store_damages_total",
            "Times that the store's file was found damaged, set aside and begun anew.",
            registry
        )?;
        Ok(Self { writable, set_aside })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find_account(transaction: &Transaction<'_>, name: &AccountName, scope: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM account WHERE name = ?1 AND scope = ?2";
    transaction.query_row(sql, [name.as_str(), scope], |row| row.get(0)).optional()
}

/// The name of an account.
fn account_name(transaction: &Transaction<'_>, account: i64) -> rusqlite::Result<String> {
    transaction.query_row("SELECT name FROM account WHERE id = ?1", [account], |row| row.get(0))
}

//! What outlives the process: the daily history, counted failures, the last readings and the alerts, in one SQLite file.
//!
//! Nothing outside of this module knows SQL. A file that cannot be written never stops the daemon: it is said in the
//! log and by a metric, and what could not be written is lost, or read from the API again; of alerts it is kept in memory
//! and written later. Each write is one transaction, so a process that is killed leaves the state before or after it.

mod ahead;
pub mod alerts;
pub mod days;
pub mod failures;
mod file;
mod held;
pub mod kept;
mod memory_fallback;
pub mod notification_log;
pub mod outbox;
mod schema;
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

use crate::billing::account::AccountName;
use crate::wording::shown;

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
    /// Whether the file belongs to another process, so that nothing of it may change.
    is_read_only: bool,
    /// Whether another process held the file from the start on, so that nobody has seen yet what it is.
    is_held: AtomicBool,
    /// How many files were begun anew: what a number of an account means ends with its file.
    file: AtomicU32,
    /// When it failed last; `None` while it works.
    failed_at: Mutex<Option<Instant>>,
    metrics: Metrics,
}

/// What the store says of itself.
#[derive(Clone)]
struct Metrics {
    writable: IntGauge,
    set_aside: IntCounter,
}

/// Where the store is (`[storage]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file; `None` keeps everything in memory, until the process ends.
    pub path: Option<PathBuf>,
}

impl Settings {
    /// Makes the folder of the file, for this user alone.
    ///
    /// # Errors
    /// Fails where it is not there and cannot be made.
    pub fn make_folder(&self) -> io::Result<()> {
        let folder = self.path.as_deref().and_then(Path::parent);
        folder.map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o700).create(folder))
    }

    /// Looks whether a daemon that starts now could keep its store there, and changes nothing. `makes_folder`: it would
    /// make the folder.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn examine(&self, makes_folder: bool) -> Result<(), Refused> {
        self.path.as_deref().map_or(Ok(()), |path| file::examine(path, makes_folder))
    }
}

/// A file that nobody but its owner should decide on.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} as the store: {why}; {remedy}", path = shown(path))]
pub struct Refused {
    path: PathBuf,
    why: String,
    remedy: &'static str,
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused; a damaged file has been set aside by now.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// What was stored cannot be understood.
    #[error("a stored {what} cannot be read")]
    Garbled {
        /// What it is.
        what: &'static str,
    },
    /// A day of a file that is only read cannot be understood.
    #[error("the stored day {day} is garbled; start the daemon once, which drops it and reads it again")]
    GarbledDay {
        /// The day as it is stored, such as 20261122.
        day: i64,
    },
    /// The file was found damaged and another one begun, which does not know the account's number.
    #[error("the store was begun anew")]
    BegunAnew,
    /// Another process has held the file since the start, and it was tried a moment ago.
    #[error("another process holds the store")]
    Held,
    /// The file, once it was let go, turned out to be none that this version can use.
    #[error("cannot be the store: {0}")]
    Unfit(String),
    /// The work was given up half-way.
    #[error("the work was dropped")]
    Dropped,
}

/// An account of one scope: what of the account is read. With another filter its history is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId {
    number: i64,
    file: u32,
}

/// A nearly full disk takes small writes and refuses large ones: only after so long without a failure does a write show
/// that all is well again.
const PROBATION: Duration = Duration::from_secs(120);

impl Store {
    /// Opens the store. A file that is missing is made, an older one is upgraded, a damaged one is set aside. One that
    /// another process holds is used as soon as that lets it go; where no file can be written, everything is kept in
    /// memory. A metric tells both.
    ///
    /// # Errors
    /// Fails where the file is of a newer version or of another program, or where a metric is registered already.
    pub fn open(settings: &Settings, registry: &Registry) -> anyhow::Result<Self> {
        let metrics = Metrics::register(registry)?;
        metrics.writable.set(1);
        let Some(path) = &settings.path else { return Ok(Self::of(in_memory()?, None, false, metrics)) };
        match open_file(path, &metrics)? {
            Opened::Ready(connection) => Ok(Self::of(connection, Some(path.clone()), false, metrics)),
            Opened::Held(connection, error) => {
                let store = Self::of(connection, Some(path.clone()), false, metrics);
                store.0.begin_held(error);
                Ok(store)
            }
            Opened::Unwritable => {
                metrics.writable.set(0);
                Ok(Self::of(in_memory()?, None, false, metrics))
            }
        }
    }

    /// Opens the store's file to read it, beside a daemon that writes it or without one. Whatever is wrong with the file,
    /// it stays as it is; whatever would write fails.
    ///
    /// # Errors
    /// [`Refused`] where the file is missing, out of reach, damaged, of another version or of another program.
    pub fn open_to_read(path: &Path) -> anyhow::Result<Self> {
        let connection = open_file_to_read(path)?;
        // Nobody asks for them; they go on telling of the process that writes.
        let metrics = Metrics::register(&Registry::new())?;
        Ok(Self::of(connection, Some(path.to_owned()), true, metrics))
    }

    fn of(connection: Connection, path: Option<PathBuf>, is_read_only: bool, metrics: Metrics) -> Self {
        let (connection, is_held) = (Mutex::new(connection), AtomicBool::default());
        let (file, failed_at) = (AtomicU32::default(), Mutex::default());
        Self(Arc::new(Inner { connection, path, is_read_only, is_held, file, failed_at, metrics }))
    }

    /// Whether everything ends with the process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.0.path.is_none()
    }

    /// Whether what is written now would outlive the process, or nothing needs to.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.0.metrics.writable.get() == 1
    }

    /// Looks for damage in the whole file, beside all other work; old days are hardly read otherwise. A damaged file is
    /// set aside.
    pub async fn check(&self) {
        let inner = Arc::clone(&self.0);
        // Nothing to do where the runtime ends meanwhile.
        let _ = tokio::task::spawn_blocking(move || inner.check()).await;
    }

    /// Reads or writes in one transaction, beside the thread that serves.
    ///
    /// # Errors
    /// What `work` fails with, after it has been told: nothing of it was written then.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.transact(None, work)).await.map_err(|_| Error::Dropped)?
    }

    /// The same for an account, whose number `work` gets.
    async fn transact_for<T: Send + 'static>(
        &self,
        account: AccountId,
        work: impl FnOnce(&Transaction<'_>, i64) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        let work = move || inner.transact(Some(account), |transaction| work(transaction, account.number));
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Dropped)?
    }

    /// The account's number in the store, made where there is none yet.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn account(&self, name: &AccountName, scope: String) -> Result<AccountId, Error> {
        let name = name.clone();
        let inner = Arc::clone(&self.0);
        self.transact(move |transaction| {
            // Read within the transaction: no other file can take this one's place meanwhile.
            let file = inner.file.load(Ordering::Relaxed);
            Ok(AccountId { number: account_id(transaction, &name, &scope)?, file })
        })
        .await
    }

    /// The account's number in the store, if anything was ever stored of it.
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

    /// Every account of the store by name; of one that was read with several filters, the last.
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
        self.take_hold(&mut connection)?;
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

    /// Says when the store begins and ends to fail, and sets a damaged file aside.
    fn tell(&self, connection: &mut Connection, error: Option<&Error>, has_written: bool) {
        let Some(path) = self.path.as_ref().filter(|_| !self.is_read_only) else { return };
        let mut failed_at = lock(&self.failed_at);
        if let Some(Error::Sqlite(damage)) = error
            && is_damage(damage)
        {
            match self.renew(connection, path, damage) {
                Ok(()) => {
                    *failed_at = None;
                    return self.metrics.writable.set(1);
                }
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
                *failed_at = None;
                self.metrics.writable.set(1);
                tracing::info!(path = %path.display(), "the store can be used again");
            }
            _ => {}
        }
    }

    /// Reads all of the file by a connection of its own, so that nothing waits for it.
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
            // Whatever else may fail here is said by those who need the store.
            Ok(_) | Err(_) => return,
        };
        let mut connection = lock(&self.connection);
        if file == self.file.load(Ordering::Relaxed) {
            self.tell(&mut connection, Some(&Error::Sqlite(damage)), false);
        }
    }

    fn renew(&self, connection: &mut Connection, path: &Path, damage: &rusqlite::Error) -> Result<(), Unfit> {
        // The damaged file must be closed before its name is taken.
        *connection = Connection::open_in_memory()?;
        set_aside(path, damage, &self.metrics);
        let mut fresh = connect(path)?;
        schema::prepare(&mut fresh)?;
        *connection = fresh;
        self.is_held.store(false, Ordering::Relaxed);
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

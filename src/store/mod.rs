//! What outlives the process: the daily history, counted failures, the last readings and the alerts, in one SQLite file.
//!
//! Nothing outside of this module knows SQL. A file that cannot be written never stops the daemon: it is said in the
//! log and by a metric, and what could not be written is lost, or read from the API again. Each write is one
//! transaction, so a process that is killed leaves the state before or after it.

pub mod alerts;
pub mod days;
pub mod failures;
pub mod kept;
pub mod outbox;
mod schema;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{IntCounter, IntGauge, Registry};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::billing::account::AccountName;

use schema::Unfit;

/// The open store. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    /// `None`: in memory.
    path: Option<PathBuf>,
    is_failing: AtomicBool,
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
    /// Default `/var/lib/gcore-billing-exporter/state.db`.
    pub path: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { path: Some("/var/lib/gcore-billing-exporter/state.db".into()) }
    }
}

/// A file that nobody but its owner should decide on.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} as the store: {why}; {remedy}", path = path.display())]
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
    /// The work was given up half-way.
    #[error("the work was dropped")]
    Dropped,
}

/// An account of one scope: what of the account is read. With another filter its history is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(i64);

impl Store {
    /// Opens the store. A file that is missing is made, an older one is upgraded, a damaged one is set aside; where no
    /// file can be written, everything is kept in memory, which a metric tells.
    ///
    /// # Errors
    /// Fails where the file is of a newer version or of another program, or where a metric is registered already.
    pub fn open(settings: &Settings, registry: &Registry) -> anyhow::Result<Self> {
        let metrics = Metrics::register(registry)?;
        let (connection, path) = match &settings.path {
            None => (in_memory()?, None),
            Some(path) => match open_file(path, &metrics)? {
                Some(connection) => (connection, Some(path.clone())),
                None => (in_memory()?, None),
            },
        };
        metrics.writable.set(i64::from(path.is_some() || settings.path.is_none()));
        let (connection, is_failing) = (Mutex::new(connection), AtomicBool::new(false));
        Ok(Self(Arc::new(Inner { connection, path, is_failing, metrics })))
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

    /// Reads or writes in one transaction, beside the thread that serves.
    ///
    /// # Errors
    /// What `work` fails with, after it has been told: nothing of it was written then.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.transact(work)).await.map_err(|_| Error::Dropped)?
    }

    /// The account's number in the store, made where there is none yet.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn account(&self, name: &AccountName, scope: String) -> Result<AccountId, Error> {
        let name = name.clone();
        self.transact(move |transaction| {
            let sql = "INSERT INTO account (name, scope) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            transaction.execute(sql, [name.as_str(), &scope])?;
            let sql = "SELECT id FROM account WHERE name = ?1 AND scope = ?2";
            Ok(AccountId(transaction.query_row(sql, [name.as_str(), &scope], |row| row.get(0))?))
        })
        .await
    }
}

impl Inner {
    fn transact<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut connection = self.lock();
        let outcome = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::from)
            .and_then(|transaction| {
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            });
        self.tell(&mut connection, outcome.as_ref().err());
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says when the store begins and ends to fail, and sets a damaged file aside.
    fn tell(&self, connection: &mut Connection, error: Option<&Error>) {
        let Some(path) = &self.path else { return };
        if let Some(Error::Sqlite(error)) = error
            && is_damage(error)
            && let Err(error) = self.renew(connection, path, error)
        {
            tracing::error!(path = %path.display(), %error, "cannot replace the damaged store");
        }
        self.metrics.writable.set(i64::from(error.is_none()));
        match (error, self.is_failing.swap(error.is_some(), Ordering::Relaxed)) {
            (Some(error), false) => tracing::error!(
                path = %path.display(),
                %error,
                "cannot use the store; until this is mended, nothing new is remembered"
            ),
            (None, true) => tracing::info!(path = %path.display(), "the store can be used again"),
            _ => {}
        }
    }

    fn renew(&self, connection: &mut Connection, path: &Path, damage: &rusqlite::Error) -> Result<(), Unfit> {
        // The damaged file must be closed before its name is taken.
        *connection = Connection::open_in_memory()?;
        set_aside(path, damage, &self.metrics);
        let mut fresh = connect(path)?;
        schema::prepare(&mut fresh)?;
        *connection = fresh;
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

/// `None` where the file cannot be written.
fn open_file(path: &Path, metrics: &Metrics) -> Result<Option<Connection>, Refused> {
    let attempt = || -> Result<Connection, Unfit> {
        let mut connection = connect(path)?;
        schema::prepare(&mut connection)?;
        Ok(connection)
    };
    let outcome = match attempt() {
        Err(Unfit::Sqlite(error)) if is_damage(&error) => {
            set_aside(path, &error, metrics);
            attempt()
        }
        outcome => outcome,
    };
    let refused = |why: &Unfit, remedy| Refused { path: path.to_owned(), why: why.to_string(), remedy };
    match outcome {
        Ok(connection) => Ok(Some(connection)),
        Err(why @ Unfit::Newer { .. }) => {
            Err(refused(&why, "run the version that wrote it, or name another file by storage.path"))
        }
        Err(why @ Unfit::Foreign) => Err(refused(&why, "name another file by storage.path")),
        Err(Unfit::Sqlite(error)) => {
            tracing::warn!(
                path = %path.display(),
                %error,
                "cannot write the store, so history is kept in memory and ends with this process; create the folder for \
                 this user, name another file by storage.path, or set it to \"\""
            );
            Ok(None)
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // Another process, such as a backup, may hold the file for a moment.
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

fn in_memory() -> Result<Connection, Unfit> {
    let mut connection = Connection::open_in_memory()?;
    schema::prepare(&mut connection)?;
    Ok(connection)
}

/// Whether the file itself is broken, and not merely out of reach.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Gives a damaged file another name, its journal with it, so that its owner can look at it.
fn set_aside(path: &Path, damage: &rusqlite::Error, metrics: &Metrics) {
    metrics.set_aside.inc();
    let named = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    let taken = |number: &u32| named(&format!(".damaged-{number}")).exists();
    let number = (1..u32::MAX).find(|number| !taken(number)).unwrap_or(u32::MAX);
    let aside = named(&format!(".damaged-{number}"));
    let outcome: io::Result<()> = fs::rename(path, &aside);
    for journal in ["-wal", "-shm"] {
        // A journal of the damaged file must not be taken for one of the new file; mostly there is none.
        let _ = fs::rename(named(journal), format!("{}{journal}", aside.display()));
    }
    match outcome {
        Ok(()) => tracing::error!(
            path = %path.display(),
            %damage,
            aside = %aside.display(),
            "the store is damaged and was set aside; what the API still knows is read again"
        ),
        Err(error) => {
            tracing::error!(path = %path.display(), %damage, %error, "the store is damaged and cannot be moved")
        }
    }
}

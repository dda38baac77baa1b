//! Opens the store's file, and quarantines a damaged one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Access, access};

use super::schema::Unfit;
use super::{Metrics, Refused, schema};

/// The longest wait for another process that holds the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The advice for a file of a newer version.
const NEWER: &str = "run the version that wrote it, or name another file by storage.path";

/// The advice for a file of another program.
const FOREIGN: &str = "name another file by storage.path";

/// The advice for a file of another user.
const OTHERS: &str = "run this as the user of the daemon, who may write the file and its folder";

/// The result of opening the file.
pub(super) enum Opened {
    /// It can be read and written.
    Ready(Connection),
    /// Another process holds it, and may release it at any time. Its tables were not read.
    Locked(Connection, rusqlite::Error),
    /// It cannot be written.
    Unwritable,
}

pub(super) fn open_file(path: &Path, metrics: &Metrics) -> Result<Opened, Refused> {
    let exists = path.is_file();
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
        Ok(connection) => Ok(Opened::Ready(connection)),
        Err(why @ Unfit::Newer { .. }) => Err(refused(&why, NEWER)),
        // An older file is upgraded, so this case does not occur.
        Err(why @ (Unfit::Foreign | Unfit::Older { .. })) => Err(refused(&why, FOREIGN)),
        Err(Unfit::Sqlite(error)) => {
            if is_locked(&error)
                && let Ok(connection) = connect(path)
            {
                return Ok(Opened::Locked(connection, error));
            }
            let path = path.display();
            if exists {
                tracing::warn!(
                    %path,
                    %error,
                    "cannot write the store, so what it holds is not used, and history is kept in memory and ends with \
                     this process; let this user write the file and its folder, or make room on the disk, and restart"
                );
            } else {
                tracing::warn!(
                    %path,
                    %error,
                    "cannot write the store, so history is kept in memory and ends with this process; create the folder \
                     for this user, name another file by storage.path, or set it to \"\""
                );
            }
            Ok(Opened::Unwritable)
        }
    }
}

pub(super) fn open_file_to_read(path: &Path) -> Result<Connection, Refused> {
    let refused = |why: String, remedy| Refused { path: path.to_owned(), why, remedy };
    if let Err(error) = fs::metadata(path) {
        let remedy = "start the daemon, which makes it, or name the daemon's file by storage.path";
        return Err(refused(error.to_string(), remedy));
    }
    look(path).map_err(|why| unreadable(path, &why))
}

/// Opens a file of exactly this version for reading.
fn look(path: &Path) -> Result<Connection, Unfit> {
    // No mutex, because one thread at a time uses the connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    schema::check(&connection)?;
    Ok(connection)
}

fn unreadable(path: &Path, why: &Unfit) -> Refused {
    let remedy = match why {
        Unfit::Newer { .. } => NEWER,
        Unfit::Older { .. } => "start the daemon of this version once, which upgrades it",
        Unfit::Foreign => FOREIGN,
        Unfit::Sqlite(error) if is_damage(error) => {
            "start the daemon, which sets a damaged file aside and reads again what the API still knows"
        }
        Unfit::Sqlite(_) => OTHERS,
    };
    Refused { path: path.to_owned(), why: why.to_string(), remedy }
}

/// Whether this user may write a file, or files in a directory.
#[must_use]
pub fn may_write(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}

/// Whether a daemon that starts now could open the file, create it, or create it in a new directory.
pub(super) fn examine(path: &Path, makes_folder: bool) -> Result<(), Refused> {
    let refused = |why: &str, remedy| Err(Refused { path: path.to_owned(), why: why.to_owned(), remedy });
    let mut folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    while makes_folder && !folder.exists() {
        let Some(above) = folder.parent() else { break };
        folder = above;
    }
    if !folder.exists() {
        refused("its folder does not exist", "create it for the daemon's user, or name another file by storage.path")
    } else if !folder.is_dir() {
        refused("its folder is a file", FOREIGN)
    } else if path.is_dir() {
        refused("it is a folder", "name a file in it by storage.path")
    } else if !may_write(folder) {
        refused("this user may not write its folder", OTHERS)
    } else if !path.exists() {
        Ok(())
    } else if !may_write(path) {
        refused("this user may not write it", OTHERS)
    } else {
        // An older file is upgraded.
        match look(path) {
            Ok(_) | Err(Unfit::Older { .. }) => Ok(()),
            Err(why) => Err(unreadable(path, &why)),
        }
    }
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    // Another process, such as a backup, may hold the file for a moment.
    connection.busy_timeout(PATIENCE)?;
    // A change of this pragma deletes temporary tables. And there may be no disk space when they are needed.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

pub(super) fn in_memory() -> Result<Connection, Unfit> {
    let mut connection = Connection::open_in_memory()?;
    schema::prepare(&mut connection)?;
    Ok(connection)
}

/// Whether another process locks the file at the moment.
fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the file itself is damaged. An inaccessible file is not.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Quarantines a damaged file: renames it and its journal, so that its owner can examine it.
pub(super) fn set_aside(path: &Path, damage: &rusqlite::Error, metrics: &Metrics) {
    metrics.set_aside.inc();
    let named = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    let taken = |number: &u32| named(&format!(".damaged-{number}")).exists();
    let number = (1..u32::MAX).find(|number| !taken(number)).unwrap_or(u32::MAX);
    let aside = named(&format!(".damaged-{number}"));
    let outcome: io::Result<()> = fs::rename(path, &aside);
    for journal in ["-wal", "-shm"] {
        // A journal of the damaged file must not be used for the new file. Mostly there is none.
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

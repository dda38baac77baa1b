//! The tables, and the upgrade of files of older versions.
//!
//! A day is an integer such as 20261122 and an amount is its decimal text, so the file is readable in any SQLite tool.
//! Rows have no row id and are ordered by day, so a month is one range of the file.

use rusqlite::{Connection, Transaction};

/// Marks a file as ours (`PRAGMA application_id`): "gcbe".
const APPLICATION: i32 = 0x6763_6265;

/// The steps from one version to the next. The version of a file is the number of its steps.
const STEPS: [&str; 4] = [
    // 1: the history.
    "
    CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        UNIQUE (name, scope)
    ) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES account (id),
        kind TEXT NOT NULL,
        project INTEGER NOT NULL,
        region INTEGER NOT NULL,
        resource_type TEXT NOT NULL,
        measure TEXT NOT NULL,
        UNIQUE (account, kind, project, region, resource_type, measure)
    ) STRICT;
    CREATE TABLE reading (
        account INTEGER NOT NULL REFERENCES account (id),
        kind TEXT NOT NULL,
        day INTEGER NOT NULL,
        read_at INTEGER NOT NULL,
        settled INTEGER NOT NULL,
        PRIMARY KEY (account, kind, day)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE amount (
        day INTEGER NOT NULL,
        series INTEGER NOT NULL REFERENCES series (id),
        amount TEXT NOT NULL,
        PRIMARY KEY (day, series)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE revision (
        day INTEGER NOT NULL,
        series INTEGER NOT NULL REFERENCES series (id),
        seen_at INTEGER NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        PRIMARY KEY (day, series, seen_at)
    ) STRICT, WITHOUT ROWID;
    ",
    // 2: the counted failures, and the last readings.
    "
    CREATE TABLE failed_task (
        account TEXT NOT NULL,
        uuid TEXT NOT NULL,
        task_type TEXT NOT NULL,
        PRIMARY KEY (account, uuid)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE failures (
        account TEXT NOT NULL,
        task_type TEXT NOT NULL,
        total INTEGER NOT NULL,
        PRIMARY KEY (account, task_type)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kept (
        account INTEGER NOT NULL REFERENCES account (id),
        name TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (account, name)
    ) STRICT, WITHOUT ROWID;
    ",
    // 3: the states of alerts, and their notifications to channels. A time is in microseconds since 1970.
    "
    CREATE TABLE alert (
        fingerprint INTEGER PRIMARY KEY,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        channel TEXT NOT NULL,
        fingerprint INTEGER NOT NULL,
        message TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        next_at INTEGER NOT NULL,
        error TEXT NOT NULL DEFAULT '',
        dead INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX outbox_heads ON outbox (channel, fingerprint, id);
    CREATE TABLE told (
        channel TEXT NOT NULL,
        fingerprint INTEGER NOT NULL,
        at INTEGER NOT NULL,
        ended INTEGER NOT NULL AS (json_extract(body, '$.status') = 'resolved') STORED,
        body TEXT NOT NULL,
        PRIMARY KEY (channel, fingerprint)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX told_ended ON told (at) WHERE ended;
    ",
    // 4: the end of the pause that a channel asked for.
    "
    ALTER TABLE outbox ADD COLUMN held_until INTEGER;
    ",
];

/// The reason why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// Written by a later version of this program.
    #[error("it was written by a newer version (its format is {found}, this version knows {known})")]
    Newer { found: usize, known: usize },
    /// Written by an earlier version, and opened for reading.
    #[error("it was written by an older version (its format is {found}, this version reads {known})")]
    Older { found: usize, known: usize },
    /// A database of another program.
    #[error("it is a database of another program")]
    Foreign,
    /// SQLite could not read or write it.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Upgrades a database to this version, and so shows that it can be written.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Unfit> {
    let found = version(connection)?;
    // Readers never wait for the writer, and a reported commit is on the disk.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    upgrade(&transaction, found)?;
    Ok(transaction.commit()?)
}

/// Checks that a database has exactly this version, and writes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), Unfit> {
    let (found, known) = (version(connection)?, STEPS.len());
    if found < known { Err(Unfit::Older { found, known }) } else { Ok(()) }
}

/// The version of a database that is ours and not newer than this program.
fn version(connection: &Connection) -> Result<usize, Unfit> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != i64::from(APPLICATION) && (application != 0 || version != 0 || tables != 0) {
        return Err(Unfit::Foreign);
    }
    let (found, known) = (usize::try_from(version).unwrap_or(usize::MAX), STEPS.len());
    if found > known {
        return Err(Unfit::Newer { found, known });
    }
    Ok(found)
}

/// Runs the missing steps. Writing the version, even the same one, shows that the file can be written.
fn upgrade(transaction: &Transaction<'_>, version: usize) -> rusqlite::Result<()> {
    for step in &STEPS[version..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_every_older_version_is_upgraded_and_keeps_its_rows() {
        for version in 1..=STEPS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            let transaction = connection.transaction().unwrap();
            transaction.execute_batch(&STEPS[..version].concat()).unwrap();
            transaction.execute("INSERT INTO account (name, scope) VALUES ('main', '')", []).unwrap();
            transaction.pragma_update(None, "application_id", APPLICATION).unwrap();
            transaction.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
            transaction.commit().unwrap();
            prepare(&mut connection).unwrap();
            let accounts: i64 = connection.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).unwrap();
            let kept: i64 = connection.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
            let now: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            let outbox: i64 = connection.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).unwrap();
            assert_eq!((accounts, kept, outbox, now), (1, 0, 0, 4), "from version {version}");
        }
    }
}

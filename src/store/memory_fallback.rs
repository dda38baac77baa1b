//! The memory fallback: alerts continue in memory while the file cannot be written, and return to the file afterwards.
//!
//! Temporary tables of the connection hide those of the file under the same names, so every statement works on copies
//! of the rows. The changes in the copies are written when the file can be written again. Rows keep their numbers, so a
//! message in flight is still known.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use super::file::PATIENCE;
use super::{Error, Inner, Store, lock, schema};

/// The tables with a memory fallback, each with its key.
const TABLES: [(&str, &str); 3] = [("alert", "fingerprint"), ("outbox", "id"), ("told", "channel, fingerprint")];

impl Store {
    /// As [`Store::transact`], for these tables. When the file can be read but not written, `work` runs again in
    /// memory.
    ///
    /// # Errors
    /// The error of `work`; then nothing of it was written.
    pub(super) async fn transact_alerts<T: Send + 'static>(
        &self,
        work: impl Fn(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.transact_alerts(work)).await.map_err(|_| Error::Dropped)?
    }
}

impl Inner {
    fn transact_alerts<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        if self.reattach() {
            let outcome = self.transact(None, &work);
            // A file that was locked at the start may be of an older version, or unreadable.
            let is_file = self.path.is_some() && !self.is_read_only && !self.is_locked.load(Ordering::Relaxed);
            if !is_file || !matches!(outcome, Err(Error::Sqlite(_))) || part(&mut lock(&self.connection)).is_err() {
                return outcome;
            }
        }
        let mut connection = lock(&self.connection);
        // Work on temporary tables does not lock the file.
        let transaction = connection.transaction()?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Whether everything is in the file, or was written to it now.
    fn reattach(&self) -> bool {
        if !is_apart(&lock(&self.connection)) {
            return true;
        }
        !self.has_just_failed() && self.transact(None, |transaction| Ok(write_back(transaction)?)).is_ok()
    }
}

fn is_apart(connection: &Connection) -> bool {
    let (table, _) = TABLES[0];
    connection.query_row("SELECT 1 FROM temp.sqlite_schema WHERE name = ?1", [table], |_| Ok(())).is_ok()
}

/// Does the same as [`part`] when the file has this version and can be read at once.
pub(super) fn part_if_readable(connection: &mut Connection) -> rusqlite::Result<()> {
    // A process that locks out readers may do so for long.
    connection.busy_timeout(Duration::ZERO)?;
    let outcome = if schema::check(connection).is_ok() { part(connection) } else { Ok(()) };
    connection.busy_timeout(PATIENCE)?;
    outcome
}

/// Creates temporary copies of the tables, and records their initial rows.
fn part(connection: &mut Connection) -> rusqlite::Result<()> {
    if is_apart(connection) {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for (table, _) in TABLES {
        // An index comes after its table.
        let sql = "SELECT sql FROM main.sqlite_schema WHERE tbl_name = ?1 AND type IN ('table', 'index') \
                   AND sql IS NOT NULL ORDER BY type DESC";
        let definitions: Vec<String> =
            transaction.prepare(sql)?.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for sql in definitions {
            let sql = sql.replacen("CREATE TABLE ", "CREATE TEMP TABLE ", 1);
            transaction.execute_batch(&sql.replacen("CREATE INDEX ", "CREATE INDEX temp.", 1))?;
        }
        let columns = columns(&transaction, table)?;
        transaction.execute_batch(&format!(
            "INSERT INTO temp.{table} ({columns}) SELECT {columns} FROM main.{table};
             CREATE TEMP TABLE {table}_before AS SELECT {columns} FROM main.{table};"
        ))?;
    }
    // A number is used once, in memory or in the file.
    transaction.execute_batch(
        "DELETE FROM temp.sqlite_sequence;
         INSERT INTO temp.sqlite_sequence SELECT * FROM main.sqlite_sequence WHERE name = 'outbox';",
    )?;
    transaction.commit()
}

/// Writes the changes of the copies to the file, and removes the copies. Another process may have changed a row that
/// did not change here.
fn write_back(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for (table, key) in TABLES.iter().filter(|_| is_apart(transaction)) {
        let columns = columns(transaction, table)?;
        transaction.execute_batch(&format!(
            "DELETE FROM main.{table} WHERE ({key}) IN
                 (SELECT {key} FROM temp.{table}_before EXCEPT SELECT {key} FROM temp.{table});
             INSERT OR REPLACE INTO main.{table} ({columns})
                 SELECT {columns} FROM temp.{table} EXCEPT SELECT {columns} FROM temp.{table}_before;"
        ))?;
    }
    let drop = |(table, _): &(&str, &str)| {
        format!("DROP TABLE IF EXISTS temp.{table}; DROP TABLE IF EXISTS temp.{table}_before;")
    };
    transaction.execute_batch(&TABLES.iter().map(drop).collect::<String>())
}

/// The columns that are written, without generated ones.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let sql = "SELECT group_concat(name, ', ') FROM pragma_table_info(?1, 'main')";
    connection.query_row(sql, [table], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use prometheus::Registry;
    use tempfile::TempDir;

    use super::*;
    use crate::store::Settings;
    use crate::store::alerts::OutboxRow;
    use crate::store::locked_file::PAUSE;
    use crate::store::outbox::DeliveryOutcome;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn row(fingerprint: u64, second: i64) -> OutboxRow {
        OutboxRow {
            channel: "a".into(),
            fingerprint,
            notification_id: format!("{fingerprint}-{second}"),
            body: r#"{"status":"firing"}"#.into(),
            created_at: at(second),
            due_at: at(second),
        }
    }

    async fn commit(store: &Store, fingerprint: u64, second: i64) {
        let state = Some(format!("as of {second}"));
        store.commit_alerts(vec![(fingerprint, state)], vec![row(fingerprint, second)]).await.unwrap();
    }

    async fn due(store: &Store) -> Vec<(i64, String)> {
        let heads = store.outbox_heads("a".into(), at(100), 10).await.unwrap();
        heads.due.into_iter().map(|waiting| (waiting.id, waiting.notification_id)).collect()
    }

    fn list(file: &Connection, sql: &str) -> Vec<String> {
        file.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_takes_nothing_is_written_once_it_does() {
        let (folder, registry) = (TempDir::new().unwrap(), Registry::new());
        let path = folder.path().join("state.db");
        let store = Store::open(&Settings { path: Some(path.clone()) }, &registry).unwrap();
        for fingerprint in 1..=4 {
            commit(&store, fingerprint, 0).await;
        }
        let file = Connection::open(&path).unwrap();
        let tables = TABLES.map(|(table, _)| table);
        for verb in ["INSERT", "UPDATE", "DELETE"] {
            for table in tables {
                let refuse = "BEGIN SELECT RAISE(FAIL, 'no room'); END";
                file.execute_batch(&format!("CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} {refuse}"))
                    .unwrap();
            }
        }
        let is_told = |fingerprint| vec![(fingerprint, DeliveryOutcome::Delivered)];
        store.outbox_settle(is_told(1), at(1)).await.unwrap();
        assert!(!store.is_writable());
        commit(&store, 1, 2).await;
        commit(&store, 5, 2).await;
        let heads =
            [(2, "2-0"), (3, "3-0"), (4, "4-0"), (5, "1-2"), (6, "5-2")].map(|(id, text)| (id, text.to_owned()));
        assert_eq!(due(&store).await, heads, "told from memory, in order, and nothing twice");
        store.outbox_settle(is_told(5), at(3)).await.unwrap();
        let later = DeliveryOutcome::Later { next_at: at(500), paused_until: None, error: "no".into() };
        store.outbox_settle(vec![(2, later)], at(3)).await.unwrap();
        store.commit_alerts(vec![(3, None)], Vec::new()).await.unwrap();
        assert_eq!(list(&file, "SELECT message FROM outbox ORDER BY id"), ["1-0", "2-0", "3-0", "4-0"], "of before");

        for verb in ["INSERT", "UPDATE", "DELETE"] {
            for table in tables {
                file.execute_batch(&format!("DROP TRIGGER {table}_{verb}")).unwrap();
            }
        }
        // Another process gives up a message that did not change here.
        file.execute("UPDATE outbox SET dead = 1 WHERE id = 4", []).unwrap();
        let heads = [(3, "3-0"), (6, "5-2")].map(|(id, text)| (id, text.to_owned()));
        assert_eq!(due(&store).await.len(), 3, "not tried again at once");
        tokio::time::advance(PAUSE).await;
        assert_eq!(due(&store).await, heads);
        let rows = "SELECT id || ' ' || message || ' ' || attempts || ' ' || dead FROM outbox ORDER BY id";
        assert_eq!(list(&file, rows), ["2 2-0 1 0", "3 3-0 0 0", "4 4-0 0 1", "6 5-2 0 0"]);
        let states = "SELECT fingerprint || ' ' || body FROM alert ORDER BY fingerprint";
        assert_eq!(list(&file, states), ["1 as of 2", "2 as of 0", "4 as of 0", "5 as of 2"]);
        assert_eq!(list(&file, "SELECT fingerprint || '' FROM told"), ["1"]);
        commit(&store, 6, 9).await;
        assert_eq!(list(&file, "SELECT message FROM outbox WHERE id = 7"), ["6-9"], "in the file again");
    }
}

//! The last readings as bytes, so that a restart can serve them at once. What the bytes mean is not known here.

use rusqlite::params;

use super::{AccountId, Error, Store};

impl Store {
    /// Keeps bytes under a name, in place of what was kept under it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn keep(&self, account: AccountId, name: String, body: Vec<u8>) -> Result<(), Error> {
        self.transact(move |transaction| {
            let sql = "INSERT OR REPLACE INTO kept (account, name, body) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute(params![account.0, name, body])?;
            Ok(())
        })
        .await
    }

    /// Everything that was kept, by name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn kept(&self, account: AccountId) -> Result<Vec<(String, Vec<u8>)>, Error> {
        self.transact(move |transaction| {
            let mut statement = transaction.prepare_cached("SELECT name, body FROM kept WHERE account = ?1")?;
            let rows = statement.query_map([account.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

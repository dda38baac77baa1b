//! Bytes that a restart needs at once: the last readings, and how far back the API keeps days. This module does not
//! interpret the bytes.

use rusqlite::{OptionalExtension as _, params};

use crate::account::AccountName;

use super::{Error, Store, account_id};

impl Store {
    /// Stores bytes of an account and scope under a name, and replaces earlier ones.
    ///
    /// # Errors
    /// [`Error`]; then the earlier bytes stay.
    pub async fn keep(&self, account: &AccountName, scope: &str, name: String, body: Vec<u8>) -> Result<(), Error> {
        let (account, scope) = (account.clone(), scope.to_owned());
        self.transact(move |transaction| {
            let id = account_id(transaction, &account, &scope)?;
            let sql = "INSERT OR REPLACE INTO kept (account, name, body) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute(params![id, name, body])?;
            Ok(())
        })
        .await
    }

    /// All stored bytes of an account and scope, by name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn kept(&self, account: &AccountName, scope: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let (account, scope) = (account.clone(), scope.to_owned());
        self.transact(move |transaction| {
            let sql = "SELECT kept.name, body FROM kept JOIN account ON account.id = kept.account \
                       WHERE account.name = ?1 AND scope = ?2";
            let mut statement = transaction.prepare_cached(sql)?;
            let rows = statement.query_map([account.as_str(), &scope], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The stored bytes of an account and scope under one name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn kept_row(&self, account: &AccountName, scope: &str, name: String) -> Result<Option<Vec<u8>>, Error> {
        let (account, scope) = (account.clone(), scope.to_owned());
        self.transact(move |transaction| {
            let sql = "SELECT body FROM kept JOIN account ON account.id = kept.account \
                       WHERE account.name = ?1 AND scope = ?2 AND kept.name = ?3";
            let mut statement = transaction.prepare_cached(sql)?;
            Ok(statement.query_row([account.as_str(), &scope, &name], |row| row.get(0)).optional()?)
        })
        .await
    }
}

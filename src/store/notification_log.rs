//! What channels were told last of each alert, so that nobody is told twice and every end finds who heard its beginning.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Transaction, params};

use super::{Error, Store};

/// How long it is kept what was told of an end.
const ENDED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What a channel was told last of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The channel.
    pub channel: String,
    /// Whether it was the end.
    pub has_ended: bool,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// What a channel was told last of each alert, as JSON.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn told(&self, channel: String) -> Result<Vec<String>, Error> {
        self.transact_alerts(move |transaction| {
            let mut statement = transaction.prepare_cached("SELECT body FROM told WHERE channel = ?1")?;
            let bodies = statement.query_map([&channel], |row| row.get(0))?;
            Ok(bodies.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What every channel was told last of each alert, by fingerprint.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tellings(&self) -> Result<BTreeMap<u64, Vec<Telling>>, Error> {
        self.transact_alerts(|transaction| {
            let sql = "SELECT fingerprint, channel, ended, at FROM told ORDER BY channel";
            let mut statement = transaction.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut tellings: BTreeMap<u64, Vec<Telling>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let (channel, has_ended) = (row.get(1)?, row.get(2)?);
                let at = Timestamp::from_microsecond(row.get(3)?).unwrap_or_default();
                let fingerprint = row.get::<_, i64>(0)?.cast_unsigned();
                tellings.entry(fingerprint).or_default().push(Telling { channel, has_ended, at });
            }
            Ok(tellings)
        })
        .await
    }

    /// Writes what a channel was told now.
    ///
    /// # Errors
    /// [`Error`]; then nothing was written.
    pub async fn record_told(&self, channel: String, told: Vec<(u64, String)>, now: Timestamp) -> Result<(), Error> {
        self.transact_alerts(move |transaction| {
            let sql = "INSERT OR REPLACE INTO told (channel, fingerprint, at, body) VALUES (?1, ?2, ?3, ?4)";
            let mut statement = transaction.prepare_cached(sql)?;
            for (fingerprint, body) in &told {
                statement.execute(params![channel, fingerprint.cast_signed(), now.as_microsecond(), body])?;
            }
            forget_ends(transaction, now)
        })
        .await
    }
}

/// The instant of an age, as the store writes it.
pub(super) fn before(now: Timestamp, age: SignedDuration) -> i64 {
    now.checked_sub(age).unwrap_or_default().as_microsecond()
}

/// Forgets ends that were told long enough ago, or by a clock that was ahead.
pub(super) fn forget_ends(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM told WHERE ended AND (at < ?1 OR at > ?2)";
    transaction.prepare_cached(sql)?.execute([before(now, ENDED_FOR), now.as_microsecond()])?;
    Ok(())
}

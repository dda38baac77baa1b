//! The notification log: the last notification of each alert to each channel. It prevents duplicates, and each resolved
//! alert reaches the channels that had it firing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Transaction, params};

use super::{Error, Store};

/// The lifetime of entries about ended alerts.
const ENDED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The last notification of an alert to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The channel.
    pub channel: String,
    /// Whether it was about the end of the alert.
    pub has_ended: bool,
    /// The time of the notification.
    pub at: Timestamp,
}

impl Store {
    /// The last notification of each alert to a channel, as JSON.
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

    /// The last notification of each alert to every channel, by fingerprint.
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

    /// Records the current notifications to a channel.
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

/// The time `age` before `now`, in the unit of the store.
pub(super) fn before(now: Timestamp, age: SignedDuration) -> i64 {
    now.checked_sub(age).unwrap_or_default().as_microsecond()
}

/// Deletes old entries about ended alerts, and those of a clock that was ahead.
pub(super) fn forget_ends(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM told WHERE ended AND (at < ?1 OR at > ?2)";
    transaction.prepare_cached(sql)?.execute([before(now, ENDED_FOR), now.as_microsecond()])?;
    Ok(())
}

//! The states of alerts, and what channels are to be told of their transitions.

use jiff::Timestamp;
use rusqlite::params;

use super::{Error, Store};

/// What one channel is to be told of one transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The channel.
    pub channel: String,
    /// The alert.
    pub fingerprint: u64,
    /// What identifies the transition, on every replica and however often it is told.
    pub message: String,
    /// The alert as JSON.
    pub body: String,
    /// When it came about.
    pub created_at: Timestamp,
    /// When it is to be told.
    pub due_at: Timestamp,
}

impl Store {
    /// Writes the states that changed, by fingerprint, where `None` is forgotten, and with them what is to be told: both
    /// or neither. Where the file cannot be written, both are kept in memory until it can be.
    ///
    /// # Errors
    /// [`Error`]; then nothing was written, nor kept.
    pub async fn commit_alerts(
        &self,
        changed: Vec<(u64, Option<String>)>,
        outbox: Vec<OutboxRow>,
    ) -> Result<(), Error> {
        self.transact_alerts(move |transaction| {
            let sql = "INSERT OR REPLACE INTO alert (fingerprint, body) VALUES (?1, ?2)";
            let mut write = transaction.prepare_cached(sql)?;
            let mut forget = transaction.prepare_cached("DELETE FROM alert WHERE fingerprint = ?1")?;
            for (fingerprint, body) in &changed {
                match body {
                    Some(body) => write.execute(params![fingerprint.cast_signed(), body])?,
                    None => forget.execute([fingerprint.cast_signed()])?,
                };
            }
            let mut send = transaction.prepare_cached(
                "INSERT INTO outbox (channel, fingerprint, message, body, created_at, next_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for row in &outbox {
                let fingerprint = row.fingerprint.cast_signed();
                let (created_at, due_at) = (row.created_at.as_microsecond(), row.due_at.as_microsecond());
                send.execute(params![row.channel, fingerprint, row.message, row.body, created_at, due_at])?;
            }
            Ok(())
        })
        .await
    }

    /// Every state, as it was written.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn alerts(&self) -> Result<Vec<String>, Error> {
        self.transact_alerts(|transaction| {
            let mut statement = transaction.prepare("SELECT body FROM alert ORDER BY fingerprint")?;
            let bodies = statement.query_map([], |row| row.get(0))?;
            Ok(bodies.collect::<Result<_, _>>()?)
        })
        .await
    }
}

//! The states of alerts, and the notifications of their transitions.

use jiff::Timestamp;
use rusqlite::params;

use super::{Error, Store};

/// One transition of an alert, for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The channel.
    pub channel: String,
    /// The alert.
    pub fingerprint: u64,
    /// The id of the transition. It is the same on every replica and at every attempt.
    pub notification_id: String,
    /// The alert as JSON.
    pub body: String,
    /// The time of the transition.
    pub created_at: Timestamp,
    /// The time from which it may be sent.
    pub due_at: Timestamp,
}

impl Store {
    /// Writes the changed states by fingerprint, where `None` deletes, and the notifications: both or neither. While
    /// the file cannot be written, both are kept in memory.
    ///
    /// # Errors
    /// [`Error`]; then nothing was written or kept.
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
                send.execute(params![row.channel, fingerprint, row.notification_id, row.body, created_at, due_at])?;
            }
            Ok(())
        })
        .await
    }

    /// Every stored state.
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

//! What edge-triggered channels have yet to be told, in order, and what they would not take.
//!
//! A row is one message for one channel. Of an alert's messages to a channel only the oldest is handed out, so that no
//! end overtakes its beginning.

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};

use super::{Error, Store};

/// A row that waits to be delivered.
const WAITING: i64 = 0;
/// A row that was given up.
const DEAD: i64 = 1;
/// A row that was given up, and whose alert has been told of since: telling it now would be wrong.
const OVERTAKEN: i64 = 2;

/// How long rows that were given up are kept.
const KEPT_MICROSECONDS: i64 = 90 * 86_400 * 1_000_000;

/// One message for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number; lower ones are older.
    pub id: i64,
    /// The alert's fingerprint.
    pub fingerprint: u64,
    /// What identifies the message, the same at every try and on every replica.
    pub message: String,
    /// The alert, as JSON.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// What came of trying to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was taken.
    Delivered,
    /// It is tried again.
    Later {
        /// Not before this.
        next_at: Timestamp,
        /// Why it was not taken.
        error: String,
    },
    /// It is given up.
    Dead {
        /// Why.
        error: String,
    },
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: Waiting,
    /// The channel.
    pub channel: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// What came of the last try.
    pub error: String,
    /// Whether something newer was told of the same alert, so that it is not told any more.
    pub is_overtaken: bool,
}

/// What waits for a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// What may be sent now: of each alert at most its oldest message.
    pub due: Vec<Waiting>,
    /// When the next of the others may be.
    pub next_at: Option<Timestamp>,
    /// How many messages wait, those included.
    pub waiting: u64,
}

impl Store {
    /// What may be sent to a channel now, oldest first, at most `limit` of it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn outbox_heads(&self, channel: String, now: Timestamp, limit: u32) -> Result<Heads, Error> {
        self.transact(move |transaction| {
            let heads = "SELECT min(id) FROM outbox WHERE channel = ?1 AND dead = 0 GROUP BY fingerprint";
            let sql = format!(
                "SELECT id, fingerprint, message, body, attempts FROM outbox \
                 WHERE id IN ({heads}) AND next_at <= ?2 ORDER BY id LIMIT ?3"
            );
            let mut statement = transaction.prepare_cached(&sql)?;
            let rows = statement.query_map(params![channel, now.as_microsecond(), limit], waiting)?;
            let due = rows.collect::<Result<_, _>>()?;
            let sql = format!("SELECT min(next_at) FROM outbox WHERE id IN ({heads}) AND next_at > ?2");
            let next_at: Option<i64> = transaction
                .prepare_cached(&sql)?
                .query_row(params![channel, now.as_microsecond()], |row| row.get(0))?;
            let sql = "SELECT count(*) FROM outbox WHERE channel = ?1 AND dead = 0";
            let waiting: i64 = transaction.prepare_cached(sql)?.query_row([&channel], |row| row.get(0))?;
            let next_at = next_at.and_then(|at| Timestamp::from_microsecond(at).ok());
            Ok(Heads { due, next_at, waiting: waiting.cast_unsigned() })
        })
        .await
    }

    /// Writes what came of trying to deliver messages.
    ///
    /// # Errors
    /// [`Error`]; then nothing was written.
    pub async fn outbox_settle(&self, fates: Vec<(i64, Fate)>) -> Result<(), Error> {
        self.transact(move |transaction| fates.iter().try_for_each(|(id, fate)| settle(transaction, *id, fate))).await
    }

    /// Gives up what waits for a channel that is not among `channels`, and forgets what was given up long ago.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn outbox_tidy(&self, channels: Vec<String>, now: Timestamp) -> Result<(), Error> {
        self.transact(move |transaction| {
            let mut known = transaction.prepare_cached("SELECT DISTINCT channel FROM outbox WHERE dead = 0")?;
            let known: Vec<String> = known.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let sql = "UPDATE outbox SET dead = ?2, error = 'the channel is no longer configured' \
                       WHERE channel = ?1 AND dead = 0";
            for channel in known.iter().filter(|channel| !channels.contains(channel)) {
                transaction.execute(sql, params![channel, DEAD])?;
            }
            let sql = "DELETE FROM outbox WHERE dead <> 0 AND created_at < ?1";
            transaction.execute(sql, [now.as_microsecond() - KEPT_MICROSECONDS])?;
            Ok(())
        })
        .await
    }

    /// Everything that was given up, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error> {
        self.transact(move |transaction| {
            let sql = "SELECT id, fingerprint, message, body, attempts, channel, created_at, error, dead FROM outbox \
                       WHERE dead <> 0 ORDER BY id";
            let mut statement = transaction.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(DeadLetter {
                    message: waiting(row)?,
                    channel: row.get(5)?,
                    created_at: Timestamp::from_microsecond(row.get(6)?).unwrap_or_default(),
                    error: row.get(7)?,
                    is_overtaken: row.get::<_, i64>(8)? == OVERTAKEN,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Lets messages that were given up wait again as if they were new; without `ids`, all of them. Returns how many
    /// these were; one that was overtaken stays where it is.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn replay(&self, ids: Vec<i64>, now: Timestamp) -> Result<usize, Error> {
        self.transact(move |transaction| {
            let sql = "UPDATE outbox SET dead = ?1, attempts = 0, next_at = ?2, error = '' WHERE dead = ?3";
            let set = params![WAITING, now.as_microsecond(), DEAD];
            if ids.is_empty() {
                return Ok(transaction.execute(sql, set)?);
            }
            let mut one = transaction.prepare_cached(&format!("{sql} AND id = ?4"))?;
            let replayed = ids.iter().map(|id| one.execute(params![WAITING, now.as_microsecond(), DEAD, id]));
            Ok(replayed.sum::<Result<usize, _>>()?)
        })
        .await
    }
}

fn settle(transaction: &Transaction<'_>, id: i64, fate: &Fate) -> Result<(), Error> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(values);
    match fate {
        Fate::Delivered => {
            let overtake = "UPDATE outbox SET dead = ?2 FROM (SELECT channel AS c, fingerprint AS f FROM outbox WHERE id = ?1) \
                            WHERE channel = c AND fingerprint = f AND dead = ?3 AND id < ?1";
            execute(overtake, &[&id, &OVERTAKEN, &DEAD])?;
            execute("DELETE FROM outbox WHERE id = ?1", &[&id])?;
        }
        Fate::Later { next_at, error } => {
            let sql = "UPDATE outbox SET attempts = attempts + 1, next_at = ?2, error = ?3 WHERE id = ?1";
            execute(sql, &[&id, &next_at.as_microsecond(), error])?;
        }
        Fate::Dead { error } => {
            let sql = "UPDATE outbox SET attempts = attempts + 1, dead = ?2, error = ?3 WHERE id = ?1";
            execute(sql, &[&id, &DEAD, error])?;
        }
    }
    Ok(())
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        id: row.get(0)?,
        fingerprint: row.get::<_, i64>(1)?.cast_unsigned(),
        message: row.get(2)?,
        body: row.get(3)?,
        attempts: row.get(4)?,
    })
}

//! The outbox: waiting notifications of edge-triggered channels, in order, and dead letters.
//!
//! A row is one notification for one channel. Only the oldest notification of an alert is sent at a time, so no
//! resolved one overtakes the firing one.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Row, Transaction, params};

use super::notification_log::{before, forget_ends};
use super::{Error, Store};

/// A row that waits for delivery.
const WAITING: i64 = 0;
/// A dead letter.
const DEAD: i64 = 1;
/// A dead letter with a newer notification of the same alert. It would now be wrong, so it is not sent.
const OVERTAKEN: i64 = 2;

/// The longest wait for a retry or for a channel's pause, plus some hours. A longer wait was written while the clock
/// was ahead.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(36);

/// The longest hold before the first attempt, plus some minutes.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(10);

/// The lifetime of dead letters.
const DEAD_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// One notification for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number. Lower ones are older.
    pub id: i64,
    /// The alert's fingerprint.
    pub fingerprint: u64,
    /// The id of the message, the same at every attempt and on every replica.
    pub notification_id: String,
    /// The alert, as JSON.
    pub body: String,
    /// The number of attempts.
    pub attempts: u32,
}

/// The outcome of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It was accepted.
    Delivered,
    /// It is retried.
    Later {
        /// The earliest time of the retry.
        next_at: Timestamp,
        /// The end of the pause that the channel asked for.
        paused_until: Option<Timestamp>,
        /// The reason why it was not accepted.
        error: String,
    },
    /// It is given up.
    Dead {
        /// The reason.
        error: String,
    },
}

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: Waiting,
    /// The channel.
    pub channel: String,
    /// The time when it was written.
    pub created_at: Timestamp,
    /// The error of the last attempt.
    pub error: String,
    /// Whether a newer notification of the same alert was sent, so that this one is never sent.
    pub is_overtaken: bool,
}

/// The waiting notifications of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The notifications that may be sent now: at most the oldest of each alert.
    pub due: Vec<Waiting>,
    /// The time when the next of the others may be sent.
    pub next_at: Option<Timestamp>,
    /// The number of waiting notifications, including those.
    pub waiting: u64,
    /// The number of dead letters.
    pub dead: u64,
}

impl Store {
    /// The notifications that may be sent to a channel now: the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn outbox_heads(&self, channel: String, now: Timestamp, limit: u32) -> Result<Heads, Error> {
        self.transact_alerts(move |transaction| {
            let heads = "SELECT min(id) FROM outbox WHERE channel = ?1 AND dead = 0 GROUP BY fingerprint";
            // A later time is impossible, so it was written while the clock was ahead.
            let waits = "next_at > ?2 AND next_at <= CASE WHEN attempts > 0 THEN ?3 ELSE ?4 END";
            let (now, latest, released) = (now.as_microsecond(), within(now, LONGEST_WAIT), within(now, LONGEST_HOLD));
            let sql = format!(
                "SELECT id, fingerprint, message, body, attempts FROM outbox \
                 WHERE id IN ({heads}) AND NOT ({waits}) ORDER BY id LIMIT ?5"
            );
            let mut statement = transaction.prepare_cached(&sql)?;
            let rows = statement.query_map(params![channel, now, latest, released, limit], waiting)?;
            let due = rows.collect::<Result<_, _>>()?;
            let sql = format!("SELECT min(next_at) FROM outbox WHERE id IN ({heads}) AND {waits}");
            let next_at: Option<i64> = transaction
                .prepare_cached(&sql)?
                .query_row(params![channel, now, latest, released], |row| row.get(0))?;
            let sql = "SELECT count(*) FILTER (WHERE dead = 0), count(*) FILTER (WHERE dead <> 0) \
                       FROM outbox WHERE channel = ?1";
            let count = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            let (waiting, dead) = transaction.prepare_cached(sql)?.query_row([&channel], count)?;
            let next_at = next_at.and_then(|at| Timestamp::from_microsecond(at).ok());
            Ok(Heads { due, next_at, waiting: waiting.cast_unsigned(), dead: dead.cast_unsigned() })
        })
        .await
    }

    /// Allows an immediate retry of failed notifications. It does not count as an attempt, so the same wait follows it.
    /// Returns the end of the pause that the channel asked for.
    ///
    /// # Errors
    /// [`Error`]; then everything waits as before.
    pub async fn outbox_retry_now(&self, channel: String, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        self.transact_alerts(move |transaction| {
            let (this, latest, released) = (now.as_microsecond(), within(now, LONGEST_WAIT), within(now, LONGEST_HOLD));
            let sql = "SELECT max(held_until) FROM outbox WHERE channel = ?1 AND dead = 0 AND held_until <= ?2";
            let paused_until: Option<i64> =
                transaction.prepare_cached(sql)?.query_row(params![channel, latest], |row| row.get(0))?;
            // Notifications without an attempt wait for their release. An impossible release time is corrected.
            let sql = "UPDATE outbox SET next_at = ?2, attempts = max(attempts - 1, 0) \
                       WHERE channel = ?1 AND dead = 0 AND next_at > ?2 AND (attempts > 0 OR next_at > ?3)";
            transaction.prepare_cached(sql)?.execute(params![channel, this, released])?;
            Ok(paused_until.and_then(|at| Timestamp::from_microsecond(at).ok()))
        })
        .await
    }

    /// Releases notifications of a channel that have no attempt yet.
    ///
    /// # Errors
    /// [`Error`]; then everything waits as before.
    pub async fn outbox_release(&self, channel: String, now: Timestamp) -> Result<(), Error> {
        self.transact_alerts(move |transaction| {
            let sql =
                "UPDATE outbox SET next_at = ?2 WHERE channel = ?1 AND dead = 0 AND attempts = 0 AND next_at > ?2";
            transaction.prepare_cached(sql)?.execute(params![channel, now.as_microsecond()])?;
            Ok(())
        })
        .await
    }

    /// Writes the outcomes of deliveries.
    ///
    /// # Errors
    /// [`Error`]; then nothing was written.
    pub async fn outbox_settle(&self, outcomes: Vec<(i64, DeliveryOutcome)>, now: Timestamp) -> Result<(), Error> {
        self.transact_alerts(move |transaction| {
            outcomes.iter().try_for_each(|(id, outcome)| settle(transaction, *id, outcome, now))?;
            forget_ends(transaction, now)
        })
        .await
    }

    /// Gives up the waiting notifications of channels that are not in `channels`. Deletes the log entries of these
    /// channels, and old dead letters.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tidy_channels(&self, channels: Vec<String>, now: Timestamp) -> Result<(), Error> {
        self.transact_alerts(move |transaction| {
            let mut known = transaction.prepare_cached("SELECT DISTINCT channel FROM outbox WHERE dead = 0")?;
            let known: Vec<String> = known.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let sql = "UPDATE outbox SET dead = ?2, error = 'the channel is no longer configured' \
                       WHERE channel = ?1 AND dead = 0";
            for channel in known.iter().filter(|channel| !channels.contains(channel)) {
                transaction.execute(sql, params![channel, DEAD])?;
            }
            let mut told = transaction.prepare_cached("SELECT DISTINCT channel FROM told")?;
            let told: Vec<String> = told.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for channel in told.iter().filter(|channel| !channels.contains(channel)) {
                transaction.execute("DELETE FROM told WHERE channel = ?1", [channel])?;
            }
            let sql = "DELETE FROM outbox WHERE dead <> 0 AND created_at < ?1";
            transaction.execute(sql, [before(now, DEAD_FOR)])?;
            Ok(())
        })
        .await
    }

    /// All dead letters, oldest first.
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

    /// Makes dead letters wait again like new notifications. Without `ids`, all of them. Returns their number.
    /// Overtaken ones are skipped.
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

/// The end of the longest possible wait, `longest`.
fn within(now: Timestamp, longest: SignedDuration) -> i64 {
    now.checked_add(longest).unwrap_or(Timestamp::MAX).as_microsecond()
}

fn settle(transaction: &Transaction<'_>, id: i64, outcome: &DeliveryOutcome, now: Timestamp) -> Result<(), Error> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(values);
    match outcome {
        DeliveryOutcome::Delivered => {
            let overtake = "UPDATE outbox SET dead = ?2 FROM (SELECT channel AS c, fingerprint AS f FROM outbox WHERE id = ?1) \
                            WHERE channel = c AND fingerprint = f AND dead = ?3 AND id < ?1";
            execute(overtake, &[&id, &OVERTAKEN, &DEAD])?;
            let tell = "INSERT OR REPLACE INTO told (channel, fingerprint, at, body) \
                        SELECT channel, fingerprint, ?2, body FROM outbox WHERE id = ?1";
            execute(tell, &[&id, &now.as_microsecond()])?;
            execute("DELETE FROM outbox WHERE id = ?1", &[&id])?;
        }
        DeliveryOutcome::Later { next_at, paused_until, error } => {
            let paused_until = paused_until.map(Timestamp::as_microsecond);
            let sql =
                "UPDATE outbox SET attempts = attempts + 1, next_at = ?2, held_until = ?3, error = ?4 WHERE id = ?1";
            execute(sql, &[&id, &next_at.as_microsecond(), &paused_until, error])?;
        }
        DeliveryOutcome::Dead { error } => {
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
        notification_id: row.get(2)?,
        body: row.get(3)?,
        attempts: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Settings;
    use crate::store::alerts::OutboxRow;
    use crate::store::notification_log::Telling;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    async fn filled(rows: &[(&str, u64, i64)]) -> Store {
        let store = Store::open(&Settings { path: None }, &prometheus::Registry::new()).unwrap();
        let row = |(channel, fingerprint, second): &(&str, u64, i64)| OutboxRow {
            channel: (*channel).to_owned(),
            fingerprint: *fingerprint,
            notification_id: format!("{channel}-{fingerprint}-{second}"),
            body: r#"{"status":"firing"}"#.into(),
            created_at: at(*second),
            due_at: at(*second),
        };
        store.commit_alerts(Vec::new(), rows.iter().map(row).collect()).await.unwrap();
        store
    }

    async fn due(store: &Store, now: i64) -> Vec<i64> {
        let heads = store.outbox_heads("a".into(), at(now), 10).await.unwrap();
        heads.due.iter().map(|waiting| waiting.id).collect()
    }

    fn dead(error: &str) -> DeliveryOutcome {
        DeliveryOutcome::Dead { error: error.into() }
    }

    #[tokio::test]
    async fn only_the_oldest_message_of_an_alert_is_due() {
        let high = u64::MAX - 5;
        let store = filled(&[("a", high, 0), ("a", 2, 1), ("b", high, 2), ("a", high, 3)]).await;
        assert_eq!(due(&store, 10).await, [1, 2]);
        assert_eq!(store.outbox_heads("a".into(), at(10), 1).await.unwrap().due[0].fingerprint, high);
        let later = DeliveryOutcome::Later { next_at: at(60), paused_until: None, error: "no".into() };
        store.outbox_settle(vec![(1, later), (2, DeliveryOutcome::Delivered)], at(10)).await.unwrap();
        let heads = store.outbox_heads("a".into(), at(59), 10).await.unwrap();
        assert_eq!(
            heads,
            Heads { due: Vec::new(), next_at: Some(at(60)), waiting: 2, dead: 0 },
            "its end waits as well"
        );
        let heads = store.outbox_heads("a".into(), at(60), 10).await.unwrap();
        assert_eq!((heads.due[0].id, heads.due[0].attempts, heads.due.len()), (1, 1, 1));
        store.outbox_settle(vec![(1, DeliveryOutcome::Delivered)], at(61)).await.unwrap();
        assert_eq!(due(&store, 60).await, [4]);
        let told = |second| vec![Telling { channel: "a".into(), has_ended: false, at: at(second) }];
        assert_eq!(store.tellings().await.unwrap(), [(2, told(10)), (high, told(61))].into());
        assert_eq!(store.outbox_heads("b".into(), at(60), 10).await.unwrap().waiting, 1, "another channel");
    }

    #[tokio::test]
    async fn what_is_woken_is_tried_once_more_and_waits_as_long_again() {
        let store = filled(&[("a", 1, 0), ("a", 2, 1), ("b", 3, 2)]).await;
        let later = |paused_until| DeliveryOutcome::Later { next_at: at(600), paused_until, error: "no".into() };
        for _ in 0..2 {
            store.outbox_settle(vec![(1, later(None)), (3, later(Some(at(500))))], at(10)).await.unwrap();
        }
        assert_eq!(store.outbox_retry_now("a".into(), at(20)).await.unwrap(), None);
        let heads = store.outbox_heads("a".into(), at(20), 10).await.unwrap();
        let due: Vec<_> = heads.due.iter().map(|waiting| (waiting.id, waiting.attempts)).collect();
        assert_eq!(due, [(1, 1), (2, 0)]);
        assert_eq!(store.outbox_heads("b".into(), at(20), 10).await.unwrap().due, [], "another channel");
        assert_eq!(store.outbox_retry_now("b".into(), at(20)).await.unwrap(), Some(at(500)));
    }

    /// A message of the future, one that failed there, and one for a channel that asked for a pause there.
    #[tokio::test]
    async fn nothing_waits_for_a_time_that_only_a_clock_ahead_has_seen() {
        const AHEAD: i64 = 3 * 86_400;
        let store = filled(&[("a", 1, AHEAD), ("a", 1, 5), ("a", 2, 6), ("a", 3, 7)]).await;
        let later =
            |second, paused_until| DeliveryOutcome::Later { next_at: at(second), paused_until, error: "no".into() };
        let outcomes = vec![(3, later(AHEAD + 600, Some(at(AHEAD + 500)))), (4, later(86_400, None))];
        store.outbox_settle(outcomes, at(AHEAD)).await.unwrap();
        assert_eq!(due(&store, 10).await, [1, 3], "but what waits for a day is as it should be");
        assert_eq!(store.outbox_retry_now("a".into(), at(10)).await.unwrap(), None);
        let ended = vec![(9, r#"{"status":"resolved"}"#.to_owned())];
        store.record_told("a".into(), ended, at(AHEAD)).await.unwrap();
        store.record_told("a".into(), Vec::new(), at(10)).await.unwrap();
        assert!(store.tellings().await.unwrap().is_empty(), "an end of the future is forgotten");
    }

    #[tokio::test]
    async fn what_is_held_back_waits_for_its_release() {
        let store = filled(&[("b", 1, 0)]).await;
        let row = |fingerprint, second| OutboxRow {
            channel: "a".into(),
            fingerprint,
            notification_id: format!("a-{fingerprint}"),
            body: r#"{"status":"firing"}"#.into(),
            created_at: at(0),
            due_at: at(second),
        };
        store.commit_alerts(Vec::new(), vec![row(1, 300), row(2, 300), row(3, 0)]).await.unwrap();
        let later = DeliveryOutcome::Later { next_at: at(900), paused_until: None, error: "no".into() };
        store.outbox_settle(vec![(4, later)], at(1)).await.unwrap();
        assert_eq!(store.outbox_retry_now("a".into(), at(2)).await.unwrap(), None);
        assert_eq!(due(&store, 2).await, [4], "a start is no release");
        let later = DeliveryOutcome::Later { next_at: at(900), paused_until: None, error: "no".into() };
        store.outbox_settle(vec![(4, later)], at(3)).await.unwrap();
        store.outbox_release("a".into(), at(4)).await.unwrap();
        assert_eq!(due(&store, 4).await, [2, 3], "a release is no second try");
        assert_eq!(due(&store, 900).await, [2, 3, 4]);
    }

    #[tokio::test]
    async fn what_was_given_up_can_be_replayed_unless_something_newer_was_told() {
        let store = filled(&[("a", 1, 0), ("a", 1, 1), ("a", 2, 2), ("a", 3, 3)]).await;
        store.outbox_settle(vec![(1, dead("x")), (3, dead("y")), (4, dead("z"))], at(9)).await.unwrap();
        assert_eq!(due(&store, 10).await, [2], "the next of the alert");
        store.outbox_settle(vec![(2, DeliveryOutcome::Delivered)], at(9)).await.unwrap();
        let letters = store.dead_letters().await.unwrap();
        let told: Vec<_> = letters.iter().map(|l| (l.message.id, l.error.as_str(), l.is_overtaken)).collect();
        assert_eq!(told, [(1, "x", true), (3, "y", false), (4, "z", false)]);
        assert_eq!(store.replay(vec![1, 4, 99], at(20)).await.unwrap(), 1);
        assert_eq!(due(&store, 20).await, [4]);
        assert_eq!(store.replay(Vec::new(), at(20)).await.unwrap(), 1);
        assert_eq!(due(&store, 20).await, [3, 4]);
    }

    #[tokio::test]
    async fn messages_of_removed_channels_are_forgotten() {
        const DAY: i64 = 86_400;
        let store = filled(&[("a", 1, 0), ("b", 1, 80 * DAY)]).await;
        store.outbox_settle(vec![(1, dead("x"))], at(0)).await.unwrap();
        let [firing, resolved] = ["firing", "resolved"].map(|status| format!(r#"{{"status":"{status}"}}"#));
        for channel in ["a", "b"] {
            let told = vec![(1, firing.clone()), (2, resolved.clone())];
            store.record_told(channel.into(), told, at(0)).await.unwrap();
        }
        store.record_told("a".into(), vec![(3, resolved.clone())], at(2 * DAY)).await.unwrap();
        assert_eq!(store.told("a".into()).await.unwrap(), [firing, resolved], "the old end is forgotten");
        store.tidy_channels(vec!["a".into()], at(91 * DAY)).await.unwrap();
        assert!(store.told("b".into()).await.unwrap().is_empty());
        let letters = store.dead_letters().await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(
            (letters[0].channel.as_str(), letters[0].error.as_str()),
            ("b", "the channel is no longer configured")
        );
    }
}

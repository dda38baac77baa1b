//! Removes days of the history that were written while the clock was ahead.
//!
//! An unfinished day may be stored without costs. A day that was read in the future may have been read too early, or as
//! a settled one. Later, such readings look like correct ones.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::params;

use gcore_api::billing::period::utc_date;

use super::account_name;
use super::days::{date, delete, number};
use super::series::Kind;
use super::{AccountId, Error, Store};

impl Store {
    /// Removes days from today (UTC) on, days that were read in the future, and revisions that were seen there. Returns
    /// the first removed day.
    ///
    /// # Errors
    /// [`Error`]; then nothing was changed.
    pub async fn forget_future(&self, account: AccountId, kind: Kind, now: Timestamp) -> Result<Option<Date>, Error> {
        self.transact_for(account, move |transaction, account| {
            let (kind_word, today, now) = (kind.as_str(), number(utc_date(now)), now.as_second());
            let sql =
                "SELECT day FROM reading WHERE account = ?1 AND kind = ?2 AND (day >= ?3 OR read_at > ?4) ORDER BY day";
            let days: Vec<i64> = transaction
                .prepare_cached(sql)?
                .query_map(params![account, kind_word, today, now], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            days.iter().try_for_each(|day| delete(transaction, account, kind, *day))?;
            let sql = "DELETE FROM revision WHERE seen_at > ?3 \
                       AND series IN (SELECT id FROM series WHERE account = ?1 AND kind = ?2)";
            transaction.prepare_cached(sql)?.execute(params![account, kind_word, now])?;
            if let (Some(first), Some(last)) = (days.first(), days.last()) {
                tracing::warn!(
                    account = account_name(transaction, account)?,
                    kind = kind_word,
                    days = days.len(),
                    first,
                    last,
                    "stored days are from a clock that was ahead, and were dropped; those that are over are read again \
                     where collect.history.days reaches as far"
                );
            }
            Ok(days.first().and_then(|day| date(*day)))
        })
        .await
    }
}

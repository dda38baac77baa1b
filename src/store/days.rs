//! The daily history: the cost and usage of each group on each UTC day. It is kept permanently.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{MAIN_DB, OptionalExtension as _, Row, Transaction, params};

use gcore_api::billing::amount::Amount;

use super::series;
use super::series::{Kind, Series};
use super::{AccountId, Error, Store, account_name};

/// A whole day from one reading.
#[derive(Clone, Debug)]
pub struct Day {
    /// The UTC day.
    pub date: Date,
    /// The time of the reading.
    pub read_at: Timestamp,
    /// Whether the day was settled at the time of the reading.
    pub is_settled: bool,
    /// The largest difference between two correct readings of a settled day. A smaller one is no revision, and the
    /// earlier amount stays.
    pub rounding: Amount,
    /// The amount of each series. A missing series was zero.
    pub amounts: Vec<(Series, Amount)>,
}

/// The last reading of a stored day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The time of the reading.
    pub read_at: Timestamp,
    /// Whether the day was settled at that time.
    pub is_settled: bool,
}

/// The revisions of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The sum over the days.
    pub change: Amount,
    /// The first of these days.
    pub first_day: Date,
}

impl Store {
    /// Writes a day and replaces an earlier reading of it. Returns whether any amount changed. Differences to a settled
    /// reading are stored as revisions.
    ///
    /// Series beyond `series_limit` are stored as one sum, [`Series::other`]. The limit is for all accounts that were read
    /// in the last week. Each account may have 500 in any case.
    ///
    /// # Errors
    /// [`Error`]; then the earlier reading stays.
    pub async fn write_day(
        &self,
        account: AccountId,
        kind: Kind,
        day: Day,
        series_limit: usize,
    ) -> Result<bool, Error> {
        self.transact_for(account, move |transaction, account| {
            write_day(transaction, account, kind, &day, series_limit)
        })
        .await
    }

    /// The last reading of each stored day. An unreadable day is removed, so that it counts as never read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn days(&self, account: AccountId, kind: Kind) -> Result<BTreeMap<Date, Known>, Error> {
        self.transact_for(account, move |transaction, account| {
            let sql = "SELECT day, read_at, settled FROM reading WHERE account = ?1 AND kind = ?2";
            let mut statement = transaction.prepare_cached(sql)?;
            let mut rows = statement.query(params![account, kind.as_str()])?;
            let (mut days, mut garbled) = (BTreeMap::new(), Vec::new());
            while let Some(row) = rows.next()? {
                let (day, is_settled) = (row.get(0)?, row.get(2)?);
                match (date(day), Timestamp::from_second(row.get(1)?)) {
                    (Some(date), Ok(read_at)) => drop(days.insert(date, Known { read_at, is_settled })),
                    _ => garbled.push(day),
                }
            }
            garbled.into_iter().try_for_each(|day| forget(transaction, account, kind, day))?;
            Ok(days)
        })
        .await
    }

    /// Passes each stored day from `first` until the day before `end` to `visit`, in order. `visit` gets all series of
    /// the account, and the day's amounts by the index of their series in that list. A day with an unreadable amount is
    /// removed, so that it counts as never read.
    ///
    /// # Errors
    /// [`Error`], also for such a day in a read-only store. Some days may have been visited.
    pub async fn visit_days<V: Send + 'static>(
        &self,
        account: AccountId,
        kind: Kind,
        (first, end): (Date, Date),
        mut visitor: V,
        visit: impl Fn(&mut V, &[Series], Date, &[(usize, Amount)]) + Send + 'static,
    ) -> Result<V, Error> {
        self.transact_for(account, move |transaction, account| {
            let (series, positions) = series::positions(series::by_number(transaction, account, kind)?);
            let sql =
                "SELECT day FROM reading WHERE account = ?1 AND kind = ?2 AND day >= ?3 AND day < ?4 ORDER BY day";
            let mut days = transaction.prepare_cached(sql)?;
            let mut days = days.query(params![account, kind.as_str(), number(first), number(end)])?;
            let mut amounts = transaction.prepare_cached("SELECT series, amount FROM amount WHERE day = ?1")?;
            let (mut of_day, mut garbled) = (Vec::new(), Vec::new());
            while let Some(row) = days.next()? {
                let day: i64 = row.get(0)?;
                of_day.clear();
                let mut date = date(day);
                let mut rows = amounts.query([day])?;
                while let Some(row) = rows.next()? {
                    if let Some(position) = positions.get(&row.get(0)?) {
                        match read_amount(row, 1) {
                            Some(amount) => of_day.push((*position, amount)),
                            None => date = None,
                        }
                    }
                }
                match date {
                    Some(date) => visit(&mut visitor, &series, date, &of_day),
                    None => garbled.push(day),
                }
            }
            garbled.into_iter().try_for_each(|day| forget(transaction, account, kind, day))?;
            Ok(visitor)
        })
        .await
    }

    /// The revisions of each series, summed over all that were seen since `since`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn revisions(
        &self,
        account: AccountId,
        kind: Kind,
        since: Timestamp,
    ) -> Result<BTreeMap<Series, Revision>, Error> {
        self.transact_for(account, move |transaction, account| {
            let sql = "SELECT project, region, resource_type, measure, before, after, day \
                       FROM revision JOIN series ON series.id = revision.series \
                       WHERE seen_at >= ?1 AND account = ?2 AND kind = ?3";
            let mut statement = transaction.prepare_cached(sql)?;
            let mut rows = statement.query(params![since.as_second(), account, kind.as_str()])?;
            let mut revisions = BTreeMap::<Series, Revision>::new();
            while let Some(row) = rows.next()? {
                let (before, after, day) = (read_amount(row, 4), read_amount(row, 5), date(row.get(6)?));
                // An unreadable revision is skipped.
                let (Some(before), Some(after), Some(day)) = (before, after, day) else { continue };
                let none = Revision { change: Amount::ZERO, first_day: day };
                let revision = revisions.entry(series::read(row)?).or_insert(none);
                revision.first_day = revision.first_day.min(day);
                let sum = after.checked_sub(before).and_then(|change| revision.change.checked_add(change));
                revision.change = sum.unwrap_or(revision.change);
            }
            Ok(revisions)
        })
        .await
    }

    /// Deletes revisions of all accounts that were seen more than 400 days ago.
    ///
    /// # Errors
    /// [`Error`]; then they stay.
    pub async fn forget_revisions(&self, now: Timestamp) -> Result<(), Error> {
        let first = now.checked_sub(REVISED_FOR).unwrap_or_default().as_second();
        self.transact(move |transaction| {
            transaction.execute("DELETE FROM revision WHERE seen_at < ?1", [first])?;
            Ok(())
        })
        .await
    }
}

fn write_day(
    transaction: &Transaction<'_>,
    account: i64,
    kind: Kind,
    day: &Day,
    series_limit: usize,
) -> Result<bool, Error> {
    let numbered = series::numbered(transaction, account, kind, &day.amounts, day.read_at, series_limit)?;
    let before = match amounts_of(transaction, account, kind, day.date)? {
        Some(before) => before,
        None => {
            forget(transaction, account, kind, number(day.date))?;
            HashMap::new()
        }
    };
    let key = params![account, kind.as_str(), number(day.date)];
    let sql = "SELECT settled FROM reading WHERE account = ?1 AND kind = ?2 AND day = ?3";
    let was_settled = transaction.query_row(sql, key, |row| row.get::<_, bool>(0)).optional()?;

    let is_change = |before: Option<Amount>, after: Option<Amount>| {
        if was_settled != Some(true) {
            return before != after;
        }
        // A missing series was zero.
        let change = after.unwrap_or_default().checked_sub(before.unwrap_or_default());
        change.is_none_or(|change| change != Amount::ZERO && change.magnitude() >= day.rounding.magnitude())
    };
    let present = numbered.iter().map(|(series, after)| (*series, before.get(series).copied(), Some(*after)));
    let gone = before.iter().filter(|(series, _)| !numbered.contains_key(series));
    let gone = gone.map(|(series, before)| (*series, Some(*before), None));
    let changes: Vec<_> = present.chain(gone).filter(|(_, before, after)| is_change(*before, *after)).collect();

    let mut insert =
        transaction.prepare_cached("INSERT OR REPLACE INTO amount (day, series, amount) VALUES (?1, ?2, ?3)")?;
    let mut delete = transaction.prepare_cached("DELETE FROM amount WHERE day = ?1 AND series = ?2")?;
    let mut revise = transaction.prepare_cached(
        "INSERT OR REPLACE INTO revision (day, series, seen_at, before, after) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (series, before, after) in &changes {
        match after {
            Some(after) => insert.execute(params![number(day.date), series, after.to_string()])?,
            None => delete.execute(params![number(day.date), series])?,
        };
        if was_settled == Some(true) {
            let [before, after] = [before, after].map(|amount| amount.unwrap_or_default().to_string());
            revise.execute(params![number(day.date), series, day.read_at.as_second(), before, after])?;
        }
    }
    let is_settled = day.is_settled || was_settled == Some(true);
    transaction.execute(
        "INSERT OR REPLACE INTO reading (account, kind, day, read_at, settled) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![account, kind.as_str(), number(day.date), day.read_at.as_second(), is_settled],
    )?;
    Ok(was_settled.is_none() || !changes.is_empty())
}

/// The stored amounts of a day, by the number of the series. `None` when one of them is unreadable.
fn amounts_of(
    transaction: &Transaction<'_>,
    account: i64,
    kind: Kind,
    day: Date,
) -> Result<Option<HashMap<i64, Amount>>, Error> {
    let sql = "SELECT series, amount FROM amount JOIN series ON series.id = series \
               WHERE day = ?1 AND account = ?2 AND kind = ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(params![number(day), account, kind.as_str()])?;
    let mut amounts = HashMap::new();
    while let Some(row) = rows.next()? {
        let Some(amount) = read_amount(row, 1) else { return Ok(None) };
        amounts.insert(row.get(0)?, amount);
    }
    Ok(Some(amounts))
}

/// Removes a day that SQLite accepts but that is unreadable.
fn forget(transaction: &Transaction<'_>, account: i64, kind: Kind, day: i64) -> Result<(), Error> {
    if transaction.is_readonly(MAIN_DB)? {
        return Err(Error::GarbledDay { day });
    }
    delete(transaction, account, kind, day)?;
    tracing::warn!(
        account = account_name(transaction, account)?,
        kind = kind.as_str(),
        day,
        "a stored day is garbled and was dropped; it is read again where collect.history.days reaches as far"
    );
    Ok(())
}

/// Deletes a day, so that it counts as never read.
pub(super) fn delete(transaction: &Transaction<'_>, account: i64, kind: Kind, day: i64) -> Result<(), Error> {
    let key = params![account, kind.as_str(), day];
    let amounts =
        "DELETE FROM amount WHERE series IN (SELECT id FROM series WHERE account = ?1 AND kind = ?2) AND day = ?3";
    transaction.execute(amounts, key)?;
    transaction.execute("DELETE FROM reading WHERE account = ?1 AND kind = ?2 AND day = ?3", key)?;
    Ok(())
}

/// The lifetime of revisions: the longest possible history.
const REVISED_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);

pub(super) fn number(day: Date) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

/// `None` when there is no such day.
pub(super) fn date(number: i64) -> Option<Date> {
    let part = |value: i64| i8::try_from(value).unwrap_or_default();
    let year = i16::try_from(number / 10_000).unwrap_or_default();
    Date::new(year, part(number / 100 % 100), part(number % 100)).ok()
}

/// `None` when it is no amount.
fn read_amount(row: &Row<'_>, column: usize) -> Option<Amount> {
    row.get_ref(column).ok()?.as_str().ok()?.parse().ok()
}

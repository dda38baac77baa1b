//! The daily history: the cost and usage of each group on each UTC day. It is kept permanently.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{MAIN_DB, OptionalExtension as _, Row, Transaction, params};
use smol_str::SmolStr;

use crate::aggregate::group::Group;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::resource::{ProjectId, RegionId, ResourceType};

use super::{AccountId, Error, Store};

/// The kinds of daily amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Money. The measure is its currency.
    Cost,
    /// Billing values. The measure is their unit.
    Usage,
}

/// The identity of a series of the history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Project, region and type.
    pub group: Group,
    /// Currency or unit.
    pub measure: SmolStr,
}

impl Series {
    /// The sum of all series of a measure beyond the series limit.
    #[must_use]
    pub fn other(measure: &str) -> Self {
        let group = Group { project: ProjectId(0), region: None, resource_type: ResourceType::new(OTHER) };
        Self { group, measure: measure.into() }
    }
}

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

impl Kind {
    /// The name of this kind in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Usage => "usage",
        }
    }
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
            let others = series_of_others(transaction, account, kind, day.read_at)?;
            let limit = series_limit.saturating_sub(others).max(series_limit.min(LEAST_SERIES));
            write_day(transaction, account, kind, &day, limit)
        })
        .await
    }

    /// Every series of an account, in no order.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn series(&self, account: AccountId, kind: Kind) -> Result<Vec<Series>, Error> {
        let all = move |transaction: &Transaction<'_>, account| {
            Ok(series(transaction, account, kind)?.into_values().collect())
        };
        self.transact_for(account, all).await
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
            let (series, positions) = positions(series(transaction, account, kind)?);
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
                let revision = revisions.entry(read_series(row)?).or_insert(none);
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
    let numbered = numbers(transaction, account, kind, &day.amounts, series_limit)?;
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

pub(super) fn account_name(transaction: &Transaction<'_>, account: i64) -> rusqlite::Result<String> {
    transaction.query_row("SELECT name FROM account WHERE id = ?1", [account], |row| row.get(0))
}

/// The amounts by the number of their series. New series get numbers up to `series_limit`, the largest amounts first.
/// The sum of the rest goes to [`Series::other`].
fn numbers(
    transaction: &Transaction<'_>,
    account: i64,
    kind: Kind,
    amounts: &[(Series, Amount)],
    series_limit: usize,
) -> Result<HashMap<i64, Amount>, Error> {
    let mut known: HashMap<Series, i64> =
        series(transaction, account, kind)?.into_iter().map(|(number, series)| (series, number)).collect();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO series (account, kind, project, region, resource_type, measure) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut number = |series: &Series| {
        insert.insert(params![
            account,
            kind.as_str(),
            bits(series.group.project.0),
            series.group.region.map_or(NO_REGION, |region| bits(region.0)),
            series.group.resource_type.as_str(),
            series.measure.as_str()
        ])
    };
    let (old, mut new): (Vec<_>, Vec<_>) = amounts.iter().partition(|(series, _)| known.contains_key(series));
    let mut numbered: HashMap<i64, Amount> = old.into_iter().map(|(series, amount)| (known[series], *amount)).collect();
    new.sort_unstable_by(|(a, x), (b, y)| y.magnitude().cmp(&x.magnitude()).then_with(|| a.cmp(b)));
    let mut projects: HashSet<ProjectId> = known.keys().map(|series| series.group.project).collect();
    let mut others = Vec::new();
    for (series, amount) in new {
        let project = series.group.project;
        let has_room = projects.contains(&project) || projects.len() < series_limit.div_ceil(SERIES_PER_PROJECT);
        if known.len() < series_limit && has_room {
            projects.insert(project);
            let of_series = number(series)?;
            known.insert(series.clone(), of_series);
            numbered.insert(of_series, *amount);
        } else {
            others.push((Series::other(&series.measure), *amount));
        }
    }
    for (other, amount) in others {
        let of_other = match known.get(&other) {
            Some(number) => *number,
            None if known.len() >= series_limit.saturating_mul(2) => {
                return Err(Error::Garbled { what: "list of currencies or units" });
            }
            None => {
                tracing::warn!(
                    account = account_name(transaction, account)?,
                    kind = kind.as_str(),
                    measure = other.measure.as_str(),
                    series_limit,
                    "the history has no room for more series; new ones are stored as one, project 0 and type __other__; \
                     restrict the account by projects, regions or types, or raise metrics.series_limit"
                );
                let of_other = number(&other)?;
                known.insert(other, of_other);
                of_other
            }
        };
        let sum = numbered.entry(of_other).or_default();
        // No sum of a day comes near the range of an amount.
        *sum = sum.checked_add(amount).unwrap_or(*sum);
    }
    Ok(numbered)
}

/// The number of series of the other accounts that were read in the week before `now`.
fn series_of_others(transaction: &Transaction<'_>, account: i64, kind: Kind, now: Timestamp) -> Result<usize, Error> {
    let sql = "SELECT count(*) FROM series WHERE kind = ?1 AND account <> ?2 \
               AND account IN (SELECT account FROM reading WHERE kind = ?1 AND read_at >= ?3)";
    let week_ago = now.as_second() - 7 * 86_400;
    let count: i64 =
        transaction.prepare_cached(sql)?.query_row(params![kind.as_str(), account, week_ago], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Every series of an account, by its number.
fn series(transaction: &Transaction<'_>, account: i64, kind: Kind) -> Result<HashMap<i64, Series>, Error> {
    let sql = "SELECT project, region, resource_type, measure, id FROM series WHERE account = ?1 AND kind = ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(params![account, kind.as_str()])?;
    let mut all = HashMap::new();
    while let Some(row) = rows.next()? {
        all.insert(row.get(4)?, read_series(row)?);
    }
    Ok(all)
}

/// Reads a row that begins with project, region, type and measure.
fn read_series(row: &Row<'_>) -> Result<Series, Error> {
    let region: i64 = row.get(1)?;
    let group = Group {
        project: ProjectId(row.get::<_, i64>(0)?.cast_unsigned()),
        region: (region != NO_REGION).then_some(RegionId(region.cast_unsigned())),
        resource_type: ResourceType::new(row.get_ref(2)?.as_str().unwrap_or_default()),
    };
    Ok(Series { group, measure: row.get_ref(3)?.as_str().unwrap_or_default().into() })
}

/// The series in the order of their numbers, and the index of each number.
fn positions(series: HashMap<i64, Series>) -> (Vec<Series>, HashMap<i64, usize>) {
    let ordered: BTreeMap<i64, Series> = series.into_iter().collect();
    let positions = ordered.keys().enumerate().map(|(position, number)| (*number, position)).collect();
    (ordered.into_values().collect(), positions)
}

/// The number of series that an account may have in any case.
const LEAST_SERIES: usize = 500;

/// The least number of series per project in a full history. A project has a model of its own, so it takes memory like a
/// series: 10,000 series may have 2,500 projects.
const SERIES_PER_PROJECT: usize = 4;

/// The type of all series without a number of their own.
const OTHER: &str = "__other__";

/// The lifetime of revisions: the longest possible history.
const REVISED_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The value for a region that the API does not name.
const NO_REGION: i64 = -1;

/// SQLite has signed numbers only. No id of the API comes near the largest of them.
fn bits(id: u64) -> i64 {
    id.cast_signed()
}

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

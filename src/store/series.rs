//! The series of the history: their identity, their numbers in the file, and the limit on them.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};
use smol_str::SmolStr;

use crate::aggregate::group::Group;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::resource::{ProjectId, RegionId, ResourceType};

use super::{AccountId, Error, Store, account_name};

/// The number of series that an account may have in any case.
const LEAST_SERIES: usize = 500;

/// The least number of series per project in a full history. A project has a model of its own, so it takes memory like a
/// series: 10,000 series may have 2,500 projects.
const SERIES_PER_PROJECT: usize = 4;

/// The type of all series without a number of their own.
const OTHER: &str = "__other__";

/// The value for a region that the API does not name.
const NO_REGION: i64 = -1;

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

impl Store {
    /// Every series of an account, in no order.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn series(&self, account: AccountId, kind: Kind) -> Result<Vec<Series>, Error> {
        let all = move |transaction: &Transaction<'_>, account| {
            Ok(by_number(transaction, account, kind)?.into_values().collect())
        };
        self.transact_for(account, all).await
    }
}

/// The amounts by the number of their series. New series get numbers up to the limit, the largest amounts first.
/// The sum of the rest goes to [`Series::other`].
pub(super) fn numbered(
    transaction: &Transaction<'_>,
    account: i64,
    kind: Kind,
    amounts: &[(Series, Amount)],
    read_at: Timestamp,
    series_limit: usize,
) -> Result<HashMap<i64, Amount>, Error> {
    let mut known: HashMap<Series, i64> =
        by_number(transaction, account, kind)?.into_iter().map(|(number, series)| (series, number)).collect();
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
    if new.is_empty() {
        return Ok(numbered);
    }
    let series_limit = limit(transaction, account, kind, read_at, series_limit)?;
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
        *sum = sum.plus(amount);
    }
    Ok(numbered)
}

/// The number of series that an account may have: the limit without the series of the other accounts that were read in
/// the week before `now`.
fn limit(
    transaction: &Transaction<'_>,
    account: i64,
    kind: Kind,
    now: Timestamp,
    of_all: usize,
) -> Result<usize, Error> {
    // An account whose address or filter has changed has rows of its own, but the same name.
    let sql = "SELECT count(*) FROM series WHERE kind = ?1 AND account IN (\
                 SELECT reading.account FROM reading JOIN account ON account.id = reading.account \
                 WHERE reading.kind = ?1 AND reading.read_at >= ?3 \
                 AND account.name <> (SELECT name FROM account WHERE id = ?2))";
    let week_ago = now.as_second() - 7 * 86_400;
    let others: i64 =
        transaction.prepare_cached(sql)?.query_row(params![kind.as_str(), account, week_ago], |row| row.get(0))?;
    let others = usize::try_from(others).unwrap_or(usize::MAX);
    Ok(of_all.saturating_sub(others).max(of_all.min(LEAST_SERIES)))
}

/// Every series of an account, by its number.
pub(super) fn by_number(
    transaction: &Transaction<'_>,
    account: i64,
    kind: Kind,
) -> Result<HashMap<i64, Series>, Error> {
    let sql = "SELECT project, region, resource_type, measure, id FROM series WHERE account = ?1 AND kind = ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(params![account, kind.as_str()])?;
    let mut all = HashMap::new();
    while let Some(row) = rows.next()? {
        all.insert(row.get(4)?, read(row)?);
    }
    Ok(all)
}

/// Reads a row that begins with project, region, type and measure.
pub(super) fn read(row: &Row<'_>) -> Result<Series, Error> {
    let region: i64 = row.get(1)?;
    let group = Group {
        project: ProjectId(row.get::<_, i64>(0)?.cast_unsigned()),
        region: (region != NO_REGION).then_some(RegionId(region.cast_unsigned())),
        resource_type: ResourceType::new(row.get_ref(2)?.as_str().unwrap_or_default()),
    };
    Ok(Series { group, measure: row.get_ref(3)?.as_str().unwrap_or_default().into() })
}

/// The series in the order of their numbers, and the index of each number.
pub(super) fn positions(series: HashMap<i64, Series>) -> (Vec<Series>, HashMap<i64, usize>) {
    let ordered: BTreeMap<i64, Series> = series.into_iter().collect();
    let positions = ordered.keys().enumerate().map(|(position, number)| (*number, position)).collect();
    (ordered.into_values().collect(), positions)
}

/// SQLite has signed numbers only. No id of the API comes near the largest of them.
fn bits(id: u64) -> i64 {
    id.cast_signed()
}

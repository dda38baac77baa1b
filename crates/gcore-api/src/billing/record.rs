//! Records: the rows of a cost or usage report, for all resource types.
//!
//! There can be millions of records, and each is folded at once. So they borrow their texts from their page.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::amount::Amount;
use super::resource::{Currency, ProjectId, RegionId, ResourceType, Word};

/// One billed resource in one cost report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostRecord<'a> {
    /// The project that pays.
    pub project: ProjectId,
    /// The region. `None` when the API names none.
    pub region: Option<RegionId>,
    /// The resource type.
    pub resource_type: Word<'a>,
    /// The cost in the period.
    pub price: Price,
    /// The currency of the price.
    pub currency: Word<'a>,
    /// The last time in the period at which the resource was metered.
    pub last_seen: Option<Timestamp>,
}

/// One billed resource with its identity, name and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailedCost<'a> {
    /// The cost.
    pub cost: CostRecord<'a>,
    /// Its uuid, else its port, address or name. Empty when it has none.
    pub id: SmolStr,
    /// Its name, else the name of its machine, else its address. Empty when it has none.
    pub name: SmolStr,
    /// Its tags, key and value, in the API's order.
    pub tags: Vec<(SmolStr, SmolStr)>,
}

/// One line of a cost report's totals: resources of one type in one region, in all requested projects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTotal {
    /// The region. `None` when the API names none.
    pub region: Option<RegionId>,
    /// The resource type.
    pub resource_type: ResourceType,
    /// The sum of the costs.
    pub price: Price,
    /// Whether the line has an error. Its price may then be incomplete.
    pub has_error: bool,
    /// The currency of the price. Unknown when the API names none.
    pub currency: Currency,
}

/// The cost of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// A known amount, including zero and negative amounts.
    Known(Amount),
    /// No usable amount. It is not zero: the money is spent, but the amount is not known.
    Unknown(UnpricedReason),
}

/// The reason why a record has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UnpricedReason {
    /// `cost` is null or missing, and `err` is empty.
    NullCost,
    /// `cost` is null or missing, and `err` gives the reason.
    RowError,
}

impl UnpricedReason {
    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullCost => "null_cost",
            Self::RowError => "row_error",
        }
    }
}

/// One metered resource in one usage report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord<'a> {
    /// The project that used it.
    pub project: ProjectId,
    /// The region. `None` when the API names none.
    pub region: Option<RegionId>,
    /// The resource type.
    pub resource_type: Word<'a>,
    /// The billed quantity, in `unit`.
    pub value: Amount,
    /// The unit of `value`, as the API spells it.
    pub unit: Word<'a>,
    /// The last time in the period at which the resource was metered.
    pub last_seen: Option<Timestamp>,
}

/// One metered resource with its billing metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredUsage<'a> {
    /// The usage.
    pub usage: UsageRecord<'a>,
    /// The billing metric.
    pub metric: Word<'a>,
}

/// A value that records are folded into, one at a time.
pub trait Fold<R>: Default {
    /// Adds a record.
    ///
    /// # Errors
    /// The reason why the record is rejected. Earlier records stay counted.
    fn add(&mut self, record: R) -> Result<(), RejectReason>;

    /// The memory of the value, approximately, in bytes. 0 when it does not grow with the number of records.
    fn weight(&self) -> usize {
        0
    }
}

impl<R> Fold<R> for Vec<R> {
    fn add(&mut self, record: R) -> Result<(), RejectReason> {
        self.push(record);
        Ok(())
    }
}

impl<K: Ord, V> Fold<(K, V)> for BTreeMap<K, V> {
    fn add(&mut self, (key, value): (K, V)) -> Result<(), RejectReason> {
        self.insert(key, value);
        Ok(())
    }
}

/// The reason why a row of a report, task list or subscription list cannot be read. The other rows still count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The row is no JSON object.
    NotAnObject,
    /// A needed key occurs twice, so its value is ambiguous.
    DuplicateKey,
    /// No usable project id, so the cost belongs to no project.
    NoProject,
    /// No usable identity (uuid, id or name).
    NoId,
    /// A usage row without a value.
    NoValue,
    /// The cost or value is no number.
    BadNumber,
    /// The cost or value is a number beyond any bill.
    OutOfRange,
    /// An identity has more than 256 bytes.
    TooLong,
    /// An instant of a task, subscription or commitment cannot be read. The record counts without it.
    BadTime,
}

impl RejectReason {
    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::DuplicateKey => "duplicate_key",
            Self::NoProject => "no_project",
            Self::NoId => "no_id",
            Self::NoValue => "no_value",
            Self::BadNumber => "bad_number",
            Self::OutOfRange => "out_of_range",
            Self::TooLong => "too_long",
            Self::BadTime => "bad_time",
        }
    }
}

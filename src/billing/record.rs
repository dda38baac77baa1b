//! One line of a cost or usage report, whatever its resource type.
//!
//! Of these there are millions and they are folded at once, so they borrow their words from the page that they came on.

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
    /// Where it ran; `None` where the API names no region.
    pub region: Option<RegionId>,
    /// What it is.
    pub resource_type: Word<'a>,
    /// What it cost in the period, if the API knows.
    pub price: Price,
    /// The currency of the price.
    pub currency: Word<'a>,
    /// The last time within the period that the resource was metered.
    pub last_seen: Option<Timestamp>,
}

/// One billed resource with all that tells it from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailedCost<'a> {
    /// What it cost.
    pub cost: CostRecord<'a>,
    /// Its uuid, else the port, address or name that it has instead; empty where it has none.
    pub id: SmolStr,
    /// Its name, else that of its machine, else its address; empty where it has none.
    pub name: SmolStr,
    /// Its tags, key and value, in the API's order.
    pub tags: Vec<(SmolStr, SmolStr)>,
}

/// One line of a cost report's totals: resources of one kind in one region, of all projects that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTotal {
    /// Where they ran; `None` where the API names no region.
    pub region: Option<RegionId>,
    /// What they are.
    pub resource_type: ResourceType,
    /// What they cost together, if the API knows.
    pub price: Price,
    /// Whether the line tells of an error; its price may then be of a part only.
    pub has_error: bool,
    /// The currency of the price; unknown where the API names none.
    pub currency: Currency,
}

/// The cost of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// A known amount, zero and negative ones included.
    Known(Amount),
    /// No usable amount. Not zero: the money is spent, only nobody said how much.
    Unknown(UnpricedReason),
}

/// Why a record has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UnpricedReason {
    /// `cost` is null or missing and `err` says nothing.
    NullCost,
    /// `cost` is null or missing and `err` says why.
    RowError,
}

impl UnpricedReason {
    /// The word for the `reason` label.
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
    /// Where it ran; `None` where the API names no region.
    pub region: Option<RegionId>,
    /// What it is.
    pub resource_type: Word<'a>,
    /// How much was billed, in `unit`.
    pub value: Amount,
    /// The unit of `value`, as the API spells it.
    pub unit: Word<'a>,
    /// The last time within the period that the resource was metered.
    pub last_seen: Option<Timestamp>,
}

/// One metered resource, and by what it is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredUsage<'a> {
    /// What it used.
    pub usage: UsageRecord<'a>,
    /// By what it is metered.
    pub metric: Word<'a>,
}

/// Something that records are folded into, one at a time.
pub trait Fold<R>: Default {
    /// Takes a record in.
    ///
    /// # Errors
    /// The reason why the record cannot count; what was folded before is as it was.
    fn add(&mut self, record: R) -> Result<(), RejectReason>;

    /// The memory that it takes, in bytes and about; 0 where that does not grow with the number of records.
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

/// Why a row of a report, task list or subscription list could not be read. The rows around it still count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The row is no JSON object.
    NotAnObject,
    /// A key that matters occurs twice, so its value is ambiguous.
    DuplicateKey,
    /// No usable project id, so nobody could be billed for it.
    NoProject,
    /// No usable identity (uuid, id or name).
    NoId,
    /// A usage row without a value.
    NoValue,
    /// The cost or value is no number.
    BadNumber,
    /// The cost or value is a number beyond any bill.
    OutOfRange,
    /// A text that tells one thing from another has more than 256 bytes.
    TooLong,
    /// An instant of a task, subscription or commitment cannot be read. The record counts all the same, without it.
    BadTime,
}

impl RejectReason {
    /// The word for the `reason` label.
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

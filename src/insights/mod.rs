//! What the history of an account says: which day was out of the usual, where the month will end, what is left of the
//! budgets.
//!
//! Pure: days and readings come in as values. Amounts become floats here, since an expectation is no exact figure; what
//! was spent stays exact.

pub mod account_models;
pub mod budget;
mod currency_models;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use smol_str::{SmolStr, format_smolstr};

use crate::aggregate::group::Group;
use crate::analysis::{Forecast, Judgement};
use crate::billing::period::utc_date;
use crate::billing::resource::{Currency, ProjectId, RegionId, ResourceType};
use crate::store::days::{Revision, Series};

use budget::BudgetStatus;

/// What the history of one account says.
#[derive(Clone, Debug)]
pub struct Insights {
    /// What its days say.
    pub findings: Arc<DailyAnalysis>,
    /// How the budgets fare.
    pub budgets: Vec<BudgetStatus>,
    /// By how much settled days were found changed when they were checked last.
    pub revisions: BTreeMap<Series, Revision>,
}

/// What the days of an account say.
#[derive(Clone, Debug)]
pub struct DailyAnalysis {
    /// The newest day, and how it compares with the days before it.
    pub judged: Option<(Date, Vec<Judged>)>,
    /// The month that is forecast, by its first day.
    pub month: Date,
    /// Where each project and currency will end in it.
    pub forecasts: BTreeMap<(ProjectId, Currency), Forecast>,
    /// Where what each budget is for will end in it, by the budget's place.
    pub budgets: BTreeMap<usize, Forecast>,
    /// The currencies that occur at all.
    pub currencies: BTreeSet<Currency>,
    /// Wholes that vanished at once and are unknown on the newest day, with their first such day.
    pub missing: BTreeMap<(Whole, Currency), Date>,
}

impl DailyAnalysis {
    /// How many days ago the newest day may be for its judgements to be news: yesterday's costs may come late.
    const NEWS: i32 = 2;

    /// The newest day and its judgements, unless it is too long ago.
    #[must_use]
    pub fn news(&self, now: Timestamp) -> Option<(Date, &[Judged])> {
        let (day, judged) = self.judged.as_ref()?;
        (*day >= utc_date(now).saturating_sub(Self::NEWS.days())).then_some((*day, judged))
    }

    /// Whether the forecasts are of the current month.
    #[must_use]
    pub fn is_of_this_month(&self, now: Timestamp) -> bool {
        self.month == utc_date(now).first_of_month()
    }
}

/// A subject's costs on the newest day.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The currency of all its amounts.
    pub currency: Currency,
    /// Whose costs they are.
    pub subject: Subject,
    /// What was expected, and what came.
    pub judgement: Judgement,
    /// Of an anomaly of a roll-up, the groups that make it up, the largest first.
    pub contributors: Vec<Contributor>,
}

/// Whose costs are looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The whole account.
    Account,
    /// A project.
    Project(ProjectId),
    /// A resource type over all projects and regions.
    Type(ResourceType),
    /// A type in a region and project.
    Group(Group),
    /// What a budget is for, by its place among the budgets.
    Budget(usize),
}

/// A whole that can vanish at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whole {
    /// The whole account.
    Account,
    /// A project.
    Project(ProjectId),
    /// A region.
    Region(RegionId),
}

/// What stands in a label over all of whose values a roll-up is.
const ALL: &str = "__all__";

impl Subject {
    /// `project_id`, `region_id` and `resource_type` for the labels; `__all__` where the subject is of all of them.
    #[must_use]
    pub fn places(&self) -> [SmolStr; 3] {
        let all = SmolStr::new_static(ALL);
        match self {
            Self::Account | Self::Budget(_) => [all.clone(), all.clone(), all],
            Self::Project(project) => [format_smolstr!("{}", project.0), all.clone(), all],
            Self::Type(word) => [all.clone(), all, word.as_str().into()],
            Self::Group(group) => {
                [format_smolstr!("{}", group.project.0), group.region_id(), group.resource_type.as_str().into()]
            }
        }
    }
}

/// A group's part in the anomaly of a roll-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributor {
    /// The group.
    pub group: Group,
    /// What it cost beyond what was expected of it.
    pub excess: f64,
    /// That as a share of the roll-up's excess.
    pub share: f64,
}

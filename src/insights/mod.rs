//! Insights from the history of an account: anomalies, forecasts and the status of budgets.
//!
//! This module is pure: days and readings are arguments. Amounts become floats here, because expectations are
//! estimates. The costs of budgets stay exact.

pub mod account_models;
pub mod budget;
mod currency_models;
pub mod recent_days;
pub mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use smol_str::{SmolStr, format_smolstr};

use crate::aggregate::group::Group;
use crate::store::days::Revision;
use crate::store::series::Series;
use cost_insights::{Forecast, Judgement};
use gcore_api::billing::period::utc_date;
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

use budget::BudgetStatus;
use recent_days::RecentDays;

/// The insights from the history of one account.
#[derive(Clone, Debug)]
pub struct Insights {
    /// The analysis of its days.
    pub findings: Arc<DailyAnalysis>,
    /// The status of each budget.
    pub budgets: Vec<BudgetStatus>,
    /// The revisions of settled days at the last check.
    pub revisions: BTreeMap<Series, Revision>,
    /// The costs of the last days.
    pub recent: Arc<RecentDays>,
}

/// The analysis of the days of an account.
#[derive(Clone, Debug)]
pub struct DailyAnalysis {
    /// The newest day.
    pub judged: Option<JudgedDay>,
    /// The month of the forecasts, as its first day.
    pub month: Date,
    /// The forecast of each project and currency.
    pub forecasts: BTreeMap<(ProjectId, Currency), Forecast>,
    /// The forecast of the whole account in each currency.
    pub account: BTreeMap<Currency, Forecast>,
    /// The forecast of the costs of each budget, by its index.
    pub budgets: BTreeMap<usize, Forecast>,
    /// All currencies in the history.
    pub currencies: BTreeSet<Currency>,
    /// Wholes that vanished and are unknown on the newest day, with the first such day.
    pub missing: BTreeMap<(Whole, Currency), Date>,
}

impl DailyAnalysis {
    /// The largest age of the newest day in days, for its judgements to be current. Yesterday's costs may come late.
    const NEWS: i32 = 2;

    /// The newest day. `None` if it is too old.
    #[must_use]
    pub fn news(&self, now: Timestamp) -> Option<&JudgedDay> {
        self.judged.as_ref().filter(|judged| judged.day >= utc_date(now).saturating_sub(Self::NEWS.days()))
    }

    /// Whether the forecasts are for the current month.
    #[must_use]
    pub fn is_of_this_month(&self, now: Timestamp) -> bool {
        self.month == utc_date(now).first_of_month()
    }

    /// Whether a day was judged and the forecasts are for the current month. Then a currency without a forecast is not
    /// among the costs of the account.
    #[must_use]
    pub fn foretells(&self, now: Timestamp) -> bool {
        self.judged.is_some() && self.is_of_this_month(now)
    }

    /// Whether the costs of the account or of a part of it vanished at once, and are unknown on a day.
    #[must_use]
    pub fn is_missing(&self, part: Option<Whole>, currency: &Currency, day: Date) -> bool {
        let since = |whole: Whole| self.missing.get(&(whole, currency.clone()));
        let wholes = [Some(Whole::Account), part].into_iter().flatten();
        !self.missing.is_empty() && wholes.filter_map(since).any(|since| *since <= day)
    }
}

/// A day and its judgements.
#[derive(Clone, Debug)]
pub struct JudgedDay {
    /// The day.
    pub day: Date,
    /// In order of subjects, from wide to narrow, and then of currencies.
    judgements: Vec<Judged>,
    /// The indexes of the anomalies. They are few among many.
    anomalies: Vec<usize>,
}

impl JudgedDay {
    /// A day with its judgements in any order.
    #[must_use]
    pub fn new(day: Date, mut judgements: Vec<Judged>) -> Self {
        judgements.sort_unstable_by(|one, other| one.key().cmp(&other.key()));
        let anomalies = judgements.iter().enumerate().filter(|(_, judged)| judged.judgement.anomaly);
        let anomalies = anomalies.map(|(index, _)| index).collect();
        Self { day, judgements, anomalies }
    }

    /// All judgements, in order of subjects, from wide to narrow, and then of currencies.
    #[must_use]
    pub fn judgements(&self) -> &[Judged] {
        &self.judgements
    }

    /// The anomalies, in the same order.
    pub fn anomalies(&self) -> impl Iterator<Item = &Judged> {
        self.anomalies.iter().map(|index| &self.judgements[*index])
    }

    /// The judgement of a subject.
    #[must_use]
    pub fn of(&self, subject: &Subject, currency: &Currency) -> Option<&Judgement> {
        let found = self.judgements.binary_search_by(|judged| judged.key().cmp(&(subject, currency))).ok()?;
        Some(&self.judgements[found].judgement)
    }
}

/// The judgement of a subject on the newest day.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The judged subject.
    pub subject: Subject,
    /// The expectation and the actual costs.
    pub judgement: Judgement,
    /// For an anomaly of a roll-up: its contributors, the largest first.
    pub contributors: Vec<Contributor>,
}

impl Judged {
    fn key(&self) -> (&Subject, &Currency) {
        (&self.subject, &self.currency)
    }
}

/// The subject of a series.
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
    /// The selection of a budget, by the budget's index.
    Budget(usize),
}

/// A part of the account whose costs can vanish together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whole {
    /// The whole account.
    Account,
    /// A project.
    Project(ProjectId),
    /// A region.
    Region(RegionId),
}

/// The label value for a roll-up over all values.
const ALL: &str = "__all__";

impl Subject {
    /// The labels `project_id`, `region_id` and `resource_type`; `__all__` for a roll-up over all values.
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

/// The part of a group in the anomaly of a roll-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributor {
    /// The group.
    pub group: Group,
    /// The costs above the expectation.
    pub excess: f64,
    /// The excess as a share of the roll-up's excess.
    pub share: f64,
}

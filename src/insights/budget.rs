//! Budgets: limits for a month's costs, each for a selection of groups.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::account::AccountName;
use crate::aggregate::cost::CostTotals;
use crate::aggregate::group::Group;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{midnight, next_month, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

/// A monthly budget (`[[alerts.budget]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The label `budget`.
    pub name: String,
    /// The account.
    pub account: AccountName,
    /// Selects the costs.
    pub selector: Selector,
    /// The limit for a calendar month, above zero.
    pub amount: Amount,
    /// The currency. Costs in other currencies do not count.
    pub currency: Currency,
}

/// A selection of the groups of an account. An empty list is no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Projects.
    pub projects: Vec<ProjectId>,
    /// Regions.
    pub regions: Vec<RegionId>,
    /// Resource types.
    pub types: Vec<ResourceType>,
}

impl Selector {
    /// Whether the group is selected. A group without a region never matches listed regions.
    #[must_use]
    pub fn selects(&self, group: &Group) -> bool {
        (self.projects.is_empty() || self.projects.contains(&group.project))
            && (self.regions.is_empty() || group.region.is_some_and(|region| self.regions.contains(&region)))
            && (self.types.is_empty() || self.types.contains(&group.resource_type))
    }
}

/// The status of a budget in a month.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetStatus {
    /// The budget.
    pub budget: Budget,
    /// The month, as its first day.
    pub month: Date,
    /// The costs of the month so far, with today. `None` if unknown.
    pub actual: Option<Amount>,
    /// The forecast of the month. It is never below the costs so far.
    pub forecast: Option<f64>,
    /// When the budget is or was used up, by the forecast. `None`: not in this month.
    pub exhausted_at: Option<Timestamp>,
    /// The costs of each known closed day of the month.
    pub closed: BTreeMap<Date, Amount>,
    /// The current day.
    pub today: Date,
}

impl BudgetStatus {
    /// The used share of the budget.
    #[must_use]
    pub fn used_ratio(&self) -> Option<f64> {
        Some(self.budget.share(self.actual?))
    }

    /// The day on which a used share of the budget was reached, if it is reached now. Today, unless the closed days
    /// reached it.
    #[must_use]
    pub fn reached_on(&self, percent: f64) -> Date {
        let mut sum = Amount::ZERO;
        let reached = |(day, amount): (&Date, &Amount)| {
            sum = sum.plus(*amount);
            (self.budget.share(sum) * 100.0 >= percent).then_some(*day)
        };
        self.closed.iter().find_map(reached).unwrap_or(self.today)
    }

    /// The status, if it is of the current month. That of an ended month stays until the history was read in the new one.
    #[must_use]
    pub fn of_this_month(&self, now: Timestamp) -> Option<&Self> {
        (self.month == utc_date(now).first_of_month()).then_some(self)
    }

    /// The status of `budget` at `now`. `spent` holds the costs of the month so far if they are known, `closed` the costs
    /// of each known closed day, and `forecast` the forecast of the month.
    #[must_use]
    pub fn new(
        budget: &Budget,
        spent: Option<&CostTotals>,
        closed: BTreeMap<Date, Amount>,
        forecast: Option<f64>,
        now: Timestamp,
    ) -> Self {
        let today = utc_date(now);
        let month = today.first_of_month();
        let actual = spent.map(|totals| budget.spent(totals));
        let so_far = actual.map(Amount::to_f64);
        let forecast = forecast.map(|forecast| so_far.map_or(forecast, |so_far| forecast.max(so_far)));

        let mut course = vec![(midnight(month), 0.0)];
        let mut sum = 0.0;
        for (day, amount) in &closed {
            sum += amount.to_f64();
            course.push((midnight(day.saturating_add(1.day())), sum));
        }
        course.extend(so_far.map(|so_far| (now, so_far)));
        course.extend(forecast.map(|forecast| (next_month(now), forecast)));
        let exhausted_at = exhaustion(&course, budget.amount.to_f64());
        Self { budget: budget.clone(), month, actual, forecast, exhausted_at, closed, today }
    }
}

/// When a sum reaches `amount`. The sum grows linearly between the points of its course.
fn exhaustion(course: &[(Timestamp, f64)], amount: f64) -> Option<Timestamp> {
    course.windows(2).find_map(|points| {
        let [(from, before), (to, after)] = points else { return None };
        if *after < amount || after <= before {
            return None;
        }
        let length = Duration::try_from(to.duration_since(*from)).ok()?;
        from.checked_add(length.mul_f64(((amount - before) / (after - before)).clamp(0.0, 1.0))).ok()
    })
}

impl Budget {
    /// An amount as a share of the budget.
    fn share(&self, amount: Amount) -> f64 {
        amount.to_f64() / self.amount.to_f64()
    }

    /// The part of the costs that counts for the budget.
    fn spent(&self, totals: &CostTotals) -> Amount {
        totals
            .amounts
            .iter()
            .filter(|(group, currency, _)| self.counts(group, currency.as_str()))
            .fold(Amount::ZERO, |sum, (_, _, amount)| sum.plus(amount))
    }

    /// Whether the costs of a group in a currency count.
    #[must_use]
    pub fn counts(&self, group: &Group, currency: &str) -> bool {
        self.currency.as_str() == currency && self.selector.selects(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gcore_api::billing::record::{CostRecord, Fold, Price};

    fn spent(rows: &[(u64, &str, &str)]) -> CostTotals {
        let mut totals = CostTotals { price_status: Some("show".into()), ..CostTotals::default() };
        for (project, currency, amount) in rows {
            let record = CostRecord {
                project: ProjectId(*project),
                region: Some(RegionId(76)),
                resource_type: "instance".into(),
                price: Price::Known(amount.parse().unwrap()),
                currency: (*currency).into(),
                last_seen: None,
            };
            totals.add(record).unwrap();
        }
        totals
    }

    #[test]
    fn a_selector_chooses_by_each_list_that_is_not_empty() {
        let group = |project, region: Option<u64>, word| Group {
            project: ProjectId(project),
            region: region.map(RegionId),
            resource_type: ResourceType::new(word),
        };
        let groups = [
            group(16, Some(76), "instance"),
            group(16, Some(4), "volume"),
            group(17, Some(76), "volume"),
            group(17, None, "instance"),
        ];
        for (name, projects, regions, types, want) in [
            ("the whole account", &[][..], &[][..], &[][..], [true, true, true, true]),
            ("a project", &[16], &[], &[], [true, true, false, false]),
            ("a region, which must be known", &[], &[76], &[], [true, false, true, false]),
            ("a type", &[], &[], &["volume"], [false, true, true, false]),
            ("any of two regions", &[], &[4, 76], &[], [true, true, true, false]),
            ("any of two types", &[], &[], &["instance", "volume"], [true, true, true, true]),
            ("all of what is named", &[16, 17], &[76], &["volume"], [false, false, true, false]),
            ("a project and a type that it has not", &[16], &[], &["network"], [false, false, false, false]),
        ] {
            let selector = Selector {
                projects: projects.iter().copied().map(ProjectId).collect(),
                regions: regions.iter().copied().map(RegionId).collect(),
                types: types.iter().copied().map(ResourceType::new).collect(),
            };
            assert_eq!(groups.each_ref().map(|group| selector.selects(group)), want, "{name}");
        }
    }

    #[test]
    fn a_budget_counts_what_it_selects_and_ends_when_the_forecast_says() {
        let budget = Budget {
            name: "prod".into(),
            account: AccountName::default(),
            selector: Selector { projects: vec![ProjectId(16)], ..Selector::default() },
            amount: "100".parse().unwrap(),
            currency: Currency::new("EUR"),
        };
        let now: Timestamp = "2026-11-16T12:00:00Z".parse().unwrap();
        let closed = |days: &[(&str, &str)]| -> BTreeMap<Date, Amount> {
            days.iter().map(|(day, amount)| (day.parse().unwrap(), amount.parse().unwrap())).collect()
        };
        let first_half = [("2026-11-01", "20"), ("2026-11-15", "25")];
        for (name, rows, days, forecast, want) in [
            (
                "on its way",
                &[(16, "EUR", "50.00001")][..],
                &first_half[..],
                Some(90.0),
                (Some("50.00001"), Some(90.0), None),
            ),
            (
                "over, half-way through the rest",
                &[(16, "EUR", "50"), (17, "EUR", "900"), (16, "USD", "900")],
                &first_half,
                Some(150.0),
                (Some("50"), Some(150.0), Some("2026-11-23T18:00:00Z")),
            ),
            (
                "used up today, half-way to now",
                &[(16, "EUR", "155")],
                &first_half,
                Some(150.0),
                (Some("155"), Some(155.0), Some("2026-11-16T06:00:00Z")),
            ),
            (
                "used up on a closed day",
                &[(16, "EUR", "250")],
                &[("2026-11-01", "80"), ("2026-11-02", "40"), ("2026-11-03", "40")],
                Some(500.0),
                (Some("250"), Some(500.0), Some("2026-11-02T12:00:00Z")),
            ),
            ("nothing was spent", &[], &[], None, (Some("0"), None, None)),
        ] {
            let standing = BudgetStatus::new(&budget, Some(&spent(rows)), closed(days), forecast, now);
            let exhausted_at = standing.exhausted_at.map(|at| at.to_string());
            let actual = standing.actual.map(|actual| actual.to_string());
            assert_eq!((actual.as_deref(), standing.forecast, exhausted_at.as_deref()), want, "{name}");
        }
        let unknown = BudgetStatus::new(&budget, None, BTreeMap::new(), Some(150.0), now);
        assert_eq!((unknown.actual, unknown.forecast), (None, Some(150.0)));
        assert_eq!(unknown.exhausted_at.unwrap().to_string(), "2026-11-21T00:00:00Z", "evenly over the month");
    }
}

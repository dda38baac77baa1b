//! The costs of the last days: of the account, of each project, region and type, and of each budget.
//!
//! Pages and answers need these sums at once, so they are kept beside the models and never read from the store on
//! demand. Each part takes [`DAYS`] amounts. The store bounds the number of parts.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::DailyAnalysis;
use super::budget::Budget;
use crate::store::series::Series;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

/// The number of closed days: five weeks.
pub const DAYS: usize = 35;

/// The amounts of all days, the oldest first.
pub type Amounts = [Amount; DAYS];

/// The costs of the last closed days.
#[derive(Clone, Debug)]
pub struct RecentDays {
    /// The day after the last one.
    end: Date,
    known: [bool; DAYS],
    currencies: BTreeMap<Currency, CurrencyDays>,
    /// The costs of each budget.
    budgets: Vec<Amounts>,
}

/// The costs in one currency.
#[derive(Clone, Debug)]
pub struct CurrencyDays {
    /// The whole account.
    pub account: Amounts,
    /// The smallest series, which the history stores as one sum. They are part of the account only.
    pub folded: Amounts,
    projects: Parts<ProjectId>,
    regions: Parts<Option<RegionId>>,
    types: Parts<ResourceType>,
}

/// The amounts of each part of a kind that has a cost in these days.
type Parts<K> = HashMap<K, Box<Amounts>, RandomState>;

/// Two weeks for a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weeks {
    /// The seven days that end with the newest stored day.
    pub last: Period,
    /// The seven days before.
    pub before: Period,
}

impl RecentDays {
    /// The days before `end`, all unknown.
    #[must_use]
    pub fn before(end: Date) -> Self {
        Self { end, known: [false; DAYS], currencies: BTreeMap::new(), budgets: Vec::new() }
    }

    /// The first of the days.
    #[must_use]
    pub fn first(&self) -> Date {
        self.end.saturating_sub(Self::length().days())
    }

    fn length() -> i32 {
        i32::try_from(DAYS).unwrap_or_default()
    }

    fn index(&self, day: Date) -> Option<usize> {
        let back = self.first().until(day).ok()?.get_days();
        usize::try_from(back).ok().filter(|index| *index < DAYS)
    }

    /// Moves to the days before `end`. Days in both ranges keep their amounts.
    pub fn move_to(&mut self, end: Date) {
        let shift = self.end.until(end).map_or(Self::length(), |span| span.get_days());
        // After a change of the clock, the days may lie before the old ones.
        let Some(shift) = usize::try_from(shift).ok().filter(|shift| *shift < DAYS) else {
            *self = Self::before(end);
            return;
        };
        self.end = end;
        self.known.copy_within(shift.., 0);
        self.known[DAYS - shift..].fill(false);
        let slide = |amounts: &mut Amounts| {
            amounts.copy_within(shift.., 0);
            amounts[DAYS - shift..].fill(Amount::ZERO);
        };
        self.budgets.iter_mut().for_each(slide);
        self.currencies.values_mut().for_each(|currency| currency.each(slide));
    }

    /// Takes the amounts of a day after the others, by the index of their series in `series`.
    pub fn take(&mut self, day: Date, series: &[Series], amounts: &[(usize, Amount)], budgets: &[Budget]) {
        self.move_to(day.saturating_add(1.day()));
        self.known[DAYS - 1] = true;
        self.budgets.resize(budgets.len(), NOTHING);
        for (place, amount) in amounts {
            let Series { group, measure } = &series[*place];
            for (budget, of_budget) in budgets.iter().zip(&mut self.budgets) {
                if budget.counts(group, measure) {
                    add(of_budget, *amount);
                }
            }
            let currency = match self.currencies.get_mut(measure.as_str()) {
                Some(currency) => currency,
                None => self.currencies.entry(Currency::new(measure)).or_insert_with(CurrencyDays::new),
            };
            add(&mut currency.account, *amount);
            if series[*place] == Series::other(measure) {
                add(&mut currency.folded, *amount);
                continue;
            }
            add(part(&mut currency.projects, &group.project), *amount);
            add(part(&mut currency.regions, &group.region), *amount);
            add(part(&mut currency.types, &group.resource_type), *amount);
        }
    }

    /// The costs of a budget on each stored day from `first` on.
    #[must_use]
    pub fn of_budget(&self, number: usize, first: Date) -> BTreeMap<Date, Amount> {
        let amounts = self.budgets.get(number).unwrap_or(&NOTHING);
        let days = first.series(1.day()).take_while(|day| *day < self.end);
        days.filter_map(|day| Some((day, self.on(amounts, day)?))).collect()
    }

    /// Every currency with a cost in these days.
    pub fn currencies(&self) -> impl Iterator<Item = (&Currency, &CurrencyDays)> {
        self.currencies.iter()
    }

    /// The costs in a currency. `None`: none in these days.
    #[must_use]
    pub fn currency(&self, currency: &str) -> Option<&CurrencyDays> {
        self.currencies.get(currency)
    }

    /// The newest stored day.
    #[must_use]
    pub fn newest(&self) -> Option<Date> {
        let index = self.known.iter().rposition(|is_known| *is_known)?;
        Some(self.first().saturating_add(i32::try_from(index).ok()?.days()))
    }

    /// Whether a day is stored.
    #[must_use]
    pub fn is_known(&self, day: Date) -> bool {
        self.index(day).is_some_and(|index| self.known[index])
    }

    /// The amount of a day. `None` when the day is not stored.
    #[must_use]
    pub fn on(&self, amounts: &Amounts, day: Date) -> Option<Amount> {
        self.index(day).filter(|index| self.known[*index]).map(|index| amounts[index])
    }

    /// The sum of a period. `None` when one of its days is not stored.
    #[must_use]
    pub fn sum(&self, amounts: &Amounts, period: Period) -> Option<Amount> {
        period.days().try_fold(Amount::ZERO, |sum, day| sum.checked_add(self.on(amounts, day)?))
    }

    /// The weeks to compare. `None` when the newest stored day is too old at `now`.
    #[must_use]
    pub fn weeks(&self, now: Timestamp) -> Option<Weeks> {
        let today = utc_date(now);
        let newest =
            self.newest().filter(|day| *day < today && *day >= today.saturating_sub(DailyAnalysis::NEWS.days()))?;
        let end = newest.saturating_add(1.day());
        let [middle, start] = [7, 14].map(|days: i32| end.saturating_sub(days.days()));
        Some(Weeks { last: Period::new(middle, end)?, before: Period::new(start, middle)? })
    }
}

impl CurrencyDays {
    fn new() -> Self {
        Self {
            account: NOTHING,
            folded: NOTHING,
            projects: Parts::default(),
            regions: Parts::default(),
            types: Parts::default(),
        }
    }

    /// The amounts of a project. In a stored day, an absent project costs nothing.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> &Amounts {
        self.projects.get(&id).map_or(&NOTHING, |amounts| amounts)
    }

    /// The amounts of a region, likewise.
    #[must_use]
    pub fn region(&self, id: Option<RegionId>) -> &Amounts {
        self.regions.get(&id).map_or(&NOTHING, |amounts| amounts)
    }

    /// The amounts of a resource type, likewise.
    #[must_use]
    pub fn resource_type(&self, word: &ResourceType) -> &Amounts {
        self.types.get(word).map_or(&NOTHING, |amounts| amounts)
    }

    /// Every project with a cost in these days.
    pub fn projects(&self) -> impl Iterator<Item = ProjectId> {
        self.projects.keys().copied()
    }

    /// Every region with a cost in these days.
    pub fn regions(&self) -> impl Iterator<Item = Option<RegionId>> {
        self.regions.keys().copied()
    }

    /// Every type with a cost in these days.
    pub fn resource_types(&self) -> impl Iterator<Item = &ResourceType> {
        self.types.keys()
    }

    /// Whether a project has a cost in these days.
    #[must_use]
    pub fn has_project(&self, id: ProjectId) -> bool {
        self.projects.contains_key(&id)
    }

    fn each(&mut self, change: impl Fn(&mut Amounts)) {
        change(&mut self.account);
        change(&mut self.folded);
        change_each(&mut self.projects, &change);
        change_each(&mut self.regions, &change);
        change_each(&mut self.types, &change);
    }
}

/// Changes the amounts of each part. A part without a cost is removed.
fn change_each<K>(parts: &mut Parts<K>, change: impl Fn(&mut Amounts)) {
    parts.retain(|_, amounts| {
        change(amounts);
        **amounts != NOTHING
    });
}

fn part<'a, K: Clone + Eq + Hash>(parts: &'a mut Parts<K>, key: &K) -> &'a mut Amounts {
    parts.entry(key.clone()).or_insert_with(|| Box::new(NOTHING))
}

/// The amounts of a part without a cost.
static NOTHING: Amounts = [Amount::ZERO; DAYS];

/// Adds to the last day. The costs of a day are far below the range of an amount.
fn add(amounts: &mut Amounts, amount: Amount) {
    let sum = &mut amounts[DAYS - 1];
    *sum = sum.plus(amount);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::group::Group;
    use crate::insights::budget::Selector;
    use jiff::civil::date;

    fn series(project: u64, currency: &str) -> Series {
        let group =
            Group { project: ProjectId(project), region: Some(RegionId(7)), resource_type: ResourceType::new("disk") };
        Series { group, measure: currency.into() }
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Project 1 costs 1 on each day from 1 to 28 November, and project 2 costs 10 on the 28th.
    fn filled() -> RecentDays {
        let all = [series(1, "EUR"), series(2, "EUR"), Series::other("EUR")];
        let mut days = RecentDays::before(date(2026, 11, 29));
        for day in date(2026, 11, 1).series(1.day()).take(27) {
            days.take(day, &all, &[(0, amount("1"))], &[]);
        }
        days.take(date(2026, 11, 28), &all, &[(0, amount("1")), (1, amount("10")), (2, amount("0.5"))], &[]);
        days
    }

    #[test]
    fn two_weeks_end_with_the_newest_day_and_a_missing_day_makes_its_week_unknown() {
        let mut days = filled();
        let weeks = days.weeks(at("2026-11-29T12:00:00Z")).unwrap();
        assert_eq!((weeks.last.first(), weeks.last.last()), (date(2026, 11, 22), date(2026, 11, 28)));
        assert_eq!((weeks.before.first(), weeks.before.last()), (date(2026, 11, 15), date(2026, 11, 21)));
        assert_eq!(days.weeks(at("2026-11-30T12:00:00Z")), Some(weeks), "the 29th comes late");
        assert_eq!(days.weeks(at("2026-12-01T12:00:00Z")), None, "too old");
        let sums = |days: &RecentDays, weeks: Weeks| {
            let eur = days.currency("EUR").unwrap();
            let of = |amounts| [days.sum(amounts, weeks.last), days.sum(amounts, weeks.before)];
            [of(&eur.account), of(eur.project(ProjectId(2))), of(eur.project(ProjectId(3)))]
        };
        let some = |text| Some(amount(text));
        let want = [[some("17.5"), some("7")], [some("10"), some("0")], [some("0"), some("0")]];
        assert_eq!(sums(&days, weeks), want, "in a stored day, an absent project costs nothing");
        days.known[DAYS - 10] = false;
        assert_eq!(sums(&days, weeks)[0], [some("17.5"), None], "the 19th is not stored");
    }

    #[test]
    fn folded_series_belong_to_the_account_only() {
        let days = filled();
        let eur = days.currency("EUR").unwrap();
        assert_eq!(days.on(&eur.folded, date(2026, 11, 28)), Some(amount("0.5")));
        assert!(!eur.has_project(ProjectId(0)), "the sum of the small ones is no project");
        assert_eq!(days.on(eur.region(Some(RegionId(7))), date(2026, 11, 28)), Some(amount("11")));
    }

    #[test]
    fn days_slide_and_a_part_without_a_cost_leaves() {
        let mut days = filled();
        days.move_to(date(2026, 11, 30));
        assert!(!days.is_known(date(2026, 11, 29)) && days.is_known(date(2026, 11, 28)));
        assert_eq!(days.newest(), Some(date(2026, 11, 28)));
        days.take(date(2027, 1, 1), &[series(1, "EUR")], &[(0, amount("4"))], &[]);
        let eur = days.currency("EUR").unwrap();
        assert!(eur.has_project(ProjectId(2)), "the 28th of November is the first of the days");
        assert_eq!(days.on(eur.project(ProjectId(1)), date(2026, 12, 31)), None, "not stored");
        days.move_to(date(2027, 1, 3));
        assert!(!days.currency("EUR").unwrap().has_project(ProjectId(2)));
        days.move_to(date(2027, 3, 1));
        assert_eq!((days.newest(), days.first()), (None, date(2027, 1, 25)));
        days.move_to(date(2026, 11, 29));
        assert_eq!(days.newest(), None, "the clock was set back");
    }

    #[test]
    fn a_budget_has_its_days_of_the_month() {
        let selector = Selector { projects: vec![ProjectId(2)], ..Selector::default() };
        let budget = Budget {
            name: "two".to_owned(),
            account: "main".parse().unwrap(),
            selector,
            amount: amount("100"),
            currency: Currency::new("EUR"),
        };
        let all = [series(1, "EUR"), series(2, "EUR"), series(2, "USD")];
        let mut days = RecentDays::before(date(2026, 10, 30));
        for day in [date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 3)] {
            let costs = [(0, amount("1")), (1, amount("10")), (2, amount("5"))];
            days.take(day, &all, &costs, std::slice::from_ref(&budget));
        }
        let want = BTreeMap::from([date(2026, 11, 1), date(2026, 11, 3)].map(|day| (day, amount("10"))));
        assert_eq!(days.of_budget(0, date(2026, 11, 1)), want, "the 2nd is not stored");
    }
}

//! The costs of the last days: of the account, and of each project, region and type.
//!
//! Pages and answers need these sums at once, so they are kept beside the models and never read from the store on
//! demand. Their size is bounded: [`DAYS`] amounts for each part, and [`MOST_PARTS`] parts of a kind.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::store::days::Series;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Period, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

/// The number of closed days: five weeks.
pub const DAYS: usize = 35;

/// The largest number of projects, of regions and of types in a currency. With 35 amounts each, a full kind takes about
/// 1.2 MB.
pub const MOST_PARTS: usize = 2_000;

/// The largest age of the newest day in days, for a comparison of weeks. Yesterday's costs may come late.
const NEWS: i32 = 2;

/// The amounts of all days, the oldest first.
pub type Amounts = [Amount; DAYS];

/// The costs of the last closed days.
#[derive(Clone, Debug)]
pub struct RecentDays {
    /// The day after the last one.
    end: Date,
    known: [bool; DAYS],
    currencies: BTreeMap<Currency, CurrencyDays>,
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

/// The amounts of each part of a kind.
#[derive(Clone, Debug)]
struct Parts<K> {
    parts: HashMap<K, Box<Amounts>, RandomState>,
    /// Whether parts beyond the limit were left out.
    is_cut: bool,
}

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
        Self { end, known: [false; DAYS], currencies: BTreeMap::new() }
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
        self.currencies.values_mut().for_each(|currency| currency.each(slide));
    }

    /// Makes a day and those after it unknown, because their amounts are read again.
    pub fn forget_from(&mut self, first: Date) {
        let from = if first < self.first() { 0 } else { self.index(first).unwrap_or(DAYS) };
        self.known[from..].fill(false);
        let clear = |amounts: &mut Amounts| amounts[from..].fill(Amount::ZERO);
        self.currencies.values_mut().for_each(|currency| currency.each(clear));
        // Parts without a cost in any of the days would otherwise stay forever.
        self.currencies.values_mut().for_each(CurrencyDays::tidy);
    }

    /// Takes the amounts of a stored day, by the index of their series in `series`. A day outside the range is ignored.
    pub fn take(&mut self, day: Date, series: &[Series], amounts: &[(usize, Amount)]) {
        let Some(index) = self.index(day) else { return };
        self.known[index] = true;
        for (place, amount) in amounts {
            let Series { group, measure } = &series[*place];
            let currency = match self.currencies.get_mut(measure.as_str()) {
                Some(currency) => currency,
                None => self.currencies.entry(Currency::new(measure)).or_insert_with(CurrencyDays::new),
            };
            add(&mut currency.account[index], *amount);
            if series[*place] == Series::other(measure) {
                add(&mut currency.folded[index], *amount);
                continue;
            }
            currency.projects.add(&group.project, index, *amount);
            currency.regions.add(&group.region, index, *amount);
            currency.types.add(&group.resource_type, index, *amount);
        }
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
        let newest = self.newest().filter(|day| *day < today && *day >= today.saturating_sub(NEWS.days()))?;
        let end = newest.saturating_add(1.day());
        let [middle, start] = [7, 14].map(|days: i32| end.saturating_sub(days.days()));
        Some(Weeks { last: Period::new(middle, end)?, before: Period::new(start, middle)? })
    }
}

impl CurrencyDays {
    fn new() -> Self {
        let (account, folded) = ([Amount::ZERO; DAYS], [Amount::ZERO; DAYS]);
        Self { account, folded, projects: Parts::new(), regions: Parts::new(), types: Parts::new() }
    }

    /// The amounts of a project. `None` when the limit of parts left it out.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> Option<&Amounts> {
        self.projects.get(&id)
    }

    /// The amounts of a region, likewise.
    #[must_use]
    pub fn region(&self, id: Option<RegionId>) -> Option<&Amounts> {
        self.regions.get(&id)
    }

    /// The amounts of a resource type, likewise.
    #[must_use]
    pub fn resource_type(&self, word: &ResourceType) -> Option<&Amounts> {
        self.types.get(word)
    }

    /// Every project with a cost in these days.
    pub fn projects(&self) -> impl Iterator<Item = ProjectId> {
        self.projects.parts.keys().copied()
    }

    /// Every region with a cost in these days.
    pub fn regions(&self) -> impl Iterator<Item = Option<RegionId>> {
        self.regions.parts.keys().copied()
    }

    /// Every type with a cost in these days.
    pub fn resource_types(&self) -> impl Iterator<Item = &ResourceType> {
        self.types.parts.keys()
    }

    /// Whether a project has a cost in these days.
    #[must_use]
    pub fn has_project(&self, id: ProjectId) -> bool {
        self.projects.parts.contains_key(&id)
    }

    fn each(&mut self, mut change: impl FnMut(&mut Amounts)) {
        change(&mut self.account);
        change(&mut self.folded);
        let (projects, regions, types) = (&mut self.projects.parts, &mut self.regions.parts, &mut self.types.parts);
        let parts = projects.values_mut().chain(regions.values_mut()).chain(types.values_mut());
        parts.for_each(|amounts| change(amounts));
    }

    fn tidy(&mut self) {
        self.projects.tidy();
        self.regions.tidy();
        self.types.tidy();
    }
}

/// The amounts of a part without a cost.
static NOTHING: Amounts = [Amount::ZERO; DAYS];

impl<K: Clone + Eq + Hash> Parts<K> {
    fn new() -> Self {
        Self { parts: HashMap::default(), is_cut: false }
    }

    fn add(&mut self, key: &K, index: usize, amount: Amount) {
        if let Some(amounts) = self.parts.get_mut(key) {
            add(&mut amounts[index], amount);
        } else if self.parts.len() < MOST_PARTS {
            let mut amounts = Box::new(NOTHING);
            amounts[index] = amount;
            self.parts.insert(key.clone(), amounts);
        } else {
            self.is_cut = true;
        }
    }

    /// In a stored day, an absent part costs nothing.
    fn get(&self, key: &K) -> Option<&Amounts> {
        self.parts.get(key).map(|amounts| &**amounts).or_else(|| (!self.is_cut).then_some(&NOTHING))
    }

    fn tidy(&mut self) {
        self.parts.retain(|_, amounts| **amounts != NOTHING);
    }
}

/// The costs of a day are far below the range of an amount.
fn add(sum: &mut Amount, amount: Amount) {
    *sum = sum.checked_add(amount).unwrap_or(*sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::group::Group;
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
            days.take(day, &all, &[(0, amount("1"))]);
        }
        days.take(date(2026, 11, 28), &all, &[(0, amount("1")), (1, amount("10")), (2, amount("0.5"))]);
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
            [of(&eur.account), of(eur.project(ProjectId(2)).unwrap()), of(eur.project(ProjectId(3)).unwrap())]
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
        assert_eq!(days.on(eur.region(Some(RegionId(7))).unwrap(), date(2026, 11, 28)), Some(amount("11")));
    }

    #[test]
    fn days_slide_and_are_forgotten_and_read_again() {
        let mut days = filled();
        days.move_to(date(2026, 11, 30));
        assert!(!days.is_known(date(2026, 11, 29)) && days.is_known(date(2026, 11, 28)));
        assert_eq!(days.newest(), Some(date(2026, 11, 28)));
        days.forget_from(date(2026, 11, 28));
        assert_eq!(days.newest(), Some(date(2026, 11, 27)));
        assert!(!days.currency("EUR").unwrap().has_project(ProjectId(2)), "it had no other cost");
        days.take(date(2026, 11, 28), &[series(2, "EUR")], &[(0, amount("4"))]);
        let eur = days.currency("EUR").unwrap();
        assert_eq!(days.on(&eur.account, date(2026, 11, 28)), Some(amount("4")), "not added twice");
        days.move_to(date(2027, 3, 1));
        assert_eq!(days.newest(), None);
        assert_eq!(days.first(), date(2027, 1, 25));
        days.move_to(date(2026, 11, 29));
        assert_eq!(days.newest(), None, "the clock was set back");
    }

    #[test]
    fn parts_beyond_the_limit_are_unknown() {
        let mut days = RecentDays::before(date(2026, 11, 29));
        let most = u64::try_from(MOST_PARTS).unwrap();
        let all: Vec<Series> = (0..=most).map(|project| series(project, "EUR")).collect();
        let amounts: Vec<_> = (0..all.len()).map(|place| (place, amount("1"))).collect();
        days.take(date(2026, 11, 28), &all, &amounts);
        let eur = days.currency("EUR").unwrap();
        assert!(eur.project(ProjectId(most - 1)).is_some() && eur.project(ProjectId(most)).is_none());
        assert_eq!(days.on(&eur.account, date(2026, 11, 28)), Some(amount("2001")), "the account has all");
    }
}

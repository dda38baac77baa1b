//! The models of an account's costs in one currency, for each group and roll-up.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::civil::Date;

use crate::aggregate::group::Group;
use cost_insights::{Basis, Blackouts, Forecast, Judgement, Model, Settings};
use gcore_api::billing::amount::Amount;

use super::budget::Budget;
use super::{Contributor, Subject, Whole};

/// The largest number of contributors of an anomaly.
const CONTRIBUTORS: usize = 5;

/// The smallest share of the excess of a contributor.
const LEAST_SHARE: f64 = 0.02;

#[derive(Clone)]
pub(super) struct CurrencyModels {
    budgets: Arc<[Budget]>,
    currency: String,
    /// Groups and roll-ups have separate models, because groups are not forecast. The account has its own, so that it
    /// does not count twice in the band that the roll-ups share.
    groups: SeriesSet,
    roll_ups: SeriesSet,
    account: SeriesSet,
    /// The index of each group in `groups`, and for each index the indexes of its roll-ups.
    places: HashMap<Group, usize, RandomState>,
    roll_ups_of: Vec<Box<[usize]>>,
    blackouts: Blackouts<Whole>,
}

/// Series that one model judges together.
#[derive(Clone)]
struct SeriesSet {
    model: Model,
    /// The subject of each series of the model.
    subjects: Vec<Subject>,
    numbers: HashMap<Subject, usize, RandomState>,
    /// The judgements of the newest day, one for each series.
    judgements: Vec<Judgement>,
}

/// The costs of a roll-up on a day.
#[derive(Clone, Copy, Default)]
struct Sum {
    known: Amount,
    /// The expectation of the unknown parts. `None` without unknown parts.
    unknown: Option<f64>,
}

impl Sum {
    /// The amount for the model: unknown parts count as expected. If all parts are unknown, the sum is unknown.
    fn to_f64(self) -> f64 {
        match self.unknown {
            Some(_) if self.known == Amount::ZERO => f64::NAN,
            unknown => self.known.to_f64() + unknown.unwrap_or_default(),
        }
    }
}

impl std::fmt::Debug for CurrencyModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CurrencyModels")
            .field("currency", &self.currency)
            .field("groups", &self.groups.subjects.len())
            .finish()
    }
}

impl CurrencyModels {
    pub(super) fn new(budgets: &Arc<[Budget]>, currency: &str) -> Self {
        // Groups have no forecast.
        let [groups, roll_ups, mut account] = [false, true, true].map(SeriesSet::new);
        account.number(Subject::Account);
        let (budgets, currency) = (Arc::clone(budgets), currency.to_owned());
        let (places, roll_ups_of, blackouts) = Default::default();
        Self { budgets, currency, groups, roll_ups, account, places, roll_ups_of, blackouts }
    }

    /// Takes the next day. A group without an amount cost nothing.
    pub(super) fn step(&mut self, day: Date, amounts: &[(&Group, Amount)]) {
        // Sorted, because the models must not depend on the order of the store.
        let mut new: Vec<&Group> =
            amounts.iter().map(|(group, _)| *group).filter(|group| !self.places.contains_key(*group)).collect();
        new.sort_unstable();
        new.into_iter().for_each(|group| self.add(group));
        let mut of_groups = vec![Amount::ZERO; self.groups.subjects.len()];
        for (group, amount) in amounts {
            of_groups[self.places[*group]] = *amount;
        }
        let mut known: Vec<f64> = of_groups.iter().copied().map(Amount::to_f64).collect();
        self.blackouts.apply(&self.groups.model, day, &mut known);
        let mut of_roll_ups = vec![Sum::default(); self.roll_ups.subjects.len()];
        let mut of_account = Sum::default();
        for (place, (amount, known)) in of_groups.iter().zip(&known).enumerate() {
            let unknown = known.is_nan().then(|| self.groups.model.expects(place, day));
            let add = |sum: &mut Sum| {
                // The costs of a day are far below the range of an amount.
                sum.known = sum.known.plus(*amount);
                sum.unknown = unknown.map_or(sum.unknown, |more| Some(sum.unknown.unwrap_or_default() + more));
            };
            self.roll_ups_of[place].iter().for_each(|roll_up| add(&mut of_roll_ups[*roll_up]));
            add(&mut of_account);
        }
        self.groups.step(day, &known);
        self.roll_ups.step_sums(day, &of_roll_ups);
        self.account.step_sums(day, &[of_account]);
    }

    /// The projects, regions and accounts that are unknown on the newest day, and for how many days.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&Whole, u8)> {
        self.blackouts.missing()
    }

    /// Every series except those of budgets, with the contributors of an anomaly.
    pub(super) fn judged(&self) -> Vec<(Subject, Judgement, Vec<Contributor>)> {
        let roll_ups = self
            .account
            .judged()
            .chain(self.roll_ups.judged())
            .filter(|(subject, _)| !matches!(subject, Subject::Budget(_)));
        let roll_ups = roll_ups.map(|(subject, judgement)| self.with_contributors(subject, *judgement));
        let groups = self.groups.judged().map(|(subject, judgement)| (subject.clone(), *judgement, Vec::new()));
        roll_ups.chain(groups).collect()
    }

    /// A roll-up with its contributors. The expected costs of its parts are no excess, even if the roll-up's own model
    /// does not expect them. So only the excess of the parts counts against the roll-up's band.
    fn with_contributors(&self, subject: &Subject, mut judgement: Judgement) -> (Subject, Judgement, Vec<Contributor>) {
        if !judgement.anomaly {
            return (subject.clone(), judgement, Vec::new());
        }
        let mut contributors = self.contributors(subject, &judgement);
        let excess: f64 = contributors.iter().map(|part| part.excess).sum();
        let band = judgement.upper - judgement.expected;
        judgement.raise(judgement.actual - excess + band, Basis::Parts);
        if !judgement.anomaly {
            contributors.clear();
        }
        contributors.truncate(CONTRIBUTORS);
        contributors.retain(|part| part.share >= LEAST_SHARE);
        (subject.clone(), judgement, contributors)
    }

    /// The forecasts of the account, of projects and budgets for a month.
    pub(super) fn forecasts(&self, month: Date) -> Vec<(Subject, Forecast)> {
        let of = |set: &SeriesSet| {
            let forecasts = set.model.forecast(month).into_iter().map(|forecast| Forecast {
                month_to_date: rounded(forecast.month_to_date),
                estimate: rounded(forecast.estimate),
                lower: rounded(forecast.lower),
                upper: rounded(forecast.upper),
            });
            set.subjects.iter().cloned().zip(forecasts).collect::<Vec<_>>()
        };
        let is_told = |(subject, _): &(Subject, Forecast)| !matches!(subject, Subject::Type(_));
        [of(&self.account), of(&self.roll_ups)].into_iter().flatten().filter(is_told).collect()
    }

    fn contributors(&self, roll_up: &Subject, judgement: &Judgement) -> Vec<Contributor> {
        let belongs = |group: &Group| match roll_up {
            Subject::Account => true,
            Subject::Project(project) => group.project == *project,
            Subject::Type(resource_type) => group.resource_type == *resource_type,
            Subject::Group(_) | Subject::Budget(_) => false,
        };
        let judged = self.groups.judged().filter_map(|(subject, judgement)| match subject {
            Subject::Group(group) if belongs(group) => Some((group, *judgement)),
            _ => None,
        });
        let (groups, judgements): (Vec<&Group>, Vec<Judgement>) = judged.unzip();
        cost_insights::contributors(judgement, &judgements)
            .into_iter()
            .map(|part| Contributor { group: groups[part.child].clone(), excess: part.excess, share: part.share })
            .collect()
    }

    /// Adds a new group, and its roll-ups if they are new.
    fn add(&mut self, group: &Group) {
        let budgets = self.budgets.iter().enumerate().filter(|(_, budget)| budget.counts(group, &self.currency));
        let budgets = budgets.map(|(number, _)| Subject::Budget(number));
        let roll_ups = [Subject::Project(group.project), Subject::Type(group.resource_type.clone())];
        let roll_ups = roll_ups.into_iter().chain(budgets).map(|subject| self.roll_ups.number(subject)).collect();
        let place = self.groups.number(Subject::Group(group.clone()));
        let wholes = [Some(Whole::Account), Some(Whole::Project(group.project)), group.region.map(Whole::Region)];
        wholes.into_iter().flatten().for_each(|whole| self.blackouts.add(whole, place));
        self.roll_ups_of.push(roll_ups);
        self.places.insert(group.clone(), place);
    }
}

/// An estimate with 5 decimals, as in the API's amounts.
fn rounded(estimate: f64) -> f64 {
    (estimate * SCALE).round() / SCALE
}

const SCALE: f64 = 1e5;

impl SeriesSet {
    fn new(forecasts: bool) -> Self {
        let model = Model::new(Settings { forecasts, ..Settings::default() });
        Self { model, subjects: Vec::new(), numbers: HashMap::default(), judgements: Vec::new() }
    }

    fn step(&mut self, day: Date, amounts: &[f64]) {
        self.judgements = self.model.step(day, amounts);
        for judgement in &mut self.judgements {
            judgement.expected = rounded(judgement.expected);
            // Rounded down, so that an anomaly just above the bound is still above the shown bound.
            judgement.upper = (judgement.upper * SCALE).floor() / SCALE;
        }
    }

    /// The judgements say which part of an amount is assumed.
    fn step_sums(&mut self, day: Date, sums: &[Sum]) {
        self.step(day, &sums.iter().copied().map(Sum::to_f64).collect::<Vec<_>>());
        for (judgement, sum) in self.judgements.iter_mut().zip(sums) {
            judgement.assumed = rounded(sum.unknown.unwrap_or_default());
            judgement.actual = rounded(judgement.actual);
        }
    }

    fn judged(&self) -> impl Iterator<Item = (&Subject, &Judgement)> {
        self.subjects.iter().zip(&self.judgements)
    }

    fn number(&mut self, subject: Subject) -> usize {
        if let Some(number) = self.numbers.get(&subject) {
            return *number;
        }
        let number = self.subjects.len();
        self.subjects.push(subject.clone());
        self.numbers.insert(subject, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gcore_api::billing::resource::{ProjectId, ResourceType};
    use jiff::civil::date;

    /// The account's judgement on the last of 60 days, and its contributors.
    fn account(amounts: impl Fn(i32, u64) -> f64) -> (Judgement, Vec<Contributor>) {
        let mut model = CurrencyModels::new(&Vec::new().into(), "EUR");
        let groups: Vec<Group> = (0..8)
            .map(|number| Group { project: ProjectId(number), region: None, resource_type: ResourceType::new("x") })
            .collect();
        for (number, day) in (0..60).zip(date(2026, 9, 8).series(jiff::Span::new().days(1))) {
            let amounts = (0..).zip(&groups).filter_map(|(at, group)| {
                let amount = amounts(number, at);
                (amount > 0.0).then(|| (group, format!("{amount:.2}").parse().unwrap()))
            });
            model.step(day, &amounts.collect::<Vec<_>>());
        }
        let judged = model.judged().into_iter().find(|(subject, ..)| *subject == Subject::Account);
        judged.map(|(_, judgement, contributors)| (judgement, contributors)).unwrap()
    }

    #[test]
    fn the_order_in_which_amounts_come_changes_nothing() {
        let groups: Vec<Group> = (0..12)
            .map(|number| Group { project: ProjectId(number), region: None, resource_type: ResourceType::new("x") })
            .collect();
        let said = |is_turned: bool| {
            let mut model = CurrencyModels::new(&Vec::new().into(), "EUR");
            for (number, day) in (0..70).zip(date(2026, 9, 1).series(jiff::Span::new().days(1))) {
                let amount = |at: u64| format!("{}.{}", 10 + (at * 7 + number) % 5, (number * number + at * 3) % 97);
                let amounts = (0..).zip(&groups).map(|(at, group)| (group, amount(at).parse().unwrap()));
                let mut amounts: Vec<(&Group, Amount)> = amounts.collect();
                if is_turned {
                    amounts.reverse();
                }
                model.step(day, &amounts);
            }
            let mut forecasts = model.forecasts(date(2026, 11, 1));
            forecasts.sort_by(|(a, _), (b, _)| a.cmp(b));
            forecasts.into_iter().map(|(subject, forecast)| format!("{subject:?} {forecast:?}")).collect::<Vec<_>>()
        };
        assert_eq!(said(true), said(false));
    }

    #[test]
    fn the_bound_of_a_usual_roll_up_does_not_move_with_its_amount() {
        for last in [9.0, 10.0, 11.0, 12.5] {
            let (judgement, _) = account(|day, _| if day == 59 { last } else { 10.0 });
            assert!(!judgement.anomaly, "{judgement:?}");
            assert!((judgement.upper - 104.0).abs() < 0.01, "8 times {last}: {judgement:?}");
        }
    }

    #[test]
    fn a_roll_up_is_out_of_the_usual_only_where_its_parts_are() {
        // All groups rise together.
        let (judgement, contributors) =
            account(|day, _| if day == 59 { 20.0 } else { 10.0 + f64::from(day % 2) / 10.0 });
        assert!(judgement.anomaly, "{judgement:?}");
        assert_eq!(contributors.len(), CONTRIBUTORS);
        assert!(contributors.iter().all(|part| (part.share - 0.125).abs() < 0.02), "{contributors:?}");
        // A new group.
        let (judgement, contributors) =
            account(|day, at| if at == 7 { if day == 59 { 90.0 } else { 0.0 } } else { 10.0 });
        assert!(judgement.anomaly, "{judgement:?}");
        assert_eq!(contributors[0].group.project, ProjectId(7), "{contributors:?}");
        // Periodic jobs that sometimes fall on the same day: each was expected.
        let job = |every: i32, day: i32| if day % every == every - 1 { 60.0 } else { 10.0 };
        let (judgement, contributors) = account(|day, at| match at {
            0 => job(3, day),
            1 => job(4, day),
            2 => job(5, day),
            _ => 10.0,
        });
        assert!(!judgement.anomaly && judgement.score <= 1.0, "{judgement:?} {contributors:?}");
        assert!(contributors.is_empty());
    }

    /// Two projects; the second, of two groups, has no costs for the last `days` days.
    fn vanished(days: i32) -> CurrencyModels {
        let mut model = CurrencyModels::new(&Vec::new().into(), "EUR");
        let group =
            |project, word| Group { project: ProjectId(project), region: None, resource_type: ResourceType::new(word) };
        let groups = [group(1, "x"), group(2, "x"), group(2, "y")];
        for (number, day) in (0..60 + days).zip(date(2026, 9, 1).series(jiff::Span::new().days(1))) {
            let has_cost = |group: &&Group| number < 60 || group.project == ProjectId(1);
            let amounts = groups.iter().filter(has_cost).map(|group| (group, "10".parse().unwrap()));
            model.step(day, &amounts.collect::<Vec<_>>());
        }
        model
    }

    #[test]
    fn a_project_that_vanishes_at_once_is_unknown_and_its_wholes_count_it_as_expected() {
        let model = vanished(3);
        assert_eq!(model.missing().collect::<Vec<_>>(), [(&Whole::Project(ProjectId(2)), 3)]);
        let said: Vec<String> = model
            .judged()
            .into_iter()
            .map(|(subject, judgement, _)| format!("{subject:?} {} {:.0}", judgement.reason.as_str(), judgement.actual))
            .collect();
        assert!(said.contains(&"Account within_band 30".to_owned()), "{said:#?}");
        let of = |wanted: Subject| model.judged().into_iter().find(|(subject, ..)| *subject == wanted).unwrap().1;
        let (account, project) = (of(Subject::Account), of(Subject::Project(ProjectId(2))));
        assert_eq!(format!("{:.0} of {:.0}", account.assumed, account.expected), "20 of 30");
        let sentence = account.explanation("EUR");
        let begin = "cost 30.00 EUR, of which 20.00 is the expectation of parts whose cost is unknown; expected 30.00,";
        assert!(sentence.starts_with(begin), "{sentence}");
        assert_eq!(format!("{:.0}", project.expected), "20", "a usual day of it");
        assert!(said.contains(&"Project(ProjectId(2)) unknown NaN".to_owned()), "{said:#?}");
        assert!(said.contains(&"Project(ProjectId(1)) within_band 10".to_owned()), "{said:#?}");
        let forecasts = model.forecasts(date(2026, 11, 1));
        let of =
            |number| forecasts.iter().find(|(subject, _)| *subject == Subject::Project(ProjectId(number))).unwrap().1;
        // 31 October to 2 November. November has 30 days.
        assert!((of(2).estimate - 600.0).abs() < 1.0 && (of(1).estimate - 300.0).abs() < 1.0, "{forecasts:?}");
        assert!(vanished(11).missing().next().is_none(), "then it has ended");
    }
}

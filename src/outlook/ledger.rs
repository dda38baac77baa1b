//! The costs of an account in one currency, day by day, for each group and roll-up.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::civil::Date;

use crate::aggregate::group::Group;
use crate::analysis;
use crate::analysis::{Forecast, Judgement, Model, Settings};
use crate::billing::amount::Amount;

use super::budget::Budget;
use super::{Contributor, Subject};

/// How many groups explain the anomaly of a roll-up.
const CONTRIBUTORS: usize = 5;

/// The smallest share of the excess that explains anything.
const LEAST_SHARE: f64 = 0.02;

#[derive(Clone)]
pub(super) struct Ledger {
    budgets: Arc<[Budget]>,
    currency: String,
    groups: Book,
    /// In a book of their own: what rises in all series of a book together is no news of any one of them, yet news of
    /// the account.
    roll_ups: Book,
    /// Of each group, its place in `groups`, and the places of its roll-ups.
    places: HashMap<Group, (usize, Box<[usize]>), RandomState>,
}

/// Subjects that are judged side by side.
#[derive(Clone)]
struct Book {
    model: Model,
    /// Whose costs each series of the model are.
    subjects: Vec<Subject>,
    numbers: HashMap<Subject, usize, RandomState>,
    /// What was said of the newest day, a judgement a series.
    judgements: Vec<Judgement>,
}

impl Default for Book {
    fn default() -> Self {
        let model = Model::new(Settings::default());
        Self { model, subjects: Vec::new(), numbers: HashMap::default(), judgements: Vec::new() }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("currency", &self.currency).field("groups", &self.groups.subjects.len()).finish()
    }
}

impl Ledger {
    pub(super) fn new(budgets: &Arc<[Budget]>, currency: &str) -> Self {
        let (groups, roll_ups) = (Book::default(), Book::default());
        let (budgets, currency) = (Arc::clone(budgets), currency.to_owned());
        Self { budgets, currency, groups, roll_ups, places: HashMap::default() }
    }

    /// Takes in the next day; a group that is not there cost nothing.
    pub(super) fn step(&mut self, day: Date, amounts: &[(&Group, Amount)]) {
        for (group, _) in amounts {
            if !self.places.contains_key(*group) {
                let places = self.places_of(group);
                self.places.insert((*group).clone(), places);
            }
        }
        let mut of_groups = vec![Amount::ZERO; self.groups.subjects.len()];
        let mut of_roll_ups = vec![Amount::ZERO; self.roll_ups.subjects.len()];
        for (group, amount) in amounts {
            let (own, roll_ups) = &self.places[*group];
            of_groups[*own] = *amount;
            for place in roll_ups {
                // No sum of a day comes near the range of an amount.
                of_roll_ups[*place] = of_roll_ups[*place].checked_add(*amount).unwrap_or(of_roll_ups[*place]);
            }
        }
        self.groups.step(day, &of_groups);
        self.roll_ups.step(day, &of_roll_ups);
    }

    /// Every series but those of budgets, with what makes up an anomaly of a roll-up.
    pub(super) fn judged(&self) -> Vec<(Subject, Judgement, Vec<Contributor>)> {
        let of = |(subject, judgement): (&Subject, &Judgement)| {
            let contributors = if judgement.anomaly { self.contributors(subject, judgement) } else { Vec::new() };
            (subject.clone(), *judgement, contributors)
        };
        let all = self.roll_ups.judged().chain(self.groups.judged());
        all.filter(|(subject, _)| !matches!(subject, Subject::Budget(_))).map(of).collect()
    }

    /// Where projects and budgets will end in a month.
    pub(super) fn forecasts(&mut self, month: Date) -> Vec<(Subject, Forecast)> {
        let forecasts = self.roll_ups.model.forecast(month);
        let is_told = |subject: &Subject| matches!(subject, Subject::Project(_) | Subject::Budget(_));
        self.roll_ups.subjects.iter().cloned().zip(forecasts).filter(|(subject, _)| is_told(subject)).collect()
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
        analysis::contributors(judgement, &judgements, CONTRIBUTORS)
            .into_iter()
            .filter(|part| part.share >= LEAST_SHARE)
            .map(|part| Contributor { group: groups[part.child].clone(), excess: part.excess, share: part.share })
            .collect()
    }

    /// The places of a group that is new, its own and those of its roll-ups.
    fn places_of(&mut self, group: &Group) -> (usize, Box<[usize]>) {
        let budgets = self.budgets.iter().enumerate().filter(|(_, budget)| budget.counts(group, &self.currency));
        let budgets = budgets.map(|(number, _)| Subject::Budget(number));
        let roll_ups = [Subject::Project(group.project), Subject::Type(group.resource_type.clone()), Subject::Account];
        let roll_ups = roll_ups.into_iter().chain(budgets).map(|subject| self.roll_ups.number(subject)).collect();
        (self.groups.number(Subject::Group(group.clone())), roll_ups)
    }
}

impl Book {
    fn step(&mut self, day: Date, amounts: &[Amount]) {
        let amounts: Vec<f64> = amounts.iter().copied().map(Amount::to_f64).collect();
        self.judgements = self.model.step(day, &amounts);
        for (judgement, actual) in self.judgements.iter_mut().zip(amounts) {
            // The model works with fewer digits; and what it acquits is not shown above the bound.
            judgement.actual = actual;
            if !judgement.anomaly {
                judgement.score = judgement.score.min(1.0);
            }
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

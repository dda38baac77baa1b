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
    model: Model,
    /// Whose costs each series of the model are.
    subjects: Vec<Subject>,
    /// Of each group, the series that its costs go to: its own first, then its roll-ups.
    places: HashMap<Group, Box<[usize]>, RandomState>,
    numbers: HashMap<Subject, usize, RandomState>,
    /// What was said of the newest day, a judgement a series.
    judgements: Vec<Judgement>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("currency", &self.currency).field("subjects", &self.subjects.len()).finish()
    }
}

impl Ledger {
    pub(super) fn new(budgets: &Arc<[Budget]>, currency: &str) -> Self {
        Self {
            budgets: Arc::clone(budgets),
            currency: currency.to_owned(),
            model: Model::new(Settings::default()),
            subjects: Vec::new(),
            places: HashMap::default(),
            numbers: HashMap::default(),
            judgements: Vec::new(),
        }
    }

    /// Takes in the next day; a group that is not there cost nothing.
    pub(super) fn step(&mut self, day: Date, amounts: &[(&Group, Amount)]) {
        for (group, _) in amounts {
            if !self.places.contains_key(*group) {
                let places = self.places_of(group);
                self.places.insert((*group).clone(), places);
            }
        }
        let mut sums = vec![Amount::ZERO; self.subjects.len()];
        for (group, amount) in amounts {
            for place in &self.places[*group] {
                // No sum of a day comes near the range of an amount.
                sums[*place] = sums[*place].checked_add(*amount).unwrap_or(sums[*place]);
            }
        }
        let of_day: Vec<f64> = sums.into_iter().map(Amount::to_f64).collect();
        self.judgements = self.model.step(day, &of_day);
        for (judgement, actual) in self.judgements.iter_mut().zip(of_day) {
            // The model works with fewer digits; and what it acquits is not shown above the bound.
            judgement.actual = actual;
            if !judgement.anomaly {
                judgement.score = judgement.score.min(1.0);
            }
        }
    }

    /// Every series but those of budgets, with what makes up an anomaly of a roll-up.
    pub(super) fn judged(&self) -> Vec<(Subject, Judgement, Vec<Contributor>)> {
        let of = |(subject, judgement): (&Subject, &Judgement)| {
            let contributors = if judgement.anomaly { self.contributors(subject, judgement) } else { Vec::new() };
            (subject.clone(), *judgement, contributors)
        };
        self.subjects
            .iter()
            .zip(&self.judgements)
            .filter(|(subject, _)| !matches!(subject, Subject::Budget(_)))
            .map(of)
            .collect()
    }

    /// Where projects and budgets will end in a month.
    pub(super) fn forecasts(&mut self, month: Date) -> Vec<(Subject, Forecast)> {
        let forecasts = self.model.forecast(month);
        let is_told = |subject: &Subject| matches!(subject, Subject::Project(_) | Subject::Budget(_));
        self.subjects.iter().cloned().zip(forecasts).filter(|(subject, _)| is_told(subject)).collect()
    }

    fn contributors(&self, roll_up: &Subject, judgement: &Judgement) -> Vec<Contributor> {
        let belongs = |group: &Group| match roll_up {
            Subject::Account => true,
            Subject::Project(project) => group.project == *project,
            Subject::Type(resource_type) => group.resource_type == *resource_type,
            Subject::Group(_) | Subject::Budget(_) => false,
        };
        let (groups, judgements): (Vec<&Group>, Vec<Judgement>) = self
            .subjects
            .iter()
            .zip(&self.judgements)
            .filter_map(|(subject, judgement)| match subject {
                Subject::Group(group) if belongs(group) => Some((group, *judgement)),
                _ => None,
            })
            .unzip();
        analysis::contributors(judgement, &judgements, CONTRIBUTORS)
            .into_iter()
            .filter(|part| part.share >= LEAST_SHARE)
            .map(|part| Contributor { group: groups[part.child].clone(), excess: part.excess, share: part.share })
            .collect()
    }

    /// The series of a group that is new, its own and those of the roll-ups that it belongs to.
    fn places_of(&mut self, group: &Group) -> Box<[usize]> {
        let roll_ups = [Subject::Project(group.project), Subject::Type(group.resource_type.clone()), Subject::Account];
        let budgets = self.budgets.iter().enumerate().filter(|(_, budget)| budget.counts(group, &self.currency));
        let budgets: Vec<Subject> = budgets.map(|(number, _)| Subject::Budget(number)).collect();
        let subjects = std::iter::once(Subject::Group(group.clone())).chain(roll_ups).chain(budgets);
        subjects.map(|subject| self.number(subject)).collect()
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

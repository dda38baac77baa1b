//! The days of an account, taken in one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::billing::amount::Amount;
use crate::billing::resource::Currency;
use crate::store::days::Series;

use super::budget::Budget;
use super::ledger::Ledger;
use super::{Findings, Judged, Subject, Whole};

/// Everything learned of an account up to some day. A clone can take in days that may still change.
#[derive(Clone, Debug)]
pub struct Past {
    budgets: Arc<[Budget]>,
    /// The series of the history, in its order, and where each is accounted for.
    series: Vec<Series>,
    ledgers: BTreeMap<Currency, Ledger>,
    newest: Option<Date>,
}

impl Past {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(budgets: Arc<[Budget]>) -> Self {
        Self { budgets, series: Vec::new(), ledgers: BTreeMap::new(), newest: None }
    }

    /// The last day that was taken in.
    #[must_use]
    pub fn newest(&self) -> Option<Date> {
        self.newest
    }

    /// Whether days whose amounts are told by their place among `series` can be taken in after the days before.
    #[must_use]
    pub fn agrees(&self, series: &[Series]) -> bool {
        series.starts_with(&self.series)
    }

    /// Takes in the next day: amounts by the place of their series among `series`. A series that is not there was zero.
    pub fn step(&mut self, series: &[Series], day: Date, amounts: &[(usize, Amount)]) {
        self.series.extend_from_slice(&series[self.series.len()..]);
        let mut by_currency = BTreeMap::<&str, Vec<_>>::new();
        for (place, amount) in amounts {
            by_currency.entry(&self.series[*place].measure).or_default().push((&self.series[*place].group, *amount));
        }
        for currency in by_currency.keys() {
            self.ledgers.entry(Currency::new(currency)).or_insert_with(|| Ledger::new(&self.budgets, currency));
        }
        for (currency, ledger) in &mut self.ledgers {
            ledger.step(day, by_currency.get(currency.as_str()).map_or(&[][..], Vec::as_slice));
        }
        self.newest = Some(day);
    }

    /// What vanished at once, with its first day without a cost.
    fn missing(&self) -> BTreeMap<(Whole, Currency), Date> {
        let Some(newest) = self.newest else { return BTreeMap::new() };
        let of = |(currency, ledger): (&Currency, &Ledger)| {
            let since = |days: u8| newest.saturating_sub((i32::from(days) - 1).days());
            let missing = ledger.missing().map(|(whole, days)| ((whole.clone(), currency.clone()), since(days)));
            missing.collect::<Vec<_>>()
        };
        self.ledgers.iter().flat_map(of).collect()
    }

    /// What the days say, with the forecast of a month.
    #[must_use]
    pub fn findings(self, month: Date) -> Findings {
        let judged = self.newest.map(|day| {
            let of = |(currency, ledger): (&Currency, &Ledger)| {
                let judged = |(subject, judgement, contributors)| {
                    let currency = currency.clone();
                    Judged { currency, subject, judgement, contributors }
                };
                ledger.judged().into_iter().map(judged).collect::<Vec<_>>()
            };
            let mut judged: Vec<Judged> = self.ledgers.iter().flat_map(of).collect();
            judged.sort_unstable_by(|a, b| (&a.subject, &a.currency).cmp(&(&b.subject, &b.currency)));
            (day, judged)
        });
        let (mut forecasts, mut budgets) = (BTreeMap::new(), BTreeMap::new());
        for (currency, ledger) in &self.ledgers {
            for (subject, forecast) in ledger.forecasts(month) {
                match subject {
                    Subject::Project(project) => drop(forecasts.insert((project, currency.clone()), forecast)),
                    Subject::Budget(number) => drop(budgets.insert(number, forecast)),
                    _ => {}
                }
            }
        }
        let missing = self.missing();
        Findings { judged, month, forecasts, budgets, currencies: self.ledgers.into_keys().collect(), missing }
    }
}

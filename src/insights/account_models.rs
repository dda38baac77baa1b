//! The models of an account. They take its days in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::store::series::Series;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::resource::Currency;

use super::budget::Budget;
use super::currency_models::CurrencyModels;
use super::recent_days::RecentDays;
use super::{DailyAnalysis, Judged, JudgedDay, Subject, Whole};

/// The models after a certain day. A clone can take days that may still change.
#[derive(Clone, Debug)]
pub struct AccountModels {
    budgets: Arc<[Budget]>,
    /// The series of the history in order, and the model of each.
    series: Vec<Series>,
    models: BTreeMap<Currency, CurrencyModels>,
    newest: Option<Date>,
    recent: RecentDays,
}

impl AccountModels {
    /// Models without a day.
    #[must_use]
    pub fn new(budgets: Arc<[Budget]>) -> Self {
        Self {
            budgets,
            series: Vec::new(),
            models: BTreeMap::new(),
            newest: None,
            recent: RecentDays::before(Date::MIN),
        }
    }

    /// The last day that was taken.
    #[must_use]
    pub fn newest(&self) -> Option<Date> {
        self.newest
    }

    /// Whether the models can take a day whose amounts refer to `series` by index.
    #[must_use]
    pub fn agrees(&self, series: &[Series]) -> bool {
        series.starts_with(&self.series)
    }

    /// Takes the next day: amounts by the index of their series in `series`. A series without an amount was zero.
    pub fn step(&mut self, series: &[Series], day: Date, amounts: &[(usize, Amount)]) {
        self.series.extend_from_slice(&series[self.series.len()..]);
        let mut by_currency = BTreeMap::<&str, Vec<_>>::new();
        for (place, amount) in amounts {
            by_currency.entry(&self.series[*place].measure).or_default().push((&self.series[*place].group, *amount));
        }
        for currency in by_currency.keys() {
            self.models.entry(Currency::new(currency)).or_insert_with(|| CurrencyModels::new(&self.budgets, currency));
        }
        for (currency, model) in &mut self.models {
            model.step(day, by_currency.get(currency.as_str()).map_or(&[][..], Vec::as_slice));
        }
        self.newest = Some(day);
    }

    /// Keeps the amounts of a day, which is among the last days. The others need not be kept.
    pub fn keep(&mut self, series: &[Series], day: Date, amounts: &[(usize, Amount)]) {
        self.recent.take(day, series, amounts, &self.budgets);
    }

    /// Wholes whose costs vanished together, with the first day without costs.
    fn missing(&self) -> BTreeMap<(Whole, Currency), Date> {
        let Some(newest) = self.newest else { return BTreeMap::new() };
        let of = |(currency, model): (&Currency, &CurrencyModels)| {
            let since = |days: u8| newest.saturating_sub((i32::from(days) - 1).days());
            let missing = model.missing().map(|(whole, days)| ((whole.clone(), currency.clone()), since(days)));
            missing.collect::<Vec<_>>()
        };
        self.models.iter().flat_map(of).collect()
    }

    /// The analysis of the last day with the forecast of the month of `today`, and the costs of the days before `today`.
    #[must_use]
    pub fn findings(mut self, today: Date) -> (DailyAnalysis, RecentDays) {
        self.recent.move_to(today);
        let month = today.first_of_month();
        let judged = self.newest.map(|day| {
            let of = |(currency, model): (&Currency, &CurrencyModels)| {
                let judged = |(subject, judgement, contributors)| {
                    let currency = currency.clone();
                    Judged { currency, subject, judgement, contributors }
                };
                model.judged().into_iter().map(judged).collect::<Vec<_>>()
            };
            JudgedDay::new(day, self.models.iter().flat_map(of).collect())
        });
        let (mut forecasts, mut account, mut budgets) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (currency, model) in &self.models {
            for (subject, forecast) in model.forecasts(month) {
                match subject {
                    Subject::Project(project) => drop(forecasts.insert((project, currency.clone()), forecast)),
                    Subject::Budget(number) => drop(budgets.insert(number, forecast)),
                    Subject::Account => drop(account.insert(currency.clone(), forecast)),
                    _ => {}
                }
            }
        }
        let (missing, currencies) = (self.missing(), self.models.into_keys().collect());
        (DailyAnalysis { judged, month, forecasts, account, budgets, currencies, missing }, self.recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::group::Group;
    use gcore_api::billing::resource::{ProjectId, ResourceType};
    use jiff::civil::date;

    /// The judgements of the last day. Two types in a project cost 100 each for 60 days, then as in `then` for that
    /// number of days. `then` holds types with currencies.
    fn said(days: usize, then: &[(&str, &str)]) -> Vec<String> {
        let series = |(word, currency): &(&str, &str)| Series {
            group: Group { project: ProjectId(1), region: None, resource_type: ResourceType::new(word) },
            measure: (*currency).into(),
        };
        let before = [("disk", "EUR"), ("instance", "EUR")];
        let mut all: Vec<Series> = before.iter().map(series).collect();
        all.extend(then.iter().filter(|now| !before.contains(now)).map(series));
        let place =
            |one: &(&str, &str)| (all.iter().position(|of| *of == series(one)).unwrap(), "100".parse().unwrap());
        let mut past = AccountModels::new(Vec::new().into());
        for (number, day) in (0..60 + days).zip(date(2026, 9, 1).series(1.day())) {
            let costs = if number < 60 { &before[..] } else { then };
            past.step(&all, day, &costs.iter().map(place).collect::<Vec<_>>());
        }
        let judged = past.findings(date(2026, 11, 1)).0.judged.unwrap();
        let said = |Judged { currency, subject, judgement, .. }: &Judged| {
            let of = match subject {
                Subject::Account => "account".to_owned(),
                Subject::Group(group) => group.resource_type.as_str().to_owned(),
                _ => return None,
            };
            Some(format!("{of} {}: {}", currency.as_str(), judgement.reason.as_str()))
        };
        judged.judgements().iter().filter_map(said).collect()
    }

    #[test]
    fn a_renamed_group_is_young_its_old_name_pauses_and_the_account_is_as_before() {
        let then = [("instance", "EUR"), ("volume", "EUR")];
        let want =
            ["account EUR: within_band", "disk EUR: pause", "instance EUR: within_band", "volume EUR: too_young"];
        assert_eq!(said(1, &then), want);
    }

    #[test]
    fn amounts_in_a_new_currency_are_young_and_the_old_currency_is_unknown_then_pauses() {
        let then = [("disk", "USD"), ("instance", "USD")];
        let with = |old: &str| {
            ["account", "disk", "instance"]
                .map(|of| [format!("{of} EUR: {old}"), format!("{of} USD: too_young")])
                .concat()
        };
        assert_eq!(said(1, &then), with("unknown"));
        assert_eq!(said(10, &then), with("unknown"));
        assert_eq!(said(11, &then), with("pause"));
    }
}

//! Rules on budgets. Each budget is one scope.

use smol_str::{SmolStr, format_smolstr};

use crate::insights::budget::{Budget, BudgetStatus};
use crate::snapshot::{Account, Collector, Snapshot, current};
use gcore_api::billing::period::{Window, midnight, next_month};

use super::wording::{self, instant, money, percent};
use super::{Breach, Case, HoldDurations, Judgement, Strength, Verdict, Words};

/// The status of a budget, if it is known for the current month.
fn status_of<'a>(case: &Case<'_>, account: &'a Account, budget: &Budget) -> Option<&'a BudgetStatus> {
    let statuses = &account.insights.as_ref()?.budgets;
    statuses.iter().find(|status| status.budget == *budget)?.of_this_month(case.now)
}

fn of_budgets(
    case: &Case<'_>,
    snapshot: &Snapshot,
    holds: HoldDurations,
    breaches: impl Fn(&Account, &BudgetStatus) -> Option<Vec<Breach>>,
) -> Vec<Judgement> {
    let judge = |budget: &Budget| {
        let known = || {
            let account = snapshot.accounts.get(&budget.account)?;
            let read_at = account.cost.get(&Window::MonthToDate)?.read_at();
            Some(Verdict::known(read_at, breaches(account, status_of(case, account, budget)?)?))
        };
        let place = format!("{}/{}", budget.account, budget.name);
        case.judge(&place, holds, known().unwrap_or(Verdict::Unknown))
    };
    case.settings.budgets.iter().map(judge).collect()
}

fn own(budget: &Budget) -> [(&'static str, SmolStr); 2] {
    [("budget", SmolStr::new(&budget.name)), ("currency", SmolStr::new(budget.currency.as_str()))]
}

/// A sentence on the largest parts of the budget's costs this month.
fn most(case: &Case<'_>, account: &Account, budget: &Budget) -> String {
    let costs = current(&account.cost, Window::MonthToDate, case.now);
    let costs = costs.into_iter().flat_map(|costs| costs.amounts.iter());
    let counted = costs.filter(|(group, currency, _)| budget.counts(group, currency.as_str()));
    wording::most_costs(&account.names, budget.currency.as_str(), counted.map(|(group, _, amount)| (group, amount)))
}

/// One alert for each step that was reached, until the end of the month. Spent money stays spent.
pub(super) fn used(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    of_budgets(case, snapshot, HoldDurations::NONE, |account, status| {
        // A step starts on the day that reached it. Half of the days do not show that day.
        account.collectors.get(&Collector::History)?.last_outcome?;
        let (budget, month) = (&status.budget, status.month);
        let (used, spent, whole) = (status.used_ratio()?, status.actual?.to_f64(), budget.amount.to_f64());
        let reached: Vec<_> = case.set.steps.iter().enumerate().filter(|(_, step)| used * 100.0 >= **step).collect();
        let most = if reached.is_empty() { String::new() } else { most(case, account, budget) };
        let breaches = reached.into_iter().map(|(number, step)| {
            let (name, account, currency) = (&budget.name, &budget.account, budget.currency.as_str());
            let (spent_words, whole_words) = (money(spent, currency), money(whole, currency));
            let summary = format!("Account {account}: budget {name} reached {step} % ({} is spent)", percent(used));
            let mut description = format!(
                "{spent_words} of the {whole_words} of budget {name} are spent since {month} (UTC). This alert is for \
                 the step of {step} %.{most}"
            );
            if let Some(forecast) = status.forecast {
                description += &format!(" The forecast for the month is {}.", money(forecast, currency));
            }
            let labels = own(budget).into_iter().chain([("step", format_smolstr!("{step}"))]);
            let starts_at = midnight(status.reached_on(*step));
            case.breach(number, Some(account), labels, starts_at, Words { summary, description })
                .measured(spent, whole * step / 100.0)
                .strength(Strength::Latched)
                .until(next_month(case.now))
        });
        Some(breaches.collect())
    })
}

pub(super) fn forecast(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    let twice = HoldDurations { clears: 2, ..HoldDurations::NONE };
    of_budgets(case, snapshot, twice, |account, status| {
        let (budget, month) = (&status.budget, status.month);
        let (forecast, whole) = (status.forecast?, budget.amount.to_f64());
        let threshold = whole * case.set.number("percent") / 100.0;
        let Some(strength) = Strength::of(forecast, threshold) else { return Some(Vec::new()) };
        let most = most(case, account, budget);
        let (name, account, currency) = (&budget.name, &budget.account, budget.currency.as_str());
        let (forecast_words, whole_words) = (money(forecast, currency), money(whole, currency));
        let summary = format!("Account {account}: budget {name} is forecast to reach {}", percent(forecast / whole));
        let mut description = format!(
            "The forecast for the month from {month} (UTC) is {forecast_words}. Budget {name} is {whole_words}."
        );
        if let Some(spent) = status.actual {
            description += &format!(" So far {} are spent.{most}", money(spent.to_f64(), currency));
        }
        if let Some(at) = status.exhausted_at {
            let verb = if at <= case.now { "was used up" } else { "will be used up" };
            description += &format!(" The budget {verb} on {}.", instant(at));
        }
        let breach = case.breach(0, Some(account), own(budget), case.first_seen(), Words { summary, description });
        let breach = breach.measured(forecast, threshold).strength(strength).until(next_month(case.now));
        Some(vec![breach])
    })
}

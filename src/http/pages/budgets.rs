//! The budgets in a currency, each as a line that fills.

use maud::{Markup, html};

use crate::insights::budget::BudgetStatus;
use crate::insights::wording;
use gcore_api::billing::period::utc_date;
use gcore_api::billing::resource::Currency;

use super::View;
use super::chart;
use super::format;

/// The largest number of budgets on the page.
const MOST_BUDGETS: usize = 20;

/// The budgets of all accounts in a currency.
fn budgets_of<'a>(view: View<'a>, currency: &Currency) -> Vec<&'a BudgetStatus> {
    let all = view.snapshot.accounts.values().filter_map(|account| account.insights.as_deref());
    all.flat_map(|insights| &insights.budgets).filter(|status| status.budget.currency == *currency).collect()
}

/// The list, the most used first. Empty without a budget.
pub(super) fn list(view: View<'_>, currency: &Currency) -> Markup {
    let mut all = budgets_of(view, currency);
    if all.is_empty() {
        return html! {};
    }
    let used = |status: &BudgetStatus| {
        let known = status.of_this_month(view.now);
        known.and_then(BudgetStatus::used_ratio).unwrap_or(f64::NEG_INFINITY)
    };
    all.sort_by(|one, other| used(other).total_cmp(&used(one)));
    let rest = all.len().saturating_sub(MOST_BUDGETS);
    html! {
        h3 { "Budgets" }
        ul.budgets {
            @for status in all.iter().take(MOST_BUDGETS) { li { (budget(view, status)) } }
        }
        @if rest > 0 { p.more { "And " (rest) " budgets that are less used." } }
    }
}

fn budget(view: View<'_>, status: &BudgetStatus) -> Markup {
    let known = status.of_this_month(view.now);
    let share = known.and_then(BudgetStatus::used_ratio);
    let forecast = known.and_then(|known| known.forecast);
    let limit = status.budget.amount.to_f64();
    let class = match (share, forecast) {
        (Some(share), _) if share >= 1.0 => "over",
        (_, Some(forecast)) if forecast > limit => "soon",
        _ => "fine",
    };
    let label = share.map_or_else(|| "Use unknown".to_owned(), |share| format!("{} used", wording::percent(share)));
    html! {
        div.line {
            strong { (format::name(&status.budget.name)) }
            @if view.snapshot.accounts.len() > 1 { span.sub { (format::name(status.budget.account.as_str())) } }
            span.number { (label) }
        }
        @if let Some(share) = share { (chart::meter(share, class, &label)) }
        div.line.quiet {
            span {
                (format::amount(known.and_then(|known| known.actual))) " of " (format::money(status.budget.amount))
            }
            span.number {
                @match (known.and_then(|known| known.exhausted_at), forecast) {
                    (Some(at), _) if at <= view.now => { "used up on " (format::day(utc_date(at))) },
                    (Some(at), _) => { "used up by " (format::day(utc_date(at))) },
                    (None, Some(forecast)) => { "forecast " (format::estimate(forecast)) },
                    (None, None) => "forecast unknown",
                }
            }
        }
    }
}

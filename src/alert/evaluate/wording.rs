//! Amounts and the largest parts of a whole as text for people.

use std::collections::BTreeMap;

use crate::aggregate::group::Group;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::Names;
use gcore_api::billing::resource::ProjectId;

pub(super) use crate::insights::wording::{group, instant, percent, project, subject};

/// The number of parts that a sentence names.
pub(super) const NAMED: usize = 3;

/// An amount with its currency, such as `12.50 EUR`.
pub(super) fn money(amount: f64, currency: &str) -> String {
    format!("{amount:.2} {currency}")
}

/// The largest parts of a whole, each with an amount of one currency.
pub(super) fn parts<T>(mut parts: Vec<(T, f64)>, currency: &str, name: impl Fn(&T) -> String) -> String {
    parts.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
    let of = |(part, amount): &(T, f64)| format!("{} {}", name(part), money(*amount, currency));
    let named: Vec<String> = parts.iter().take(NAMED).map(of).collect();
    named.join("; ")
}

/// A sentence on the largest parts of a whole; empty without parts.
pub(super) fn most<T>(all: Vec<(T, f64)>, currency: &str, name: impl Fn(&T) -> String) -> String {
    if all.is_empty() { String::new() } else { format!(" Most of it is {}.", parts(all, currency, name)) }
}

/// A sentence on the largest costs in a currency: of projects, or of the groups of a single project.
pub(super) fn most_costs<'a>(
    names: &Names,
    currency: &str,
    costs: impl Iterator<Item = (&'a Group, Amount)>,
) -> String {
    let costs: Vec<_> = costs.collect();
    // Sums stay exact until here, because conversion to floats is slow.
    let mut by_project: BTreeMap<ProjectId, Amount> = BTreeMap::new();
    for (group, amount) in &costs {
        let sum = by_project.entry(group.project).or_default();
        *sum = sum.plus(*amount);
    }
    if by_project.len() > 1 {
        let by_project = by_project.into_iter().map(|(project, sum)| (project, sum.to_f64())).collect();
        most(by_project, currency, |id| project(names, *id))
    } else {
        let by_group = costs.into_iter().map(|(group, amount)| (group, amount.to_f64())).collect();
        most(by_group, currency, |part| group(names, part))
    }
}

//! `/projects/ID`: the costs of a project by region and type, its anomalies and its alerts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use maud::{Markup, html};

use crate::http::cost_sums;
use crate::http::cost_sums::{Dimension, Key, Named};
use crate::snapshot::Account;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId};

use super::layout::Depth;
use super::money::Windows;
use super::{View, alerts, anomalies, format, layout};

/// The largest number of rows of a table.
const MOST: usize = 40;

/// The windows of the columns.
const COLUMNS: [Window; 3] = [Window::MonthToDate, Window::Yesterday, Window::Today];

/// The amounts of a row, one for each column.
type Amounts = [Option<Amount>; COLUMNS.len()];

/// The page. `None`: no account knows the project.
pub(super) fn page(view: View<'_>, id: &str) -> Option<Markup> {
    // Other spellings of a number have no page, so that each project has one address.
    let project = id.parse().ok().map(ProjectId).filter(|project| project.0.to_string() == id)?;
    let accounts: Vec<Named<'_>> =
        view.snapshot.accounts.iter().filter(|(_, account)| has_project(account, project, view.now)).collect();
    if accounts.is_empty() {
        return None;
    }
    let read = accounts.iter().copied().filter(|(_, account)| cost_sums::has_costs(account));
    let windows = Windows::of_project(view, read.collect(), project);
    let mut currencies: BTreeSet<&Currency> = windows.currencies().collect();
    for (_, account) in &accounts {
        let recent = account.insights.iter().flat_map(|insights| insights.recent.currencies());
        currencies.extend(recent.filter(|(_, costs)| costs.has_project(project)).map(|(currency, _)| currency));
    }
    let name = view.snapshot.project_name(None, project);
    let content = html! {
        p.crumb { a href=(Depth::Below.link("/")) { "Overview" } }
        div.title {
            h1 { "Project " (format::name(&name)) }
            p.quiet {
                "Id " (id)
                @for (account, _) in &accounts { ", account " (format::name(account.as_str())) }
                ". " (utc_date(view.now).strftime("%A, %-d %B %Y")) ", UTC."
            }
        }
        @if currencies.is_empty() { section.panel { h2 { "Costs" } p.quiet { "It has no known costs." } } }
        @for (number, currency) in currencies.iter().enumerate() {
            @let heading = format!("costs-{number}");
            section.panel aria-labelledby=(heading) {
                h2 id=(heading) { "Costs in " (format::name(currency.as_str())) }
                (windows.section(view, currency))
                div.columns {
                    (table(view, &windows, currency, Dimension::ResourceType))
                    (table(view, &windows, currency, Dimension::Region))
                }
            }
        }
        div.columns {
            (alerts::of_project(view, id))
            (anomalies::section(view, &accounts, Depth::Below, Some(project)))
        }
    };
    let title = format!("Project {}", format::shortened(&name, 60));
    Some(layout::page(view, Depth::Below, "", &title, &content))
}

/// The page of an unknown project.
pub(super) fn missing(view: View<'_>, id: &str) -> Markup {
    let content = html! {
        p.crumb { a href=(Depth::Below.link("/")) { "Overview" } }
        h1 { "No such project" }
        p.lead {
            "No account has a project with the id " strong { (format::name(id)) } ". An id is a number, as in the label "
            code { "project_id" } ". A key may be limited to some projects."
        }
    };
    layout::page(view, Depth::Below, "", "No such project", &content)
}

/// Whether an account knows the project: by its name, by the past days or by current costs.
fn has_project(account: &Account, project: ProjectId, now: Timestamp) -> bool {
    let recent = || account.insights.iter().flat_map(|insights| insights.recent.currencies());
    let costs = || COLUMNS.into_iter().filter_map(|window| account.costs(window, now));
    account.names.projects.contains_key(&project)
        || recent().any(|(_, costs)| costs.has_project(project))
        || costs().any(|totals| totals.amounts.iter().any(|(group, ..)| group.project == project))
}

/// The costs by type or by region.
fn table(view: View<'_>, windows: &Windows<'_>, currency: &Currency, dimension: Dimension) -> Markup {
    let mut rows = BTreeMap::<String, Amounts>::new();
    let columns = [&windows.month, &windows.yesterday, &windows.today];
    let part = |key: &Key<'_>| (key.currency == currency).then(|| label(view, key, dimension));
    for (column, window) in columns.into_iter().enumerate() {
        for (name, amount) in window.by(part) {
            rows.entry(name).or_default()[column] = Some(amount);
        }
    }
    // In a read window, a missing group costs nothing.
    let is_known = columns.map(|window| !window.known.is_empty() && window.unknown.is_empty());
    for amounts in rows.values_mut() {
        for (amount, is_known) in amounts.iter_mut().zip(is_known) {
            *amount = is_known.then(|| amount.unwrap_or_default());
        }
    }
    let mut rows: Vec<(String, Amounts)> = rows.into_iter().collect();
    rows.sort_by(|(one, a), (other, b)| b.cmp(a).then_with(|| one.cmp(other)));
    let (shown, rest) = rows.split_at(rows.len().min(MOST));
    let title = if dimension == Dimension::Region { "Regions" } else { "Resource types" };
    html! {
        div.part {
            h3 { (title) }
            table.parts {
                caption {
                    "In " (format::name(currency.as_str())) ". This month: " (format::month_so_far(view.now)) "."
                }
                thead {
                    tr {
                        th scope="col" { (title.trim_end_matches('s')) }
                        th.number scope="col" { "This month" }
                        th.number scope="col" { "Yesterday" }
                        th.number scope="col" { "Today" }
                    }
                }
                tbody {
                    @for (name, amounts) in shown { (row(&html! { (format::name(name)) }, amounts)) }
                    @if !rest.is_empty() { (row(&html! { "and " (rest.len()) " more" }, &total(rest))) }
                }
            }
        }
    }
}

fn row(name: &Markup, amounts: &Amounts) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            @for amount in amounts { td.number { (format::amount(*amount)) } }
        }
    }
}

fn total(rows: &[(String, Amounts)]) -> Amounts {
    std::array::from_fn(|column| {
        let mut amounts = rows.iter().map(|(_, amounts)| amounts[column]);
        amounts.try_fold(Amount::ZERO, |sum, amount| sum.checked_add(amount?))
    })
}

/// The name of a key's region or type.
fn label(view: View<'_>, key: &Key<'_>, dimension: Dimension) -> String {
    match dimension {
        Dimension::Region => view.snapshot.region_name(None, key.region.flatten()).into(),
        _ => key.resource_type.map_or_else(String::new, |word| word.as_str().to_owned()),
    }
}

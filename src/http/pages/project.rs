//! `/projects/ID`: the costs of a project by region and type, its anomalies and its alerts.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::account::AccountName;
use crate::http::figures;
use crate::http::figures::{Dimension, Key};
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
    let windows = Windows::new(view, Some(project));
    let mut currencies: BTreeSet<&Currency> = windows.currencies().collect();
    let mut known_in: Vec<(&AccountName, &Account)> = Vec::new();
    for (name, account) in &view.snapshot.accounts {
        let recent = account.insights.iter().flat_map(|insights| insights.recent.currencies());
        let of: Vec<&Currency> =
            recent.filter(|(_, costs)| costs.has_project(project)).map(|(currency, _)| currency).collect();
        if !of.is_empty() || account.names.projects.contains_key(&project) {
            known_in.push((name, account));
        }
        currencies.extend(of);
    }
    if known_in.is_empty() && currencies.is_empty() {
        return None;
    }
    let name =
        known_in.iter().find_map(|(_, account)| account.names.projects.get(&project)).map(|one| one.name.as_str());
    let content = html! {
        p.crumb { a href=(Depth::Below.link("/")) { "Overview" } }
        div.title {
            h1 { "Project " (format::name(name.unwrap_or(id))) }
            p.quiet {
                "Id " (id)
                @for (account, _) in &known_in { ", account " (format::name(account.as_str())) }
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
                    (table(view, project, currency, Dimension::ResourceType))
                    (table(view, project, currency, Dimension::Region))
                }
            }
        }
        div.columns {
            (alerts::of_project(view, id))
            (anomalies::section(view, Depth::Below, Some(project)))
        }
    };
    Some(layout::page(
        view,
        Depth::Below,
        "",
        &format!("Project {}", format::shortened(name.unwrap_or(id), 60)),
        &content,
    ))
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

/// The costs by type or by region.
fn table(view: View<'_>, project: ProjectId, currency: &Currency, dimension: Dimension) -> Markup {
    let mut rows = BTreeMap::<String, Amounts>::new();
    let mut is_known = [false; COLUMNS.len()];
    for (column, window) in COLUMNS.into_iter().enumerate() {
        let is_of = |_: &AccountName, group: &crate::aggregate::group::Group| group.project == project;
        let found = figures::sums(view.snapshot, window, &[dimension], is_of, view.now);
        is_known[column] = !found.known.is_empty() && found.unknown.is_empty();
        for (key, amount) in found.sums.into_iter().filter(|(key, _)| key.currency == currency) {
            rows.entry(label(view, &key)).or_default()[column] = Some(amount);
        }
    }
    // In a read window, a missing group costs nothing.
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
                caption { "In " (format::name(currency.as_str())) ". This month: 1–" (format::day(utc_date(view.now))) "." }
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
fn label(view: View<'_>, key: &Key<'_>) -> String {
    match (key.region, key.resource_type) {
        (Some(region), _) => {
            let accounts = view.snapshot.accounts.values();
            let named = accounts
                .map(|account| &account.names)
                .find(|names| region.is_some_and(|region| names.regions.contains_key(&region)));
            named
                .map_or_else(|| gcore_api::billing::names::Names::none().region(region), |names| names.region(region))
                .to_string()
        }
        (None, word) => word.map_or_else(String::new, |word| word.as_str().to_owned()),
    }
}

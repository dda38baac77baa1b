//! `/`: money first, then alerts, then the health of the exporter.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::alert::Alert;
use crate::http::cost_sums;
use crate::http::cost_sums::WindowSums;
use crate::http::wording::State;
use crate::snapshot::current;
use gcore_api::billing::period::{Window, utc_date};
use gcore_api::billing::resource::Currency;

use super::layout::Depth;
use super::money::Windows;
use super::parts::{Kind, Parts};
use super::{View, alerts, anomalies, collectors, format, layout, subscriptions};

/// The largest number of currencies on the page.
const MOST_CURRENCIES: usize = 6;

/// The page.
pub(super) fn page(view: View<'_>) -> Markup {
    let parts = Parts::new(view);
    let windows = Windows::of_all(view, parts.month.clone());
    let people = alerts::for_people(view);
    let currencies: BTreeSet<&Currency> = windows.currencies().chain(parts.currencies()).collect();
    let content = html! {
        div.title {
            h1 { (title(view)) }
            p.quiet { (utc_date(view.now).strftime("%A, %-d %B %Y")) ". All days are UTC." }
        }
        (summary(view, &people))
        @if currencies.is_empty() { section.panel { (no_costs(&windows)) } }
        @for (number, currency) in currencies.iter().take(MOST_CURRENCIES).enumerate() {
            @let id = format!("costs-{number}");
            section.panel aria-labelledby=(id) {
                h2 id=(id) { "Costs in " (format::name(currency.as_str())) }
                (windows.section(view, currency))
            }
        }
        @if currencies.len() > MOST_CURRENCIES {
            p.more { "And " (currencies.len() - MOST_CURRENCIES) " more currencies in the API." }
        }
        (unpriced(view))
        div.columns {
            (alerts::section(view, &people))
            (anomalies::section(view, &view.snapshot.accounts.iter().collect::<Vec<_>>(), Depth::Root, None))
        }
        @for (number, currency) in currencies.iter().take(MOST_CURRENCIES).enumerate() {
            @let id = format!("parts-{number}");
            section.panel aria-labelledby=(id) {
                h2 id=(id) { "Where " (format::name(currency.as_str())) " goes" }
                div.columns {
                    div {
                        (parts.table(view, Depth::Root, currency, Kind::Project))
                        (parts.table(view, Depth::Root, currency, Kind::Region))
                    }
                    (parts.table(view, Depth::Root, currency, Kind::Type))
                }
            }
        }
        div.columns {
            (collectors::section(view))
            (subscriptions::section(view))
        }
    };
    layout::page(view, Depth::Root, "/", "Overview", &content)
}

fn title(view: View<'_>) -> Markup {
    let mut names = view.snapshot.accounts.keys();
    match (names.next(), names.count()) {
        (Some(one), 0) => html! { "Account " (format::name(one.as_str())) },
        (None, _) => html! { "No account" },
        (Some(_), others) => html! { (others + 1) " accounts" },
    }
}

/// One line that says whether anything needs a look.
fn summary(view: View<'_>, people: &[&Alert]) -> Markup {
    let counts = alerts::counts(people);
    let states = || {
        view.snapshot
            .accounts
            .values()
            .flat_map(|account| account.collectors.iter().map(|(of, status)| State::of(*of, status, view.now)))
    };
    let bad = states().filter(|state| matches!(state, State::Failing | State::Late | State::AccessLost)).count();
    let waiting = states().filter(|state| *state == State::Waiting).count();
    html! {
        p.summary {
            @if !view.shard.is_first() {
                a.badge.idle href="#alerts" { "Alerts are in the first shard" }
            } @else if view.alerts.is_none() {
                a.badge.idle href="#alerts" { "Alerts not evaluated yet" }
            } @else if counts.is_empty() {
                a.badge.good href="#alerts" { "No alert is firing" }
            }
            @for (severity, count) in &counts {
                @let class = match severity.as_str() { "critical" => "critical", "info" => "info", _ => "warning" };
                a class={ "badge " (class) } href="#alerts" { (count) " " (format::name(severity)) }
            }
            @if bad > 0 { a.badge.critical href="#collectors" { (bad) " of " (states().count()) " collectors in trouble" } }
            @else if waiting > 0 { a.badge.idle href="#collectors" { (waiting) " collectors not read yet" } }
            @else { a.badge.good href="#collectors" { "All collectors are well" } }
        }
    }
}

fn no_costs(windows: &Windows<'_>) -> Markup {
    let WindowSums { known, unknown, .. } = &windows.month;
    html! {
        h2 { "Costs" }
        @if known.is_empty() {
            p.quiet { "Unknown: no account shows its costs. The table of collectors says why, or the key sees no prices." }
        } @else if unknown.is_empty() {
            p.quiet { "There were no costs this month." }
        } @else {
            p.quiet { "There were no known costs this month" (format::without(&windows.month)) "." }
        }
    }
}

/// A note on records that no sum can hold.
fn unpriced(view: View<'_>) -> Markup {
    let month = cost_sums::with_costs(view.snapshot)
        .filter_map(|(_, account)| current(&account.cost, Window::MonthToDate, view.now));
    let records: u64 = month.flat_map(|totals| totals.unpriced.values()).sum();
    html! {
        @if records > 0 {
            p.notice {
                (format::grouped(records.into())) " records of this month have no price. They are in no sum, since \
                 unknown is not zero."
            }
        }
    }
}

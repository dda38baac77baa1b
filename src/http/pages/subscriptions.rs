//! The subscriptions that end next.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::snapshot::Collector;
use gcore_api::billing::subscription::{Subscription, SubscriptionState};

use super::View;
use super::format;

/// The largest number of subscriptions on the page.
const MOST: usize = 10;

/// The section. Empty when no account reads subscriptions.
pub(super) fn section(view: View<'_>) -> Markup {
    let readers = || {
        view.snapshot.accounts.iter().filter(|(_, account)| account.collectors.contains_key(&Collector::Subscriptions))
    };
    let mut ending: Vec<(&str, Timestamp, &Subscription)> = Vec::new();
    let (mut open, mut unknown) = (0, Vec::new());
    for (name, account) in readers() {
        let Some(all) = account.subscriptions.as_ref().and_then(|reading| reading.current(view.now)) else {
            unknown.push(name.as_str());
            continue;
        };
        for subscription in all.iter().filter(|one| one.state(view.now) == SubscriptionState::Active) {
            match subscription.end {
                Some(end) => ending.push((name.as_str(), end, subscription)),
                None => open += 1,
            }
        }
    }
    if readers().next().is_none() {
        return html! {};
    }
    ending.sort_by_key(|(_, end, subscription)| (*end, &subscription.id));
    let has_accounts = view.snapshot.accounts.len() > 1;
    html! {
        section aria-labelledby="subscriptions" {
            h2 #subscriptions { "Subscriptions ending next" }
            @if !ending.is_empty() { (table(view, &ending, has_accounts)) }
            @if ending.is_empty() && unknown.is_empty() { p.quiet { "No active subscription has an end." } }
            @if ending.len() > MOST { p.more { "And " (ending.len() - MOST) " more that end later." } }
            @if open > 0 { p.quiet { (open) " active without an end." } }
            @for account in unknown {
                p.quiet { "Unknown for account " (format::name(account)) ": there is no current reading." }
            }
        }
    }
}

fn table(view: View<'_>, ending: &[(&str, Timestamp, &Subscription)], has_accounts: bool) -> Markup {
    html! {
        table {
            caption { "Active subscriptions, the next end first" }
            thead {
                tr {
                    th scope="col" { "Product" }
                    @if has_accounts { th scope="col" { "Account" } }
                    th scope="col" { "Ends" }
                    th.number scope="col" { "In" }
                    th.number.wide scope="col" { "Price" }
                }
            }
            tbody {
                @for (account, end, subscription) in ending.iter().take(MOST) {
                    tr {
                        th scope="row" {
                            (format::name(product(subscription)))
                            @if !subscription.feature.is_empty() { span.sub { (format::name(&subscription.feature)) } }
                        }
                        @if has_accounts { td { (format::name(account)) } }
                        td { (format::instant(*end)) }
                        td.number { (format::length(end.duration_since(view.now))) }
                        td.number.wide {
                            (format::amount(subscription.price))
                            @if subscription.price.is_some() { " " (format::name(&subscription.currency)) }
                        }
                    }
                }
            }
        }
    }
}

fn product(subscription: &Subscription) -> &str {
    if subscription.product.is_empty() { &subscription.id } else { &subscription.product }
}

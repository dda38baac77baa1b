//! The collectors: their state, their age, and what the key may read.

use maud::{Markup, html};

use crate::http::wording::{State, sentence};
use crate::snapshot::{Collector, Status};
use crate::store::series::Kind;

use super::View;
use super::format;

/// The largest number of accounts in the table. The worst come first.
const MOST_ACCOUNTS: usize = 20;

/// The section of all accounts.
pub(super) fn section(view: View<'_>) -> Markup {
    let mut accounts: Vec<_> = view.snapshot.accounts.iter().collect();
    accounts.sort_by_key(|(_, account)| {
        account.collectors.iter().all(|(of, status)| State::of(*of, status, view.now) == State::Good)
    });
    html! {
        section aria-labelledby="collectors" {
            h2 #collectors { "Collectors" }
            table.collectors {
                caption { "Sources of the exporter, and the age of each" }
                thead {
                    tr {
                        @if accounts.len() > 1 { th scope="col" { "Account" } }
                        th scope="col" { "Source" }
                        th scope="col" { "State" }
                        th scope="col" { "Key may read it" }
                        th.number scope="col" { "Last good reading" }
                    }
                }
                tbody {
                    @for (name, account) in accounts.iter().take(MOST_ACCOUNTS) {
                        @for (collector, status) in &account.collectors {
                            (row(view, (accounts.len() > 1).then_some(name.as_str()), *collector, status))
                        }
                    }
                }
            }
            @if accounts.len() > MOST_ACCOUNTS {
                p.more { "And " (accounts.len() - MOST_ACCOUNTS) " more accounts in the API." }
            }
            @for (name, account) in accounts.iter().take(MOST_ACCOUNTS) {
                @let days = |kind| account.history_days.get(&kind).copied().unwrap_or_default();
                @if account.collectors.contains_key(&Collector::History) {
                    p.quiet {
                        "Stored days"
                        @if accounts.len() > 1 { " of " (format::name(name.as_str())) }
                        ": " (days(Kind::Cost)) " of costs, " (days(Kind::Usage)) " of usage."
                    }
                }
            }
        }
    }
}

fn row(view: View<'_>, account: Option<&str>, collector: Collector, status: &Status) -> Markup {
    let state = State::of(collector, status, view.now);
    let (class, words) = match state {
        State::Waiting => ("idle", "Not read yet"),
        State::Good => ("good", "Good"),
        State::Late => ("warning", "Late"),
        State::Failing => ("critical", "Failing"),
        State::Unsupported => ("idle", "Not permitted"),
        State::AccessLost => ("critical", "Access lost"),
    };
    html! {
        tr {
            @if let Some(account) = account { td { (format::name(account)) } }
            th scope="row" { (title(collector)) }
            td {
                span class={ "badge " (class) } { (words) }
                @if let Some(reason) = status.last_failure { span.sub { (sentence(reason)) } }
            }
            td {
                @match state.may_read(status) {
                    Some(true) => "yes",
                    Some(false) => strong { "no" },
                    None => (format::unknown()),
                }
            }
            td.number {
                @match status.last_success {
                    Some(at) => { (format::age(at, view.now)) " ago" },
                    None => "never",
                }
            }
        }
    }
}

fn title(collector: Collector) -> &'static str {
    match collector {
        Collector::Cost => "Costs",
        Collector::Usage => "Usage",
        Collector::Reports => "Report tasks",
        Collector::Subscriptions => "Subscriptions",
        Collector::Commitments => "Commitments",
        Collector::Names => "Names",
        Collector::History => "History",
    }
}

//! The anomalies of the last closed day, each with the reason.

use jiff::civil::Date;
use maud::{Markup, html};

use crate::account::AccountName;
use crate::insights::{Judged, Subject};
use crate::snapshot::Account;
use gcore_api::billing::resource::ProjectId;

use super::format;
use super::layout::Depth;
use super::{View, parts};

/// The largest number of anomalies on a page.
const MOST: usize = 20;

struct Found<'a> {
    account: (&'a AccountName, &'a Account),
    day: Date,
    judged: &'a Judged,
}

/// The section of all anomalies, or of those of one project.
pub(super) fn section(view: View<'_>, depth: Depth, project: Option<ProjectId>) -> Markup {
    let accounts = || view.snapshot.accounts.iter();
    let news = |(_, account): &(&AccountName, &Account)| {
        account.insights.as_ref().is_some_and(|insights| insights.findings.news(view.now).is_some())
    };
    let mut found: Vec<Found<'_>> = accounts().flat_map(|account| of_account(view, account)).collect();
    found.retain(|found| project.is_none_or(|project| is_of(&found.judged.subject, project)));
    found.sort_by(|one, other| other.judged.judgement.excess().total_cmp(&one.judged.judgement.excess()));
    let waiting = accounts().filter(|account| !news(account)).count();
    html! {
        section aria-labelledby="anomalies" {
            h2 #anomalies { "Out of the usual" }
            @if found.is_empty() && waiting == 0 {
                p.quiet { "Nothing was out of the usual on the last closed day." }
            }
            @if waiting > 0 {
                p.quiet {
                    @if accounts().count() == 1 { "Unknown" } @else { "Unknown for " (waiting) " accounts" }
                    ": no judged day is recent. The history is still being read, or is not kept."
                }
            }
            @if !found.is_empty() {
                ul.cards {
                    @for found in found.iter().take(MOST) { li { (anomaly(found, depth, view)) } }
                }
            }
            @if found.len() > MOST { p.more { "And " (found.len() - MOST) " more in the API." } }
        }
    }
}

fn of_account<'a>(view: View<'a>, account: (&'a AccountName, &'a Account)) -> Vec<Found<'a>> {
    let news = account.1.insights.as_ref().and_then(|insights| insights.findings.news(view.now));
    let found = |(day, judged): (Date, &'a [Judged])| {
        let anomalies = judged.iter().filter(|judged| judged.judgement.anomaly);
        anomalies.map(|judged| Found { account, day, judged }).collect()
    };
    news.map_or_else(Vec::new, found)
}

fn is_of(subject: &Subject, project: ProjectId) -> bool {
    match subject {
        Subject::Project(id) => *id == project,
        Subject::Group(group) => group.project == project,
        Subject::Account | Subject::Type(_) | Subject::Budget(_) => false,
    }
}

fn anomaly(found: &Found<'_>, depth: Depth, view: View<'_>) -> Markup {
    let Found { account: (name, account), day, judged } = found;
    let (names, currency) = (&account.names, judged.currency.as_str());
    let subject = format::subject(names, &judged.subject);
    let link = match &judged.subject {
        Subject::Project(id) => Some(*id),
        Subject::Group(group) => Some(group.project),
        Subject::Account | Subject::Type(_) | Subject::Budget(_) => None,
    };
    html! {
        h3 {
            @match link {
                Some(id) => a href=(depth.link(&parts::project_path(id))) { bdi { (subject) } },
                None => bdi { (subject) },
            }
        }
        p.figures {
            strong { "+" (format::estimate(judged.judgement.excess())) " " (format::name(currency)) }
            " above what was expected on " (format::day(*day))
            @if view.snapshot.accounts.len() > 1 { ", account " (format::name(name.as_str())) }
        }
        p { (format::sentence(&sentence(&judged.judgement.explanation(currency)))) }
        @if !judged.contributors.is_empty() {
            p.quiet {
                "Made up of "
                @for (number, part) in judged.contributors.iter().take(3).enumerate() {
                    @if number > 0 { "; " }
                    bdi { (format::group(names, &part.group)) }
                    " (" (format::percent(part.share)) ")"
                }
                "."
            }
        }
    }
}

/// The explanation with a capital and a full stop.
fn sentence(explanation: &str) -> String {
    let mut rest = explanation.chars();
    rest.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), rest.as_str()))
}

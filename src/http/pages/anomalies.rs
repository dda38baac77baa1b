//! The anomalies of the last closed day, each with the reason.

use jiff::civil::Date;
use maud::{Markup, html};

use crate::http::cost_sums::Named;
use crate::insights::wording;
use crate::insights::{Judged, Subject};
use gcore_api::billing::resource::ProjectId;

use super::format;
use super::layout::Depth;
use super::{View, parts};

/// The largest number of anomalies on a page.
const MOST: usize = 20;

struct Found<'a> {
    account: Named<'a>,
    day: Date,
    judged: &'a Judged,
}

/// The section of the anomalies of accounts, or of those of one project.
pub(super) fn section(view: View<'_>, accounts: &[Named<'_>], depth: Depth, project: Option<ProjectId>) -> Markup {
    let news = |(_, account): &&Named<'_>| {
        account.insights.as_ref().is_some_and(|insights| insights.findings.news(view.now).is_some())
    };
    let mut found: Vec<Found<'_>> = accounts.iter().flat_map(|account| of_account(view, *account)).collect();
    found.retain(|found| project.is_none_or(|project| is_of(&found.judged.subject, project)));
    // Amounts of two currencies are not comparable, scores are.
    found.sort_by(|one, other| other.judged.judgement.score.total_cmp(&one.judged.judgement.score));
    let waiting = accounts.iter().filter(|account| !news(account)).count();
    html! {
        section aria-labelledby="anomalies" {
            h2 #anomalies { "Anomalies" }
            @if found.is_empty() && waiting == 0 {
                p.quiet { "The last closed day has no anomaly." }
            }
            @if waiting > 0 {
                p.quiet {
                    @if accounts.len() == 1 { "Unknown" } @else { "Unknown for " (waiting) " accounts" }
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

fn of_account<'a>(view: View<'_>, account: Named<'a>) -> Vec<Found<'a>> {
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
    let subject = format::sentence(&format::capitalised(&wording::subject(names, &judged.subject)));
    let link = match &judged.subject {
        Subject::Project(id) => Some(*id),
        Subject::Group(group) => Some(group.project),
        Subject::Account | Subject::Type(_) | Subject::Budget(_) => None,
    };
    html! {
        h3 {
            @match link {
                Some(id) => a href=(depth.link(&parts::project_path(id))) { (subject) },
                None => (subject),
            }
        }
        p.figures {
            strong { "+" (format::estimate(judged.judgement.excess())) " " (format::name(currency)) }
            " above what was expected on " (format::day(*day))
            @if view.snapshot.accounts.len() > 1 { ", account " (format::name(name.as_str())) }
        }
        p { (format::sentence(&format::capitalised(&judged.judgement.explanation(currency)))) "." }
        @if !judged.contributors.is_empty() {
            p.quiet {
                "Made up of "
                @for (number, part) in judged.contributors.iter().take(3).enumerate() {
                    @if number > 0 { "; " }
                    (format::sentence(&wording::group(names, &part.group)))
                    " (" (wording::percent(part.share)) ")"
                }
                "."
            }
        }
    }
}

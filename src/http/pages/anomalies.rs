//! The anomalies of the last closed day, each with the reason.

use maud::{Markup, html};

use crate::http::anomaly_list;
use crate::http::anomaly_list::{Anomalies, Anomaly};
use crate::http::cost_sums::Named;
use crate::insights::Subject;
use crate::insights::wording;
use gcore_api::billing::resource::ProjectId;

use super::format;
use super::layout::Depth;
use super::{View, parts};

/// The largest number of anomalies on a page.
const MOST: usize = 20;

/// The section of the anomalies of accounts, or of those of one project.
pub(super) fn section(view: View<'_>, accounts: &[Named<'_>], depth: Depth, project: Option<ProjectId>) -> Markup {
    let Anomalies { list: mut found, unknown } = anomaly_list::anomalies(accounts.iter().copied(), view.now);
    found.retain(|found| project.is_none_or(|project| is_of(&found.judged.subject, project)));
    html! {
        section aria-labelledby="anomalies" {
            h2 #anomalies { "Anomalies" }
            @if found.is_empty() && unknown.is_empty() {
                p.quiet { "The last closed day has no anomaly." }
            }
            @if !unknown.is_empty() {
                p.quiet {
                    @if accounts.len() == 1 { "Unknown" } @else { "Unknown for " (unknown.len()) " accounts" }
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

fn is_of(subject: &Subject, project: ProjectId) -> bool {
    match subject {
        Subject::Project(id) => *id == project,
        Subject::Group(group) => group.project == project,
        Subject::Account | Subject::Type(_) | Subject::Budget(_) => false,
    }
}

fn anomaly(found: &Anomaly<'_>, depth: Depth, view: View<'_>) -> Markup {
    let Anomaly { account: (name, account), day, judged } = found;
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

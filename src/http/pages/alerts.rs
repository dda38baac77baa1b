//! The alerts: a list by severity, and a page for each, which notifications link to.

use std::sync::Arc;

use maud::{Markup, html};

use crate::alert::rule::Rule;
use crate::alert::settings::THRESHOLD;
use crate::alert::{Alert, Status, severity_rank};

use super::View;
use super::format;
use super::layout;
use super::layout::Depth;

/// The largest number of alerts on the status page, and in the list. Every alert has its own page.
const MOST_ON_STATUS: usize = 12;
const MOST_IN_LIST: usize = 150;

/// The longest description on an alert's own page.
const MOST_OF_A_DESCRIPTION: usize = 4_000;

/// All alerts that people read, the gravest first.
pub(super) fn for_people(view: View<'_>) -> Vec<&Alert> {
    let all = view.alerts.iter().flat_map(|alerts| alerts.iter()).map(Arc::as_ref);
    sorted(all.filter(|alert| alert.is_for_people()).collect())
}

fn sorted(mut alerts: Vec<&Alert>) -> Vec<&Alert> {
    let rank = |status| match status {
        Status::Firing => 0,
        Status::Pending => 1,
        Status::Resolved => 2,
    };
    alerts.sort_by_key(|alert| {
        let severity = alert.label("severity");
        (rank(alert.status), severity_rank(severity), severity, alert.label("alertname"), &alert.labels)
    });
    alerts
}

/// The number of firing alerts of each severity, the gravest first.
pub(super) fn counts(alerts: &[&Alert]) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for alert in alerts.iter().filter(|alert| alert.status == Status::Firing) {
        let severity = alert.label("severity");
        match counts.iter_mut().find(|(of, _)| of == severity) {
            Some((_, count)) => *count += 1,
            None => counts.push((severity.to_owned(), 1)),
        }
    }
    counts
}

/// The path of an alert's page.
fn path(alert: &Alert) -> String {
    format!("{}/{:016x}", super::ALERTS, alert.fingerprint())
}

/// The section of the status page.
pub(super) fn section(view: View<'_>, all: &[&Alert]) -> Markup {
    html! {
        section aria-labelledby="alerts" {
            h2 #alerts { "Alerts" }
            @if all.is_empty() { p.quiet { (nothing(view)) } }
            (items(view, all, Depth::Root, MOST_ON_STATUS))
            @if all.len() > MOST_ON_STATUS {
                p.more { a href=(Depth::Root.link(super::ALERTS)) { "All " (all.len()) " alerts" } }
            }
        }
    }
}

/// The alerts of a project.
pub(super) fn of_project(view: View<'_>, id: &str) -> Markup {
    let mut all = for_people(view);
    all.retain(|alert| alert.label("project_id") == id);
    html! {
        section aria-labelledby="alerts" {
            h2 #alerts { "Alerts of this project" }
            @if view.alerts.is_none() { p.quiet { (nothing(view)) } }
            @else if all.is_empty() { p.quiet { "No alert names this project." } }
            (items(view, &all, Depth::Below, MOST_ON_STATUS))
        }
    }
}

/// The reason for an empty list of alerts.
fn nothing(view: View<'_>) -> Markup {
    html! {
        @if !view.shard.is_first() {
            "Unknown here: this is shard " (view.shard) ", and the first shard evaluates the alerts."
        } @else if view.alerts.is_some() {
            "No alert is pending or firing."
        } @else {
            "Unknown: the alerts are not evaluated yet."
        }
    }
}

/// The alerts as a list of sentences.
fn items(view: View<'_>, alerts: &[&Alert], depth: Depth, most: usize) -> Markup {
    html! {
        @if !alerts.is_empty() {
            ul.alerts {
                @for alert in alerts.iter().take(most) {
                    li class=(class(alert)) {
                        (badge(alert))
                        a href=(depth.link(&path(alert))) { (format::sentence(&short(view, alert))) }
                        @if alert.status != Status::Firing { span.sub { (alert.status.as_str()) } }
                    }
                }
            }
        }
    }
}

/// `/alerts`.
pub(super) fn page(view: View<'_>) -> Markup {
    let people = for_people(view);
    let machines = view.alerts.iter().flat_map(|alerts| alerts.iter()).map(Arc::as_ref);
    let machines = sorted(machines.filter(|alert| !alert.is_for_people()).collect());
    let mut severities: Vec<(u8, &str)> =
        people.iter().map(|alert| alert.label("severity")).map(|word| (severity_rank(word), word)).collect();
    severities.sort_unstable();
    severities.dedup();
    let content = html! {
        h1 { "Alerts" }
        @if people.is_empty() { p.quiet { (nothing(view)) } }
        @if people.len() > MOST_IN_LIST {
            p.notice { "The first " (MOST_IN_LIST) " of " (people.len()) " alerts. All are in the API." }
        }
        @for (_, severity) in &severities {
            @let of: Vec<&&Alert> = people.iter().take(MOST_IN_LIST).filter(|alert| alert.label("severity") == *severity).collect();
            @if !of.is_empty() {
                h2 { (heading(severity)) " (" (of.len()) ")" }
                @for alert in of { (article(alert)) }
            }
        }
        @if !machines.is_empty() {
            h2 { "For machines" }
            @for alert in machines.iter().take(MOST_ON_STATUS) { (article(alert)) }
        }
    };
    layout::page(view, Depth::Root, super::ALERTS, "Alerts", &content)
}

fn heading(severity: &str) -> String {
    if severity.is_empty() {
        return "Without a severity".into();
    }
    format::shortened(&format::capitalised(severity), 40)
}

fn article(alert: &Alert) -> Markup {
    let number = format!("{:016x}", alert.fingerprint());
    html! {
        article.alert class=(class(alert)) id=(number) aria-labelledby={ "t" (number) } {
            h3 id={ "t" (number) } { a href=(Depth::Root.link(&path(alert))) { (format::sentence(summary(alert))) } }
            p.line { (badge(alert)) span { (alert.status.as_str()) " since " (format::instant(alert.since)) } }
            @if let Some(text) = alert.annotations.get("description") { p { (format::sentence(text)) } }
        }
    }
}

/// `/alerts/FINGERPRINT`. `None`: no such alert.
pub(super) fn alert_page(view: View<'_>, fingerprint: &str) -> Option<Markup> {
    let is_number =
        fingerprint.len() == 16 && fingerprint.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let number = u64::from_str_radix(fingerprint, 16).ok().filter(|_| is_number)?;
    let alert = view.alerts.iter().flat_map(|alerts| alerts.iter()).find(|alert| alert.fingerprint() == number)?;
    let content = html! {
        p.crumb { a href=(Depth::Below.link(super::ALERTS)) { "All alerts" } }
        h1 { (format::sentence(summary(alert))) }
        p.line { (badge(alert)) span { (state(alert)) } }
        @if let Some(text) = alert.annotations.get("description") {
            p.lead { bdi { (format::shortened(text, MOST_OF_A_DESCRIPTION)) } }
        }
        p { (runbook(alert)) }
        (facts(alert))
    };
    let title = format::shortened(summary(alert), 80);
    Some(layout::page(view, Depth::Below, "", &title, &content))
}

/// The times, the value and the labels of an alert.
fn facts(alert: &Alert) -> Markup {
    let number = |value: f64| html! { (format::estimate(value)) };
    let rows: Vec<(&str, Markup)> = [
        Some(("Began, by the data", format::instant(alert.starts_at))),
        Some(("In this state since", format::instant(alert.since))),
        alert.ends_at.map(|end| ("Ended", format::instant(end))),
        alert.value.map(|value| ("Value", number(value))),
        alert.threshold.map(|limit| ("Limit", number(limit))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let other = |name: &&smol_str::SmolStr| !matches!(name.as_str(), "summary" | "description" | "runbook_url");
    html! {
        table.facts {
            caption { "Times and values" }
            tbody { @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } } }
        }
        table.facts {
            caption { "Labels" }
            tbody {
                @for (name, text) in &alert.labels {
                    tr { th scope="row" { (format::name(name)) } td { (format::sentence(text)) } }
                }
            }
        }
        @if alert.annotations.keys().any(|name| other(&name)) {
            table.facts {
                caption { "Annotations" }
                tbody {
                    @for (name, text) in alert.annotations.iter().filter(|(name, _)| other(name)) {
                        tr { th scope="row" { (format::name(name)) } td { (format::sentence(text)) } }
                    }
                }
            }
        }
    }
}

/// The page of an alert that is not listed.
pub(super) fn missing(view: View<'_>) -> Markup {
    let content = html! {
        p.crumb { a href=(Depth::Below.link(super::ALERTS)) { "All alerts" } }
        h1 { "No such alert" }
        @if view.alerts.is_none() {
            p.lead { (nothing(view)) }
        } @else {
            p.lead {
                "No pending, firing or recently resolved alert has this address. An alert is listed for 15 minutes after its \
                 end; so this one has probably ended. It may also belong to another exporter."
            }
        }
    };
    layout::page(view, Depth::Below, "", "No such alert", &content)
}

fn state(alert: &Alert) -> Markup {
    html! {
        (alert.status.as_str()) " since " (format::instant(alert.since))
        ", rule " (format::name(alert.label("alertname")))
    }
}

/// The link to the runbook: the one of the configuration, or the built-in page.
fn runbook(alert: &Alert) -> Markup {
    let own = alert.label("alertname");
    let is_known = own == THRESHOLD || Rule::ALL.iter().any(|rule| rule.profile().alertname == own);
    let configured = alert.annotations.get("runbook_url");
    // Another scheme could run a script.
    let configured = configured.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let built_in = || Depth::Below.link(&format!("{}#{}", super::RUNBOOKS, own.to_lowercase()));
    let link = configured.map(ToString::to_string).or_else(|| is_known.then(built_in));
    html! { @if let Some(link) = link { a.button href=(link) { "What to do" } } }
}

fn badge(alert: &Alert) -> Markup {
    html! { span class={ "badge " (class(alert)) } { (format::name(alert.label("severity"))) } }
}

fn class(alert: &Alert) -> &'static str {
    match (alert.status, alert.label("severity")) {
        (Status::Resolved, _) => "good",
        (_, "critical") => "critical",
        (_, "info") => "info",
        _ if !alert.is_for_people() => "idle",
        _ => "warning",
    }
}

/// The summary. With one account, its name is left out.
fn short(view: View<'_>, alert: &Alert) -> String {
    let summary = summary(alert);
    let begin = format!("Account {}: ", alert.label("account"));
    let rest = summary.strip_prefix(&begin).filter(|_| view.snapshot.accounts.len() == 1);
    rest.map_or_else(|| summary.to_owned(), format::capitalised)
}

fn summary(alert: &Alert) -> &str {
    match alert.annotations.get("summary").map_or("", |text| text.as_str()) {
        "" => alert.label("alertname"),
        summary => summary,
    }
}

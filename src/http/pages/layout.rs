//! The frame of every page: head, navigation, footer.

use maud::{DOCTYPE, Markup, html};

use crate::alert::Status;

use super::View;
use super::format;

/// The place of a page below the root, for relative links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// `/` and `/alerts`.
    Root,
    /// `/alerts/…` and `/projects/…`.
    Below,
}

impl Depth {
    /// The relative link to a path of the daemon.
    pub(super) fn link(self, path: &str) -> String {
        let base = if self == Self::Root { "./" } else { "../" };
        format!("{base}{}", path.trim_start_matches('/'))
    }
}

/// The frame around the content of a page. `current` is the path of the navigation's own entry.
pub(super) fn page(view: View<'_>, depth: Depth, current: &str, title: &str, content: &Markup) -> Markup {
    let firing = view.alerts.iter().flat_map(|alerts| alerts.iter());
    let firing = firing.filter(|alert| alert.status == Status::Firing && alert.is_for_people()).count();
    let entry = |path: &str, text: &str| {
        html! { a href=(depth.link(path)) aria-current=[(path == current).then_some("page")] { (text) } }
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Gcore billing" }
                link rel="icon" href=(depth.link(super::ICON));
                link rel="stylesheet" href=(depth.link(super::STYLE));
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top {
                    div.inner {
                        a.brand href=(depth.link("/")) {
                            svg viewBox="0 0 32 32" aria-hidden="true" {
                                rect.b1 x="5" y="17" width="5" height="10" {}
                                rect.b2 x="13.5" y="11" width="5" height="16" {}
                                rect.b3 x="22" y="5" width="5" height="22" {}
                            }
                            "Gcore billing"
                        }
                        nav aria-label="Pages" {
                            (entry("/", "Overview"))
                            a href=(depth.link(super::ALERTS)) aria-current=[(current == super::ALERTS).then_some("page")] {
                                "Alerts"
                                @if firing > 0 { span.count { (firing) span.hidden { " firing" } } }
                            }
                            (entry(super::RUNBOOKS, "Runbooks"))
                        }
                    }
                }
                main #content tabindex="-1" { (content) }
                footer { (footer(view, depth)) }
            }
        }
    }
}

fn footer(view: View<'_>, depth: Depth) -> Markup {
    html! {
        div.inner {
            nav aria-label="For programs" {
                a href=(depth.link(view.telemetry_path)) { "Metrics" }
                a href=(depth.link("/api/v1/openapi.yaml")) { "API" }
                a href=(depth.link("/api/v1/costs")) { "Costs" }
                a href=(depth.link("/api/v1/budgets")) { "Budgets" }
                a href=(depth.link("/api/v1/forecasts")) { "Forecasts" }
                a href=(depth.link("/api/v1/anomalies")) { "Anomalies" }
                a href=(depth.link("/api/v1/alerts")) { "Alerts as JSON" }
                a href=(depth.link("/api/v1/status")) { "Status" }
                a href=(depth.link("/-/healthy")) { "Healthy" }
                a href=(depth.link("/-/ready")) { "Ready" }
            }
            p {
                "gcore-billing-exporter " (env!("CARGO_PKG_VERSION")) " · made at " (format::instant(view.now))
                " · pay-as-you-go prices, no invoice"
                @if !view.shard.is_only() { " · shard " (view.shard) }
            }
        }
    }
}

//! A configuration in words, for `check-config`.

use std::fmt;

use crate::billing::period::Window;
use crate::collect::settings::{Details, Schedule, Windowed};
use crate::config::Config;
use crate::config::duration::text;
use crate::gcore::settings::Filter;
use crate::notify::settings::Settings;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "accounts:")?;
        for (name, account) in &self.accounts {
            let url = account.api_url.as_str().trim_end_matches('/');
            let rate = account.max_requests_per_second;
            writeln!(f, "  {name}: {url}, {}, at most {rate} requests/s", filter(&account.filter))?;
        }
        let collect = &self.collect;
        writeln!(f, "collectors:")?;
        let method = collect.cost_method.as_str();
        let cost = format!("{}, method {method}{}", windows(&collect.cost), details(&collect.cost_details));
        line(f, "cost", collect.cost.schedule, &cost)?;
        let split = if collect.usage_by_metric { ", by billing metric" } else { "" };
        line(f, "usage", collect.usage.schedule, &format!("{}{split}", windows(&collect.usage)))?;
        let look_back = format!(", tasks of the last {}", text(collect.reports.look_back));
        line(f, "reports", collect.reports.schedule, &look_back)?;
        line(f, "subscriptions", collect.subscriptions.schedule, "")?;
        line(f, "commitments", collect.commitments.schedule, "")?;
        line(f, "names", collect.names, "")?;
        let days = format!(", {} days, behind all others", collect.history.days);
        line(f, "history", collect.history.schedule, &days)?;
        for budget in &collect.history.budgets {
            let (name, account) = (&budget.name, budget.account.as_str());
            writeln!(f, "  budget {name} of {account}: {} {} a month", budget.amount, budget.currency.as_str())?;
        }
        let alerts = &self.alerts;
        let rules = alerts.rules.values().filter(|rule| rule.enabled).count();
        let (thresholds, mutes) = (alerts.thresholds.len(), alerts.mutes.len());
        writeln!(f, "alerts: {rules} of {} rules, {thresholds} thresholds, {mutes} mutes", alerts.rules.len())?;
        channels(f, &self.notify)?;
        match &self.storage.path {
            Some(path) => writeln!(f, "storage: {}", path.display()),
            None => writeln!(f, "storage: in memory only"),
        }
    }
}

fn channels(f: &mut fmt::Formatter<'_>, notify: &Settings) -> fmt::Result {
    let mut lines = Vec::new();
    for channel in notify.alertmanagers.values() {
        let urls: Vec<_> = channel.urls.iter().map(ToString::to_string).collect();
        lines.push((&channel.route, urls.join(", ")));
    }
    for channel in notify.webhooks.values() {
        let signed = if channel.secrets.is_empty() { "unsigned" } else { "signed" };
        lines.push((&channel.route, format!("{}, {signed}", channel.url)));
    }
    for channel in notify.slacks.values() {
        // The file was good when it was checked.
        lines.push((&channel.route, channel.address().map_or_else(|problem| problem, |address| address.to_string())));
    }
    if !lines.is_empty() {
        writeln!(f, "channels:")?;
    }
    for (route, words) in lines {
        write!(f, "  {}: {words}", route.channel)?;
        if !route.severities.is_empty() {
            write!(f, ", only severities {}", route.severities.join(", "))?;
        }
        for (name, text) in &route.matchers {
            write!(f, ", only {name} {text}")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, schedule: Schedule, more: &str) -> fmt::Result {
    if schedule.enabled {
        writeln!(f, "  {name}: every {}{more}", text(schedule.interval))
    } else {
        writeln!(f, "  {name}: off")
    }
}

fn windows(windowed: &Windowed) -> String {
    let windows: Vec<_> = windowed.windows.iter().copied().map(Window::as_str).collect();
    format!(", {}", windows.join(", "))
}

fn details(details: &Details) -> String {
    let Details { tag_keys, top_resources } = details;
    let tags = if tag_keys.is_empty() { String::new() } else { format!(", by tags {}", tag_keys.join(", ")) };
    let resources = if *top_resources == 0 { String::new() } else { format!(", {top_resources} dearest resources") };
    tags + &resources
}

fn filter(filter: &Filter) -> String {
    let numbers = |ids: &[u64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let parts = [
        ("projects", numbers(&filter.projects)),
        ("regions", numbers(&filter.regions)),
        ("types", filter.types.join(", ")),
    ];
    let restrictions: Vec<_> =
        parts.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("only {name} {list}")).collect();
    if restrictions.is_empty() { "all projects, regions and types".into() } else { restrictions.join(", ") }
}

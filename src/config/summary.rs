//! The summary of a configuration, for `check-config`.

use std::fmt;

use crate::alert::Route;
use crate::collect;
use crate::collect::settings::{Details, Schedule, Windowed};
use crate::config::Config;
use crate::config::duration::text;
use crate::escaping::escaped;
use crate::notify::settings::Settings;
use common::wording::counted;
use gcore_api::billing::period::Window;
use gcore_api::http::settings::Filter;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names may contain line ends, but each takes one line.
        self.lines().iter().try_for_each(|line| writeln!(f, "{}", escaped(line)))
    }
}

impl Config {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec!["accounts:".to_owned()];
        for (name, account) in &self.accounts {
            let url = account.api_url.as_str().trim_end_matches('/');
            let rate = account.max_requests_per_second;
            lines.push(format!("  {name}: {url}, {}, at most {rate} requests/s", filter(&account.filter)));
        }
        lines.push("collectors:".to_owned());
        lines.extend(collectors(&self.collect));
        let alerts = &self.alerts;
        let rules = alerts.rules.values().filter(|rule| rule.enabled).count();
        let thresholds = counted(alerts.thresholds.len() as u64, "threshold");
        let mutes = counted(alerts.mutes.len() as u64, "mute");
        lines.push(format!("alerts: {rules} of {} rules, {thresholds}, {mutes}", alerts.rules.len()));
        lines.extend(channels(&self.notify));
        lines.push(match &self.storage.path {
            Some(path) => format!("storage: {}", path.display()),
            None => "storage: in memory only".to_owned(),
        });
        lines
    }
}

fn collectors(collect: &collect::settings::Settings) -> Vec<String> {
    let method = collect.cost_method.as_str();
    let cost = format!("{}, method {method}{}", windows(&collect.cost), details(&collect.cost_details));
    let split = if collect.usage_by_metric { ", by billing metric" } else { "" };
    let look_back = format!(", tasks of the last {}", text(collect.reports.look_back));
    let days = format!(", {}, behind all others", counted(collect.history.days.into(), "day"));
    let mut lines = vec![
        line("cost", collect.cost.schedule, &cost),
        line("usage", collect.usage.schedule, &format!("{}{split}", windows(&collect.usage))),
        line("reports", collect.reports.schedule, &look_back),
        line("subscriptions", collect.subscriptions.schedule, ""),
        line("commitments", collect.commitments.schedule, ""),
        line("names", collect.names, ""),
        line("history", collect.history.schedule, &days),
    ];
    for budget in &collect.history.budgets {
        let (name, account) = (&budget.name, budget.account.as_str());
        lines.push(format!("  budget {name} of {account}: {} {} a month", budget.amount, budget.currency.as_str()));
    }
    lines
}

fn channels(notify: &Settings) -> Vec<String> {
    let mut channels = Vec::new();
    for channel in notify.alertmanagers.values() {
        let urls: Vec<_> = channel.urls.iter().map(ToString::to_string).collect();
        channels.push((&channel.route, urls.join(", ")));
    }
    for channel in notify.webhooks.values() {
        let signed = if channel.secrets.is_empty() { "unsigned" } else { "signed" };
        channels.push((&channel.route, format!("{}, {signed}", channel.url)));
    }
    for channel in notify.slacks.values() {
        // The file was valid when the configuration was read.
        let address = channel.address().map_or_else(|problem| problem, |address| address.to_string());
        channels.push((&channel.route, address));
    }
    let line = |(route, mut words): (&Route, String)| {
        if !route.severities.is_empty() {
            words += &format!(", only severities {}", route.severities.join(", "));
        }
        let matchers: String = route.matchers.iter().map(|(name, text)| format!(", only {name} {text}")).collect();
        format!("  {}: {words}{matchers}", route.channel)
    };
    let head = (!channels.is_empty()).then(|| "channels:".to_owned());
    head.into_iter().chain(channels.into_iter().map(line)).collect()
}

fn line(name: &str, schedule: Schedule, more: &str) -> String {
    if schedule.enabled {
        format!("  {name}: every {}{more}", text(schedule.interval))
    } else {
        format!("  {name}: off")
    }
}

fn windows(windowed: &Windowed) -> String {
    let windows: Vec<_> = windowed.windows.iter().copied().map(Window::as_str).collect();
    format!(", {}", windows.join(", "))
}

fn details(details: &Details) -> String {
    let Details { tag_keys, top_resources } = details;
    let tags = if tag_keys.is_empty() { String::new() } else { format!(", by tags {}", tag_keys.join(", ")) };
    let resources = if *top_resources == 0 {
        String::new()
    } else {
        format!(", {}", counted(*top_resources as u64, "most expensive resource"))
    };
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

//! `[collect.*]`: the collectors and their schedules.

use std::time::Duration;

use crate::collect::settings::{History, Listed, Method, Reports, Schedule, Settings, Windowed};
use crate::config::duration;
use crate::config::key_path::{Key, hint};
use crate::config::key_reader::{LONGEST, Reader};
use gcore_api::billing::period::Window;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// All collectors. A missing or faulty value is the default.
pub(super) fn read(reader: &mut Reader) -> Settings {
    let table = Key::new(["collect"]);
    reader.table(&table);
    let defaults = Settings::default();
    let settings = Settings {
        cost: windowed(reader, &table.child("cost"), defaults.cost),
        cost_method: method(reader, &table.child("cost").child("method")).unwrap_or(defaults.cost_method),
        usage: windowed(reader, &table.child("usage"), defaults.usage),
        reports: reports(reader, &table.child("reports"), defaults.reports),
        subscriptions: listed(reader, &table.child("subscriptions"), defaults.subscriptions),
        commitments: listed(reader, &table.child("commitments"), defaults.commitments),
        names: schedule(reader, &table.child("names"), defaults.names),
        history: history(reader, &table.child("history"), defaults.history),
        // `[metrics]` sets these.
        cost_details: defaults.cost_details,
        usage_by_metric: defaults.usage_by_metric,
    };
    let schedules = [
        settings.cost.schedule,
        settings.usage.schedule,
        settings.reports.schedule,
        settings.subscriptions.schedule,
        settings.commitments.schedule,
        settings.names,
    ];
    if !schedules.iter().any(|schedule| schedule.enabled) {
        reader.fault(
            &table,
            "no collector is enabled: set enabled = true for one of cost, usage, reports, subscriptions, \
             commitments, names",
        );
    }
    settings
}

fn schedule(reader: &mut Reader, table: &Key, defaults: Schedule) -> Schedule {
    reader.table(table);
    let mut length = |name, default| reader.duration(&table.child(name), SECOND..=LONGEST).unwrap_or(default);
    let interval = length("interval", defaults.interval);
    let timeout = length("timeout", defaults.timeout);
    Schedule { enabled: reader.flag(&table.child("enabled")).unwrap_or(defaults.enabled), interval, timeout }
}

fn stale_after(reader: &mut Reader, table: &Key, interval: Duration, default: Duration) -> Duration {
    let [key, interval_key] = ["stale_after", "interval"].map(|name| table.child(name));
    let read = reader.duration(&key, SECOND..=LONGEST);
    let value = read.unwrap_or(default);
    if value < interval && !reader.is_faulty(&key) && !reader.is_faulty(&interval_key) {
        let [value, interval] = [value, interval].map(duration::text);
        let by_default = if read.is_some() { "" } else { " by default" };
        let problem = format!(
            "{value}{by_default} is shorter than {interval_key}, {interval}: good readings would be withdrawn before the \
             next; set at least {interval:?}"
        );
        reader.fault(&key, problem);
    }
    value
}

fn windowed(reader: &mut Reader, table: &Key, defaults: Windowed) -> Windowed {
    let schedule = schedule(reader, table, defaults.schedule);
    Windowed {
        schedule,
        stale_after: stale_after(reader, table, schedule.interval, defaults.stale_after),
        windows: windows(reader, &table.child("windows")).unwrap_or(defaults.windows),
        settle_after: reader
            .duration(&table.child("settle_after"), Duration::ZERO..=LONGEST)
            .unwrap_or(defaults.settle_after),
    }
}

fn method(reader: &mut Reader, key: &Key) -> Option<Method> {
    let word = reader.text(key)?;
    let method = Method::ALL.into_iter().find(|method| method.as_str() == word);
    if method.is_none() {
        reader.fault(key, format!("must be one of {}", Method::ALL.map(Method::as_str).join(", ")));
    }
    method
}

fn windows(reader: &mut Reader, key: &Key) -> Option<Vec<Window>> {
    let words = reader.words(key, r#"["today", "yesterday"]"#)?;
    let known = Window::ALL.map(Window::as_str);
    let list = known.join(", ");
    if words.is_empty() {
        reader.fault(key, format!("is empty: name one or more of {list}; to stop the collector set enabled = false"));
        return None;
    }
    let mut windows = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if let Some(window) = Window::ALL.into_iter().find(|window| window.as_str() == word) {
            windows.push(window);
            continue;
        }
        let hint = hint(word, known);
        reader.fault(key, format!("entry {} is no window; windows are {list}{hint}", index + 1));
    }
    Some(windows)
}

fn reports(reader: &mut Reader, table: &Key, defaults: Reports) -> Reports {
    let schedule = schedule(reader, table, defaults.schedule);
    Reports {
        schedule,
        stale_after: stale_after(reader, table, schedule.interval, defaults.stale_after),
        look_back: reader.duration(&table.child("look_back"), HOUR..=LONGEST).unwrap_or(defaults.look_back),
    }
}

fn history(reader: &mut Reader, table: &Key, defaults: History) -> History {
    History {
        schedule: schedule(reader, table, defaults.schedule),
        days: reader.whole(&table.child("days"), 1..=400).unwrap_or(defaults.days),
        recheck_after: reader
            .duration(&table.child("recheck_after"), SECOND..=LONGEST)
            .unwrap_or(defaults.recheck_after),
        // `[metrics]` and `[alerts]` set these.
        series_limit: defaults.series_limit,
        budgets: defaults.budgets,
    }
}

fn listed(reader: &mut Reader, table: &Key, defaults: Listed) -> Listed {
    let schedule = schedule(reader, table, defaults.schedule);
    let stale_after = stale_after(reader, table, schedule.interval, defaults.stale_after);
    Listed { schedule, stale_after }
}

//! `[alerts.rules.NAME]`, `[[alerts.threshold]]` and `[[alerts.mute]]`.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use smol_str::{SmolStr, format_smolstr};

use crate::alert::rule::Rule;
use crate::alert::settings::{Mute, RuleSettings, Settings, THRESHOLD, Threshold};
use crate::alert::{LABELS, Labels};
use crate::collect;
use crate::config::alerts::{Accounts, account, amount, currency, name, required, selector};
use crate::config::key_path::{Key, hint, nearest};
use crate::config::key_reader::{LONGEST, Reader};
use crate::insights::budget::Selector;
use common::transport::destination;
use common::wording::counted;
use gcore_api::billing::period::{Window, midnight};

/// The configuration of alerts except budgets and the series limit. A missing or faulty value is the default.
pub(super) fn read(
    reader: &mut Reader,
    accounts: &Accounts,
    collect: &collect::settings::Settings,
    warnings: &mut Vec<String>,
) -> Settings {
    let table = Key::new(["alerts"]);
    let mut settings =
        Settings { runbook_url: runbook_url(reader, &table.child("runbook_url")), ..Settings::default() };
    rules(reader, &table.child("rules"), &mut settings);
    let mut names = BTreeSet::new();
    for table in reader.tables(&table.child("threshold")) {
        let Some(threshold) = threshold(reader, &table, accounts, collect, warnings) else { continue };
        if !names.insert((threshold.account.clone(), threshold.name.clone())) {
            reader.fault(&table.child("name"), "another threshold of the account has this name: choose another one");
        }
        settings.thresholds.push(threshold);
    }
    let tables = reader.tables(&table.child("mute"));
    settings.mutes = tables.iter().map(|table| mute(reader, table, warnings)).collect();
    if reader.flag(&table.child("enabled")) == Some(false) {
        // This comes last, so that faults of disabled alerts are reported too.
        settings.rules.values_mut().for_each(|set| set.enabled = false);
        settings.thresholds.clear();
        let has_channels = ["alertmanager", "webhook", "slack"].map(|kind| Key::new(["notify", kind]));
        if has_channels.iter().any(|kind| reader.is_set(kind)) {
            warnings.push(format!("{table}.enabled is false: the channels of [notify] are sent no alert"));
        }
    }
    settings
}

/// Any URL is allowed, because nothing is sent there.
fn runbook_url(reader: &mut Reader, key: &Key) -> Option<String> {
    let text = reader.text(key)?;
    match destination(&text, true) {
        Ok(_) => Some(text),
        Err(problem) => {
            reader.fault(key, problem.to_string());
            None
        }
    }
}

fn rules(reader: &mut Reader, table: &Key, settings: &mut Settings) {
    let names = Rule::ALL.map(|rule| rule.profile().name);
    for word in reader.table(table) {
        let key = table.child(&word);
        reader.table(&key);
        let rule = Rule::ALL.into_iter().find(|rule| rule.profile().name == word);
        match rule.and_then(|rule| Some((rule, settings.rules.get_mut(&rule)?))) {
            Some((rule, set)) => self::rule(reader, &key, rule, set),
            None => {
                let hint = match nearest(&word, names) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("rules are {}", names.join(", ")),
                };
                reader.refuse_table(&key, format!("is no rule; {hint}"));
            }
        }
    }
}

fn rule(reader: &mut Reader, table: &Key, rule: Rule, set: &mut RuleSettings) {
    let profile = rule.profile();
    if let Some(enabled) = reader.flag(&table.child("enabled")) {
        set.enabled = enabled;
    }
    if profile.steps.is_empty() {
        for (index, (key, _)) in profile.severities.iter().enumerate() {
            if let Some(word) = severity(reader, &table.child(key)) {
                set.severities[index] = word;
            }
        }
    } else {
        steps(reader, table, set);
    }
    for (key, _) in profile.numbers {
        let child = table.child(key);
        match reader.number(&child) {
            Some(number) if number > 0.0 && number.is_finite() => set.set_number(key, number),
            Some(_) => reader.fault(&child, "must be more than 0"),
            None => {}
        }
    }
    for (key, _) in profile.lengths {
        if let Some(length) = reader.duration(&table.child(key), Duration::ZERO..=LONGEST) {
            set.set_length(key, length);
        }
    }
    (set.labels, set.annotations) = additions(reader, table);
}

/// The steps and their severities.
fn steps(reader: &mut Reader, table: &Key, set: &mut RuleSettings) {
    let [steps_key, severities_key] = ["steps", "severities"].map(|name| table.child(name));
    let steps = reader.numbers(&steps_key, "[50, 100]").filter(|_| !reader.is_faulty(&steps_key));
    let words = reader.repeated_words(&severities_key, r#"["warning", "critical"]"#);
    if let Some(steps) = steps {
        if steps.is_empty() || steps.iter().any(|step| !step.is_finite() || *step <= 0.0) {
            reader.fault(&steps_key, "must be one or more numbers above 0; to switch the rule off set enabled = false");
        }
        set.steps = steps;
    }
    if let Some(words) = words {
        if !words.iter().all(|word| is_severity(word)) {
            reader.fault(&severities_key, NO_SEVERITY);
        }
        set.severities = words.iter().map(SmolStr::new).collect();
    }
    let (steps, severities) = (set.steps.len(), set.severities.len());
    if steps != severities && !reader.is_faulty(&steps_key) && !reader.is_faulty(&severities_key) {
        let problem = format!("there must be one for each step: {severities} for {}", counted(steps as u64, "step"));
        reader.fault(&severities_key, problem);
    }
}

const NO_SEVERITY: &str = "must be one word of letters, digits, _ and -, such as \"warning\"";

fn is_severity(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn severity(reader: &mut Reader, key: &Key) -> Option<SmolStr> {
    let word = reader.text(key)?;
    if !is_severity(&word) {
        reader.fault(key, NO_SEVERITY);
        return None;
    }
    Some(SmolStr::new(word))
}

/// The added labels and annotations of alerts.
fn additions(reader: &mut Reader, table: &Key) -> (Labels, Labels) {
    let key = table.child("labels");
    let labels = named_texts(reader, &key, r#"{ team = "web" }"#);
    for name in labels.keys().filter(|name| LABELS.contains(&name.as_str())) {
        reader.fault(&key, format!("{name:?} is a label that alerts have of their own: choose another name"));
    }
    (labels, named_texts(reader, &table.child("annotations"), r#"{ dashboard = "https://grafana.example/d/1" }"#))
}

pub(super) fn named_texts(reader: &mut Reader, key: &Key, example: &str) -> Labels {
    let texts = reader.texts(key, example).unwrap_or_default();
    for (name, _) in &texts {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !first || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            reader.fault(key, format!("{name:?} is no name that Alertmanager takes: use letters, digits and _"));
        }
    }
    texts.into_iter().map(|(name, text)| (SmolStr::new(name), SmolStr::new(text))).collect()
}

fn threshold(
    reader: &mut Reader,
    table: &Key,
    accounts: &Accounts,
    collect: &collect::settings::Settings,
    warnings: &mut Vec<String>,
) -> Option<Threshold> {
    // All keys are read before the return, so that all faults are found.
    let name = name(reader, &table.child("name"), "name the threshold, such as \"egress\"");
    let account = account(reader, &table.child("account"), accounts);
    let selector = selector(reader, table, warnings);
    let window = window(reader, &table.child("window"), collect);
    let amount = amount(reader, &table.child("amount"), "say what may be spent in the window, such as 200");
    let currency = currency(reader, &table.child("currency"));
    let severity = severity(reader, &table.child("severity")).unwrap_or(SmolStr::new_static("warning"));
    let readings = reader.whole(&table.child("readings"), 1..=1000_u32).unwrap_or(1);
    let keep = reader.duration(&table.child("keep_firing_for"), Duration::ZERO..=LONGEST);
    let (labels, annotations) = additions(reader, table);
    Some(Threshold {
        name: name?,
        account: account?,
        selector,
        window: window?,
        amount: amount?,
        currency: currency?,
        severity,
        readings,
        keep_firing_for: keep.unwrap_or_default(),
        labels,
        annotations,
    })
}

fn window(reader: &mut Reader, key: &Key, collect: &collect::settings::Settings) -> Option<Window> {
    let known = Window::ALL.map(Window::as_str);
    let what = format!("name the window that is looked at, one of {}", known.join(", "));
    let word = required(reader, key, &what, Reader::text)?;
    let Some(window) = Window::ALL.into_iter().find(|window| window.as_str() == word) else {
        let hint = hint(&word, known);
        reader.fault(key, format!("is no window; windows are {}{hint}", known.join(", ")));
        return None;
    };
    if !collect.cost.schedule.enabled || !collect.cost.windows.contains(&window) {
        reader
            .fault(key, format!("is not read: add {word:?} to collect.cost.windows, with collect.cost.enabled = true"));
    }
    Some(window)
}

/// The keys that restrict a mute. Without any, a mute covers everything for ever.
const BOUNDS: [&str; 8] = ["alertnames", "labels", "projects", "regions", "types", "from", "until", "hours"];

fn mute(reader: &mut Reader, table: &Key, warnings: &mut Vec<String>) -> Mute {
    let key = table.child("alertnames");
    let alertnames = reader.words(&key, r#"["GcoreSpendAnomaly"]"#).unwrap_or_default();
    let known = || Rule::ALL.map(|rule| rule.profile().alertname).into_iter().chain([THRESHOLD]);
    for (index, word) in alertnames.iter().enumerate() {
        if !known().any(|known| known == word) {
            let hint = hint(word, known());
            reader.fault(&key, format!("entry {} is the name of no alert{hint}", index + 1));
        }
    }
    let labels = named_texts(reader, &table.child("labels"), r#"{ project_id = "16" }"#);
    let [from, until] = ["from", "until"].map(|name| instant(reader, &table.child(name)));
    let hours = hours(reader, &table.child("hours"));
    let Selector { projects, regions, types } = selector(reader, table, warnings);
    if !BOUNDS.iter().any(|name| reader.is_set(&table.child(name))) {
        let problem =
            "mutes everything for ever: say which alerts by alertnames, labels, projects, regions or types, or when";
        reader.fault(table, problem);
    }
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        reader.fault(&table.child("until"), "is not after from");
    }
    let alertnames = alertnames.into_iter().map(SmolStr::from).collect();
    let projects: Vec<_> = projects.iter().map(|id| format_smolstr!("{}", id.0)).collect();
    let regions = regions.iter().map(|id| format_smolstr!("{}", id.0)).collect();
    let types = types.iter().map(|word| SmolStr::new(word.as_str())).collect();
    let one_of = [("project_id", projects), ("region_id", regions), ("resource_type", types)];
    let one_of = one_of.into_iter().filter(|(_, texts): &(_, Vec<_>)| !texts.is_empty()).collect();
    Mute { alertnames, labels, one_of, from, until, hours }
}

/// An instant, or a day, which means midnight UTC.
fn instant(reader: &mut Reader, key: &Key) -> Option<Timestamp> {
    let text = reader.text(key)?;
    // An instant first, because its text also parses as a day.
    let instant = text.parse::<Timestamp>().ok().or_else(|| text.parse::<Date>().ok().map(midnight));
    if instant.is_none() {
        reader.fault(key, "must be a day or an instant, such as \"2026-12-24\" or \"2026-12-24T18:00:00Z\"");
    }
    instant
}

fn hours(reader: &mut Reader, key: &Key) -> Option<(Time, Time)> {
    let text = reader.text(key)?;
    let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    let hours = text.split_once('-').and_then(|(first, end)| Some((time(first)?, time(end)?)));
    let hours = hours.filter(|(first, end)| first != end);
    if hours.is_none() {
        reader.fault(key, "must be two times of the UTC day, such as \"22:00-06:00\"");
    }
    hours
}

//! The reader of figment's merged value. It reads key by key, so that it finds every fault and not only the first.
//!
//! It notes each key that is read. A key that is set and never read is an unknown key.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use figment::Figment;
use figment::value::{Dict, Value};

use crate::config::duration;
use crate::config::env;
use crate::config::fault::{Fault, Origin};
use crate::config::key_path::{Key, entry_number, nearest};

/// The longest duration of any key. No report covers more, and adding it to an instant never overflows.
pub(super) const LONGEST: Duration = Duration::from_secs(400 * 86_400);

/// Reads values and collects faults.
///
/// Each read returns `None` if the key is not set or if its value is a fault.
pub(super) struct Reader {
    figment: Figment,
    root: Value,
    /// The origin of values that the environment does not set.
    file: Origin,
    values: BTreeSet<Key>,
    tables: BTreeSet<Key>,
    faults: Vec<Fault>,
}

impl Reader {
    pub(super) fn new(figment: Figment, file: Origin) -> Self {
        // The empty path is the whole configuration. Figment fails here only if a source fails, and all sources are
        // read already.
        let root = figment.find_value("").unwrap_or_else(|_| Value::from(Dict::new()));
        let tables = BTreeSet::from([Key::default()]);
        Self { figment, root, file, values: BTreeSet::new(), tables, faults: Vec::new() }
    }

    /// The names in a table, in order; empty if it is not set.
    pub(super) fn table(&mut self, key: &Key) -> Vec<String> {
        self.tables.insert(key.clone());
        match self.find(key) {
            None => Vec::new(),
            Some(Value::Dict(_, dict)) => dict.keys().cloned().collect(),
            Some(other) => {
                let problem = format!("must be a table whose keys are set one by one, found {}", kind(other));
                self.fault(key, problem);
                Vec::new()
            }
        }
    }

    /// The entries of a list of tables, in order; empty if it is not set.
    pub(super) fn tables(&mut self, key: &Key) -> Vec<Key> {
        let items = match self.find(key) {
            None => 0,
            Some(Value::Array(_, items)) if items.iter().all(|item| item.as_dict().is_some()) => items.len(),
            Some(other) => {
                let problem = format!("must be tables, each headed [[{key}]], found {}", kind(other));
                // The contents are ignored.
                self.values.insert(key.clone());
                self.fault(key, problem);
                return Vec::new();
            }
        };
        self.tables.insert(key.clone());
        let tables: Vec<Key> = (1..=items).map(|number| key.entry(number)).collect();
        self.tables.extend(tables.iter().cloned());
        tables
    }

    pub(super) fn text(&mut self, key: &Key) -> Option<String> {
        self.read(key, "text in quotes", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn flag(&mut self, key: &Key) -> Option<bool> {
        self.read(key, "true or false", Value::to_bool)
    }

    pub(super) fn number(&mut self, key: &Key) -> Option<f64> {
        self.read(key, "a number", number)
    }

    /// The decimal text of a number, given as a number or in quotes.
    pub(super) fn decimal(&mut self, key: &Key) -> Option<String> {
        self.read(key, "a number", |value| {
            let number = || whole(value).map(|number| number.to_string());
            let text = value.as_str().map(str::to_owned);
            text.or_else(number).or_else(|| value.to_f64().map(|number| number.to_string()))
        })
    }

    fn integer(&mut self, key: &Key) -> Option<i64> {
        self.read(key, "a whole number", |value| whole(value).and_then(|number| i64::try_from(number).ok()))
    }

    /// A whole number within `limits`.
    pub(super) fn whole<T: TryFrom<i64> + PartialOrd + Display>(
        &mut self,
        key: &Key,
        limits: RangeInclusive<T>,
    ) -> Option<T> {
        let number = self.integer(key)?;
        let within = T::try_from(number).ok().filter(|number| limits.contains(number));
        if within.is_none() {
            let problem = format!("must be between {} and {}, is {number}", limits.start(), limits.end());
            self.fault(key, problem);
        }
        within
    }

    pub(super) fn integers(&mut self, key: &Key) -> Option<Vec<u64>> {
        let number = |value: &Value| whole(value).and_then(|number| u64::try_from(number).ok());
        self.list(key, "a list of ids, such as [16] or [16, 17]", number)
    }

    pub(super) fn words(&mut self, key: &Key, example: &str) -> Option<Vec<String>> {
        self.list(key, &format!("a list of words, such as {example}"), |value| value.as_str().map(str::to_owned))
    }

    /// A list of numbers.
    pub(super) fn numbers(&mut self, key: &Key, example: &str) -> Option<Vec<f64>> {
        self.entries(key, &format!("a list of numbers, such as {example}"), number)
    }

    /// A list of words, with repetitions.
    pub(super) fn repeated_words(&mut self, key: &Key, example: &str) -> Option<Vec<String>> {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        self.entries(key, &format!("a list of words, such as {example}"), word)
    }

    /// A table of texts with free names.
    pub(super) fn texts(&mut self, key: &Key, example: &str) -> Option<Vec<(String, String)>> {
        let dict = self.read(key, &format!("a table of texts, such as {example}"), |value| value.as_dict().cloned())?;
        let mut texts = Vec::with_capacity(dict.len());
        for (name, value) in dict {
            match value.as_str() {
                Some(text) => texts.push((name, text.to_owned())),
                None => self.fault(key, format!("{name:?} must be text in quotes, found {}", kind(&value))),
            }
        }
        Some(texts)
    }

    /// A duration within `limits`.
    pub(super) fn duration(&mut self, key: &Key, limits: RangeInclusive<Duration>) -> Option<Duration> {
        let read = self.read(key, "a length of time in quotes, such as \"15m\"", |value| match value {
            Value::String(_, text) => Some(duration::parse(text)),
            Value::Num(..) => {
                let number = whole(value).map(|number| number.to_string());
                let number = number.or_else(|| value.to_f64().map(|number| number.to_string()))?;
                Some(Err(duration::without_unit(&number)))
            }
            _ => None,
        })?;
        let problem = match read {
            Ok(length) if limits.contains(&length) => return Some(length),
            Ok(length) => {
                let [shortest, longest] = [limits.start(), limits.end()].map(|limit| duration::text(*limit));
                format!("must be between {shortest} and {longest}, is {}", duration::text(length))
            }
            Err(problem) => problem,
        };
        self.fault(key, problem);
        None
    }

    /// Notes a fault of a key, with the origin of its value.
    pub(super) fn fault(&mut self, key: &Key, problem: impl Into<String>) {
        let origin = self.find(key).map_or(Origin::Unset, |value| self.origin(key, value));
        self.push(Fault { key: Some(key.clone()), origin, problem: problem.into() });
    }

    /// Refuses a whole table and ignores its contents.
    pub(super) fn refuse_table(&mut self, key: &Key, problem: String) {
        self.tables.remove(key);
        self.values.insert(key.clone());
        self.fault(key, problem);
    }

    pub(super) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn is_faulty(&self, key: &Key) -> bool {
        self.faults.iter().any(|fault| fault.key.as_ref() == Some(key))
    }

    pub(super) fn is_set(&self, key: &Key) -> bool {
        self.find(key).is_some()
    }

    /// Every key that was read, and all faults. A key that was never read is a fault.
    pub(super) fn finish(mut self) -> (Vec<String>, Vec<Fault>) {
        let mut unknown = Vec::new();
        self.unknown(&Key::default(), &self.root, &mut unknown);
        self.faults.append(&mut unknown);
        (self.values.iter().map(ToString::to_string).collect(), self.faults)
    }

    fn read<T>(&mut self, key: &Key, expected: &str, convert: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.values.insert(key.clone());
        let value = self.find(key)?;
        let converted = convert(value);
        if converted.is_none() {
            let problem = format!("must be {expected}, found {}", kind(value));
            self.fault(key, problem);
        }
        converted
    }

    /// A list without repetitions.
    fn list<T: PartialEq>(
        &mut self,
        key: &Key,
        expected: &str,
        convert: impl Fn(&Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.entries(key, expected, convert)?;
        for index in (1..items.len()).filter(|index| items[..*index].contains(&items[*index])) {
            self.fault(key, format!("entry {} stands in the list already: remove it", index + 1));
        }
        Some(items)
    }

    fn entries<T>(&mut self, key: &Key, expected: &str, convert: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        let items = self.read(key, expected, |value| value.as_array().map(<[Value]>::to_vec))?;
        let mut converted = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match convert(item) {
                Some(item) => converted.push(item),
                None => self.fault(key, format!("must be {expected}; entry {} is no such thing", index + 1)),
            }
        }
        Some(converted)
    }

    fn find(&self, key: &Key) -> Option<&Value> {
        key.path().iter().try_fold(&self.root, |value, name| match value {
            Value::Array(_, items) => items.get(entry_number(name)?.checked_sub(1)?),
            _ => value.as_dict()?.get(name),
        })
    }

    fn origin(&self, key: &Key, value: &Value) -> Origin {
        match self.figment.get_metadata(value.tag()) {
            Some(metadata) if metadata.name == env::SOURCE => Origin::Variable(self.variable(key, value)),
            _ => self.file.clone(),
        }
    }

    /// The variable that sets a value, or the first one of a table.
    fn variable(&self, key: &Key, value: &Value) -> String {
        match value.as_dict().and_then(|dict| dict.iter().next()) {
            Some((name, inner)) => self.variable(&key.child(name), inner),
            None => key.variable(),
        }
    }

    fn unknown(&self, key: &Key, value: &Value, faults: &mut Vec<Fault>) {
        if let Value::Array(_, items) = value {
            for (index, item) in items.iter().enumerate() {
                self.unknown(&key.entry(index + 1), item, faults);
            }
        }
        let Value::Dict(_, dict) = value else { return };
        for (name, value) in dict {
            let child = key.child(name);
            if self.tables.contains(&child) {
                self.unknown(&child, value, faults);
            } else if !self.values.contains(&child) {
                let hint = self.hint(&child);
                self.refuse(&child, &child, value, &hint, faults);
            }
        }
    }

    /// Refuses an unknown key: once for the file, and once for each variable below it, because each variable must be
    /// removed.
    fn refuse(&self, unknown: &Key, key: &Key, value: &Value, hint: &str, faults: &mut Vec<Fault>) {
        match value {
            Value::Dict(_, dict) if !dict.is_empty() => {
                for (name, inner) in dict {
                    self.refuse(unknown, &key.child(name), inner, hint, faults);
                }
            }
            _ => {
                let origin = self.origin(key, value);
                let key = if matches!(origin, Origin::Variable(_)) { key } else { unknown };
                faults.push(Fault { key: Some(key.clone()), origin, problem: format!("unknown key; {hint}") });
            }
        }
    }

    /// The most likely correct key.
    fn hint(&self, unknown: &Key) -> String {
        let known: BTreeSet<&str> = self
            .values
            .iter()
            .chain(&self.tables)
            .filter(|key| !key.path().is_empty() && key.parent() == unknown.parent())
            .map(Key::name)
            .collect();
        let name = unknown.name();
        if let Some(nearest) = nearest(name, known.iter().copied()) {
            return format!("did you mean {nearest:?}?");
        }
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        let from_kubernetes = ["port", "service_host", "service_port"].iter().any(|word| name.starts_with(word));
        if unknown.parent().is_empty() && from_kubernetes {
            return format!(
                "known here: {known}; if Kubernetes set it for a service named gcore-exporter, set \
                 enableServiceLinks: false in the pod"
            );
        }
        format!("known here: {known}")
    }
}

fn number(value: &Value) -> Option<f64> {
    let whole = || whole(value).and_then(|number| i32::try_from(number).ok());
    value.to_f64().or_else(|| whole().map(f64::from))
}

/// A whole number. Figment uses different types for the file and the environment.
fn whole(value: &Value) -> Option<i128> {
    value.to_i128().or_else(|| value.to_u128().and_then(|number| i128::try_from(number).ok()))
}

/// The kind of a value. Never the value itself, which may be an API key in the wrong place.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(_, true) => "true",
        Value::Bool(_, false) => "false",
        Value::Num(..) if value.to_f64().is_some() => "a number with a decimal point",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        // The TOML reader represents a date as a table with one key.
        Value::Dict(_, dict) if dict.keys().any(|key| key.starts_with("$__toml_private")) => "a date or time",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

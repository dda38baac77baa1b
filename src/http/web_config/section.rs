//! A table of the YAML file, whose keys are taken one by one. The keys that are left are unknown.

use serde_json::{Map, Value};
use strsim::damerau_levenshtein;

use super::fault::Faults;

/// The largest number of changed letters in a misspelt key.
const MISSPELT: usize = 3;

/// A table in progress.
pub(super) struct Section {
    /// The key of the table with a dot at its end, empty for the whole file.
    path: String,
    values: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl Section {
    /// The table `value`, which is missing if it is null. Anything else is a fault.
    pub(super) fn new(key: &str, value: Value, faults: &mut Faults) -> Self {
        let path = if key.is_empty() { String::new() } else { format!("{key}.") };
        let values = match value {
            Value::Object(values) => values,
            Value::Null => Map::new(),
            _ => {
                faults.add(key, "must be a table: lines of `key: value`");
                Map::new()
            }
        };
        Self { path, values, asked: Vec::new() }
    }

    /// Whether no key is set.
    pub(super) fn is_empty(&self) -> bool {
        self.values.values().all(Value::is_null)
    }

    /// The full name of a key.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    /// A table within this one.
    pub(super) fn section(&mut self, key: &'static str, faults: &mut Faults) -> Self {
        let value = self.take(key).unwrap_or_default();
        Self::new(&self.key(key), value, faults)
    }

    /// A text. An empty one counts as missing.
    pub(super) fn text(&mut self, key: &'static str, faults: &mut Faults) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            _ => {
                faults.add(self.key(key), "must be text: put it in quotes");
                None
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str, faults: &mut Faults) -> Option<bool> {
        match self.take(key)? {
            Value::Bool(flag) => Some(flag),
            _ => {
                faults.add(self.key(key), "must be true or false");
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn list(&mut self, key: &'static str, faults: &mut Faults) -> Vec<String> {
        let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
        let list = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list.into_iter().map(text).collect(),
            Some(_) => None,
        };
        list.unwrap_or_else(|| {
            faults.add(self.key(key), "must be a list of texts: [\"one\", \"two\"]");
            Vec::new()
        })
    }

    /// All entries that are left, for a table with free keys. An entry that is no text is a fault.
    pub(super) fn texts(self, faults: &mut Faults) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (key, value) in self.values {
            match value {
                Value::String(text) => texts.push((key, text)),
                _ => faults.add(format!("{}{key}", self.path), "must be text: put it in quotes"),
            }
        }
        texts
    }

    /// Makes a fault of each key that is left.
    pub(super) fn finish(self, faults: &mut Faults) {
        for key in self.values.keys() {
            let distance = |known: &&&str| damerau_levenshtein(known, key);
            let near = self.asked.iter().min_by_key(distance).filter(|known| distance(known) <= MISSPELT);
            let hint = match near {
                Some(known) => format!("did you mean \"{known}\"?"),
                None => format!("the keys here are {}", self.asked.join(", ")),
            };
            faults.add(self.key(key), format!("unknown key; {hint}"));
        }
    }

    /// The value of a key. Null counts as missing.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.values.remove(key).filter(|value| !value.is_null())
    }
}

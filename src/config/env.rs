//! The environment as a source of the configuration.
//!
//! Figment's own environment provider reads the environment of the process, which a test cannot set. It also parses
//! numbers, which changes an API key such as `00123`.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use crate::config::fault::{Fault, Origin};
use crate::config::key_path::{Key, PREFIX, SEPARATOR};
use common::transport;

/// The variables of the process, passed by the command line.
pub type Environment = BTreeMap<String, String>;

/// The name of this source in figment's metadata.
pub(super) const SOURCE: &str = "environment";

/// Keys whose values are never parsed as a number or a list.
const TEXT: [&str; 18] = [
    "api_key",
    "api_key_file",
    "api_key_credential",
    "auth_scheme",
    "api_url",
    "ca_file",
    "external_url",
    "url",
    "url_file",
    "username",
    "password",
    "password_file",
    "bearer_token",
    "bearer_token_file",
    "secret",
    "secret_file",
    "old_secret",
    "old_secret_file",
];

/// The values from the environment.
pub(super) struct Variables(Dict);

impl Variables {
    /// Reads every variable with the prefix. An impossible key is a fault, and so is a proxy variable that would be
    /// ignored.
    pub(super) fn read(environment: &Environment) -> (Self, Vec<Fault>) {
        let mut root = Dict::new();
        let fault = |name: &str, problem| Fault { key: None, origin: Origin::Variable(name.to_owned()), problem };
        let proxy_fault = |name: &&str| Some(fault(name, transport::proxy_fault(name, environment.get(*name)?)?));
        let mut faults: Vec<_> = transport::PROXY_VARIABLES.iter().filter_map(proxy_fault).collect();
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let capitals = rest.to_ascii_uppercase();
            let problem = if rest == capitals {
                let key = Key::new(rest.to_ascii_lowercase().split(SEPARATOR));
                insert(&mut root, key.path(), value(&key, text)).err()
            } else {
                Some(format!("variables are in capital letters: write {PREFIX}{capitals}"))
            };
            faults.extend(problem.map(|problem| fault(name, problem)));
        }
        (Self(root), faults)
    }
}

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named(SOURCE)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// The value of a variable's text.
fn value(key: &Key, text: &str) -> Value {
    let parsed = if TEXT.contains(&key.name()) { None } else { text.parse::<Value>().ok() };
    match parsed {
        // A variable with a whole table is refused: faults could not name the variable of each key.
        None | Some(Value::Dict(..)) => Value::from(text),
        Some(Value::Char(_, character)) => Value::from(character.to_string()),
        Some(value) => value,
    }
}

/// Puts a value at its path. Fails if another variable sets a plain value on that path.
fn insert(table: &mut Dict, path: &[String], value: Value) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    if rest.is_empty() {
        table.insert(name.clone(), value);
        return Ok(());
    }
    match table.entry(name.clone()).or_insert_with(|| Value::from(Dict::new())) {
        Value::Dict(_, inner) => insert(inner, rest, value),
        _ => Err("another variable, whose name this one continues, sets a value; a key is a table or a value".into()),
    }
}

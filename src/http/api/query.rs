//! The query of a request. An unknown or repeated key and a bad value are refused with the allowed ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::account::AccountName;
use crate::http::cost_sums::Named;
use crate::snapshot::Snapshot;

/// The longest part of a query that a refusal quotes, in characters.
const MOST_QUOTED: usize = 100;
/// The largest number of account names that a refusal lists.
const MOST_LISTED: usize = 100;

/// The keys and values of a query.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

/// A refused query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuery {
    key: String,
    problem: &'static str,
    value: Option<String>,
    allowed: Vec<String>,
}

impl Query {
    /// Decodes a query. An empty one has no keys.
    pub(super) fn new(text: &str) -> Result<Self, BadQuery> {
        let mut keys = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            if keys.insert(key.to_string(), value.into_owned()).is_some() {
                return Err(BadQuery::new(&key, "the key is repeated", None, &[]));
            }
        }
        Ok(Self(keys))
    }

    /// Takes the value of a key.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Takes the value of a key that is one of these words.
    pub(super) fn one_of<T: Copy>(&mut self, key: &str, all: &[(&str, T)]) -> Result<Option<T>, BadQuery> {
        let Some(text) = self.take(key) else { return Ok(None) };
        match all.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(BadQuery::value(key, &text, all.iter().map(|(word, _)| *word))),
        }
    }

    /// Takes the key `account`. Returns this account, or all without the key.
    pub(super) fn accounts<'a>(
        &mut self,
        snapshot: &'a Snapshot,
    ) -> Result<impl Iterator<Item = Named<'a>> + use<'a>, BadQuery> {
        let only = self.take("account");
        if let Some(name) = only.as_ref().filter(|only| !snapshot.accounts.keys().any(|name| name.as_str() == *only)) {
            let known = snapshot.accounts.keys().map(AccountName::as_str).take(MOST_LISTED);
            return Err(BadQuery::value("account", name, known));
        }
        Ok(snapshot.accounts.iter().filter(move |(name, _)| only.as_ref().is_none_or(|only| only == name.as_str())))
    }

    /// Refuses keys that were not taken. `allowed` are those of the path.
    pub(super) fn end(self, allowed: &[&str]) -> Result<(), BadQuery> {
        match self.0.keys().next() {
            Some(key) => Err(BadQuery::new(key, "the key is unknown", None, allowed)),
            None => Ok(()),
        }
    }

    /// Refuses every key.
    pub(super) fn none(self) -> Result<(), BadQuery> {
        self.end(&[])
    }
}

impl BadQuery {
    fn new(key: &str, problem: &'static str, value: Option<&str>, allowed: &[&str]) -> Self {
        let allowed = allowed.iter().map(ToString::to_string).collect();
        Self { key: quoted(key), problem, value: value.map(quoted), allowed }
    }

    /// A value that is none of the allowed ones.
    pub(super) fn value<'a>(key: &str, value: &str, allowed: impl Iterator<Item = &'a str>) -> Self {
        Self::new(key, "the value is not allowed", Some(value), &allowed.collect::<Vec<_>>())
    }

    /// A value that may stand only once in a list.
    pub(super) fn twice(key: &str, value: &str) -> Self {
        Self::new(key, "the value is repeated", Some(value), &[])
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        let Self { key, problem, value, allowed } = self;
        json!({ "error": { "message": problem, "key": key, "value": value, "allowed": allowed } })
    }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_whole_or_refused() {
        let mut query = Query::new("window=today&group_by=a%2Cb+c").unwrap();
        assert_eq!(query.one_of("window", &[("today", 1), ("yesterday", 2)]), Ok(Some(1)));
        assert_eq!(query.take("group_by").as_deref(), Some("a,b c"));
        assert_eq!(query.end(&[]), Ok(()));
        let body = |bad: BadQuery| bad.body().to_string();
        assert_eq!(
            body(Query::new("a=1&a=1").unwrap_err()),
            r#"{"error":{"allowed":[],"key":"a","message":"the key is repeated","value":null}}"#
        );
        assert_eq!(
            body(Query::new("w=x%00%ff").unwrap().one_of("w", &[("y", ())]).unwrap_err()),
            r#"{"error":{"allowed":["y"],"key":"w","message":"the value is not allowed","value":"x\u0000�"}}"#
        );
        assert_eq!(
            body(Query::new("&&=&").unwrap().end(&["w"]).unwrap_err()),
            r#"{"error":{"allowed":["w"],"key":"","message":"the key is unknown","value":null}}"#
        );
        let long = "k".repeat(10_000);
        let quoted = Query::new(&long).unwrap().none().unwrap_err().key;
        assert_eq!(quoted.chars().count(), MOST_QUOTED + 1, "a long key is quoted in part");
    }
}

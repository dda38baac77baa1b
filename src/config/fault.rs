//! What is wrong with a configuration: all of it, one line each.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::config::key::Key;
use crate::terminal::escaped;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Nowhere: something is missing, or a default does not fit.
    Unset,
    /// In this file.
    File(String),
    /// In this environment variable.
    Variable(String),
}

impl Origin {
    pub(super) fn file(path: &Path) -> Self {
        Self::File(path.display().to_string())
    }
}

/// One thing that is wrong.
///
/// A problem never quotes text that was configured, except paths: an API key may have been pasted anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    /// The key concerned; `None` where it is not about a key of the configuration.
    pub(super) key: Option<Key>,
    pub(super) origin: Origin,
    /// What is wrong and what would be right.
    pub(super) problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match &self.origin {
            Origin::Unset => None,
            Origin::File(name) | Origin::Variable(name) => Some(name),
        };
        let line = match (&self.key, origin) {
            (Some(key), Some(origin)) => format!("{key} ({origin}): {}", self.problem),
            (Some(key), None) => format!("{key}: {}", self.problem),
            (None, Some(origin)) => format!("{origin}: {}", self.problem),
            (None, None) => self.problem.clone(),
        };
        // A file name may hold anything, but a fault is one line of a log.
        f.write_str(&escaped(&line))
    }
}

/// Everything that is wrong with a configuration; never empty.
///
/// `Display` prints one line for each fault, sorted by key: the key, the file or variable that sets it, what is
/// wrong and what would be right. No line ever holds a part of an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(BTreeSet<Fault>);

impl Faults {
    pub(super) fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

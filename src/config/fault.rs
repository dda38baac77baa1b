//! The faults of a configuration, one line each.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::config::key_path::Key;
use crate::escaping::escaped;

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Not set: a value is missing, or a default does not fit.
    Unset,
    /// Set in this file.
    File(String),
    /// Set in this environment variable.
    Variable(String),
}

impl Origin {
    pub(super) fn file(path: &Path) -> Self {
        Self::File(path.display().to_string())
    }
}

/// One fault.
///
/// The problem never quotes configured text except paths, because an API key may have been pasted anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    /// The key. `None` if the fault concerns no single key.
    pub(super) key: Option<Key>,
    pub(super) origin: Origin,
    /// The fault and a valid value.
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
        // A file name may contain line ends, but a fault is one line.
        f.write_str(&escaped(&line))
    }
}

/// All faults of a configuration; never empty.
///
/// `Display` prints one line for each fault, sorted by key: the key, its file or variable, the fault and a valid value.
/// No line holds a part of an API key.
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

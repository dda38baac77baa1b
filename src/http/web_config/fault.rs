//! The faults of a web configuration, one line each.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::escaping::escaped;

/// All faults of a web configuration; never empty as an error.
///
/// `Display` prints one line for each: the key, the file, the fault and a valid value. No line quotes a value, because
/// a password or a private key may stand in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    file: PathBuf,
    /// The key, empty for the whole file, and the problem.
    faults: BTreeSet<(String, String)>,
}

impl Faults {
    pub(in crate::http) fn none(file: &Path) -> Self {
        Self { file: file.to_owned(), faults: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.faults.insert((key.into(), problem.into()));
    }

    pub(super) fn are_none(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (index, (key, problem)) in self.faults.iter().enumerate() {
            let line = if key.is_empty() { format!("{file}: {problem}") } else { format!("{key} ({file}): {problem}") };
            let end = if index > 0 { "\n" } else { "" };
            // A file name may contain line ends, but a fault is one line.
            write!(f, "{end}{}", escaped(&line))?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

//! The path of a key, in the forms of the TOML file and of the environment.

use std::fmt;

/// The prefix of every variable of the configuration.
pub(super) const PREFIX: &str = "GCORE_EXPORTER_";
/// The separator between the levels of a key in a variable.
pub(super) const SEPARATOR: &str = "__";

/// The path of a table or a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<String>);

impl Key {
    pub(super) fn new<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self(path.into_iter().map(Into::into).collect())
    }

    pub(super) fn child(&self, name: &str) -> Self {
        Self(self.0.iter().cloned().chain([name.to_owned()]).collect())
    }

    /// An entry of a list of tables, counted from 1.
    pub(super) fn entry(&self, number: usize) -> Self {
        self.child(&format!("[{number}]"))
    }

    pub(super) fn path(&self) -> &[String] {
        &self.0
    }

    pub(super) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    pub(super) fn parent(&self) -> &[String] {
        self.0.split_last().map_or(&[], |(_, parent)| parent)
    }

    /// The environment variable that sets this key.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.0.join(SEPARATOR).to_ascii_uppercase())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 && entry_number(name).is_none() {
                f.write_str(".")?;
            }
            // TOML quotes all other names.
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
                || entry_number(name).is_some()
            {
                f.write_str(name)?;
            } else {
                write!(f, "{name:?}")?;
            }
        }
        Ok(())
    }
}

/// The number in the name of an entry of a list.
pub(super) fn entry_number(name: &str) -> Option<usize> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// A hint to append to the refusal of a word, if it is most likely a misspelling of a candidate; else empty.
pub(crate) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

/// The candidate of which `word` is most likely a misspelling: about one wrong character in three.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

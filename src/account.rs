//! The account name: the value of the `account` label.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

/// The name of an account: lower-case letters, digits and `_`, so that a variable name can contain it in capitals.
///
/// The configuration chooses the name. The API does not know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(SmolStr);

/// A text that is no account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account name is one or more of the characters a-z, 0-9 and _")]
pub struct InvalidAccountName;

impl AccountName {
    /// The name for a label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `default`: the account that is configured by environment variables alone.
impl Default for AccountName {
    fn default() -> Self {
        Self(SmolStr::new_static("default"))
    }
}

impl FromStr for AccountName {
    type Err = InvalidAccountName;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if word.is_empty() || !word.bytes().all(allowed) {
            return Err(InvalidAccountName);
        }
        Ok(Self(SmolStr::new(word)))
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_label_and_a_variable() {
        for (word, good) in [
            ("main", true),
            ("a", true),
            ("team_2", true),
            ("", false),
            ("Main", false),
            ("a-b", false),
            ("a.b", false),
            ("büro", false),
            ("a b", false),
        ] {
            assert_eq!(word.parse::<AccountName>().is_ok(), good, "{word:?}");
        }
        assert_eq!(AccountName::default(), "default".parse().unwrap());
    }
}

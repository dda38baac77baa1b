//! Secrets: tokens, passwords, signing keys, and URLs that give access by themselves.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use common::wording::shown;

/// The largest file of a secret, in bytes. A larger one is most likely the wrong file.
const MAX_FILE: u64 = 8 << 10;
/// The shortest part of a URL that may be a secret, in bytes.
const LEAST_PART: usize = 6;
/// The shortest such word without a digit, in bytes. Words such as `services` are shorter.
const LEAST_WORD: usize = 16;

/// A secret in the configuration, or in a file. A file is read for every message, so a new secret counts at once.
/// `Debug` shows only the path of the file.
#[derive(Clone, Debug)]
pub enum Secret {
    /// The secret itself.
    Text(SecretString),
    /// A file with the secret and nothing else. White space around it is ignored.
    File(PathBuf),
}

impl Secret {
    /// The current secret.
    ///
    /// # Errors
    /// The reason why the file is unusable, without any of its text.
    pub fn read(&self) -> Result<SecretString, String> {
        let path = match self {
            Self::Text(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
        read.map_err(|error| {
            format!("cannot read {}: {error}; the daemon's user must be able to read it", shown(path))
        })?;
        let word = text.trim();
        if word.is_empty() || word.contains(char::is_whitespace) {
            return Err(format!("{} must hold one word and nothing else", path.display()));
        }
        Ok(SecretString::from(word))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.expose_secret() == other.expose_secret(),
            (Self::File(one), Self::File(other)) => one == other,
            _ => false,
        }
    }
}

/// A URL with a possibly secret path. `Debug` and `Display` show only the host.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The whole URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The parts that may give access, for removal from a text of the receiver: path and query, and their words that
    /// look like tokens, because an error page may repeat one word.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let parts = [self.0.path(), self.0.query().unwrap_or_default()];
        let words = parts.into_iter().flat_map(|part| part.split(['/', '&', '=']));
        let tokens = words.filter(|word| word.len() >= LEAST_WORD || word.contains(|c: char| c.is_ascii_digit()));
        parts.into_iter().chain(tokens).filter(|part| part.len() >= LEAST_PART).map(SecretString::from).collect()
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.0.port().map_or(String::new(), |port| format!(":{port}"));
        write!(f, "{}://{}{port}", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_address_that_may_give_access() {
        for (url, want) in [
            ("https://example.com/", &[][..]),
            ("https://example.com/hook?json", &[]),
            ("https://example.com/hooks/abc123d", &["/hooks/abc123d", "abc123d"]),
            (
                "https://example.com/services/T0/abcdefghijklmnop",
                &["/services/T0/abcdefghijklmnop", "abcdefghijklmnop"],
            ),
            ("https://example.com/in?token=s3cr3t&to=ops", &["token=s3cr3t&to=ops", "s3cr3t"]),
        ] {
            let secrets = Address(url.parse().unwrap()).secrets();
            let found: Vec<_> = secrets.iter().map(ExposeSecret::expose_secret).collect();
            assert_eq!(found, want, "{url}");
        }
    }
}

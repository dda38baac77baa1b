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

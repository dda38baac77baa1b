//! How an account's client is made: its certificates, and why it cannot be.

use std::path::Path;

use crate::transport;
use crate::transport::{Trust, chain};
use crate::wording::shown;

use super::settings::Settings;

/// Why a client cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The key or the scheme holds characters that no header may hold.
    #[error("account {0}: the API key cannot be sent in a header; is there a line break in it?")]
    Key(String),
    /// The file of certificate authorities cannot be used.
    #[error("account {account}: cannot use ca_file {path}: {cause}")]
    CaFile {
        /// The account.
        account: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The HTTP client cannot be made, for example because the system has no certificate authorities.
    #[error("account {account}: cannot set up HTTPS: {cause}; is the package ca-certificates installed?")]
    Http {
        /// The account.
        account: String,
        /// What is wrong.
        cause: String,
    },
}

impl BuildError {
    /// Whether another configuration would mend it.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        !matches!(self, Self::Http { .. })
    }
}

/// The HTTP client for an account, which trusts the certificates in `pem` besides the system's authorities.
pub(super) fn http_client(account: &str, settings: &Settings, pem: &[u8]) -> Result<reqwest::Client, BuildError> {
    let trust = match &settings.ca_file {
        None => Trust::default(),
        Some(path) => Trust::of_file(pem).map_err(|error| ca_file_refused(account, path, error.to_string()))?,
    };
    transport::client(&settings.api_url, &trust)
        .map_err(|error| BuildError::Http { account: account.to_owned(), cause: chain(&error) })
}

/// What `ca_file` holds; nothing where there is none.
pub(super) fn authorities(account: &str, settings: &Settings) -> Result<Vec<u8>, BuildError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    std::fs::read(path).map_err(|error| ca_file_refused(account, path, error.to_string()))
}

fn ca_file_refused(account: &str, path: &Path, cause: String) -> BuildError {
    BuildError::CaFile { account: account.to_owned(), path: shown(path), cause }
}

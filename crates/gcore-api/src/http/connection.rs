//! The HTTP client of an account with its certificates, and the errors of building it.

use std::path::Path;

use common::transport;
use common::transport::{Trust, chain};
use common::wording::shown;

use crate::http::settings::Settings;

/// The reason why a client cannot be built from its settings.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The key or the scheme has characters that no header may have.
    #[error("account {0}: the API key cannot be sent in a header; is there a line break in it?")]
    Key(String),
    /// The file of certificate authorities cannot be used.
    #[error("account {account}: cannot use ca_file {path}: {cause}")]
    CaFile {
        /// The account.
        account: String,
        /// The file.
        path: String,
        /// The cause.
        cause: String,
    },
    /// The HTTP client cannot be built, for example because the system has no certificate authorities.
    #[error("account {account}: cannot set up HTTPS: {cause}; is the package ca-certificates installed?")]
    Http {
        /// The account.
        account: String,
        /// The cause.
        cause: String,
    },
}

impl BuildError {
    /// Whether a change of the configuration can solve it.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        !matches!(self, Self::Http { .. })
    }
}

/// The HTTP client of an account. It trusts the certificates in `pem` and the system's authorities.
pub(crate) fn http_client(account: &str, settings: &Settings, pem: &[u8]) -> Result<reqwest::Client, BuildError> {
    let trust = match &settings.ca_file {
        None => Trust::default(),
        Some(path) => Trust::of_file(pem).map_err(|error| ca_file_refused(account, path, error.to_string()))?,
    };
    transport::client(&settings.api_url, &trust)
        .map_err(|error| BuildError::Http { account: account.to_owned(), cause: chain(&error) })
}

/// The content of `ca_file`. Empty without a `ca_file`.
pub(crate) fn authorities(account: &str, settings: &Settings) -> Result<Vec<u8>, BuildError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    std::fs::read(path).map_err(|error| ca_file_refused(account, path, error.to_string()))
}

fn ca_file_refused(account: &str, path: &Path, cause: String) -> BuildError {
    BuildError::CaFile { account: account.to_owned(), path: shown(path), cause }
}

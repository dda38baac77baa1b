//! How a connection is made: certificates, proxies, and what a failure of it says.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, redirect};

use super::settings::{Settings, is_loopback};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

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

/// The HTTP client for an account, which trusts the authorities in `pem` besides the system's.
pub(super) fn http_client(account: &str, settings: &Settings, pem: &[u8]) -> Result<reqwest::Client, BuildError> {
    // Fails only where a provider is there already, and any provider will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = certificates(account, settings, pem)?;
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .tls_certs_merge(certificates.clone());
        // A proxy would look for the API on its own host, and learn the key where the URL is plain http.
        if is_loopback(&settings.api_url) { builder.no_proxy() } else { builder }
    };
    let built = builder().build();
    // It fails on a machine without certificate authorities. Plain http gets on without them.
    let built = if settings.api_url.scheme() == "http" {
        built.or_else(|_| builder().tls_certs_only([]).build())
    } else {
        built
    };
    built.map_err(|error| BuildError::Http { account: account.to_owned(), cause: chain(&error) })
}

/// What `ca_file` holds; nothing where there is none.
pub(super) fn authorities(account: &str, settings: &Settings) -> Result<Vec<u8>, BuildError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    std::fs::read(path).map_err(|error| ca_file_refused(account, path, error.to_string()))
}

fn certificates(account: &str, settings: &Settings, pem: &[u8]) -> Result<Vec<Certificate>, BuildError> {
    let Some(path) = &settings.ca_file else { return Ok(Vec::new()) };
    Certificate::from_pem_bundle(pem).map_err(|error| ca_file_refused(account, path, chain(&error)))
}

fn ca_file_refused(account: &str, path: &Path, cause: String) -> BuildError {
    BuildError::CaFile { account: account.to_owned(), path: path.display().to_string(), cause }
}

/// Whether the connection could not be trusted.
pub(super) fn is_tls(error: &reqwest::Error) -> bool {
    has_cause::<rustls::Error>(error)
}

/// Whether the answer came whole, but could not be decompressed: the same answer would come again.
pub(super) fn is_garbled(error: &reqwest::Error) -> bool {
    error.is_decode() && !error.is_timeout() && !has_cause::<hyper::Error>(error)
}

/// Whether somewhere below lies an error of a kind: an I/O error hides what it wraps from `source`.
fn has_cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<E>() {
            return true;
        }
        next = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    false
}

/// An error with its causes on one line. The URL in it holds no secret: the key travels in a header.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

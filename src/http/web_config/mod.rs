//! The web configuration: TLS, passwords and headers of the listener, in the file format that Prometheus' exporters
//! share.
//!
//! Documentation of every key and of the differences: `docs/web-config.md`.

mod client_verifier;
pub mod current;
mod document;
pub mod fault;
mod files;
mod section;
#[cfg(test)]
mod tests;
mod tls;
pub mod users;

use std::path::Path;
use std::sync::Arc;

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use rustls::ServerConfig;

use document::Document;
use fault::Faults;
use files::{Files, Stamps};
use users::Users;

/// A web configuration that can be used.
#[derive(Debug)]
pub struct WebConfig {
    tls: Option<Arc<ServerConfig>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    users: Users,
    warnings: Vec<String>,
}

impl WebConfig {
    /// Reads a file and all files that it names.
    ///
    /// # Errors
    /// All [`Faults`] of the file.
    pub fn read(path: &Path, now: Timestamp) -> Result<Self, Faults> {
        Self::read_with_stamps(path, now).1
    }

    /// The same with the stamps of all files that were read, also if there are faults.
    fn read_with_stamps(path: &Path, now: Timestamp) -> (Stamps, Result<Self, Faults>) {
        let mut faults = Faults::none(path);
        let mut files = Files::default();
        let document = Document::read(path, &mut files, &mut faults);
        let Document { tls, headers, users, mut warnings } = document;
        let tls = tls.and_then(|settings| tls::build(&settings, now, &mut files, &mut faults, &mut warnings));
        let stamps = files.into_stamps();
        if !faults.are_none() {
            return (stamps, Err(faults));
        }
        (stamps, Ok(Self { tls: tls.map(Arc::new), headers, users, warnings }))
    }

    /// The TLS settings. `None`: the listener speaks plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    /// The users, of whom one must show a password. Without any, no password is needed.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Sentences about settings that work but may surprise.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds the configured headers to an answer. A configured header replaces that of the page. Content security
    /// policies are the exception: a browser enforces all of them.
    pub(super) fn add_headers(&self, answer: &mut HeaderMap) {
        for (name, value) in &self.headers {
            if name == CONTENT_SECURITY_POLICY {
                answer.append(name, value.clone());
            } else {
                answer.insert(name, value.clone());
            }
        }
    }
}

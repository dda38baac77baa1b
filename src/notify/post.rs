//! A POST of JSON with a timeout, and its answer.
//!
//! No error text holds the URL, which may be a secret, or a secret that the receiver repeats.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use common::transport;
use common::transport::{Trust, chain, is_garbled, is_tls, requested_wait};
use common::wording::shown;

use super::failure::{Failure, Reason};

/// The timeout of a request, from the connection to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest part of an answer that is read, in bytes.
const MAX_BODY: usize = 16 << 10;
/// The largest part of an answer that is logged, in characters.
const MAX_TEXT: usize = 300;

/// Why a channel cannot be built from its settings.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file of certificate authorities is unusable.
    #[error("channel {channel}: cannot use ca_file {path}: {cause}", path = shown(path))]
    CaFile {
        /// The channel.
        channel: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
    /// The HTTP client cannot be built.
    #[error("channel {channel}: cannot set up HTTPS: {cause}; is the package ca-certificates installed?")]
    Http {
        /// The channel.
        channel: String,
        /// The cause.
        cause: String,
    },
    /// A secret is unusable.
    #[error("channel {channel}: {cause}")]
    Secret {
        /// The channel.
        channel: String,
        /// The cause, without the secret.
        cause: String,
    },
}

impl BuildError {
    /// Whether another configuration would fix it.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        !matches!(self, Self::Http { .. })
    }
}

/// The HTTP client of a channel.
pub(super) fn client(channel: &str, url: &Url, ca_file: Option<&Path>) -> Result<Client, BuildError> {
    let trust = match ca_file {
        None => Trust::default(),
        Some(path) => {
            let refused = |cause| BuildError::CaFile { channel: channel.to_owned(), path: path.to_owned(), cause };
            let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
            Trust::of_file(&pem).map_err(|error| refused(error.to_string()))?
        }
    };
    transport::client(url, &trust)
        .map_err(|error| BuildError::Http { channel: channel.to_owned(), cause: chain(&error) })
}

/// A request.
pub(super) struct JsonPost<'a> {
    pub(super) http: &'a Client,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// Secrets to remove from the answer.
    pub(super) secrets: &'a [SecretString],
}

/// An accepted answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, such as 200.
    pub status: StatusCode,
    /// The beginning of the body in one line, without secrets.
    pub text: String,
}

impl JsonPost<'_> {
    /// Sends the request. A date in `Retry-After` is relative to `now`.
    pub(super) async fn send(self, now: Timestamp) -> Result<Answer, Failure> {
        let Self { http, url, headers, body, secrets } = self;
        let proxy = transport::proxy_credentials(&url).map(SecretString::from);
        let mut secrets: Vec<_> = secrets.iter().chain(&proxy).collect();
        // A short one may be a part of a long one.
        secrets.sort_by_key(|secret| Reverse(secret.expose_secret().len()));
        let exchange = async {
            let request = http.post(url).headers(headers).header(CONTENT_TYPE, "application/json").body(body);
            let response = request.send().await.map_err(failure)?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok((status, headers, text(response, &secrets).await))
        };
        let late = || Failure::new(Reason::Timeout, format!("no complete answer within {} s", TIMEOUT.as_secs()));
        let (status, headers, text) = tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| Err(late()))?;
        let Some(reason) = Reason::of(status) else { return Ok(Answer { status, text }) };
        let hint = match reason {
            Reason::Redirect => "; redirects are not followed, so check the URL",
            _ => "",
        };
        let said = if text.is_empty() { String::new() } else { format!(": {text}") };
        let wait = requested_wait(&headers, now);
        Err(Failure { wait, status: Some(status), ..Failure::new(reason, format!("answered {status}{hint}{said}")) })
    }
}

/// The beginning of an answer in one line.
async fn text(mut response: Response, secrets: &[&SecretString]) -> String {
    let mut body = Vec::new();
    while body.len() < MAX_BODY
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    // Secrets are replaced before the cut, which could leave a part of one.
    let text = secrets.iter().fold(text, |text, secret| text.replace(secret.expose_secret(), "***"));
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_TEXT).collect()
}

fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let detail = chain(&error);
    if is_tls(&error) {
        Failure::new(Reason::Tls, format!("{detail}; a private authority can be named by ca_file"))
    } else if error.is_timeout() {
        Failure::new(Reason::Timeout, detail)
    } else if is_garbled(&error) {
        Failure::new(Reason::BadBody, detail)
    } else {
        Failure::new(Reason::Connect, detail)
    }
}

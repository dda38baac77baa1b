//! One POST of JSON, bounded in time, and what came of it.
//!
//! No message about it holds the URL, which may be a secret by itself, nor a secret that the receiver repeats.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::transport;
use crate::transport::{Trust, chain, is_garbled, is_tls, requested_wait};
use crate::wording::shown;

use super::failure::{Failure, Reason};

/// How long one request may take, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is worth reading.
const MAX_BODY: usize = 16 << 10;
/// How much of it is worth telling.
const MAX_TEXT: usize = 300;

/// Why a channel cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file of certificate authorities cannot be used.
    #[error("channel {channel}: cannot use ca_file {path}: {cause}", path = shown(path))]
    CaFile {
        /// The channel.
        channel: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The HTTP client cannot be made.
    #[error("channel {channel}: cannot set up HTTPS: {cause}; is the package ca-certificates installed?")]
    Http {
        /// The channel.
        channel: String,
        /// What is wrong.
        cause: String,
    },
    /// A secret cannot be used.
    #[error("channel {channel}: {cause}")]
    Secret {
        /// The channel.
        channel: String,
        /// What is wrong with it.
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

/// The client of a channel.
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

/// What is sent, and where.
pub(super) struct JsonPost<'a> {
    pub(super) http: &'a Client,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// What an answer may repeat and nobody may read.
    pub(super) secrets: &'a [SecretString],
}

/// An answer with a good status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Such as 200.
    pub status: StatusCode,
    /// Its beginning on one line, without secrets.
    pub text: String,
}

impl JsonPost<'_> {
    /// Sends it. `now` is what a date in `Retry-After` is held against.
    pub(super) async fn send(self, now: Timestamp) -> Result<Answer, Failure> {
        let Self { http, url, headers, body, secrets } = self;
        let exchange = async {
            let request = http.post(url).headers(headers).header(CONTENT_TYPE, "application/json").body(body);
            let response = request.send().await.map_err(failure)?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok((status, headers, text(response, secrets).await))
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

/// The beginning of an answer on one line.
async fn text(mut response: Response, secrets: &[SecretString]) -> String {
    let mut body = Vec::new();
    while body.len() < MAX_BODY
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    // Before it is cut, or a part of a secret could stay.
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

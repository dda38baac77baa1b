//! The access of a command to a running daemon.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use reqwest::{RequestBuilder, Url};

use common::transport;
use common::transport::Trust;
use common::wording::shown;

use super::channel_commands::Misuse;

/// The fault of a text that is no such URL.
pub(super) const DAEMON_URL: &str = "expected a URL such as http://127.0.0.1:10061";

/// The URL of a daemon, or `None`.
pub(super) fn daemon_url(text: &str) -> Option<Url> {
    text.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}

/// The URL of `--alerts.url`, which may name a user. Errors do not quote it, because it may hold a password.
pub(super) fn alerts_url(text: &str) -> Result<Url, Misuse> {
    let url = daemon_url(text).ok_or_else(|| Misuse::new(&format!("--alerts.url: {DAEMON_URL}")))?;
    if url.password().is_some() {
        let problem = "--alerts.url: other users of the machine can read a password here; put it into a file for \
                       --alerts.password-file";
        return Err(Misuse::new(problem));
    }
    Ok(url)
}

/// The access to a daemon with TLS or a password.
#[derive(Args, Debug)]
pub(super) struct Access {
    /// File with the certificate of the daemon, or with that of its authority [default: the system's authorities]
    #[arg(long = "alerts.ca-file", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// File with the password of the user in the URL
    #[arg(long = "alerts.password-file", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Access {
    /// The request for a page of the daemon, for the user in its URL.
    pub(super) fn request(&self, page: Url) -> anyhow::Result<RequestBuilder> {
        let trust = match &self.ca_file {
            Some(path) => {
                let reading = || format!("--alerts.ca-file {}", shown(path));
                Trust::of_file(&fs::read(path).with_context(reading)?).with_context(reading)?
            }
            None => Trust::default(),
        };
        let client = transport::client(&page, &trust)?;
        let Some(path) = &self.password_file else { return Ok(client.get(page)) };
        let password = fs::read_to_string(path).with_context(|| format!("--alerts.password-file {}", shown(path)))?;
        let password = password.trim_end_matches(['\r', '\n']);
        // The library would send a second header for the user in the URL.
        Ok(client.get(without_user(&page)).basic_auth(page.username(), Some(password)))
    }
}

/// The same URL without a user.
pub(super) fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    // This fails for URLs without a host, which have no user.
    let _ = url.set_username("");
    url
}

//! The access of a command to a running daemon.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use reqwest::{RequestBuilder, Url};

use common::transport;
use common::transport::Trust;
use common::wording::shown;

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
    /// The request for a page of the daemon at `base`. Errors show no password.
    pub(super) fn request(&self, base: &Url, page: &str) -> anyhow::Result<RequestBuilder> {
        let trust = match &self.ca_file {
            Some(path) => {
                let reading = || format!("--alerts.ca-file {}", shown(path));
                Trust::of_file(&fs::read(path).with_context(reading)?).with_context(reading)?
            }
            None => Trust::default(),
        };
        let request = transport::client(base, &trust)?.get(page);
        let Some(path) = &self.password_file else { return Ok(request) };
        let password = fs::read_to_string(path).with_context(|| format!("--alerts.password-file {}", shown(path)))?;
        Ok(request.basic_auth(base.username(), Some(password.trim_end_matches(['\r', '\n']))))
    }
}

//! `healthcheck`: whether a daemon answers, for containers whose image has no other program to ask with.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{StatusCode, Url};

use crate::http::server::PLAIN_HTTP;
use common::transport;
use common::transport::Trust;

/// Shorter than the 30 s after which container engines give up a check.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the daemon at `url` whether it is alive. It needs no password and no certificate: the answer that one is missing
/// comes from a daemon that is alive.
///
/// # Errors
/// Fails where it does not answer, or otherwise than a live daemon.
pub(super) async fn check(url: &str) -> anyhow::Result<()> {
    let mut base: Url = url.parse().with_context(|| format!("--healthcheck.url {url:?} is no URL"))?;
    if ask(&base).await? == Answer::Alive {
        return Ok(());
    }
    // The listener speaks TLS; a wrong scheme is no reason to restart a container.
    let _ = base.set_scheme("https");
    ask(&base).await.map(drop)
}

/// The answer of a daemon.
#[derive(PartialEq)]
enum Answer {
    Alive,
    /// It speaks TLS, and was asked without.
    WantsTls,
}

/// Asks once.
async fn ask(base: &Url) -> anyhow::Result<Answer> {
    let page = format!("{}/-/healthy", base.as_str().trim_end_matches('/'));
    let asking = || format!("{page} is not healthy; --healthcheck.url says where the daemon is");
    // Nothing secret is sent, and on this machine no other host can answer.
    let trust = if transport::is_loopback(base) { Trust::any()? } else { Trust::default() };
    let response = match transport::client(base, &trust)?.get(&page).timeout(PATIENCE).send().await {
        // The TLS side of the listener answers a client without a certificate by an alert.
        Err(error) if matches!(transport::cause(&error), Some(rustls::Error::AlertReceived(_))) => {
            return Ok(Answer::Alive);
        }
        response => response.with_context(asking)?,
    };
    match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => Ok(Answer::Alive),
        StatusCode::BAD_REQUEST if base.scheme() == "http" => {
            let refusal = response.error_for_status_ref().map(drop);
            let speaks_tls = response.text().await.with_context(asking)? == PLAIN_HTTP;
            if speaks_tls { Ok(Answer::WantsTls) } else { refusal.map(|()| Answer::Alive).with_context(asking) }
        }
        _ => response.error_for_status().map(|_| Answer::Alive).with_context(asking),
    }
}

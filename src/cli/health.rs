//! `healthcheck`: whether a daemon answers, for containers whose image has no other program to ask with.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;

use common::transport;
use common::transport::Trust;

/// Shorter than the 30 s after which container engines give up a check.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the daemon at `url` whether it is alive.
///
/// # Errors
/// Fails where it does not answer, or not with 200.
pub(super) async fn check(url: &str) -> anyhow::Result<()> {
    let base: Url = url.parse().with_context(|| format!("--healthcheck.url {url:?} is no URL"))?;
    let page = format!("{}/-/healthy", base.as_str().trim_end_matches('/'));
    let asking = || format!("{page} is not healthy; --healthcheck.url says where the daemon is");
    let client = transport::client(&base, &Trust::default())?;
    let response = client.get(&page).timeout(PATIENCE).send().await.with_context(asking)?;
    response.error_for_status().with_context(asking)?;
    Ok(())
}

//! `alerts`: what a running daemon says of its alerts, and whether its channels carry them.

use std::io;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use prometheus::Registry;
use reqwest::Url;
use serde::Deserialize;

use crate::alert::{Alert, Labels, Status};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::hint;
use crate::notify::Home;
use crate::notify::dispatcher;
use crate::store::Store;
use crate::store::outbox::DeadLetter;
use crate::transport;

use super::exit::ExitCode;
use super::flags::DeadLettersAction;
use super::say;

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The list as the daemon gives it.
#[derive(Deserialize)]
struct Listed {
    judged: bool,
    alerts: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    state: Status,
    starts_at: Timestamp,
    labels: Labels,
    annotations: Labels,
}

/// Prints the alerts of a running daemon: those that fire first.
pub(super) async fn list(url: &str) -> anyhow::Result<()> {
    let base: Url = url.parse().with_context(|| format!("--alerts.url {url:?} is no URL"))?;
    let page = format!("{}/api/v1/alerts", base.as_str().trim_end_matches('/'));
    let asking = || format!("cannot ask {page}; --alerts.url says where the daemon is");
    let response = transport::client(&base, &[])?.get(&page).timeout(PATIENCE).send().await.with_context(asking)?;
    let response = response.error_for_status().with_context(asking)?;
    let body = response.bytes().await.with_context(asking)?;
    let Listed { judged, mut alerts } = serde_json::from_slice(&body)
        .with_context(|| format!("{page} does not answer as this version does; is that the daemon?"))?;
    alerts.sort_by_key(|alert| (alert.state != Status::Firing, alert.state, alert.starts_at));
    let text = match &alerts[..] {
        _ if !judged => "the daemon has not judged yet\n".to_owned(),
        [] => "no alerts\n".to_owned(),
        alerts => alerts.iter().map(line).collect(),
    };
    say(&mut io::stdout(), &text);
    Ok(())
}

fn line(alert: &Line) -> String {
    let Line { state, starts_at, labels, annotations } = alert;
    let (name, others): (Vec<_>, Vec<_>) = labels.iter().partition(|(name, _)| name.as_str() == "alertname");
    let name = name.first().map_or("", |(_, text)| text.as_str());
    let others: Vec<_> = others.iter().map(|(name, text)| format!("{name}={:?}", text.as_str())).collect();
    let summary = annotations.get("summary").map_or(String::new(), |text| format!("\n  {text}"));
    format!("{:8}  {name}  since {starts_at}  {}{summary}\n", state.as_str(), others.join(" "))
}

/// Sends one notification and prints what came back.
pub(super) async fn test(config: &Config, url: &str, channel: &str) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let now = clock.now();
    let text = |name: &str, text: &str| (name.into(), text.into());
    let alert = Alert {
        labels: Labels::from([text("alertname", "GcoreTestNotification"), text("severity", "info")]),
        annotations: Labels::from([
            text("summary", "A test of this channel"),
            text("description", "Sent by `gcore-billing-exporter alerts test`; nothing is wrong."),
        ]),
        status: Status::Firing,
        starts_at: now,
        ends_at: None,
        value: None,
        threshold: None,
        since: now,
    };
    let answers = dispatcher::test(&config.notify, &Home::new(url), channel, &alert, &clock).await?;
    if answers.is_empty() {
        let channels = config.notify.channels();
        let hint = hint(channel, channels.iter().map(String::as_str));
        let known = if channels.is_empty() { "none at all".to_owned() } else { channels.join(", ") };
        bail!("there is no channel {channel:?}; there is {known}{hint}");
    }
    let mut code = ExitCode::Success;
    for (name, answer) in answers {
        let said = match answer {
            Ok(answer) if answer.text.is_empty() => format!("taken, {}", answer.status),
            Ok(answer) => format!("taken, {}: {}", answer.status, answer.text),
            Err(failure) => {
                code = ExitCode::Incomplete;
                format!("not taken ({}): {failure}", failure.reason.as_str())
            }
        };
        say(&mut io::stdout(), &format!("{name}: {said}\n"));
    }
    Ok(code)
}

/// Prints messages that were given up, or lets them be sent again.
pub(super) async fn dead_letters(config: &Config, action: DeadLettersAction) -> anyhow::Result<()> {
    let path = config.storage.path.as_ref().filter(|path| path.exists());
    let path = path.context("there is no store: storage.path names no file that exists")?;
    let said = match action {
        DeadLettersAction::List => {
            let store = Store::open_to_read(path)?;
            let letters: String = store.dead_letters().await?.iter().map(letter).collect();
            if letters.is_empty() { "no dead letters\n".to_owned() } else { letters }
        }
        DeadLettersAction::Replay { ids } => {
            let store = Store::open(&config.storage, &Registry::new())?;
            if store.is_in_memory() {
                bail!("cannot open the store {}; run this as the daemon's user", path.display());
            }
            let replayed = store.replay(ids, Clock::system().now()).await?;
            format!("{replayed} wait to be sent; a running daemon sends them within half a minute\n")
        }
    };
    say(&mut io::stdout(), &said);
    Ok(())
}

fn letter(letter: &DeadLetter) -> String {
    let DeadLetter { message, channel, created_at, error, is_overtaken } = letter;
    let what = serde_json::from_str::<Alert>(&message.body)
        .map_or_else(|_| "?".to_owned(), |alert| format!("{} {}", alert.label("alertname"), alert.status.as_str()));
    let note = if *is_overtaken { "; something newer was told since, so it cannot be replayed" } else { "" };
    let tries = message.attempts;
    format!("{}  {channel}  {created_at}  {what}  after {tries} tries: {error}{note}\n", message.id)
}

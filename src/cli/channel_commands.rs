//! `alerts test` and `alerts dead-letters`: test a channel, and list or replay dead letters.

use std::io;

use anyhow::bail;
use prometheus::Registry;

use crate::alert::{Alert, Labels, Status};
use crate::config::Config;
use crate::config::hint;
use crate::escaping::escaped;
use crate::notify::ExternalUrl;
use crate::notify::dispatcher;
use crate::store::Store;
use crate::store::outbox::DeadLetter;
use common::clock::Clock;
use common::wording::shown;

use super::access::{alerts_url, without_user};
use super::exit::ExitCode;
use super::flags::DeadLettersAction;
use super::say;

/// A channel or dead letter that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(String);

impl Misuse {
    pub(super) fn new(problem: &str) -> Self {
        Self(problem.to_owned())
    }
}

/// Sends one test notification and prints the answers.
pub(super) async fn test(config: &Config, url: &str, channel: &str) -> anyhow::Result<ExitCode> {
    let (clock, url) = (Clock::system(), without_user(&alerts_url(url)?));
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
    let answers = dispatcher::test(&config.notify, &ExternalUrl::new(url.as_str()), channel, &alert, &clock).await?;
    if answers.is_empty() {
        let channels = config.notify.channels();
        let hint = hint(channel, channels.iter().map(String::as_str));
        let known = if channels.is_empty() { "none at all".to_owned() } else { channels.join(", ") };
        return Err(Misuse(format!("there is no channel {channel:?}; there is {known}{hint}")).into());
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
        say(&mut io::stdout(), &format!("{name}: {}\n", escaped(&said)));
    }
    Ok(code)
}

/// Lists dead letters or queues them again.
pub(super) async fn dead_letters(config: &Config, action: DeadLettersAction) -> anyhow::Result<ExitCode> {
    let missing = |where_: String| Misuse(format!("there is no store: {where_}; name the daemon's by storage.path"));
    let path = config.storage.path.as_ref().ok_or_else(|| missing("storage.path is \"\"".into()))?;
    if !path.exists() {
        return Err(missing(format!("{} does not exist", shown(path))).into());
    }
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
            if let Some(problem) = unfit(&ids, &store.dead_letters().await?) {
                let hint = "nothing is sent again; `alerts dead-letters list` has the numbers";
                say(&mut io::stderr(), &format!("{problem}; {hint}\n"));
                return Ok(ExitCode::Usage);
            }
            let replayed = store.replay(ids, Clock::system().now()).await?;
            format!("{replayed} wait to be sent; a running daemon sends them within half a minute\n")
        }
    };
    say(&mut io::stdout(), &said);
    Ok(ExitCode::Success)
}

/// The fault of the first id that cannot be replayed.
fn unfit(ids: &[i64], letters: &[DeadLetter]) -> Option<String> {
    ids.iter().find_map(|id| match letters.iter().find(|letter| letter.message.id == *id) {
        None => Some(format!("no dead letter has the number {id}")),
        Some(letter) if letter.is_overtaken => Some(format!("something newer was told since dead letter {id}")),
        Some(_) => None,
    })
}

fn letter(letter: &DeadLetter) -> String {
    let DeadLetter { message, channel, created_at, error, is_overtaken } = letter;
    let what = serde_json::from_str::<Alert>(&message.body)
        .map_or_else(|_| "?".to_owned(), |alert| format!("{} {}", alert.label("alertname"), alert.status.as_str()));
    let note = if *is_overtaken { "; something newer was told since, so it cannot be replayed" } else { "" };
    let tries = if message.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", message.attempts) };
    let line = format!("{}  {channel}  {created_at}  {what}  after {tries}: {error}{note}", message.id);
    format!("{}\n", escaped(&line))
}

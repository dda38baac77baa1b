//! Alerts of the built program, killed at random moments while its receiver is up, slow, failing or absent.
//!
//! The account alone defines the expected notifications: each start and each end, in order, and nothing else.

mod receiver;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;
use wiremock::MockServer;

use crate::alertmanager::Real;
use crate::harness::{KEY, PATIENCE};
use crate::program::{Process, file, rounds, seed};

use receiver::{FaultMode, Receiver, Taken};
use script::{Name, Said, Script};

/// The alert that always fires.
const WATCHDOG: &str = "GcoreWatchdog";

/// An account, and the store of the daemons that watch it in turn.
struct Stage {
    script: Script,
    api: MockServer,
    store: PathBuf,
    _folder: TempDir,
    dice: Rng,
}

impl Stage {
    async fn new(seed: u64) -> Self {
        let ((script, api), folder) = (Script::start().await, TempDir::new().unwrap());
        Self { script, api, store: folder.path().join("state.db"), _folder: folder, dice: Rng::with_seed(seed) }
    }

    /// Starts a daemon with the tables of its channels.
    fn daemon(&self, channels: &str) -> Process {
        let (api, store) = (self.api.uri(), self.store.display());
        let mut text = format!(
            "[accounts.main]\napi_key = '{KEY}'\napi_url = '{api}'\nmax_requests_per_second = 1000\n\
             [storage]\npath = '{store}'\n\
             [notify]\nexternal_url = 'http://127.0.0.1:10061'\n{channels}\
             [collect.reports]\ninterval = '1s'\n[collect.subscriptions]\ninterval = '1s'\n"
        );
        for collector in ["cost", "usage", "commitments", "names", "history"] {
            text += &format!("[collect.{collector}]\nenabled = false\n");
        }
        Process::serving(file(&text), &[])
    }

    /// Starts a daemon and kills it after a random time, while the account changes.
    async fn round(&mut self, channels: &str) {
        self.go_on();
        let is_asked = self.script.is_asked();
        let daemon = self.daemon(channels);
        let longest = match self.dice.u8(0..8) {
            // Often before it serves,
            0..2 => 50,
            // mostly while it evaluates, writes and sends,
            2..6 => {
                is_asked.await;
                80
            }
            // sometimes after it has read the account again.
            _ => {
                is_asked.await;
                2_500
            }
        };
        let (life, share) = (Duration::from_millis(longest).mul_f64(self.dice.f64()), self.dice.f64());
        tokio::time::sleep(life.mul_f64(share)).await;
        self.go_on();
        tokio::time::sleep(life.mul_f64(1.0 - share)).await;
        daemon.signal("KILL").await;
        let ended = daemon.end().await;
        assert_eq!(ended.code, None, "it ended before it was killed:\n{}", ended.stderr);
        assert!(!ended.stderr.contains("level=error"), "{}", ended.stderr);
    }

    fn go_on(&mut self) {
        self.script.go_on(&written(&self.store).unwrap_or_default(), &mut self.dice);
    }

    /// Runs a last daemon until `is_done` or a timeout.
    async fn finish(&self, channels: &str, is_done: impl AsyncFn() -> bool) {
        let daemon = self.daemon(channels);
        daemon.url().await;
        let done = async {
            while !is_done().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // The comparison that follows reports missing messages.
        let _ = tokio::time::timeout(PATIENCE, done).await;
        daemon.stop().await;
    }

    /// The number of starts and ends in the account.
    fn transitions(&self) -> usize {
        self.script.truth().values().map(Vec::len).sum()
    }

    /// Whether the store has every change of the account.
    fn is_written(&self) -> bool {
        let written = written(&self.store).unwrap_or_default();
        self.script.truth().iter().all(|(name, list)| list.last() == written.get(name))
    }
}

fn open(store: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// The last stored state of each alert. Fails while the file is being created.
fn written(store: &Path) -> rusqlite::Result<BTreeMap<Name, Said>> {
    let file = open(store)?;
    let mut statement = file.prepare("SELECT body FROM alert")?;
    let bodies = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let said = |body: &String| {
        let alert = serde_json::from_str::<Value>(body).unwrap()["alert"].take();
        (name_of(&alert["labels"]), (timestamp(&alert["starts_at"]), text(&alert["status"])))
    };
    Ok(bodies.iter().map(said).collect())
}

/// The number of undelivered messages.
fn waiting(store: &Path) -> rusqlite::Result<u32> {
    open(store)?.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
}

fn name_of(labels: &Value) -> Name {
    text(["report_uuid", "subscription_id", "alertname"].iter().find_map(|label| labels.get(label)).unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn timestamp(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Whether a message arrived twice.
fn has_repeated(taken: &[Taken]) -> bool {
    let ids: BTreeSet<&str> = taken.iter().map(|(id, _)| id.as_str()).collect();
    ids.len() < taken.len()
}

/// The counts of the outcome.
#[derive(Default)]
struct Count {
    transitions: usize,
    lost: Vec<(Name, Said)>,
    repeated: usize,
    untrue: Vec<(Name, Said)>,
}

/// Compares the notifications with the changes of the account.
fn judge(script: &Script, taken: &[Taken]) -> Count {
    let mut count = Count::default();
    let mut bodies: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let mut told: BTreeMap<Name, Vec<Said>> = BTreeMap::new();
    for (id, body) in taken {
        let alert = serde_json::from_slice::<Value>(body).unwrap()["alerts"][0].take();
        let name = name_of(&alert["labels"]);
        let said = (timestamp(&alert["startsAt"]), text(&alert["status"]));
        let list = told.entry(name.clone()).or_default();
        if let Some(before) = bodies.insert(id, body) {
            assert!(before == &body[..], "{id} is another message now: {}", String::from_utf8_lossy(body));
            assert_eq!(list.last(), Some(&said), "{id} comes again after what follows it");
            count.repeated += 1;
            continue;
        }
        assert!(!list.contains(&said), "{name} {said:?} comes again under another id");
        if said.1 == "resolved" && script.was_wrong(&name, timestamp(&alert["endsAt"])) {
            count.untrue.push((name, said.clone()));
        }
        list.push(said);
    }
    let mut truth = script.truth();
    truth.retain(|_, list| !list.is_empty());
    let always: Vec<Said> = told.get(WATCHDOG).into_iter().flatten().take(1).cloned().collect();
    truth.insert(WATCHDOG.into(), always);
    let all = |lists: &BTreeMap<Name, Vec<Said>>| -> BTreeSet<(Name, Said)> {
        lists.iter().flat_map(|(name, list)| list.iter().map(|said| (name.clone(), said.clone()))).collect()
    };
    let (must, have) = (all(&truth), all(&told));
    count.transitions = must.len();
    count.lost = must.difference(&have).cloned().collect();
    count.untrue.extend(have.difference(&must).cloned());
    assert!(!count.lost.is_empty() || !count.untrue.is_empty() || told == truth, "not in order: {told:#?}");
    count
}

#[tokio::test]
async fn killed_at_any_moment_it_tells_every_transition_and_nothing_false() {
    let (rounds, seed) = (rounds(40), seed());
    println!("KILL_SEED={seed}");
    let (receiver, mut stage) = (Receiver::start().await, Stage::new(seed).await);
    let mut weathers = FaultMode::ALL;
    // A busy machine kills the daemon earlier in its work, so it needs more rounds.
    let rounds = rounds as usize;
    let is_enough = |stage: &Stage| stage.transitions() > rounds && has_repeated(&receiver.taken());
    let mut number = 0;
    while number < rounds || !is_enough(&stage) && number < 10 * rounds {
        if number % 12 == 0 {
            stage.dice.shuffle(&mut weathers);
        }
        stage.round(&receiver.in_weather(weathers[number / 3 % 4])).await;
        number += 1;
    }
    let is_done = async || stage.is_written() && waiting(&stage.store) == Ok(0);
    stage.finish(&receiver.in_weather(FaultMode::Up), is_done).await;

    let Count { transitions, lost, repeated, untrue } = judge(&stage.script, &receiver.taken());
    let (lost_count, untrue_count) = (lost.len(), untrue.len());
    println!(
        "{number} rounds, {transitions} transitions, {lost_count} lost, {repeated} repeated, {untrue_count} false"
    );
    assert!(lost.is_empty() && untrue.is_empty(), "lost {lost:#?}, false {untrue:#?}");
    assert!(transitions > rounds, "the account hardly changed");
    assert!(repeated > 0, "it was never killed while it told");
}

#[tokio::test]
async fn killed_at_any_moment_it_lets_an_alertmanager_resolve_nothing_false() {
    let (rounds, seed) = (rounds(20), seed());
    println!("KILL_SEED={seed}");
    let (mut real, mut stage) = (Real::started().await, Stage::new(seed).await);
    let channel = format!("[notify.alertmanager.main]\nurls = ['{}']\n", real.url());
    let is_end = |alert: &&Value| alert["status"] == "resolved";
    let mut number = 0;
    while number < rounds || !real.alerts().await.iter().any(|alert| is_end(&alert)) && number < 10 * rounds {
        let is_down = number % 4 == 3;
        if is_down {
            real.stop().await;
        }
        stage.round(&channel).await;
        if is_down {
            real.start().await;
        }
        number += 1;
    }
    let is_done = async || stage.is_written() && missing(&stage.script, &real).await.is_empty();
    stage.finish(&channel, is_done).await;

    let (lost, alerts) = (missing(&stage.script, &real).await, real.alerts().await);
    let ends: Vec<_> = alerts.iter().filter(is_end).collect();
    let is_false = |alert: &&&Value| stage.script.was_wrong(&name_of(&alert["labels"]), timestamp(&alert["endsAt"]));
    let untrue: Vec<_> = ends.iter().filter(is_false).collect();
    let (transitions, lost_count) = (stage.transitions(), lost.len());
    println!("{number} rounds, {transitions} transitions, {lost_count} lost, {} false", untrue.len());
    assert!(lost.is_empty() && untrue.is_empty(), "lost {lost:#?}, false {untrue:#?}");
    assert!(!ends.is_empty());
}

/// The alerts that Alertmanager holds or last sent in a wrong state. Intermediate states may be missing, because
/// Alertmanager only gets the current state.
async fn missing(script: &Script, real: &Real) -> BTreeSet<Name> {
    let wrong: BTreeSet<Name> = script.wrong().into_iter().chain([WATCHDOG.into()]).collect();
    let held: BTreeSet<Name> = real.held().await.iter().map(|alert| name_of(&alert["labels"])).collect();
    let alerts = real.alerts().await;
    let last: BTreeMap<Name, &Value> =
        alerts.iter().map(|alert| (name_of(&alert["labels"]), &alert["status"])).collect();
    let told: BTreeSet<Name> =
        last.into_iter().filter(|(_, status)| *status == "firing").map(|(name, _)| name).collect();
    wrong.symmetric_difference(&held).chain(wrong.symmetric_difference(&told)).cloned().collect()
}

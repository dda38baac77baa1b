//! An account with problems that come and go, and a record of their times.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::clock::Clock;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;
use wiremock::{MockServer, Request};

use crate::harness::{REPORTS, SUBSCRIPTIONS, asked, json as answer};

const TASKS: [&str; 6] = ["task-1", "task-2", "task-3", "task-4", "task-5", "task-6"];
const HELD: [&str; 4] = ["101", "102", "103", "104"];

/// A subscription that ends within this time has an alert.
const NOTICE: SignedDuration = SignedDuration::from_hours(7 * 24);
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The identity of an alert: its task, its subscription, or the rule.
pub(super) type Name = String;

/// The start and the status of an alert.
pub(super) type Said = (Timestamp, String);

/// The time of a problem.
#[derive(Clone, Copy)]
struct Episode {
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
}

/// Makes the API's row from the last episode.
type Row = fn(&str, Option<&Episode>) -> Value;

/// The changes of the account.
#[derive(Clone, Default)]
pub(super) struct Script {
    /// By the name of their alert.
    episodes: Arc<Mutex<BTreeMap<Name, Vec<Episode>>>>,
    asked: Arc<Notify>,
}

impl Script {
    /// An account without problems, behind an API.
    pub(super) async fn start() -> (Self, MockServer) {
        let script = Self::default();
        let all = TASKS.iter().chain(&HELD).map(|name| ((*name).to_owned(), Vec::new()));
        script.episodes.lock().unwrap().extend(all);
        let api = MockServer::start().await;
        let lists: [(_, &[&str], Row); 2] = [(REPORTS, &TASKS, task), (SUBSCRIPTIONS, &HELD, subscription)];
        for (endpoint, names, row) in lists {
            let script = script.clone();
            let list = move |_: &Request| {
                script.asked.notify_waiters();
                let all = script.episodes.lock().unwrap();
                let rows: Vec<_> = names.iter().map(|name| row(name, all[*name].last())).collect();
                answer(&json!({ "count": rows.len(), "results": rows }).to_string())
            };
            asked(endpoint).respond_with(list).mount(&api).await;
        }
        (script, api)
    }

    /// Done at the next request for the current state, counted from the call.
    pub(super) fn is_asked(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.asked).notified_owned()
    }

    /// Starts or ends some problems. Only those whose last change was `written` change, because a problem that comes
    /// and goes between two polls has no alert.
    pub(super) fn go_on(&self, written: &BTreeMap<Name, Said>, dice: &mut Rng) {
        let mut all = self.episodes.lock().unwrap();
        let settled = all.iter_mut().filter(|(name, episodes)| said_of(episodes).last() == written.get(*name));
        for (_, episodes) in settled {
            if dice.bool() {
                match episodes.last_mut().filter(|episode| episode.ends_at.is_none()) {
                    Some(episode) => episode.ends_at = Some(now()),
                    None => episodes.push(Episode { starts_at: now(), ends_at: None }),
                }
            }
        }
    }

    /// The expected transitions of each alert, in order.
    pub(super) fn truth(&self) -> BTreeMap<Name, Vec<Said>> {
        self.episodes.lock().unwrap().iter().map(|(name, episodes)| (name.clone(), said_of(episodes))).collect()
    }

    /// Whether the problem existed at an instant.
    pub(super) fn was_wrong(&self, name: &str, at: Timestamp) -> bool {
        let all = self.episodes.lock().unwrap();
        let has = |episode: &Episode| episode.starts_at < at && episode.ends_at.is_none_or(|end| at < end);
        all.get(name).is_none_or(|episodes| episodes.iter().any(has))
    }

    /// The current problems.
    pub(super) fn wrong(&self) -> Vec<Name> {
        let is_wrong = |(_, list): &(Name, Vec<Said>)| list.last().is_some_and(|(_, status)| status == "firing");
        self.truth().into_iter().filter(is_wrong).map(|(name, _)| name).collect()
    }
}

/// Now, to the millisecond, as in Alertmanager.
fn now() -> Timestamp {
    Timestamp::from_millisecond(Clock::system().now().as_millisecond()).unwrap()
}

fn said_of(episodes: &[Episode]) -> Vec<Said> {
    let said = |Episode { starts_at, ends_at }: &Episode| {
        [Some((*starts_at, "firing".to_owned())), ends_at.map(|_| (*starts_at, "resolved".to_owned()))]
    };
    episodes.iter().flat_map(said).flatten().collect()
}

/// A task that has failed during its last episode.
fn task(uuid: &str, last: Option<&Episode>) -> Value {
    let (status, updated_at) = match last {
        Some(Episode { starts_at, ends_at: None }) => ("Failed", *starts_at),
        Some(Episode { ends_at: Some(end), .. }) => ("Completed", *end),
        None => ("Completed", now()),
    };
    let created_at = now() - SignedDuration::from_hours(1);
    json!({ "uuid": uuid, "task_type": "Report", "status": status, "created_at": created_at, "updated_at": updated_at })
}

/// A subscription that ends soon during its last episode, and is renewed afterwards.
fn subscription(id: &str, last: Option<&Episode>) -> Value {
    let end = match last {
        Some(Episode { starts_at, ends_at: None }) => *starts_at + NOTICE,
        _ => now() + YEAR,
    };
    json!({ "id": id, "product": { "name": "Cloud" }, "active_range": { "start": "2024-01-01T00:00:00Z", "end": end } })
}

//! The API of the account over raw HTTP, with faults that no HTTP library offers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gcore_billing_exporter::snapshot::Collector;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::account::{Account, Endpoint};
use super::reply::{Delivery, Framing, Reply, send};
use super::rows::Fault;

/// The number of rows in a page, for any requested limit.
pub(super) const PAGE: usize = 4;

/// The phase of a trial. Each has its own version of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Before = 1,
    Faulty = 2,
    After = 3,
}

impl Phase {
    pub(super) fn version(self) -> i64 {
        self as i64
    }
}

/// A running API.
pub(super) struct Server {
    pub(super) url: String,
    state: Arc<State>,
}

struct State {
    account: Account,
    faults: Vec<Arc<Fault>>,
    life: Mutex<Life>,
}

struct Life {
    phase: Phase,
    /// The phase in which each collector's last poll began, because a poll must see one version of the data.
    polls: BTreeMap<Collector, Phase>,
    /// Whether the last cost poll by totals fell back to resources.
    fell_back: bool,
    strikes: BTreeMap<Endpoint, Strikes>,
}

/// The number and times of a fault's uses.
#[derive(Default)]
struct Strikes {
    number: usize,
    first_at: Option<Instant>,
    /// The time from the first to the next request.
    pause: Option<Duration>,
}

impl Server {
    pub(super) async fn start(account: Account, faults: Vec<Arc<Fault>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (polls, strikes) = (BTreeMap::new(), BTreeMap::new());
        let life = Mutex::new(Life { phase: Phase::Before, polls, fell_back: false, strikes });
        let state = Arc::new(State { account, faults, life });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.state.life.lock().unwrap().phase = phase;
    }

    /// The number of uses of an endpoint's fault, and the time from the first use to the next request.
    pub(super) fn strikes(&self, endpoint: Endpoint) -> (usize, Option<Duration>) {
        let life = self.state.life.lock().unwrap();
        life.strikes.get(&endpoint).map_or((0, None), |strikes| (strikes.number, strikes.pause))
    }
}

impl State {
    fn reply(&self, request: &Request) -> Reply {
        let Request { endpoint, offset, projects } = request;
        let mut life = self.life.lock().unwrap();
        let collector = endpoint.collector();
        let by_totals = self.faults.iter().any(|fault| fault.by_totals);
        let is_whole = projects.len() != 1;
        let begins = match endpoint {
            Endpoint::Regions | Endpoint::MonthTotals => false,
            // Totals begin a poll, except after a fallback to resources, when they are only compared.
            Endpoint::Totals => by_totals && is_whole && !std::mem::take(&mut life.fell_back),
            Endpoint::Resources if by_totals => {
                life.fell_back |= is_whole;
                false
            }
            _ => *offset == 0,
        };
        if begins {
            let phase = life.phase;
            life.polls.insert(collector, phase);
        }
        let phase = life.polls[&collector];
        let rows = self.account.rows(*endpoint, phase.version(), projects);
        let count = rows.len();
        let size = if endpoint.is_paged() { PAGE } else { count };
        let mut members = vec![("count", count.to_string())];
        if matches!(endpoint, Endpoint::Resources | Endpoint::Totals | Endpoint::MonthTotals) {
            members.push(("price_status", "\"show\"".into()));
        }
        let mut reply = Reply {
            nth: 0,
            offset: *offset,
            projects: projects.clone(),
            status: 200,
            headers: vec![("content-type", "application/json".into())],
            members,
            rows: rows.iter().skip(*offset).take(size).cloned().collect(),
            all: rows,
            rows_key: if *endpoint == Endpoint::Usage { "resources" } else { "results" },
            body: None,
            framing: Framing::Length,
            delivery: Delivery::Whole,
        };
        let fault = self.faults.iter().find(|fault| fault.endpoint == *endpoint && phase == Phase::Faulty);
        if let Some(fault) = fault {
            let strikes = life.strikes.entry(*endpoint).or_default();
            if let Some(first_at) = strikes.first_at {
                strikes.pause.get_or_insert(first_at.elapsed());
            }
            if strikes.number < fault.times {
                reply.nth = strikes.number;
                strikes.number += 1;
                strikes.first_at.get_or_insert(Instant::now());
                (fault.change)(&mut reply);
            }
        }
        reply
    }
}

struct Request {
    endpoint: Endpoint,
    offset: usize,
    projects: Vec<u64>,
}

/// Reads one request. `None` at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let (mut target, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if target.is_empty() {
            target = line.split(' ').nth(1)?.to_owned();
        } else if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("offset=")?.parse().ok());
    let in_body = body["offset"].as_u64().map(|offset| usize::try_from(offset).unwrap());
    Some(Request {
        endpoint: Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == path).unwrap(),
        offset: in_body.or(in_query).unwrap_or_default(),
        projects: body["projects"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect(),
    })
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let reply = state.reply(&request);
        let (head, body) = reply.message();
        // A client that leaves is no error here.
        let sent = send(stream.get_mut(), &reply, &head, &body).await;
        if !sent.unwrap_or(false) || reply.framing == Framing::Close {
            break;
        }
    }
}

//! An API that plays the account over raw HTTP and misbehaves on one endpoint, in ways that no HTTP library offers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gcore_billing_exporter::snapshot::Collector;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::account::{Account, Endpoint, Row};
use super::rows::Fault;

/// Rows that this server gives at once, whatever it is asked for.
pub(super) const PAGE: usize = 4;

/// The life of an account in a test; each has a version of the data of its own.
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

/// What is about to be sent; a fault changes it.
pub(super) struct Reply {
    /// How often the fault has struck before.
    pub(super) nth: usize,
    /// All rows of the list.
    pub(super) all: Vec<Row>,
    /// The first row of the page.
    pub(super) offset: usize,
    /// The only projects that were asked for.
    pub(super) projects: Vec<u64>,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// What a page holds besides its rows.
    pub(super) members: Row,
    pub(super) rows: Vec<Row>,
    rows_key: &'static str,
    /// What is sent instead of the page.
    pub(super) body: Option<Vec<u8>>,
    pub(super) framing: Framing,
    pub(super) delivery: Delivery,
}

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    /// A length that is off by so much.
    WrongLength(isize),
    /// Until the connection is closed.
    Close,
    /// In one chunk with what follows it.
    Chunk(&'static str),
}

/// How an answer is sent.
#[derive(Clone, Debug)]
pub(super) enum Delivery {
    Whole,
    /// A few bytes at a time.
    Drip(usize, Duration),
    /// Up to the body or up to its middle, and then this.
    Until(Point, Ending),
    /// Something else instead, and then the connection is closed.
    Instead(Vec<u8>),
    /// The head, then this without an end.
    Endless(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Point {
    Start,
    Body,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Close,
    Reset,
    Hang,
}

impl Reply {
    /// Sets a key of a row to raw JSON.
    pub(super) fn set(&mut self, row: usize, key: &'static str, raw: impl Into<String>) {
        let raw = raw.into();
        match self.rows[row].iter_mut().find(|(name, _)| *name == key) {
            Some((_, value)) => *value = raw,
            None => self.rows[row].push((key, raw)),
        }
    }

    /// Sets a member of the page to raw JSON.
    pub(super) fn member(&mut self, key: &'static str, raw: impl Into<String>) {
        self.members.retain(|(name, _)| *name != key);
        self.members.push((key, raw.into()));
    }

    pub(super) fn header(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
    }

    /// The page as JSON.
    pub(super) fn page(&self) -> Vec<u8> {
        let object = |row: &Row| {
            let members: Vec<String> = row.iter().map(|(key, raw)| format!("\"{key}\":{raw}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let rows: Vec<String> = self.rows.iter().map(object).collect();
        let mut page = self.members.clone();
        page.push((self.rows_key, format!("[{}]", rows.join(","))));
        object(&page).into_bytes()
    }

    /// Replaces a text within the page, for what rows and members cannot express.
    pub(super) fn replace(&mut self, from: &str, to: &str) {
        let page = String::from_utf8(self.page()).unwrap();
        assert!(page.contains(from), "{from} in {page}");
        self.body = Some(page.replace(from, to).into_bytes());
    }

    fn message(&self) -> (Vec<u8>, Vec<u8>) {
        let mut body = self.body.clone().unwrap_or_else(|| self.page());
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match self.framing {
            Framing::Length => head += &format!("content-length: {}\r\n", body.len()),
            Framing::WrongLength(by) => {
                head += &format!("content-length: {}\r\n", body.len().checked_add_signed(by).unwrap());
            }
            Framing::Close => {}
            Framing::Chunk(end) => {
                head += "transfer-encoding: chunked\r\n";
                body = [format!("{:x}\r\n", body.len()).as_bytes(), &body, end.as_bytes()].concat();
            }
        }
        ((head + "\r\n").into_bytes(), body)
    }
}

/// A running API.
pub(super) struct Server {
    pub(super) url: String,
    state: Arc<State>,
}

struct State {
    account: Account,
    fault: Option<Arc<Fault>>,
    life: Mutex<Life>,
}

struct Life {
    phase: Phase,
    /// The phase in which the last poll of each collector began: a poll sees one version of its data.
    polls: BTreeMap<Collector, Phase>,
    /// The last request of each collector.
    last: BTreeMap<Collector, (Endpoint, Instant)>,
    /// Whether the last cost poll by totals has turned to resources.
    fell_back: bool,
    struck: usize,
    struck_at: Option<Instant>,
    /// From the first fault to the next request for the same.
    pause: Option<Duration>,
}

impl Server {
    pub(super) async fn start(account: Account, fault: Option<Arc<Fault>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let life = Mutex::new(Life {
            phase: Phase::Before,
            polls: BTreeMap::new(),
            last: BTreeMap::new(),
            fell_back: false,
            struck: 0,
            struck_at: None,
            pause: None,
        });
        let state = Arc::new(State { account, fault, life });
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

    /// Whether the last request of a collector was for this, some time ago.
    pub(super) fn rests_from(&self, endpoint: Endpoint) -> bool {
        let life = self.state.life.lock().unwrap();
        life.last
            .get(&endpoint.collector())
            .is_some_and(|(last, at)| *last == endpoint && at.elapsed() > Duration::from_millis(50))
    }

    /// How often the fault has struck.
    pub(super) fn struck(&self) -> usize {
        self.state.life.lock().unwrap().struck
    }

    /// From the first fault to the next request for the same.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.state.life.lock().unwrap().pause
    }
}

impl State {
    fn reply(&self, request: &Request) -> Reply {
        let Request { endpoint, offset, projects } = request;
        let mut life = self.life.lock().unwrap();
        let collector = endpoint.collector();
        let by_totals = self.fault.as_ref().is_some_and(|fault| fault.by_totals);
        let is_whole = projects.len() != 1;
        let begins = match endpoint {
            Endpoint::Regions | Endpoint::MonthTotals => false,
            // Unless it is what resources are compared with, which were read for want of believable totals.
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
        life.last.insert(collector, (*endpoint, Instant::now()));
        let rows = self.account.rows(*endpoint, phase.version(), projects);
        let count = rows.len();
        let size = if endpoint.is_paged() { PAGE } else { count };
        let mut members = vec![("count", count.to_string())];
        if matches!(endpoint, Endpoint::Resources | Endpoint::Totals | Endpoint::MonthTotals) {
            members.push(("price_status", "\"show\"".into()));
        }
        let mut reply = Reply {
            nth: life.struck,
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
        let fault = self.fault.as_ref().filter(|fault| fault.endpoint == *endpoint && phase == Phase::Faulty);
        if let Some(fault) = fault {
            if let Some(struck_at) = life.struck_at {
                life.pause.get_or_insert(struck_at.elapsed());
            }
            if life.struck < fault.times {
                life.struck += 1;
                life.struck_at.get_or_insert(Instant::now());
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

/// Reads one request; `None` at the end of the connection.
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
        // A client that goes away is the client's affair.
        let sent = send(stream.get_mut(), &reply, &head, &body).await;
        if !sent.unwrap_or(false) || reply.framing == Framing::Close {
            break;
        }
    }
}

/// Sends an answer and tells whether the connection may go on.
async fn send(stream: &mut TcpStream, reply: &Reply, head: &[u8], body: &[u8]) -> std::io::Result<bool> {
    match &reply.delivery {
        Delivery::Whole => stream.write_all(&[head, body].concat()).await?,
        Delivery::Drip(bytes, pause) => {
            for drop in [head, body].concat().chunks(*bytes) {
                stream.write_all(drop).await?;
                sleep(*pause).await;
            }
        }
        Delivery::Until(point, ending) => {
            if let Point::Body = point {
                stream.write_all(&[head, &body[..body.len() / 2]].concat()).await?;
                sleep(Duration::from_millis(20)).await;
            }
            match ending {
                Ending::Close => {}
                Ending::Reset => stream.set_zero_linger()?,
                Ending::Hang => sleep(Duration::from_secs(60)).await,
            }
            return Ok(false);
        }
        Delivery::Instead(bytes) => {
            stream.write_all(bytes).await?;
            return Ok(false);
        }
        Delivery::Endless(bytes) => {
            stream.write_all(head).await?;
            loop {
                stream.write_all(bytes).await?;
            }
        }
    }
    Ok(true)
}

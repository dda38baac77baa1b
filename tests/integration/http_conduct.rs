//! Requests in flight, request rate, and polls of one collector that never overlap.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::Window;
use gcore_billing_exporter::collect::settings::Method;
use gcore_billing_exporter::snapshot::Collector;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::harness::{COST, TestApp, USAGE, config, every, noon};

/// The number of rows of each report, and of each page.
const ROWS: usize = 6;
const PAGE: usize = 2;
/// The number of requests of a poll: the pages of each window, and for costs the totals for the comparison.
const OF_COST: usize = 4 * (ROWS / PAGE + 1);
const OF_USAGE: usize = 3 * (ROWS / PAGE);

/// A slow API, and a record of its requests.
struct Api {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// The time of each request.
    arrivals: Vec<Instant>,
    /// Requests in flight, by collector.
    under_way: BTreeMap<&'static str, usize>,
    most_under_way: usize,
    /// The number of requests in each poll of a collector.
    polls: BTreeMap<&'static str, Vec<usize>>,
    /// Polls that began while another one had requests in flight.
    overlaps: usize,
}

impl Seen {
    fn arrive(&mut self, collector: &'static str, is_first_of_poll: bool) {
        self.arrivals.push(Instant::now());
        let polls = self.polls.entry(collector).or_default();
        let under_way = self.under_way.entry(collector).or_default();
        if is_first_of_poll {
            polls.push(0);
            self.overlaps += usize::from(*under_way > 0);
        }
        *polls.last_mut().unwrap() += 1;
        *under_way += 1;
        self.most_under_way = self.under_way.values().sum::<usize>().max(self.most_under_way);
    }
}

impl Api {
    async fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, delay, Arc::clone(&shared)));
            }
        });
        Self { url, seen }
    }
}

/// Answers the requests of one connection.
async fn serve(stream: TcpStream, delay: Duration, seen: Arc<Mutex<Seen>>) {
    let mut stream = BufReader::new(stream);
    while let Some((path, body)) = request(&mut stream).await {
        let collector = if path == USAGE { "usage" } else { "cost" };
        // A poll begins with the first page of the window of today.
        let is_first = [COST, USAGE].contains(&path.as_str())
            && body["offset"] == 0
            && body["time_from"] == "2026-11-22T00:00:00Z";
        seen.lock().unwrap().arrive(collector, is_first);
        sleep(delay).await;
        // Before the answer leaves, because the client's next request could come first.
        *seen.lock().unwrap().under_way.get_mut(collector).unwrap() -= 1;
        let body = page(body["offset"].as_u64());
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        if stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await.is_err() {
            break;
        }
    }
}

/// The path and the body of the next request. `None` at the end of the connection.
pub(crate) async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let (mut path, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((path?, serde_json::from_slice(&body).unwrap()))
}

/// A page of a report. Totals have no offset and one line.
fn page(offset: Option<u64>) -> String {
    let row = |number: u64| {
        format!(
            r#"{{"type": "instance", "cost": 1, "billing_value": 1, "billing_value_unit": "minutes", "currency": "EUR",
                "project_id": 101, "region_id": 7, "uuid": "u{number}"}}"#
        )
    };
    let (count, rows) = match offset {
        Some(offset) => (ROWS, (offset..offset + PAGE as u64).map(row).collect::<Vec<_>>().join(",")),
        None => (1, row(0).replace("\"cost\": 1", "\"cost\": 6")),
    };
    format!(r#"{{"count": {count}, "price_status": "show", "results": [{rows}], "resources": [{rows}]}}"#)
}

/// Two collectors that poll without a pause.
async fn daemon(api: &Api, requests_per_second: f64, concurrency: usize) -> TestApp {
    let mut config = config(&api.url, every(Duration::from_millis(1), &[Collector::Cost, Collector::Usage]));
    let account = config.accounts.values_mut().next().unwrap();
    account.max_requests_per_second = requests_per_second;
    account.concurrency = concurrency;
    account.page_size = PAGE.try_into().unwrap();
    config.collect.cost_method = Method::Resources;
    config.collect.cost.windows = Window::ALL.to_vec();
    config.collect.usage.windows = vec![Window::Today, Window::Yesterday, Window::MonthToDate];
    TestApp::start(&config, Clock::frozen(noon())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_no_more_requests_under_way_than_it_may_and_one_poll_at_a_time() {
    let api = Api::start(Duration::from_millis(30)).await;
    let app = daemon(&api, 1000.0, 3).await;
    let often =
        |seen: &Seen| ["cost", "usage"].iter().all(|name| seen.polls.get(name).is_some_and(|all| all.len() > 3));
    let all_it_may = |seen: &Seen| seen.most_under_way >= 3;
    let has_seen = |seen: &Seen| often(seen) && all_it_may(seen);
    app.until(async || has_seen(&api.seen.lock().unwrap())).await;
    app.stop().await;
    let seen = api.seen.lock().unwrap();
    assert_eq!(seen.most_under_way, 3, "of both collectors together, and no fewer than allowed");
    assert_eq!(seen.overlaps, 0, "a poll began before the last one had ended");
    for (collector, requests) in [("cost", OF_COST), ("usage", OF_USAGE)] {
        let (_, ended) = seen.polls[collector].split_last().unwrap();
        assert!(ended.iter().all(|poll| *poll == requests), "{collector}: polls of {ended:?} requests, not {requests}");
    }
}

/// A busy machine delays requests but never makes them early, so the count begins at the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collectors_of_an_account_share_its_rate() {
    const RATE: u32 = 25;
    let api = Api::start(Duration::ZERO).await;
    let started = Instant::now();
    let app = daemon(&api, f64::from(RATE), 16).await;
    app.until(async || api.seen.lock().unwrap().arrivals.len() > 40).await;
    app.stop().await;
    let seen = api.seen.lock().unwrap();
    assert!(seen.polls.len() == 2, "both collectors poll");
    for (nth, arrival) in (0..).zip(&seen.arrivals) {
        let earliest = Duration::from_secs(1) * nth / RATE;
        let after = *arrival - started;
        assert!(after >= earliest, "request {nth} came after {after:?}, where {RATE} a second may");
    }
}

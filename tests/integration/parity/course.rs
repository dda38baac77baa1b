//! The course of an account over two days and six hours, and the daemon's parts that follow it with a fake clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::{midnight, utc_date};
use gcore_api::billing::resource::{Currency, ProjectId};
use gcore_api::http::client::Client;
use gcore_api::http::memory_limit::MemoryLimit;
use gcore_api::http::settings::Settings as Account;
use gcore_billing_exporter::account::AccountName;
use gcore_billing_exporter::alert::evaluate::{Facts, evaluate};
use gcore_billing_exporter::alert::settings::Settings as Alerts;
use gcore_billing_exporter::alert::states::AlertStates;
use gcore_billing_exporter::alert::{Alert, Status};
use gcore_billing_exporter::collect::metrics::Metrics;
use gcore_billing_exporter::collect::poller::Poller;
use gcore_billing_exporter::collect::settings::{Method, Settings as Collect};
use gcore_billing_exporter::collect::{self, Shared};
use gcore_billing_exporter::exposition;
use gcore_billing_exporter::insights::budget::{Budget, Selector};
use gcore_billing_exporter::snapshot::{self, Reader, Snapshot};
use gcore_billing_exporter::store::{self, Store};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use prometheus::Registry;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::delivery::{TestChannels, firing, until, webhook, webhooks};
use crate::harness::{
    COST, COST_TOTALS, FakeClock, KEY, PROJECTS, REGIONS, REPORTS, RESERVATION_TOTALS, RESERVATIONS, SUBSCRIPTIONS,
    asked, forbidden, json as answer,
};

/// The first tick. A tick is a minute.
pub(super) const START: &str = "2026-11-29T00:00:00Z";
/// Until the morning of the next month.
pub(super) const TICKS: usize = 54 * 60;

/// The start and end of each event, as day and time: `29 06:00` is six hours after the first tick.
const REPORTS_FAIL: [&str; 2] = ["29 06:00", "29 09:00"];
const STORE_FAILS: [&str; 2] = ["29 10:30", "29 11:30"];
const COSTS_FAIL: [&str; 2] = ["29 12:00", "29 13:30"];
const COMMITMENTS_ARE_FORBIDDEN: [&str; 2] = ["29 01:00", "29 03:00"];
const COSTS_ARE_FORBIDDEN: [&str; 2] = ["29 22:00", "29 23:00"];
/// Before the key is refused. Meanwhile one poll fails for another reason.
const COSTS_ARE_FORBIDDEN_BEFORE: [&str; 2] = ["29 17:30", "29 19:00"];
const FORBIDDEN_COSTS_FAIL: [&str; 2] = ["29 18:28", "29 18:33"];
const KEY_IS_REFUSED: [&str; 2] = ["29 20:00", "29 21:20"];
const LAST_MONTH_IS_OFF: [&str; 2] = ["29 03:00", "29 09:00"];
const SERIES_ARE_LIMITED: [&str; 2] = ["29 16:00", "29 17:00"];
const CHANNEL_FAILS: [&str; 2] = ["29 14:00", "29 15:30"];
const ACCOUNT_IS_COMMITTED: [&str; 2] = ["29 04:00", "30 12:00"];
const SUBSCRIPTIONS_ARE_LIMITED: [&str; 2] = ["30 04:00", "30 06:00"];
const REVISED_FROM: &str = "29 12:00";

fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap();
    let month = if day.len() == 1 { "12-0" } else { "11-" };
    format!("2026-{month}{day}T{time}:00Z").parse().unwrap()
}

fn is_in(span: [&str; 2], now: Timestamp) -> bool {
    (at(span[0])..at(span[1])).contains(&now)
}

/// The project, the type and the usual cost of a day.
const GROUPS: [(u64, &str, f64); 3] = [(101, "instance", 96.0), (101, "volume", 24.0), (102, "instance", 30.0)];

/// The cost of a group for a day as of `now`. One group has a spike on the 29th. The 20th is revised later.
#[expect(clippy::cast_precision_loss, reason = "hours of a day")]
fn cost(project: u64, kind: &str, usual: f64, day: Date, now: Timestamp) -> f64 {
    let whole = match (project, kind, (day.month(), day.day())) {
        (102, _, (11, 29)) => 230.0,
        (101, "instance", (11, 20)) if at(REVISED_FROM) <= now => 150.0,
        _ => usual,
    };
    let hours = (now.duration_since(midnight(day)).as_hours()).clamp(0, 24);
    whole * hours as f64 / 24.0
}

fn report(request: &Request, now: Timestamp, is_total: bool) -> ResponseTemplate {
    if is_in(COSTS_FAIL, now) {
        return ResponseTemplate::new(400);
    }
    let body: Value = request.body_json().unwrap();
    let date = |key: &str| utc_date(body[key].as_str().unwrap().parse().unwrap());
    let (first, last) = (date("time_from"), date("time_to"));
    let end = if body["enable_last_day"] == true { last.saturating_add(1.day()) } else { last };
    let days: Vec<Date> = first.series(1.day()).take_while(|day| *day < end && *day <= utc_date(now)).collect();
    // For some time, the total of the previous month is larger than the sum of its rows.
    let is_off = is_total && days.len() > 27 && end.day() == 1 && is_in(LAST_MONTH_IS_OFF, now);
    let rows: Vec<Value> = GROUPS
        .iter()
        .map(|(project, kind, usual)| {
            let sum: f64 = days.iter().map(|day| cost(*project, kind, *usual, *day, now)).sum();
            let row = json!({ "type": kind, "region_id": 7, "cost": sum + if is_off { 3.0 } else { 0.0 }, "currency": "EUR",
                "err": null });
            if is_total { row } else { with(row, &json!({ "project_id": project, "uuid": format!("{project}{kind}") })) }
        })
        .collect();
    answer(&json!({ "count": rows.len(), "price_status": "show", "results": rows }).to_string())
}

fn with(mut row: Value, more: &Value) -> Value {
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

/// Uuid, type, creation, and the times of its changes. A completed `ImportData` task has an error.
type Task = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const TASKS: &[Task] = &[
    ("past", "Report", "22 03:00", &[("22 03:00", "Failed")]),
    ("one", "Report", "29 01:00", &[("29 01:00", "InProgress"), ("29 01:02", "Failed"), ("29 04:00", "Completed")]),
    ("two", "Report", "29 02:00", &[("29 02:00", "Failed"), ("29 03:30", "Completed")]),
    ("held", "Reindex", "29 05:30", &[("29 05:30", "Failed"), ("29 10:00", "Completed")]),
    (
        "slow",
        "ClosingPeriod",
        "29 00:30",
        &[("29 00:30", "Pending"), ("29 03:00", "InProgress"), ("29 05:00", "Completed")],
    ),
    ("noted", "ImportData", "29 01:00", &[("29 01:00", "InProgress"), ("29 02:00", "Completed")]),
    ("waits", "ClosingPeriod", "29 03:30", &[("29 03:30", "Pending"), ("29 10:00", "Completed")]),
];

fn tasks(now: Timestamp) -> ResponseTemplate {
    if is_in(REPORTS_FAIL, now) {
        return ResponseTemplate::new(400);
    }
    let row = |(uuid, kind, created_at, steps): &Task| {
        let (updated_at, status) = steps.iter().rev().find(|(from, _)| at(from) <= now)?;
        Some(json!({ "uuid": uuid, "task_type": kind, "status": status, "created_at": at(created_at).to_string(),
            "updated_at": at(updated_at).to_string(),
            "processing_notes": { "errors": vec![json!({}); usize::from(*kind == "ImportData" && *status == "Completed")] } }))
    };
    let rows: Vec<Value> = TASKS.iter().filter_map(row).collect();
    answer(&json!({ "count": rows.len(), "results": rows }).to_string())
}

/// The id, start and end of each.
const SUBSCRIPTIONS_OF: &[(u64, &str, &str)] = &[
    (31, "2026-01-01T00:00:00Z", "2026-12-29T12:00:00Z"),
    (32, "2026-01-01T00:00:00Z", "2026-12-07T06:00:00Z"),
    (33, "2026-01-01T00:00:00Z", "2026-11-30T15:00:30Z"),
    (34, "2026-11-30T01:00:00Z", "2026-12-20T00:00:00Z"),
    (35, "2026-01-01T00:00:00Z", "2026-11-28T00:00:00Z"),
    (36, "2026-01-01T00:00:00Z", "2027-06-01T00:00:00Z"),
];

fn subscriptions() -> ResponseTemplate {
    let row = |(id, start, end): &(u64, &str, &str)| {
        json!({ "id": id, "client_id": 9, "active_range": { "start": start, "end": end }, "price": "1",
            "product": { "name": "Cloud" }, "feature": { "name": "Bare metal" } })
    };
    let rows: Vec<Value> = SUBSCRIPTIONS_OF.iter().map(row).collect();
    answer(&json!({ "count": rows.len(), "results": rows }).to_string())
}

/// One commitment, at each instant.
fn commitments() -> ResponseTemplate {
    let [from, to] = ACCOUNT_IS_COMMITTED.map(|time| at(time).to_string());
    let row = json!({ "active_billing_plan_id": 1, "commit": { "active_from": from, "active_to": to,
        "price_per_month": "229.00", "price_total": "2748.00", "subscription_id": 31 }, "active_overcommit": {},
        "region_name": "Helsinki", "resource_count": 1, "resource_name": "bm-large", "unit_name": "minutes" });
    answer(&json!({ "count": 1, "results": [row] }).to_string())
}

async fn api(clock: &Clock) -> MockServer {
    let api = MockServer::builder().disable_request_recording().start().await;
    for endpoint in [COST, COST_TOTALS, PROJECTS, REGIONS, REPORTS, SUBSCRIPTIONS, RESERVATIONS, RESERVATION_TOTALS] {
        let clock = clock.clone();
        let respond = move |request: &Request| {
            let now = clock.now();
            if is_in(KEY_IS_REFUSED, now) {
                return ResponseTemplate::new(401);
            }
            match endpoint {
                COST | COST_TOTALS if is_in(FORBIDDEN_COSTS_FAIL, now) => ResponseTemplate::new(400),
                COST | COST_TOTALS if is_in(COSTS_ARE_FORBIDDEN, now) || is_in(COSTS_ARE_FORBIDDEN_BEFORE, now) => {
                    ResponseTemplate::new(403).set_body_raw(r#"{"message": "You have no access"}"#, "application/json")
                }
                COST | COST_TOTALS => report(request, now, endpoint == COST_TOTALS),
                REPORTS => tasks(now),
                SUBSCRIPTIONS if is_in(SUBSCRIPTIONS_ARE_LIMITED, now) => ResponseTemplate::new(429),
                SUBSCRIPTIONS => subscriptions(),
                PROJECTS => answer(include_str!("../pages/projects.json")),
                REGIONS => answer(include_str!("../pages/regions.json")),
                _ if is_in(COMMITMENTS_ARE_FORBIDDEN, now) => forbidden(),
                RESERVATIONS => commitments(),
                _ => answer(r#"{"count": 0, "price_status": "show", "results": []}"#),
            }
        };
        asked(endpoint).respond_with(respond).mount(&api).await;
    }
    api
}

fn budget(name: &str, project: u64, amount: &str) -> Budget {
    Budget {
        name: name.into(),
        account: account(),
        selector: Selector { projects: vec![ProjectId(project)], ..Selector::default() },
        amount: amount.parse().unwrap(),
        currency: Currency::new("EUR"),
    }
}

fn account() -> AccountName {
    "main".parse().unwrap()
}

fn collect_settings() -> Collect {
    let mut collect = Collect::default();
    collect.usage.schedule.enabled = false;
    collect.cost_method = Method::Resources;
    collect.history.recheck_after = Duration::from_secs(24 * 3_600);
    // Project 101 reaches four fifths on the 29th. Project 102 reaches its budget by forecast and then by costs on the
    // 30th.
    collect.history.budgets =
        vec![budget("most", 101, "4290"), budget("whole", 101, "3540"), budget("lab", 102, "1080")];
    collect
}

/// A receiver that accepts or refuses notifications, by the clock.
async fn receiver(clock: &Clock) -> MockServer {
    let (receiver, clock) = (MockServer::start().await, clock.clone());
    let respond = move |_: &Request| ResponseTemplate::new(if is_in(CHANNEL_FAILS, clock.now()) { 503 } else { 200 });
    Mock::given(any()).respond_with(respond).mount(&receiver).await;
    receiver
}

/// The results of one tick.
pub(super) struct Tick {
    /// The firing alerts of the daemon.
    pub(super) firing: BTreeSet<BTreeMap<String, String>>,
    /// The text of `/metrics`.
    pub(super) exposition: String,
}

/// The daemon's parts, driven by the test.
pub(super) struct Daemon {
    hands: FakeClock,
    pollers: Vec<(u64, Poller)>,
    snapshots: Reader,
    registry: Registry,
    store: Store,
    /// A store that cannot be written, and its families.
    broken: (Store, Registry),
    alerts: Alerts,
    ledger: AlertStates,
    channels: TestChannels,
    _servers: [MockServer; 2],
}

impl Daemon {
    pub(super) async fn start() -> Self {
        let hands = FakeClock::at(START.parse().unwrap());
        let clock = hands.clock();
        let api = api(&clock).await;
        let registry = Registry::new();
        exposition::process::register(&registry).unwrap();
        let store = Store::open(&store::Settings { path: None }, &registry).unwrap();
        let mut settings = Account::new(SecretString::from(KEY), api.uri().parse().unwrap());
        settings.max_requests_per_second = 1e6;
        let scope = settings.scope();
        let metrics = gcore_api::http::metrics::Metrics::register(&registry).unwrap();
        let client = Arc::new(
            Client::new("main", settings, clock.clone(), &metrics, &Arc::new(MemoryLimit::new(1, 10_000))).unwrap(),
        );
        let collect = collect_settings();
        let enabled = collect.enabled().map(|(collector, schedule)| (account(), collector, schedule.interval));
        let mut first = Snapshot::before_the_first_poll(enabled);
        first.accounts.get_mut(&account()).unwrap().scope = scope.into();
        let (writer, snapshots) = snapshot::channel(first);
        let metrics = Metrics::register(&registry).unwrap();
        let shared = Shared { clock: clock.clone(), store: store.clone(), writer, metrics };
        let minutes = |collector| {
            let schedule = collect.enabled().find(|(enabled, _)| *enabled == collector).unwrap().1;
            schedule.interval.as_secs() / 60
        };
        let pollers = collect::pollers(&account(), &client, &collect, &shared);
        let pollers = pollers.into_iter().map(|poller| (minutes(poller.collector()), poller)).collect();
        let elsewhere = Registry::new();
        let path = Some(PathBuf::from("/nowhere/at/all/state.db"));
        let broken = (Store::open(&store::Settings { path }, &elsewhere).unwrap(), elsewhere);
        let alerts = Alerts { budgets: collect.history.budgets.clone(), ..Alerts::default() };
        let ledger = AlertStates::default();
        let receiver = receiver(&clock).await;
        let channels = TestChannels::open(webhooks([webhook("ops", &receiver.uri(), &[])]), clock).await;
        Self { hands, pollers, snapshots, registry, store, broken, alerts, ledger, channels, _servers: [api, receiver] }
    }

    /// Runs one minute: polls that are due, evaluation, and a scrape.
    pub(super) async fn tick(&mut self, number: usize) -> Tick {
        let start: Timestamp = START.parse().unwrap();
        let now = start + SignedDuration::from_mins(i64::try_from(number).unwrap());
        self.hands.set(now);
        for (minutes, poller) in &mut self.pollers {
            // A poller by the calendar follows the change of the day. Every interval here divides a day.
            if (number as u64).is_multiple_of(*minutes) {
                poller.poll().await;
            }
        }
        if CHANNEL_FAILS.map(at).contains(&now) {
            self.send(now).await;
        }
        let store = if is_in(STORE_FAILS, now) { &self.broken.0 } else { &self.store };
        let (store_is_writable, channels) = (store.is_writable(), self.channels.channels.all());
        let facts = Facts { started_at: start, store_is_writable, channels };
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let limit = if is_in(SERIES_ARE_LIMITED, now) { 2 } else { self.alerts.series_limit };
        let alerts = Alerts { series_limit: limit, ..self.alerts.clone() };
        self.ledger.advance(evaluate(&snapshot, &alerts, &facts, now), now);
        let fires = |alert: &Arc<Alert>| alert.status == Status::Firing;
        let labels = |alert: Arc<Alert>| alert.labels.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
        let firing = self.ledger.listed(now).into_iter().filter(fires).map(labels).collect();
        let mut exposition = self.exposition(limit, now);
        if is_in(STORE_FAILS, now) {
            let own = exposition::own::text(&self.broken.1, exposition::Format::Text);
            exposition = exposition.replace("gcore_store_writable 1", "") + &own;
        }
        let of_channels = self.channels.text();
        let of_channels = of_channels.lines().filter(|line| line.starts_with("gcore_notification"));
        exposition.extend(of_channels.map(|line| format!("{line}\n")));
        Tick { firing, exposition }
    }

    /// The text of `/metrics`. Its dropped series are those of a limit on costs and usage alone.
    fn exposition(&self, limit: usize, now: Timestamp) -> String {
        let snapshot = Arc::clone(&self.snapshots.borrow());
        let text = |settings| exposition::text(&snapshot, settings, &self.registry, now);
        let settings = exposition::settings::Settings::default();
        if limit == settings.series_limit {
            return text(settings);
        }
        let is_limited = |line: &&str| line.starts_with("gcore_series_dropped{family=\"gcore_cost_");
        let limited = text(exposition::settings::Settings { series_limit: limit, ..Default::default() });
        let (whole, limited) = (text(settings), limited.lines().filter(is_limited));
        whole.lines().filter(|line| !is_limited(line)).chain(limited).map(|line| format!("{line}\n")).collect()
    }

    /// Sends a message by the channel, and waits for the outcome.
    async fn send(&self, now: Timestamp) {
        self.channels.news(&[firing(&now.to_string(), now)]).await;
        let up = if is_in(CHANNEL_FAILS, now) { 0.0 } else { 1.0 };
        until("an answer", async || self.channels.of("gcore_notification_up", "webhook.ops") == Some(up)).await;
    }
}

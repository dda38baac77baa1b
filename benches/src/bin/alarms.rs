//! Accounts that cause alerts, and receivers for them.
//!
//! Usage: alarms [--subscriptions=N]
//!
//! The API key identifies an account. Between `/begin` and `/end`, each answer has a new failed report task, and the
//! task before it is fixed. Otherwise there are no tasks. All accounts have the same subscriptions, which all end soon.
//! `/hook` accepts webhooks, and `/api/v2/alerts` accepts the requests to an Alertmanager.
//!
//! `/seen` gives as JSON what came since the start or the last `/begin`:
//!
//! - `milliseconds`: the time from each new task to its webhook.
//! - `unheard`: the tasks without a webhook.
//! - `told`: the number of alerts that Alertmanager got.
//! - `told_at`: when the first of these came, in seconds since 1970.
//! - `listed_at`: when the subscriptions were last requested, in seconds since 1970.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use gcore_billing_bench::service::{Answer, answer, serve};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

const JSON: &str = "application/json";

/// A task of an account, and whether it has failed.
type News = (String, bool);

#[derive(Default)]
struct Seen {
    /// Whether answers have new tasks.
    has_news: bool,
    /// The number of the newest task of each account.
    tasks: HashMap<String, u64>,
    /// The time of the answer for each task without a webhook.
    unheard: HashMap<News, Instant>,
    milliseconds: Vec<f64>,
    told: usize,
    told_at: Option<f64>,
    listed_at: Option<f64>,
}

struct Town {
    /// The JSON object of each subscription.
    subscriptions: Vec<String>,
    seen: RefCell<Seen>,
}

/// The read parts of a webhook's body.
#[derive(Deserialize)]
struct Message {
    alerts: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    status: String,
    labels: HashMap<String, String>,
}

impl Town {
    fn new(subscriptions: u64) -> Self {
        let day = |days: i64| (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_string();
        let (start, end) = (day(-10), day(20));
        let subscription = |number: u64| {
            json!({
                "id": format!("{}", 500_000 + number), "client_id": 700_123, "product": {"name": "Basic support"},
                "feature": {"id": 7, "name": "support"}, "metric_ext_name": null, "calc_rule_type": "commit",
                "active_range": {"start": start, "end": end}, "price": "12.50", "prices": [],
            })
            .to_string()
        };
        Self { subscriptions: (0..subscriptions).map(subscription).collect(), seen: RefCell::default() }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let body = match path.as_str() {
            "/billing/org/v1/reports" => self.tasks(&request),
            "/billing/org/v1/subscriptions" => self.subscriptions(&request),
            "/begin" => {
                *self.seen.borrow_mut() = Seen { has_news: true, ..Seen::default() };
                String::new()
            }
            "/end" => {
                self.seen.borrow_mut().has_news = false;
                String::new()
            }
            "/seen" => self.said(),
            "/hook" | "/api/v2/alerts" => {
                let Ok(body) = request.into_body().collect().await else {
                    return answer(StatusCode::BAD_REQUEST, JSON, []);
                };
                self.hear(&path, &body.to_bytes());
                String::new()
            }
            _ => {
                let body = json!({ "exception_class": "Refused", "message": "no such path here" }).to_string();
                return answer(StatusCode::NOT_FOUND, JSON, [body.into()]);
            }
        };
        answer(StatusCode::OK, JSON, [body.into()])
    }

    /// The newest task of the account, which failed, and the one before it.
    fn tasks(&self, request: &Request<Incoming>) -> String {
        let key = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut seen = self.seen.borrow_mut();
        if !seen.has_news {
            return json!({ "count": 0, "results": [] }).to_string();
        }
        let number = seen.tasks.entry(key.to_owned()).or_default();
        *number += 1;
        let key = key.rsplit(' ').next().unwrap_or_default();
        let [newest, before] = [*number, *number - 1].map(|number| format!("{key}-{number}"));
        let at = Timestamp::now().to_string();
        let task = |uuid: &str, status: &str| {
            json!({
                "uuid": uuid, "task_type": "Report", "status": status, "created_at": at, "updated_at": at,
                "processing_notes": {"errors": [], "warnings": []},
            })
        };
        let tasks = [task(&newest, "Failed"), task(&before, "Completed")];
        let body = json!({ "count": 2, "results": tasks }).to_string();
        let now = Instant::now();
        if newest != format!("{key}-1") {
            seen.unheard.insert((before, false), now);
        }
        seen.unheard.insert((newest, true), now);
        body
    }

    fn subscriptions(&self, request: &Request<Incoming>) -> String {
        let query = request.uri().query().unwrap_or_default();
        let number = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(found, _)| *found == name).and_then(|(_, value)| value.parse().ok())
        };
        let (offset, limit) = (number("offset").unwrap_or(0), number("limit").unwrap_or(100));
        let mut body = format!(r#"{{"count":{},"results":["#, self.subscriptions.len());
        for (place, row) in self.subscriptions.iter().skip(offset).take(limit).enumerate() {
            // A write to memory never fails.
            let _ = write!(body, "{}{row}", if place == 0 { "" } else { "," });
        }
        body += "]}";
        self.seen.borrow_mut().listed_at = Some(now());
        body
    }

    /// Takes a notification.
    fn hear(&self, path: &str, body: &Bytes) {
        let (arrived, at) = (Instant::now(), now());
        let mut seen = self.seen.borrow_mut();
        if path != "/hook" {
            seen.told_at.get_or_insert(at);
            seen.told += serde_json::from_slice::<Vec<IgnoredAny>>(body).map_or(0, |alerts| alerts.len());
            return;
        }
        for alert in serde_json::from_slice(body).map_or_else(|_| Vec::new(), |message: Message| message.alerts) {
            let task = alert.labels.get("report_uuid").cloned().unwrap_or_default();
            // A repeated or unrelated notification does not count.
            if let Some(answered) = seen.unheard.remove(&(task, alert.status == "firing")) {
                seen.milliseconds.push(milliseconds(arrived - answered));
            }
        }
    }

    fn said(&self) -> String {
        let seen = self.seen.borrow();
        json!({
            "milliseconds": seen.milliseconds, "unheard": seen.unheard.len(), "told": seen.told,
            "told_at": seen.told_at, "listed_at": seen.listed_at,
        })
        .to_string()
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn main() -> anyhow::Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let subscriptions = args.opt_value_from_str("--subscriptions")?.unwrap_or(0);
    anyhow::ensure!(args.finish().is_empty(), "unknown arguments");
    let town = Rc::new(Town::new(subscriptions));
    serve(move |request| {
        let town = Rc::clone(&town);
        async move { town.answer(request).await }
    })
}

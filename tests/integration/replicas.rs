//! Two daemons on the same account: a receiver of both gets each alert once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::{Window, next_midnight};
use gcore_api::billing::resource::Currency;
use gcore_billing_exporter::alert::settings::Threshold;
use gcore_billing_exporter::collect::settings::Schedule;
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::insights::budget::{Budget, Selector};
use gcore_billing_exporter::snapshot::Collector;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::{MockServer, Request};

use crate::alertmanager::Real;
use crate::delivery::{alertmanagers, labels, now, received, taking, until, webhook, webhooks};
use crate::harness::{
    COST, COST_TOTALS, FakeClock, REPORTS, SUBSCRIPTIONS, TestApp, asked, config, every, json as answer, mount_names,
    noon, until_met,
};
use crate::prometheus::demo_config;

const HOUR: Duration = Duration::from_secs(3_600);
/// How far the second replica's clock is behind.
const BEHIND: SignedDuration = SignedDuration::from_secs(30);

/// One replica with its own store, receiver and clock.
struct Replica {
    config: Config,
    receiver: MockServer,
    clock: Clock,
    _folder: TempDir,
}

impl Replica {
    async fn new(mut config: Config, clock: Clock) -> Self {
        let (receiver, folder) = (taking().await, TempDir::new().unwrap());
        config.storage.path = Some(folder.path().join("state.db"));
        config.notify.webhooks = webhooks([webhook("ops", &receiver.uri(), &[])]).webhooks;
        Self { config, receiver, clock, _folder: folder }
    }

    async fn start(&self) -> TestApp {
        TestApp::ready(&self.config, self.clock.clone()).await
    }

    /// The messages at its receiver: the id, and the alert's name, status, labels and start.
    async fn told(&self) -> BTreeSet<[String; 5]> {
        let tell = |request: Request| {
            let body: Value = request.body_json().unwrap();
            let alert = &body["alerts"][0];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            [
                request.headers["webhook-id"].to_str().unwrap().to_owned(),
                text(&alert["labels"]["alertname"]),
                text(&alert["status"]),
                alert["labels"].to_string(),
                text(&alert["startsAt"]),
            ]
        };
        received(&self.receiver).await.into_iter().map(tell).collect()
    }

    /// The number of alerts of a rule with a status at its receiver.
    async fn count(&self, name: &str, status: &str) -> usize {
        self.told().await.iter().filter(|told| told[1] == name && told[2] == status).count()
    }
}

/// The configuration of the replicas of the scripted account.
fn scripted(api: &MockServer, real: &Real) -> Config {
    let collectors =
        [Collector::Cost, Collector::Names, Collector::Reports, Collector::Subscriptions, Collector::History];
    let mut config = config(&api.uri(), every(Duration::from_secs(1), &collectors));
    config.collect.cost.windows = vec![Window::Today, Window::MonthToDate];
    config.collect.history.days = 2;
    let currency = Currency::new("EUR");
    config.alerts.thresholds = vec![Threshold {
        name: "limit".into(),
        account: "main".parse().unwrap(),
        selector: Selector::default(),
        window: Window::Today,
        amount: "50".parse().unwrap(),
        currency: currency.clone(),
        severity: "page".into(),
        readings: 1,
        keep_firing_for: Duration::ZERO,
        labels: labels(&[]),
        annotations: labels(&[]),
    }];
    config.collect.history.budgets = vec![Budget {
        name: "all".into(),
        account: "main".parse().unwrap(),
        selector: Selector::default(),
        amount: "90".parse().unwrap(),
        currency,
    }];
    config.notify = alertmanagers(&[&real.url()]);
    config
}

/// An account with two failed tasks, one late task, and a subscription that ends in five days. Later one failed task
/// completes and the late one fails. Every period costs 100.
async fn account() -> (MockServer, Arc<AtomicBool>) {
    let (api, is_later, today) = (MockServer::start().await, Arc::new(AtomicBool::new(false)), now());
    let ago = move |hours: i64| (today - SignedDuration::from_hours(hours)).to_string();
    let later = Arc::clone(&is_later);
    let tasks = move |_: &Request| {
        let [first, third] =
            if later.load(Ordering::Relaxed) { ["Completed", "Failed"] } else { ["Failed", "Pending"] };
        let task = |(uuid, status)| json!({ "uuid": uuid, "task_type": "Report", "status": status, "created_at": ago(3), "updated_at": ago(1) });
        let tasks = [("t1", first), ("t2", "Failed"), ("t3", third)].map(task);
        answer(&json!({ "count": 3, "results": tasks }).to_string())
    };
    asked(REPORTS).respond_with(tasks).mount(&api).await;
    let end = (today + SignedDuration::from_hours(5 * 24)).to_string();
    let subscription = json!({ "id": 31, "active_range": { "start": "2026-01-01T00:00:00Z", "end": end }, "price": "1",
        "product": { "name": "Cloud" } });
    asked(SUBSCRIPTIONS)
        .respond_with(answer(&json!({ "count": 1, "results": [subscription] }).to_string()))
        .mount(&api)
        .await;
    let row = json!({ "type": "instance", "cost": 100, "currency": "EUR", "err": null, "project_id": 101, "region_id": 7,
        "uuid": "0a" });
    let report = answer(&json!({ "count": 1, "price_status": "show", "results": [row] }).to_string());
    asked(COST).respond_with(report.clone()).mount(&api).await;
    asked(COST_TOTALS).respond_with(report).mount(&api).await;
    mount_names(&api).await;
    (api, is_later)
}

/// Every rule with alerts in this account, and their number.
const WANTED: [(&str, usize); 7] = [
    ("GcoreReportTaskFailed", 2),
    ("GcoreReportTaskStuck", 1),
    ("GcoreSubscriptionExpiring", 1),
    ("GcoreBudgetUsed", 3),
    ("GcoreBudgetForecast", 1),
    ("GcoreCostThreshold", 1),
    ("GcoreWatchdog", 1),
];

/// The labels and the start of each alert in Alertmanager, to the millisecond.
async fn held(real: &Real) -> Vec<(String, i64)> {
    let held = real.held().await;
    let mut held: Vec<_> = held
        .iter()
        .map(|alert| (alert["labels"].to_string(), milliseconds(alert["startsAt"].as_str().unwrap())))
        .collect();
    held.sort();
    held
}

fn milliseconds(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// The firing alerts by the messages at a receiver, in the same form.
async fn firing(replica: &Replica) -> Vec<(String, i64)> {
    let told = replica.told().await;
    let is_over = |one: &[String; 5]| told.iter().any(|other| other[2] == "resolved" && other[3] == one[3]);
    let fires = told.iter().filter(|one| one[2] == "firing" && !is_over(one));
    let mut firing: Vec<_> = fires.map(|one| (one[3].clone(), milliseconds(&one[4]))).collect();
    firing.sort();
    firing
}

/// Waits until both receivers have the same alerts, or shows the difference.
async fn until_alike(one: &Replica, other: &Replica) {
    let difference = async || {
        let (one, other) = (one.told().await, other.told().await);
        let alone = |one: &BTreeSet<_>, other| one.difference(other).cloned().collect::<Vec<[String; 5]>>();
        format!("told by the first alone: {:#?}\nby the other alone: {:#?}", alone(&one, &other), alone(&other, &one))
    };
    until_met(async || one.told().await == other.told().await, difference).await;
}

async fn until_held(real: &Real, one: &Replica) {
    let firing = firing(one).await;
    until("Alertmanager has each once", async || held(real).await == firing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_tell_of_one_alert_through_their_restarts() {
    // Alertmanager uses the system's clock, and a new day would change alerts. So the clock stops before midnight, and
    // alerts are valid for some minutes.
    let last = next_midnight(now()) - SignedDuration::from_micros(1);
    let clock = move |behind: SignedDuration| Clock::from_fn(move || (now() - behind).min(last));
    let ((api, is_later), real) = (account().await, Real::started().await);
    let config = scripted(&api, &real);
    let one = Replica::new(config.clone(), clock(SignedDuration::ZERO)).await;
    let other = Replica::new(config, clock(BEHIND)).await;
    let first = one.start().await;
    for (name, number) in WANTED {
        until(name, async || one.count(name, "firing").await == number).await;
    }
    // The second replica starts after the first has sent everything.
    let second = other.start().await;
    until_alike(&one, &other).await;
    until_held(&real, &one).await;
    let alerts = WANTED.iter().map(|(_, number)| number).sum::<usize>();
    assert_eq!(one.told().await.len(), alerts, "{:#?}", one.told().await);
    assert_eq!(real.told().await.len(), alerts, "each was told once: {:?}", real.told().await);

    // One alert ends and one starts while the second replica is down.
    second.stop().await;
    is_later.store(true, Ordering::Relaxed);
    until("an end", async || one.count("GcoreReportTaskFailed", "resolved").await == 1).await;
    until("another", async || one.count("GcoreReportTaskStuck", "resolved").await == 1).await;
    until("a beginning", async || one.count("GcoreReportTaskFailed", "firing").await == 3).await;
    let second = other.start().await;
    until_alike(&one, &other).await;
    until_held(&real, &one).await;

    // A restart without changes.
    first.stop().await;
    let first = one.start().await;
    until("it has told Alertmanager", async || {
        first.value("gcore_notification_up{channel=\"alertmanager.main\"}").await.as_deref() == Some("1")
    })
    .await;
    until_alike(&one, &other).await;
    until_held(&real, &one).await;
    assert_eq!(one.told().await.len(), alerts + 3, "{:#?}", one.told().await);
    until("the news arrived", async || real.told().await.len() >= alerts + 3).await;
    let told = real.told().await;
    assert_eq!(told.len(), alerts + 3, "each was told once: {told:?}");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_is_told_alike_by_who_comes_later() {
    let hands = FakeClock::at(noon());
    let clock = hands.clock();
    // The history waits for all other polls. If these take longer than their interval, it never runs.
    let (mut config, _) = demo_config(&clock, HOUR).await;
    config.collect.history.schedule = Schedule { enabled: true, interval: Duration::from_secs(1), timeout: HOUR };
    config.collect.history.days = 60;
    let (one, other) = (Replica::new(config.clone(), clock.clone()).await, Replica::new(config, clock).await);
    let first = one.start().await;
    until("a spike", async || one.count("GcoreSpendAnomaly", "firing").await == 1).await;
    hands.forward(SignedDuration::from_mins(7));
    let second = other.start().await;
    until("the same spike", async || other.count("GcoreSpendAnomaly", "firing").await == 1).await;
    until_alike(&one, &other).await;

    // The next day is judged, and the alert of the day before ends.
    hands.forward(SignedDuration::from_mins(12 * 60 + 20));
    until("an end", async || one.count("GcoreSpendAnomaly", "resolved").await == 1).await;
    until_alike(&one, &other).await;
    first.stop().await;
    second.stop().await;
}

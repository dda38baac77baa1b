use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::KEY;
use crate::api::RESOURCE_TYPES;
use crate::days::{Window, midnight};
use crate::world::Group;

const NOW: &str = "2026-11-22T14:24:07Z";

mod history;
mod lists;
mod reports;

/// A running API and a client with its key.
struct Running {
    url: String,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// The amounts and the identity of a row, with numbers as text.
#[derive(serde::Deserialize)]
struct Row {
    project_id: u64,
    region_id: u64,
    #[serde(rename = "type")]
    resource_type: String,
    #[serde(default)]
    cost: Option<Box<RawValue>>,
    currency: Option<String>,
    billing_value: Box<RawValue>,
    billing_value_unit: String,
}

#[derive(serde::Deserialize)]
struct Rows {
    count: usize,
    #[serde(alias = "resources")]
    results: Vec<Row>,
}

fn simulator(now: &str) -> World {
    World::new(11, now.parse().unwrap())
}

async fn start(now: &str) -> Running {
    start_at(simulator(now), Clock::frozen(now.parse().unwrap())).await
}

async fn start_at(simulator: World, clock: Clock) -> Running {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let api = Api::bind("127.0.0.1:0".parse().unwrap(), simulator, KEY, clock).await.unwrap();
    let (url, (stop, stopped)) = (api.url(), oneshot::channel::<()>());
    let served = tokio::spawn(api.run(async {
        let _ = stopped.await;
    }));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Running { url, client, stop, served }
}

impl Running {
    async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        auth: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(auth) = auth {
            request = request.header("authorization", auth);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        self.send(reqwest::Method::POST, path, Some(&format!("APIKey {KEY}")), Some(body)).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.send(reqwest::Method::GET, path, Some(&format!("apikey {KEY}")), None).await;
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Every row of a report, page by page.
    async fn walk(&self, path: &str, period: &Range<Date>, limit: usize) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let body = json!({"time_from": midnight(period.start).to_string(), "time_to": midnight(period.end).to_string(),
                              "limit": limit, "offset": rows.len()});
            let (status, text) = self.post(path, &body).await;
            assert_eq!(status, 200, "{text}");
            let page: Rows = serde_json::from_str(&text).unwrap();
            assert!(page.results.len() <= limit);
            if page.results.is_empty() {
                assert_eq!(rows.len(), page.count);
                return rows;
            }
            rows.extend(page.results);
        }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
    }
}

fn float(amount: &Decimal) -> f64 {
    amount.to_f64().unwrap()
}

fn sum(rows: Vec<Row>, pick: impl Fn(&Row) -> Option<(String, Decimal)>) -> BTreeMap<Group, Decimal> {
    let mut sums = BTreeMap::new();
    for row in rows {
        if let Some((last, amount)) = pick(&row) {
            let sum = sums.entry((row.project_id, row.region_id, row.resource_type, last)).or_insert(Decimal::ZERO);
            *sum = sum.checked_add(amount).unwrap();
        }
    }
    sums
}

//! Query strings of the JSON API: an answer in the promised form, or a refusal in it.
//!
//! The first byte chooses the path.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::Window;
use gcore_api::endpoints::cost_report;
use gcore_billing_exporter::aggregate::cost::CostTotals;
use gcore_billing_exporter::exposition::encoder::Encoder;
use gcore_billing_exporter::exposition::settings::Settings as Metrics;
use gcore_billing_exporter::http::app_state::AppState;
use gcore_billing_exporter::http::routes::answer;
use gcore_billing_exporter::shard::Shard;
use gcore_billing_exporter::snapshot::{self, Reading, Snapshot, WindowReading, Writer};
use gcore_billing_exporter::store::{Settings, Store};
use gcore_billing_fuzz::{Api, deadline, noon, runtime, yesterday};
use http_body_util::BodyExt as _;
use hyper::{Request, StatusCode};
use libfuzzer_sys::fuzz_target;
use prometheus::Registry;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A page of the cost report.
const PAGE: &[u8] =
    br#"{"count": 1, "price_status": "show", "results": [{"type": "volume", "cost": 1.5, "currency": "EUR",
    "project_id": 1, "region_id": 2}]}"#;

const PATHS: [&str; 7] = ["costs", "alerts", "anomalies", "budgets", "forecasts", "status", "openapi.yaml"];

struct Site {
    runtime: Runtime,
    state: AppState,
    _writer: Writer,
}

thread_local! {
    static SITE: Site = site();
}

/// A daemon with one reading of one account.
fn site() -> Site {
    let runtime = runtime();
    let api = Api::start(&runtime);
    api.set_pages([PAGE.to_vec()]);
    let read = async { cost_report::read::<CostTotals>(&api.client, yesterday(), None, deadline()).await };
    let totals = runtime.block_on(read).unwrap().data;
    let mut snapshot = Snapshot::default();
    let hour = Duration::from_secs(3600);
    let reading = WindowReading::new(Reading::new(totals, noon(), hour), yesterday(), hour);
    let account = snapshot.accounts.entry("main".parse().unwrap()).or_default();
    account.cost.insert(Window::Yesterday, reading);
    let (writer, reader) = snapshot::channel(snapshot);
    let (clock, registry) = (Clock::frozen(noon()), Registry::new());
    let store = Store::open(&Settings { path: None }, &registry).unwrap();
    let (_, alerts) = watch::channel(None);
    let encoder = Arc::new(Encoder::new(reader.clone(), Metrics::default(), clock.clone()));
    let telemetry_path = "/metrics".to_owned();
    let shard = Shard::default();
    let state =
        AppState { encoder, clock, snapshot: reader, alerts, shard, store, registry, telemetry_path, reloads: None };
    Site { runtime, state, _writer: writer }
}

fuzz_target!(|input: &[u8]| {
    let Some((path, query)) = input.split_first() else { return };
    let path = PATHS[usize::from(path.wrapping_sub(b'a')) % PATHS.len()];
    let uri = [b"/api/v1/", path.as_bytes(), b"?", query].concat();
    let Ok(request) = Request::get(uri.as_slice()).body(()) else { return };
    let (head, ()) = request.into_parts();
    SITE.with(|Site { runtime, state, .. }| {
        let response = runtime.block_on(answer(state, &head));
        let (head, body) = response.into_parts();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        assert!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(&head.status), "{}", head.status);
        if head.headers["content-type"] == "application/json" {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value["error"].is_object(), head.status == StatusCode::BAD_REQUEST, "{value}");
        }
    });
});

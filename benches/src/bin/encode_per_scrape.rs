//! The same series in a registry of the `prometheus` crate. Each scrape gathers, encodes and compresses them, as in the
//! crate's documentation.
//!
//! Usage: encode_per_scrape [--projects=N] [--regions=N]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use gcore_billing_bench::estate::{Estate, Shape, project_name, region_name};
use gcore_billing_bench::service::{Answer, answer, serve, takes_gzip};
use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use prometheus::{Encoder as _, GaugeVec, Opts, Registry, TextEncoder};

const LABELS: [&str; 7] =
    ["account", "project_id", "project_name", "region_id", "region_name", "resource_type", "currency"];

fn main() -> anyhow::Result<()> {
    let shape = Shape::from_args(&mut pico_args::Arguments::from_env())?;
    let registry = Registry::new();
    let gauges = GaugeVec::new(Opts::new("gcore_cost_today_amount", "Cost of the running UTC day."), &LABELS)?;
    registry.register(Box::new(gauges.clone()))?;
    for ((project, region, resource_type), units) in Estate::new(shape)?.ledger() {
        let (project_id, region_id) = (project.to_string(), region.to_string());
        let (project_name, region_name) = (project_name(project), region_name(region));
        let labels = ["main", &project_id, &project_name, &region_id, &region_name, resource_type, "EUR"];
        gauges.with_label_values(&labels).set(units as f64 / 1e5);
    }
    serve(move |request| {
        let answer = scrape(&registry, takes_gzip(&request));
        async { answer.unwrap_or_else(|error| failed(&error)) }
    })
}

fn scrape(registry: &Registry, gzip: bool) -> anyhow::Result<Answer> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&registry.gather(), &mut text)?;
    if gzip {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::default());
        compressed.write_all(&text)?;
        text = compressed.finish()?;
    }
    let mut answer = answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", [text.into()]);
    if gzip {
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(answer)
}

fn failed(error: &anyhow::Error) -> Answer {
    answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", [error.to_string().into()])
}

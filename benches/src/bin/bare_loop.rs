//! The minimal reader of a cost report: hyper, one buffer for all pages, sonic-rs, one integer sum.
//!
//! Usage: bare_loop HOST:PORT [--page-size=N] [--day=YYYY-MM-DD] [--rate=N]
//!
//! It does not check, retry or group, so no exporter can be cheaper.

use std::hint::black_box;
use std::io::Read as _;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

#[derive(Deserialize)]
struct Page<'a> {
    count: usize,
    #[serde(borrow)]
    results: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(rename = "type")]
    resource_type: &'a str,
    project_id: u64,
    region_id: u64,
    cost: Option<f64>,
    currency: Option<&'a str>,
}

struct Options {
    address: String,
    page_size: usize,
    day: String,
    rate: f64,
    gzip: bool,
}

fn main() -> anyhow::Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let options = Options {
        page_size: args.opt_value_from_str("--page-size")?.unwrap_or(1000),
        day: args.opt_value_from_str("--day")?.unwrap_or_else(|| "2026-05-14".into()),
        rate: args.opt_value_from_str("--rate")?.unwrap_or(0.0),
        gzip: args.contains("--gzip"),
        address: args.free_from_str()?,
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(read(&options))
}

async fn read(options: &Options) -> anyhow::Result<()> {
    let stream = TcpStream::connect(&options.address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut turns = (options.rate > 0.0).then(|| tokio::time::interval(Duration::from_secs_f64(1.0 / options.rate)));
    if let Some(turns) = &mut turns {
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let (mut body, mut inflated) = (Vec::new(), Vec::new());
    let (mut rows, mut units) = (0, 0_i64);
    loop {
        if let Some(turns) = &mut turns {
            turns.tick().await;
        }
        let mut response = sender.send_request(request(options, rows)?).await?;
        ensure!(response.status().is_success(), "answered {}", response.status());
        body.clear();
        while let Some(frame) = response.frame().await {
            if let Ok(data) = frame?.into_data() {
                body.extend_from_slice(&data);
            }
        }
        let text = if response.headers().contains_key(CONTENT_ENCODING) {
            inflated.clear();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut inflated)?;
            &inflated
        } else {
            &body
        };
        let page: Page<'_> = sonic_rs::from_slice(text)?;
        for row in &page.results {
            black_box((row.resource_type, row.project_id, row.region_id, row.currency));
            // This is exact: a double distinguishes all multiples of 1e-5 up to 9e10.
            #[expect(clippy::cast_possible_truncation, reason = "costs are far below 2^63")]
            let cost = row.cost.map_or(0, |cost| (cost * 1e5).round() as i64);
            units += cost;
        }
        rows += page.results.len();
        if rows >= page.count || page.results.is_empty() {
            break;
        }
    }
    println!("{}", serde_json::json!({ "rows": rows, "total": units }));
    Ok(())
}

fn request(options: &Options, offset: usize) -> anyhow::Result<Request<Full<Bytes>>> {
    let Options { address, page_size, day, gzip, .. } = options;
    let body = format!(
        r#"{{"time_from":"{day}T00:00:00Z","time_to":"{day}T00:00:00Z","enable_last_day":true,"limit":{page_size},"offset":{offset}}}"#
    );
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/cloud/v1/cost_report/resources")
        .header(HOST, address)
        .header(CONTENT_TYPE, "application/json");
    if *gzip {
        request = request.header(ACCEPT_ENCODING, "gzip");
    }
    Ok(request.body(Full::new(body.into()))?)
}

//! A Gcore account of any size with the API's paths. All rows are rendered before the first request.
//!
//! Usage: account [--rows=N] [--projects=N] [--regions=N] [--day=YYYY-MM-DD] [--delay-ms=N] [--gzip]
//!
//! It also has `/stats` (requests and bytes of each path since the start) and `/ledger` (the exact sum of each group,
//! in 1e-5).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use gcore_billing_bench::estate::{Estate, Shape, project_id, project_name, region_id, region_name};
use gcore_billing_bench::service::{Answer, answer, serve, takes_gzip};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

const JSON: &str = "application/json";

/// The parameters of reports. The API refuses any other key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(rename = "time_from")]
    _time_from: String,
    #[serde(rename = "time_to")]
    _time_to: String,
    #[serde(default, rename = "enable_last_day")]
    _enable_last_day: bool,
    #[serde(default, rename = "rounding")]
    _rounding: bool,
    #[serde(default = "ten")]
    limit: usize,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    projects: Vec<u64>,
}

const fn ten() -> usize {
    10
}

#[derive(Default, Serialize)]
struct Count {
    requests: u64,
    bytes: u64,
    gzip: u64,
}

struct Account {
    estate: Estate,
    projects: Bytes,
    regions: Bytes,
    delay: Duration,
    gzip: bool,
    stats: RefCell<BTreeMap<String, Count>>,
}

impl Account {
    fn new(estate: Estate, delay: Duration, gzip: bool) -> Self {
        let list = |rows: Vec<_>| Bytes::from(json!({ "count": rows.len(), "results": rows }).to_string());
        let projects = (0..estate.shape.projects).map(project_id).map(|id| {
            json!({"id": id, "client_id": 700_123, "name": project_name(id), "description": null, "state": "ACTIVE",
                   "is_default": false, "created_at": "2024-02-10T08:11:12", "deleted_at": null, "task_id": null})
        });
        let regions = (0..estate.shape.regions).map(region_id).map(|id| {
            json!({"id": id, "display_name": region_name(id), "keystone_name": format!("ED-{id}"), "country": "LU",
                   "state": "ACTIVE", "access_level": "core"})
        });
        let (projects, regions) = (list(projects.collect()), list(regions.collect()));
        Self { estate, projects, regions, delay, gzip, stats: RefCell::default() }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/stats" => return answer(StatusCode::OK, JSON, [self.stats().into()]),
            "/ledger" => return answer(StatusCode::OK, JSON, [self.ledger().into()]),
            _ => {}
        }
        let gzip = self.gzip && takes_gzip(&request);
        let (status, mut pieces) = self.ask(&path, request).await;
        if gzip {
            pieces = [compressed(&pieces), Bytes::new(), Bytes::new()];
        }
        self.count(path, &pieces, gzip);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let mut answer = answer(status, JSON, pieces);
        if gzip {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }

    async fn ask(&self, path: &str, request: Request<Incoming>) -> (StatusCode, [Bytes; 3]) {
        let whole = |body: Bytes| (StatusCode::OK, [body, Bytes::new(), Bytes::new()]);
        let report = match path {
            "/cloud/v1/cost_report/resources" | "/cloud/v1/cost_report/totals" => read(request).await,
            // The first answer holds all names, so an offset gives an empty list.
            "/cloud/v1/projects" | "/cloud/v1/regions" if has_offset(&request) => return whole(empty()),
            "/cloud/v1/projects" => return whole(self.projects.clone()),
            "/cloud/v1/regions" => return whole(self.regions.clone()),
            "/cloud/v2/reservations" | "/cloud/v1/reservation_cost_report/totals" => return whole(empty()),
            _ => Err((StatusCode::NOT_FOUND, "no such path in the bench account".into())),
        };
        let report = report.and_then(|question| match question.projects[..] {
            [] => Ok((question, None)),
            [id] => Ok((question, Some(id))),
            _ => Err((StatusCode::BAD_REQUEST, "projects: the bench account knows filters of one project".into())),
        });
        match report {
            Ok((_, project)) if path.ends_with("totals") => whole(self.estate.totals(project)),
            Ok((question, project)) => (StatusCode::OK, self.estate.page(project, question.offset, question.limit)),
            Err((status, message)) => {
                let body = json!({ "exception_class": "Refused", "message": message }).to_string();
                (status, [body.into(), Bytes::new(), Bytes::new()])
            }
        }
    }

    fn count(&self, path: String, pieces: &[Bytes], gzip: bool) {
        let mut stats = self.stats.borrow_mut();
        let count = stats.entry(path).or_default();
        count.requests += 1;
        count.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        count.gzip += u64::from(gzip);
    }

    fn stats(&self) -> String {
        json!(*self.stats.borrow()).to_string()
    }

    fn ledger(&self) -> String {
        let groups: BTreeMap<String, i64> = self
            .estate
            .ledger()
            .into_iter()
            .map(|((project, region, resource_type), units)| (format!("{project} {region} {resource_type}"), units))
            .collect();
        json!({ "rows": self.estate.shape.rows, "total": groups.values().sum::<i64>(), "groups": groups }).to_string()
    }
}

fn empty() -> Bytes {
    Bytes::from_static(br#"{"count":0,"price_status":"show","results":[]}"#)
}

fn has_offset<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair.strip_prefix("offset=").is_some_and(|offset| offset != "0"))
}

async fn read(request: Request<Incoming>) -> Result<Question, (StatusCode, String)> {
    let bad = |error: String| (StatusCode::BAD_REQUEST, error);
    let body = request.into_body().collect().await.map_err(|error| bad(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))
}

fn compressed(pieces: &[Bytes]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A write to memory never fails.
    let written = pieces.iter().try_for_each(|piece| encoder.write_all(piece)).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

fn main() -> anyhow::Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let delay = Duration::from_millis(args.opt_value_from_str("--delay-ms")?.unwrap_or(0));
    let gzip = args.contains("--gzip");
    let estate = Estate::new(Shape::from_args(&mut args)?)?;
    anyhow::ensure!(args.finish().is_empty(), "unknown arguments");
    let account = Rc::new(Account::new(estate, delay, gzip));
    serve(move |request| {
        let account = Rc::clone(&account);
        async move { account.answer(request).await }
    })
}

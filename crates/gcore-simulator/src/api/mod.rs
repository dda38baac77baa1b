//! The vendor's HTTP API for a [`World`], on a loopback port.
//!
//! It is as strict as the documents, and stricter where they are silent. It refuses a parameter or key that is not
//! simulated by name and never ignores it, so that a client's mistake shows. Errors have the bodies of the vendor's
//! cloud and billing services.

mod billing;
mod cloud;
mod commitments;
mod json_rows;
mod query;
mod refusal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Response};
use jiff::Timestamp;

use self::query::Params;
use self::refusal::{Family, Refusal};
use crate::server::{BindError, Server};
use crate::world::World;
use common::clock::Clock;

/// The largest request body in bytes. Documented bodies have a few hundred.
const MAX_BODY: usize = 64 * 1024;

/// Every documented resource type, sorted.
pub(crate) const RESOURCE_TYPES: [&str; 26] = [
    "ai_cluster",
    "ai_virtual_cluster",
    "backup",
    "baremetal",
    "basic_vm",
    "containers",
    "dbaas_postgresql_connection_pooler",
    "dbaas_postgresql_cpu",
    "dbaas_postgresql_memory",
    "dbaas_postgresql_public_network",
    "dbaas_postgresql_volume",
    "egress_traffic",
    "external_ip",
    "file_share",
    "floatingip",
    "functions",
    "functions_calls",
    "functions_traffic",
    "image",
    "inference",
    "inference_public_models",
    "instance",
    "load_balancer",
    "log_index",
    "snapshot",
    "volume",
];
/// Every documented status of a report task.
pub(crate) const STATUSES: [&str; 5] = ["Pending", "InProgress", "Completed", "Failed", "Cancelled"];

/// A bound listener that does not serve yet.
pub struct Api {
    server: Server,
    account: Account,
}

/// The account and its key.
struct Account {
    simulator: World,
    key: String,
    clock: Clock,
    requests: AtomicU64,
}

impl Api {
    /// Binds an address for an account that only `key` can read. For port 0 the system chooses the port.
    ///
    /// Each answer is as of `clock`'s current time. A fixed clock fixes the account.
    ///
    /// # Errors
    /// [`BindError`] if the address is taken.
    pub async fn bind(address: SocketAddr, simulator: World, key: &str, clock: Clock) -> Result<Self, BindError> {
        let server = Server::bind(address).await?;
        let account = Account { simulator, key: key.to_owned(), clock, requests: AtomicU64::new(0) };
        Ok(Self { server, account })
    }

    /// The URL of the API: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.address().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// Serves until `stop` is done.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let account = Arc::new(self.account);
        let handler = move |request| {
            let account = Arc::clone(&account);
            async move { account.respond(request).await }
        };
        self.server.run(handler, stop).await;
    }
}

/// The handler of a path.
type Page = fn(&Account, Timestamp, &Asked) -> Result<Vec<u8>, Refusal>;

/// The parts of a request that a handler reads.
struct Asked {
    path: String,
    params: Params,
    body: Bytes,
}

/// The handler of a path, and its only method.
fn route(path: &str) -> Option<(Method, Page)> {
    let page: (Method, Page) = match path {
        "/cloud/v1/cost_report/resources" => (Method::POST, cloud::cost_resources),
        "/cloud/v1/cost_report/totals" => (Method::POST, cloud::cost_totals),
        "/cloud/v1/usage_report" => (Method::POST, cloud::usage),
        "/cloud/v1/projects" => (Method::GET, cloud::projects),
        "/cloud/v1/regions" => (Method::GET, cloud::regions),
        "/cloud/v1/reservation_cost_report/totals" => (Method::POST, commitments::cost_totals),
        "/cloud/v2/reservations" => (Method::GET, commitments::reservations),
        "/billing/org/v1/reports" => (Method::GET, billing::reports),
        "/billing/org/v1/subscriptions" => (Method::GET, billing::subscriptions),
        _ => return None,
    };
    Some(page)
}

impl Account {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let family = Family::of(request.uri().path());
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        match self.answer(request).await {
            Ok(json) => {
                let mut response = Response::new(Full::new(Bytes::from(json)));
                response.headers_mut().insert(CONTENT_TYPE, refusal::JSON);
                response
            }
            Err(refusal) => refusal.into_response(family, number),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
        self.authorize(request.headers().get(AUTHORIZATION).map(|value| value.as_bytes()))?;
        let path = request.uri().path().to_owned();
        let (method, page) = route(&path).ok_or(Refusal::NotFound)?;
        if *request.method() != method {
            return Err(Refusal::MethodNotAllowed(method));
        }
        let params = Params::parse(request.uri().query().unwrap_or_default());
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await.map_err(|_| Refusal::BodyTooLarge)?;
        page(self, self.clock.now(), &Asked { path, params, body: body.to_bytes() })
    }

    /// The word `APIKey` in any case, one space, the token.
    fn authorize(&self, header: Option<&[u8]>) -> Result<(), Refusal> {
        let header = String::from_utf8_lossy(header.ok_or(Refusal::NoCredentials)?);
        let Some((scheme, token)) = header.split_once(' ') else { return Err(Refusal::NoCredentials) };
        if !scheme.eq_ignore_ascii_case("apikey") {
            return Err(Refusal::WrongScheme);
        }
        if token == self.key {
            return Ok(());
        }
        // The vendor quotes the token that arrived. Its first characters are enough to see that the shell expanded the
        // `$`.
        Err(Refusal::BadToken(token.chars().take(6).collect()))
    }
}

/// The JSON of an answer.
fn to_json(reply: &impl serde::Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(reply).map_err(|error| Refusal::Internal(error.to_string()))
}

#[cfg(test)]
mod tests;

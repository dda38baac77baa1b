//! Shared by several targets: the time, and an API on this machine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::clock::Clock;
use gcore_api::billing::period::{Period, Window};
use gcore_api::http::client::Client;
use gcore_api::http::memory_limit::MemoryLimit;
use gcore_api::http::metrics::Metrics;
use gcore_api::http::poll_deadline::PollDeadline;
use gcore_api::http::settings::Settings;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use prometheus::Registry;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// The noon of a Sunday.
pub fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// The days of a report.
pub fn yesterday() -> Period {
    Window::Yesterday.period(noon())
}

/// A runtime on this thread.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A minute from now.
pub fn deadline() -> PollDeadline {
    let minute = Duration::from_secs(60);
    PollDeadline { until: Instant::now() + minute, longest_wait: minute, yields: false }
}

/// The next answers of the API.
type Pages = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// An API that answers each request with the next page, and its client.
pub struct Api {
    /// The client.
    pub client: Client,
    pages: Pages,
}

impl Api {
    /// Starts an API.
    pub fn start(runtime: &Runtime) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::new(SecretString::from("1$key"), url.parse().unwrap());
        settings.max_requests_per_second = 100_000.0;
        // One request at a time gets the pages in their order.
        settings.concurrency = 1;
        // Small, so that an input can have several pages.
        settings.page_size = 6;
        let (metrics, memory) = (Metrics::register(&Registry::new()).unwrap(), Arc::new(MemoryLimit::new(1, 10_000)));
        let client = Client::new("main", settings, Clock::frozen(noon()), &metrics, &memory).unwrap();
        let pages = Pages::default();
        runtime.spawn(serve(listener, Arc::clone(&pages)));
        Self { client, pages }
    }

    /// Sets the pages of the next list.
    pub fn set_pages(&self, pages: impl IntoIterator<Item = Vec<u8>>) {
        *self.pages.lock().unwrap() = pages.into_iter().collect();
    }
}

async fn serve(listener: TcpListener, pages: Pages) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let pages = Arc::clone(&pages);
        let answer = service_fn(move |_| {
            let page = pages.lock().unwrap().pop_front();
            let status = if page.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            let answer = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
            std::future::ready(answer.body(Full::new(Bytes::from(page.unwrap_or_default()))))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

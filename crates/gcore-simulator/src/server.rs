//! A small HTTP server for one listener. It trusts its clients, so it has no limits and no timeouts.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// How long open answers may take after the stop signal.
const GRACE: Duration = Duration::from_secs(2);
/// The pause after a failed `accept`. Its usual cause is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// A bound listener that does not serve yet.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        TcpListener::bind(address).await.map(Self).map_err(|source| BindError { address, source })
    }

    /// The address, with the real port instead of 0.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }

    /// Serves until `stop` is done, then gives open answers a short time to finish.
    pub(crate) async fn run<H, F>(self, handler: H, stop: impl Future<Output = ()>)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let graceful = GracefulShutdown::new();
        let accepting = async {
            loop {
                let Ok((stream, _)) = self.0.accept().await else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                // Without Nagle's algorithm, a second part of an answer does not wait for the client's acknowledgement.
                let _ = stream.set_nodelay(true);
                let handler = handler.clone();
                let service = service_fn(move |request| {
                    let response = handler(request);
                    async { Ok::<_, Infallible>(response.await) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A connection error is caused by the client: it left or did not speak HTTP.
                tokio::spawn(graceful.watch(connection));
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        let _ = timeout(GRACE, graceful.shutdown()).await;
    }
}

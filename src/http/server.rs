//! Listeners: bind, tell the address, serve until told to stop, let open answers finish.
//!
//! Knows nothing of what is served: a handler is any function from a request to a response.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long a client may take to send its request's head. A connection that is kept for the next request is under the
/// same limit, so this is longer than the usual intervals of scrapes and none of them: a connection that is closed just
/// as a scrape begins costs that scrape.
const HEADER_TIMEOUT: Duration = Duration::from_secs(90);
/// How long open answers may take after the stop signal.
const GRACE: Duration = Duration::from_secs(2);
/// Connections served at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 256;
/// The pause after a failed `accept`, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Bound listeners that do not serve yet.
pub struct Server {
    listeners: Vec<TcpListener>,
}

impl Server {
    /// Binds every address, or fails with the first that is taken.
    ///
    /// # Errors
    /// [`BindError`] names the address.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for &address in addresses {
            let listener = TcpListener::bind(address).await.map_err(|source| BindError { address, source })?;
            listeners.push(listener);
        }
        Ok(Self { listeners })
    }

    /// The addresses really bound: a port 0 has become a number here.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stop` is done, then lets open answers finish for a short time.
    pub async fn run<H, F, B>(self, handler: H, stop: impl Future<Output = ()>)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        let graceful = GracefulShutdown::new();
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let accepting = async {
            loop {
                let Ok(permit) = permits.clone().acquire_owned().await else { return };
                match self.accept().await {
                    Ok(stream) => {
                        // An answer of several parts must not wait for the client to acknowledge the first.
                        let _ = stream.set_nodelay(true);
                        let handler = handler.clone();
                        let service = service_fn(move |request| {
                            let response = handler(request);
                            async move { Ok::<_, Infallible>(response.await) }
                        });
                        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
                        tokio::spawn(async move {
                            // A connection error is the client's affair: it went away or spoke nonsense.
                            let _ = connection.await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::info!("connections still open at the end were cut");
        }
    }

    /// The next connection at any of the addresses.
    async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|cx| {
            for listener in &self.listeners {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready(accepted.map(|(stream, _)| stream));
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time;

    use super::*;

    async fn ask(stream: &mut TcpStream) -> io::Result<String> {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await?;
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    #[tokio::test]
    async fn a_connection_outlives_the_pause_between_two_scrapes() {
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = server.addresses()[0];
        tokio::spawn(server.run(|_| async { Response::new(String::new()) }, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        for interval in [0, 10, 15, 30, 60] {
            time::pause();
            time::advance(Duration::from_secs(interval)).await;
            time::resume();
            let answer = ask(&mut stream).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "after {interval} s: {answer:?}");
        }
    }
}

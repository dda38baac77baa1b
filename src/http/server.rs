//! The HTTP listeners: bind, report the addresses, serve until the stop signal, finish open answers.
//!
//! The server is generic: a handler is any function from a request to a response.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::connections::{Connections, Place};

/// The timeout for the head of the first request.
const FIRST_HEAD: Duration = Duration::from_secs(10);
/// The timeout for the head of the next request. It is longer than the usual scrape intervals and equal to none: a
/// connection that closes when a scrape begins makes that scrape fail.
const NEXT_HEAD: Duration = Duration::from_secs(90);
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

/// Bound listeners that do not serve yet.
pub struct Server {
    listeners: Vec<TcpListener>,
}

impl Server {
    /// Binds every address, or fails with the first that is taken.
    ///
    /// # Errors
    /// [`BindError`] with the address.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for &address in addresses {
            let listener = bind(address, TcpListener::bind).await;
            listeners.push(listener.map_err(|source| BindError { address, source })?);
        }
        Ok(Self { listeners })
    }

    /// The bound addresses, with the real port instead of 0.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stop` is done, then gives open answers a short time to finish.
    pub async fn run<H, F, B>(self, handler: H, stop: impl Future<Output = ()>)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(NEXT_HEAD);
        let graceful = GracefulShutdown::new();
        let connections = Connections::default();
        let accepting = async {
            loop {
                match self.accept().await {
                    Ok((stream, peer)) => {
                        // While all connections are busy, the new one is closed at once.
                        let Some((place, gives_way)) = connections.admit(peer.ip()) else { continue };
                        // Without Nagle's algorithm, the second part of an answer does not wait for the client's
                        // acknowledgement.
                        let _ = stream.set_nodelay(true);
                        let place = Arc::new(place);
                        let (handler, asking) = (handler.clone(), Arc::clone(&place));
                        let service = service_fn(move |request| {
                            asking.is_busy(true);
                            let (response, asking) = (handler(request), Arc::clone(&asking));
                            async move {
                                let response = response.await;
                                asking.is_busy(false);
                                Ok::<_, Infallible>(response)
                            }
                        });
                        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
                        tokio::spawn(serve(connection, place, gives_way));
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

    /// The next connection to any of the addresses.
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| {
            for listener in &self.listeners {
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Serves a connection until it ends, must close, or exceeds the timeout for a request.
async fn serve<T>(connection: impl Future<Output = T>, place: Arc<Place>, gives_way: oneshot::Receiver<()>) {
    let is_late = async {
        sleep(FIRST_HEAD).await;
        if !place.is_silent() {
            pending().await
        }
    };
    // A connection error is caused by the client: it left or did not speak HTTP.
    tokio::select! {
        _ = connection => {}
        _ = gives_way => {}
        () = is_late => {}
    }
}

/// Binds an address. On a machine without IPv6, `[::]` becomes `0.0.0.0`.
async fn bind<L>(address: SocketAddr, listen: impl AsyncFn(SocketAddr) -> io::Result<L>) -> io::Result<L> {
    // The system has no IPv6 sockets, or no IPv6 address for them.
    let has_no_ipv6 =
        |error: &io::Error| matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL));
    match listen(address).await {
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && has_no_ipv6(&error) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into()).await
        }
        outcome => outcome,
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

    async fn connect() -> (SocketAddr, TcpStream) {
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = server.addresses()[0];
        tokio::spawn(server.run(|_| async { Response::new(String::new()) }, std::future::pending()));
        (address, TcpStream::connect(address).await.unwrap())
    }

    async fn is_closed(stream: &mut TcpStream) -> bool {
        !stream.read(&mut [0]).await.is_ok_and(|length| length > 0)
    }

    #[tokio::test]
    async fn where_ipv6_is_missing_every_interface_is_every_one_with_ipv4() {
        let errors = [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::ADDRINUSE, Errno::ACCESS];
        for (address, want) in [
            ("[::]:10061", [Ok("0.0.0.0:10061"), Ok("0.0.0.0:10061"), Err(()), Err(())]),
            ("[::1]:10061", [Err(()); 4]),
            ("0.0.0.0:10061", [Ok("0.0.0.0:10061"); 4]),
        ] {
            for (error, want) in errors.into_iter().zip(want) {
                let listen =
                    async |address: SocketAddr| if address.is_ipv6() { Err(error.into()) } else { Ok(address) };
                let bound = bind(address.parse().unwrap(), listen).await;
                assert_eq!(bound.map_err(drop), want.map(|address| address.parse().unwrap()), "{address}: {error}");
            }
        }
        let listen = async |address| Ok::<SocketAddr, io::Error>(address);
        let bound = bind("[::]:10061".parse().unwrap(), listen).await.unwrap();
        assert_eq!(bound.to_string(), "[::]:10061", "where IPv6 is there");
    }

    #[tokio::test]
    async fn a_connection_that_asks_nothing_is_soon_closed() {
        // Paused time advances when all tasks wait.
        time::pause();
        let started = time::Instant::now();
        let (_, mut silent) = connect().await;
        let (_, mut slow) = connect().await;
        slow.write_all(b"GET / HT").await.unwrap();
        assert!(is_closed(&mut silent).await && is_closed(&mut slow).await);
        assert!(started.elapsed() < NEXT_HEAD, "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn silent_and_slow_connections_keep_nobody_out() {
        let (address, mut kept) = connect().await;
        assert!(ask(&mut kept).await.unwrap().starts_with("HTTP/1.1 200"));
        let mut others = Vec::new();
        for number in 0..400 {
            let mut other = TcpStream::connect(address).await.unwrap();
            if number % 2 == 0 {
                other.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.unwrap();
            }
            others.push(other);
        }
        let mut scrape = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut scrape).await.unwrap().starts_with("HTTP/1.1 200"), "a new connection");
        assert!(ask(&mut kept).await.unwrap().starts_with("HTTP/1.1 200"), "one that was kept");
        for other in &mut others[..300] {
            assert!(is_closed(other).await, "the oldest gave way");
        }
    }

    #[tokio::test]
    async fn a_connection_outlives_the_pause_between_two_scrapes() {
        let (_, mut stream) = connect().await;
        for interval in [0, 10, 15, 30, 60] {
            time::pause();
            time::advance(Duration::from_secs(interval)).await;
            time::resume();
            let answer = ask(&mut stream).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "after {interval} s: {answer:?}");
        }
    }
}

//! The HTTP listeners: bind, report the addresses, serve until the stop signal, finish open answers.
//!
//! The server is generic: a handler is any function from a request to a response. With a web configuration it speaks TLS.

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
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::connections::{Connections, Slot};
use super::web_config::current::CurrentWebConfig;

/// The timeout for the TLS handshake and the head of the first request together.
const FIRST_HEAD: Duration = Duration::from_secs(10);
/// The timeout for the head of the next request. It is longer than the usual scrape intervals and equal to none: a
/// connection that closes when a scrape begins makes that scrape fail.
const NEXT_HEAD: Duration = Duration::from_secs(90);
/// How long open answers may take after the stop signal.
const GRACE: Duration = Duration::from_secs(2);
/// A head of a request of this size always passes, one of twice the size never. Prometheus sends half a kilobyte; a browser
/// with many cookies sends a few.
const HEAD_BYTES: usize = 32 << 10;
/// Connections that wait to be accepted. The system drops connections beyond it. Their clients try again after a second.
/// `net.core.somaxconn` is another limit, 4,096 by default.
const BACKLOG: u32 = 4096;
/// The bytes of an answer that the system holds for its client. The system doubles it. Without it, the system takes
/// megabytes, so an answer that no client reads is decompressed to its end, and its slot is free at once.
const SEND_BUFFER: u32 = 128 << 10;
/// A client that takes nothing of an answer for this long is gone, in milliseconds.
const READ_TIMEOUT: u32 = 30_000;
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 22;
/// The answer to a client that speaks plain HTTP where TLS is due. The health check recognises it.
pub const PLAIN_HTTP: &str = "this listener speaks TLS: use https:// in place of http://\n";
/// The pause after a failed `accept`. Its usual cause is a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// The client for limits, as an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The client at an address. Of IPv6 it is the network, because one client has all addresses of a /64.
    fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()),
            v4 => Self(v4),
        }
    }
}

/// Bound listeners that do not serve yet.
pub struct Server {
    listeners: Vec<TcpListener>,
    web: Option<Arc<CurrentWebConfig>>,
}

impl Server {
    /// Binds every address, or fails with the first that is taken.
    ///
    /// # Errors
    /// [`BindError`] with the address.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for &address in addresses {
            let listener = bind(address, async |address| listen(address)).await;
            listeners.push(listener.map_err(|source| BindError { address, source })?);
        }
        Ok(Self { listeners, web: None })
    }

    /// Speaks TLS if this configuration says so.
    #[must_use]
    pub fn protected_by(self, web: Option<Arc<CurrentWebConfig>>) -> Self {
        Self { web, ..self }
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
        http.timer(TokioTimer::new()).header_read_timeout(NEXT_HEAD).max_buf_size(HEAD_BYTES);
        let graceful = GracefulShutdown::new();
        let connections = Connections::default();
        let accepting = async {
            let mut last = 0;
            loop {
                match self.accept(&mut last).await {
                    Ok((stream, peer)) => {
                        // While all connections are busy, the new one is closed at once.
                        let peer = Peer::at(peer.ip());
                        let Some((slot, must_close)) = connections.admit(peer.0) else { continue };
                        let slot = Arc::new(slot);
                        let talk = Talk { http: http.clone(), handler: handler.clone(), slot: Arc::clone(&slot), peer };
                        let (web, watcher) = (self.web.clone(), graceful.watcher());
                        tokio::spawn(serve(talk.begin(stream, web, watcher), slot, must_close));
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

    /// The next connection to any of the addresses. The listener after the `last` one is asked first, so that a flood of
    /// connections to one address does not block another.
    async fn accept(&self, last: &mut usize) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| {
            let count = self.listeners.len();
            for index in (*last + 1..=*last + count).map(|index| index % count) {
                if let Poll::Ready(accepted) = self.listeners[index].poll_accept(cx) {
                    *last = index;
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// One connection.
struct Talk<H> {
    http: http1::Builder,
    handler: H,
    slot: Arc<Slot>,
    peer: Peer,
}

impl<H, F, B> Talk<H>
where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + 'static,
{
    /// Answers all requests of a connection, after the TLS handshake if the configuration wants one.
    async fn begin(self, mut stream: TcpStream, web: Option<Arc<CurrentWebConfig>>, watcher: Watcher) {
        let tls = match &web {
            Some(web) => web.current().await.tls(),
            None => None,
        };
        let Some(tls) = tls else { return self.answer(stream, watcher).await };
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1..) if first == [TLS_HANDSHAKE] => {}
            Ok(1..) => {
                let answer = format!(
                    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
                     content-length: {}\r\n\r\n{PLAIN_HTTP}",
                    PLAIN_HTTP.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                // A close with unread bytes would reset the connection before the client has the answer.
                let _ = stream.shutdown().await;
                let _ = tokio::io::copy(&mut stream.take(HEAD_BYTES as u64), &mut tokio::io::sink()).await;
                return;
            }
            _ => return,
        }
        let address = stream.peer_addr();
        match TlsAcceptor::from(tls).accept(stream).await {
            Ok(stream) => self.answer(stream, watcher).await,
            Err(error) => tracing::debug!(?address, %error, "the TLS handshake failed"),
        }
    }

    /// A connection error is caused by the client: it left or did not speak HTTP.
    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, watcher: Watcher) {
        let Self { http, handler, slot, peer } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            slot.set_busy(true);
            request.extensions_mut().insert(peer);
            let (response, asking) = (handler(request), Arc::clone(&slot));
            async move {
                let response = response.await;
                asking.set_busy(false);
                Ok::<_, Infallible>(response)
            }
        });
        let _ = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await;
    }
}

/// Serves a connection until it ends, must close, or exceeds the timeout for a request.
async fn serve<T>(connection: impl Future<Output = T>, slot: Arc<Slot>, must_close: oneshot::Receiver<()>) {
    let is_late = async {
        sleep(FIRST_HEAD).await;
        if !slot.is_silent() {
            pending().await
        }
    };
    tokio::select! {
        _ = connection => {}
        _ = must_close => {}
        () = is_late => {}
    }
}

/// Listens at an address.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart need not wait for the connections of the process before.
    socket.set_reuseaddr(true)?;
    // Each connection has these settings too. Without Nagle's algorithm, the second part of an answer does not wait for
    // the client's acknowledgement.
    socket.set_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    rustix::net::sockopt::set_tcp_user_timeout(&socket, READ_TIMEOUT)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use common::clock::Clock;

use super::*;

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

async fn connect() -> (SocketAddr, TcpStream) {
    connect_to(None).await
}

/// A server with this web configuration, and a connection to it.
async fn connect_to(web: Option<Arc<CurrentWebConfig>>) -> (SocketAddr, TcpStream) {
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap().protected_by(web);
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
            let listen = async |address: SocketAddr| if address.is_ipv6() { Err(error.into()) } else { Ok(address) };
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
async fn silent_and_slow_connections_block_no_other_client() {
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

/// A server with TLS, and a client that trusts it.
async fn with_tls() -> (TempDir, SocketAddr, TcpStream, TlsConnector) {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let web = format!(
        "tls_server_config:\n  cert: {}\n  key: {}\n",
        serde_json::to_string(&certificate.pem()).unwrap(),
        serde_json::to_string(&key.serialize_pem()).unwrap()
    );
    std::fs::write(folder.path().join("web.yml"), web).unwrap();
    let web = CurrentWebConfig::open(&folder.path().join("web.yml"), Clock::system()).await.unwrap();
    let (address, stream) = connect_to(Some(Arc::new(web))).await;
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    (folder, address, stream, TlsConnector::from(Arc::new(client)))
}

#[tokio::test]
async fn a_client_without_tls_learns_that_it_is_due() {
    let (_folder, address, mut plain, connector) = with_tls().await;
    let answer = ask(&mut plain).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(PLAIN_HTTP), "{answer}");
    assert!(is_closed(&mut plain).await);
    let localhost = ServerName::try_from("localhost").unwrap();
    let mut tls = connector.connect(localhost, TcpStream::connect(address).await.unwrap()).await.unwrap();
    assert!(ask(&mut tls).await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(tls.get_ref().1.alpn_protocol(), None, "a client that names no protocol gets HTTP/1.1");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_soon_closed() {
    let (_folder, address, mut silent, connector) = with_tls().await;
    time::pause();
    let started = time::Instant::now();
    let mut begun = TcpStream::connect(address).await.unwrap();
    begun.write_all(&[TLS_HANDSHAKE, 3, 1, 2, 0, 1, 0]).await.unwrap();
    assert!(is_closed(&mut silent).await && is_closed(&mut begun).await);
    let stream = TcpStream::connect(address).await.unwrap();
    let mut idle = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    assert!(!idle.read(&mut [0]).await.is_ok_and(|length| length > 0), "a handshake without a request");
    assert!(started.elapsed() < NEXT_HEAD, "{:?}", started.elapsed());
}

#[tokio::test]
async fn handshakes_that_never_end_block_no_other_client() {
    let (_folder, address, kept, connector) = with_tls().await;
    let localhost = || ServerName::try_from("localhost").unwrap();
    let mut kept = connector.connect(localhost(), kept).await.unwrap();
    assert!(ask(&mut kept).await.unwrap().starts_with("HTTP/1.1 200"));
    let mut others = Vec::new();
    for _ in 0..400 {
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(&[TLS_HANDSHAKE, 3, 1]).await.unwrap();
        others.push(other);
    }
    let mut scrape = connector.connect(localhost(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    assert!(ask(&mut scrape).await.unwrap().starts_with("HTTP/1.1 200"), "a new connection");
    assert!(ask(&mut kept).await.unwrap().starts_with("HTTP/1.1 200"), "one that was kept");
    for other in &mut others[..300] {
        assert!(is_closed(other).await, "the oldest gave way");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_stays_with_the_daemon() {
    const PIECE: usize = 64 << 10;
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let address = server.addresses()[0];
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let handler = move |_| {
        let count = Arc::clone(&count);
        let piece = move |left: usize| {
            let count = Arc::clone(&count);
            async move {
                count.fetch_add(PIECE, Ordering::Relaxed);
                let piece = Frame::data(Bytes::from_static(&[b'x'; PIECE]));
                left.checked_sub(1).map(|left| (Ok::<_, Infallible>(piece), left))
            }
        };
        async move { Response::new(StreamBody::new(futures_util::stream::unfold(1024, piece))) }
    };
    tokio::spawn(server.run(handler, std::future::pending()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    // Until nothing more is taken.
    let mut before = 0;
    while before == 0 || taken.load(Ordering::Relaxed) > before {
        before = taken.load(Ordering::Relaxed);
        time::sleep(Duration::from_millis(100)).await;
    }
    assert!(before < 2 << 20, "{before} of {} bytes", PIECE * 1024);
}

#[test]
fn the_network_of_an_ipv6_address_is_one_client() {
    let at = |address: &str| Peer::at(address.parse().unwrap()).0;
    assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
    assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    assert_eq!(at("::ffff:192.0.2.7"), at("192.0.2.7"));
    assert_ne!(at("192.0.2.6"), at("192.0.2.7"));
}

#[tokio::test]
async fn a_head_of_any_length_takes_little_memory() {
    let (_, mut greedy) = connect().await;
    // A whole head, which would be answered but for its length. The refusal may come while this side still sends.
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(70_000));
    let _ = greedy.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    let _ = greedy.read_exact(&mut answer).await;
    assert_ne!(&answer, b"HTTP/1.1 200");

    let (_, mut large) = connect().await;
    let cookie = "c".repeat(12_000);
    large.write_all(format!("GET / HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 15];
    large.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK", "a browser with many cookies is served");
}

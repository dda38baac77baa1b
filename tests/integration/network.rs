//! The network: TLS, proxies, and ports without a listener.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use common::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use rcgen::{BasicConstraints, IsCa};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer};

use crate::authority::{Authority, self_signed};
use crate::harness::{KEY, Port, REPORTS, TestApp, asked, config, json, noon, only};
use crate::program::{Ended, Process, config_file, config_flag, finish, program};

const UP: &str = r#"gcore_up{account="main",collector="reports"}"#;
const NO_ROWS: &str = r#"{"count": 0, "results": []}"#;

/// Listens on a new port and gives every connection to `serve`.
pub(crate) async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Reads the head of a request.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { break };
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}

/// The head of a good answer with a body of `length` bytes.
fn answer_head(length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

/// Answers every request of a connection with an empty list.
async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    while !head(&mut stream).await.is_empty() {
        let answer = answer_head(NO_ROWS.len()) + NO_ROWS;
        if stream.write_all(answer.as_bytes()).await.and(stream.flush().await).is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn without_a_listener_there_is_no_connection() {
    let closed = Port::new();
    let config = config(&closed.url(), only(&[Collector::Reports]));
    let app = TestApp::ready(&config, Clock::frozen(noon())).await;
    assert_eq!(app.value(UP).await.as_deref(), Some("0"));
    let failures = r#"gcore_poll_failures_total{account="main",collector="reports",reason="connect"}"#;
    assert_eq!(app.value(failures).await.as_deref(), Some("1"), "{}", app.metrics().await);
    app.stop().await;
}

#[tokio::test]
async fn a_request_names_its_sender_welcomes_gzip_and_keeps_the_path_of_the_url() {
    let api = MockServer::start().await;
    let agent = header("user-agent", concat!("gcore-billing-exporter/", env!("CARGO_PKG_VERSION")));
    // The API answers only in gzip, which is a tenth as long.
    let gzip = header("accept-encoding", "gzip");
    let prefixed = Mock::given(method("GET")).and(path(format!("/proxy/gcore{REPORTS}"))).and(agent).and(gzip);
    prefixed.respond_with(json(NO_ROWS)).expect(2).mount(&api).await;
    for url in [format!("{}/proxy/gcore", api.uri()), format!("{}/proxy/gcore/", api.uri())] {
        let app = TestApp::ready(&config(&url, only(&[Collector::Reports])), Clock::frozen(noon())).await;
        assert_eq!(app.value(UP).await.as_deref(), Some("1"), "{url}");
        app.stop().await;
    }
    api.verify().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every form of `Content-Encoding` that HTTP allows for a client that accepts gzip.
#[tokio::test]
async fn an_answer_is_read_in_every_legal_encoding() {
    let (first, second) = NO_ROWS.as_bytes().split_at(9);
    let members = [gzip(first), gzip(b""), gzip(second)].concat();
    for (name, encodings, body) in [
        ("none", &[][..], NO_ROWS.as_bytes().to_vec()),
        ("none, said", &["identity"], NO_ROWS.as_bytes().to_vec()),
        ("one member", &["gzip"], gzip(NO_ROWS.as_bytes())),
        ("several members", &["gzip"], members),
        ("the old name", &["x-gzip"], gzip(NO_ROWS.as_bytes())),
        ("capitals", &["GZIP"], gzip(NO_ROWS.as_bytes())),
        ("a list", &["identity, gzip,"], gzip(NO_ROWS.as_bytes())),
    ] {
        let api = MockServer::start().await;
        let answer = json("").set_body_raw(body, "application/json");
        let answer = encodings.iter().fold(answer, |answer, line| answer.append_header("content-encoding", *line));
        asked(REPORTS).respond_with(answer).mount(&api).await;
        let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;
        assert_eq!(app.value(UP).await.as_deref(), Some("1"), "{name}: {}", app.metrics().await);
        app.stop().await;
    }
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_named() {
    let api = MockServer::start().await;
    let answer = json(NO_ROWS).insert_header("content-encoding", "br");
    asked(REPORTS).respond_with(answer).mount(&api).await;
    let daemon = Process::serving(config_file(&api.uri(), "", &["reports"]), &[]);
    daemon.until(async || daemon.log().contains("poll failed")).await;
    let log = daemon.stop().await.stderr;
    assert!(log.contains("encoded as \\\"br\\\", and only gzip was asked for"), "{log}");
}

/// Starts an API with a certificate for `host`.
async fn tls_api(authority: &Authority, host: &str) -> SocketAddr {
    behind(authority.acceptor(host, 4000)).await
}

/// Starts an API behind TLS.
async fn behind(acceptor: TlsAcceptor) -> SocketAddr {
    listen(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            if let Ok(stream) = accepting.await {
                answer_all(stream).await;
            }
        }
    })
    .await
}

/// A proxy that connects every tunnel to one address, for any host.
struct Proxy {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn to(target: SocketAddr) -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let address = listen(move |mut client| {
            let seen = Arc::clone(&seen);
            async move {
                let head = head(&mut client).await;
                let is_tunnel = head.starts_with("CONNECT ");
                seen.lock().unwrap().push(head);
                if is_tunnel && client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            }
        });
        Self { url: format!("http://{}", address.await), heads }
    }

    /// The heads of all requests to the proxy.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Runs `once` with these variables.
async fn once(config: &NamedTempFile, variables: &[(&str, &str)]) -> Ended {
    let mut command = program(&["once", &config_flag(config)]);
    command.envs(variables.iter().copied());
    finish(command).await
}

#[tokio::test]
async fn https_goes_through_the_proxy_of_the_environment() {
    let ours = Authority::new();
    // A name that only the proxy resolves, and an address of this host that is not a loopback address.
    for (host, variables, is_proxied) in [
        ("api.example", vec![], true),
        ("api.example", vec![("NO_PROXY", "other.example")], true),
        ("0.0.0.0", vec![("NO_PROXY", "0.0.0.0")], false),
        ("localhost", vec![], false),
    ] {
        let api = tls_api(&ours, host).await;
        let proxy = Proxy::to(api).await;
        let url = format!("https://{host}:{}", api.port());
        let config = config_file(&url, &ours.line(), &["reports"]);
        let ended = once(&config, &[variables.clone(), vec![("HTTPS_PROXY", &proxy.url)]].concat()).await;
        assert_eq!(ended.code, Some(0), "{host}, {variables:?}: {}", ended.stderr);
        let heads = proxy.heads();
        assert_eq!(heads.len(), usize::from(is_proxied), "{host}, {variables:?}: {heads:?}");
        for head in heads {
            assert!(head.starts_with(&format!("CONNECT {host}:{}", api.port())), "{head}");
            assert!(!head.contains(KEY), "the key is for the API alone: {head}");
        }
    }
}

/// Plain http is allowed to this host only, because no other host can read it.
#[tokio::test]
async fn http_to_this_host_passes_by_every_proxy() {
    let api = listen(answer_all).await;
    for host in ["127.0.0.1", "localhost"] {
        let proxy = Proxy::to(api).await;
        let config = config_file(&format!("http://{host}:{}", api.port()), "", &["reports"]);
        let variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, proxy.url.as_str()));
        let ended = once(&config, &variables).await;
        assert_eq!(proxy.heads(), [""; 0], "{host}");
        assert_eq!(ended.code, Some(0), "{host}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_certificate_that_vouches_for_itself_is_accepted_where_its_file_is_named() {
    for (name, is_ca) in [
        ("as openssl makes it", IsCa::Ca(BasicConstraints::Unconstrained)),
        ("no authority", IsCa::ExplicitNoCa),
        ("no extensions", IsCa::NoCa),
    ] {
        let (ours, acceptor) = self_signed(is_ca);
        let (another, _) = self_signed(is_ca);
        let url = format!("https://localhost:{}", behind(acceptor).await.port());
        for (file, code) in [(&ours, 0), (&another, 3)] {
            let line = format!("ca_file = '{}'", file.path().display());
            let ended = once(&config_file(&url, &line, &["reports"]), &[]).await;
            assert_eq!(ended.code, Some(code), "{name}: {}", ended.stderr);
            assert_eq!(ended.stderr.contains("reason=tls"), code == 3, "{name}: {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn a_proxy_variable_that_cannot_be_used_is_refused_by_its_name() {
    let api = listen(answer_all).await;
    let config = config_file(&format!("http://{api}"), "", &["reports"]);
    for (variable, value) in [
        ("HTTPS_PROXY", "http://us:passw0rd@proxy example"),
        ("http_proxy", "http://us:passw0rd@proxy.example:port"),
        ("all_proxy", "socks5://us:passw0rd@proxy.example"),
        ("NO_PROXY", "localhost,http://us:passw0rd@proxy.example"),
    ] {
        let ended = once(&config, &[(variable, value)]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{variable}");
        assert!(ended.stderr.starts_with(&format!("{variable}: ")), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(!ended.stderr.contains("passw0rd"), "a variable may hold a password: {}", ended.stderr);
    }
    let good =
        [("HTTPS_PROXY", "http://us:passw0rd@proxy.example:3128"), ("NO_PROXY", "localhost, .example.com,10.0.0.0/8")];
    assert_eq!(once(&config, &good).await.code, Some(0));
}

#[tokio::test]
async fn without_certificate_authorities_only_what_needs_them_fails() {
    let bare = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let arguments = ["demo", "--demo.api-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0"];
    let demo = Process::start(program(&arguments).envs(bare));
    demo.until(async || demo.printed().contains("Ctrl-C")).await;
    demo.stop().await;

    let ours = Authority::new();
    let url = format!("https://localhost:{}", tls_api(&ours, "localhost").await.port());
    let ended = once(&config_file(&url, &ours.line(), &["reports"]), &bare).await;
    assert_eq!(ended.code, Some(0), "ca_file is enough: {}", ended.stderr);

    let ended = once(&config_file(&url, "", &["reports"]), &bare).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for part in ["account main", "No CA certificates", "is the package ca-certificates installed?"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

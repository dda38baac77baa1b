//! The edges of the network: TLS, proxies, redirects, and servers that break off in ways that no HTTP library offers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gcore_billing_exporter::clock::Clock;
use gcore_billing_exporter::snapshot::Collector;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{KEY, REPORTS, TestApp, config, json, noon, only};
use crate::program::{Ended, Process, config_file, config_flag, file, finish, get, program, value};

const UP: &str = r#"gcore_up{account="main",collector="reports"}"#;
const NO_ROWS: &str = r#"{"count": 0, "results": []}"#;

fn failures(reason: &str) -> String {
    format!(r#"gcore_poll_failures_total{{account="main",collector="reports",reason="{reason}"}}"#)
}

/// Gives every connection at a port of its own to `serve`.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
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

/// What begins a good answer with a body of `length` bytes.
fn answer_head(length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

/// Answers every request on a connection with an empty list.
async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    while !head(&mut stream).await.is_empty() {
        let answer = answer_head(NO_ROWS.len()) + NO_ROWS;
        if stream.write_all(answer.as_bytes()).await.and(stream.flush().await).is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_server_that_breaks_off_is_a_failure_with_its_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = closed.local_addr().unwrap();
    drop(closed);
    let reset = listen(async |mut stream| {
        head(&mut stream).await;
        stream.write_all((answer_head(100) + "{\"count\"").as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.set_zero_linger().unwrap();
    });
    let cut = listen(async |mut stream| {
        head(&mut stream).await;
        stream.write_all((answer_head(NO_ROWS.len() + 1) + NO_ROWS).as_bytes()).await.unwrap();
    });
    let drip = listen(async |mut stream| {
        head(&mut stream).await;
        let mut rest = (answer_head(NO_ROWS.len()) + NO_ROWS).into_bytes().into_iter();
        while let Some(byte) = rest.next()
            && stream.write_u8(byte).await.is_ok()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let hang = listen(async |mut stream| {
        head(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    let nonsense = listen(async |mut stream| {
        head(&mut stream).await;
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
    });
    let fails = async |name, address, timeout, reason, retries| {
        let mut config = config(&format!("http://{address}"), only(&[Collector::Reports]));
        config.collect.reports.schedule.timeout = timeout;
        for account in config.accounts.values_mut() {
            account.request_timeout = timeout - Duration::from_millis(90);
        }
        let app = TestApp::ready(&config, Clock::frozen(noon())).await;
        assert_eq!(app.value(UP).await.as_deref(), Some("0"), "{name}");
        assert_eq!(app.value(&failures(reason)).await.as_deref(), Some("1"), "{name}:\n{}", app.metrics().await);
        let repeated = format!(r#"gcore_api_retries_total{{account="main",endpoint="reports",reason="{reason}"}}"#);
        assert_eq!(app.value(&repeated).await.as_deref(), retries, "{name}");
        app.stop().await;
    };
    let patient = Duration::from_secs(20);
    // Too short for another try, which would come after half a second at the earliest.
    let hurried = Duration::from_millis(490);
    tokio::join!(
        fails("nobody listens", refused, patient, "connect", Some("3")),
        fails("reset within the answer", reset.await, patient, "connect", Some("3")),
        fails("an answer shorter than announced", cut.await, patient, "connect", Some("3")),
        fails("another protocol", nonsense.await, patient, "connect", Some("3")),
        fails("an answer byte by byte", drip.await, hurried, "timeout", None),
        fails("no answer", hang.await, hurried, "timeout", None),
    );
}

/// JSON may begin with any amount of white space, so only the size is wrong with this.
#[tokio::test]
async fn an_endless_answer_is_cut_before_it_fills_the_memory() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let endless = listen(async |mut stream| {
        head(&mut stream).await;
        let chunk = [b' '; 1 << 16];
        stream.write_all(answer_head(usize::MAX >> 1).as_bytes()).await.unwrap();
        while stream.write_all(&chunk).await.is_ok() {
            SENT.fetch_add(chunk.len(), Ordering::SeqCst);
        }
    });
    let config = config_file(&format!("http://{}", endless.await), "", &["reports"]);
    let daemon = Process::serving(config, &[]);
    let url = daemon.url().await;
    daemon.until(async || value(&get(&format!("{url}/metrics")).await, &failures("bad_body")).is_some()).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    let log = daemon.stop().await.stderr;
    assert!(log.contains("the answer is larger than 64 MiB"), "{log}");
    assert!(peak < 160 << 10, "{peak} KiB at the worst");
    let polls = log.matches("larger than").count() + 1;
    assert!(SENT.load(Ordering::SeqCst) < polls * (80 << 20), "the rest was left unread");
}

#[tokio::test]
async fn a_redirect_takes_nothing_to_another_host() {
    for status in [301, 302, 303, 307, 308] {
        let (api, other) = (MockServer::start().await, MockServer::start().await);
        let redirect = ResponseTemplate::new(status).insert_header("location", format!("{}{REPORTS}", other.uri()));
        Mock::given(any()).respond_with(redirect).mount(&api).await;
        Mock::given(any()).respond_with(json(NO_ROWS)).mount(&other).await;
        let app = TestApp::ready(&config(&api.uri(), only(&[Collector::Reports])), Clock::frozen(noon())).await;
        assert_eq!(app.value(&failures("redirect")).await.as_deref(), Some("1"), "{status}");
        assert_eq!(api.received_requests().await.unwrap().len(), 1, "{status}");
        assert_eq!(other.received_requests().await.unwrap().len(), 0, "{status}: the other host heard of it");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_request_names_its_sender_and_keeps_the_path_of_the_url() {
    let api = MockServer::start().await;
    let agent = header("user-agent", concat!("gcore-billing-exporter/", env!("CARGO_PKG_VERSION")));
    let prefixed = Mock::given(method("GET")).and(path(format!("/proxy/gcore{REPORTS}"))).and(agent);
    prefixed.respond_with(json(NO_ROWS)).expect(2).mount(&api).await;
    for url in [format!("{}/proxy/gcore", api.uri()), format!("{}/proxy/gcore/", api.uri())] {
        let app = TestApp::ready(&config(&url, only(&[Collector::Reports])), Clock::frozen(noon())).await;
        assert_eq!(app.value(UP).await.as_deref(), Some("1"), "{url}");
        app.stop().await;
    }
    api.verify().await;
}

/// A certificate authority that no system trusts.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: NamedTempFile,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pem = file(&issuer.pem());
        Self { issuer, pem }
    }

    /// Speaks TLS with a certificate for `host` that is good until the given year.
    pub(crate) fn acceptor(&self, host: &str, until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.issuer).unwrap().into();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Starts an API with such a certificate.
    async fn api(&self, host: &str, until: i32) -> SocketAddr {
        let acceptor = self.acceptor(host, until);
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

    fn path(&self) -> PathBuf {
        self.pem.path().to_owned()
    }

    /// The line of a configuration file that trusts it.
    pub(crate) fn line(&self) -> String {
        format!("ca_file = '{}'", self.pem.path().display())
    }
}

#[tokio::test]
async fn a_certificate_is_checked() {
    let (ours, another) = (Authority::new(), Authority::new());
    for (name, certified_for, until, trusted, reason) in [
        ("trusted by ca_file", "localhost", 4000, &ours, None),
        ("an unknown authority", "localhost", 4000, &another, Some("tls")),
        ("for another host name", "api.example", 4000, &ours, Some("tls")),
        ("expired", "localhost", 2020, &ours, Some("tls")),
    ] {
        let api = ours.api(certified_for, until).await;
        let mut config = config(&format!("https://localhost:{}", api.port()), only(&[Collector::Reports]));
        for account in config.accounts.values_mut() {
            account.ca_file = Some(trusted.path());
        }
        let app = TestApp::ready(&config, Clock::frozen(noon())).await;
        assert_eq!(app.value(UP).await.as_deref(), Some(if reason.is_none() { "1" } else { "0" }), "{name}");
        if let Some(reason) = reason {
            assert_eq!(app.value(&failures(reason)).await.as_deref(), Some("1"), "{name}: {}", app.metrics().await);
        }
        app.stop().await;
    }
}

/// A proxy that leads every tunnel to one place, whatever host was asked for.
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

    /// The heads of all requests to the proxy itself.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Runs `once` with this environment.
async fn once(config: &NamedTempFile, variables: &[(&str, &str)]) -> Ended {
    let mut command = program(&["once", &config_flag(config)]);
    command.envs(variables.iter().copied());
    finish(command).await
}

#[tokio::test]
async fn https_goes_through_the_proxy_of_the_environment() {
    let ours = Authority::new();
    // A name that only the proxy knows, and an address that is this host but not called loopback.
    for (host, variables, is_proxied) in [
        ("api.example", vec![], true),
        ("api.example", vec![("NO_PROXY", "other.example")], true),
        ("0.0.0.0", vec![("NO_PROXY", "0.0.0.0")], false),
        ("localhost", vec![], false),
    ] {
        let api = ours.api(host, 4000).await;
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

/// Plain http is allowed to this host only because nobody can listen on the way there.
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
async fn without_certificate_authorities_only_what_needs_them_fails() {
    let bare = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let arguments = ["demo", "--demo.api-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0"];
    let demo = Process::start(program(&arguments).envs(bare));
    demo.until(async || demo.printed().contains("Ctrl-C")).await;
    demo.stop().await;

    let ours = Authority::new();
    let url = format!("https://localhost:{}", ours.api("localhost", 4000).await.port());
    let ended = once(&config_file(&url, &ours.line(), &["reports"]), &bare).await;
    assert_eq!(ended.code, Some(0), "ca_file is enough: {}", ended.stderr);

    let ended = once(&config_file(&url, "", &["reports"]), &bare).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for part in ["account main", "No CA certificates", "is the package ca-certificates installed?"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

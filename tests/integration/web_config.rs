//! `--web.config.file`: TLS, client certificates and passwords of the listener.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use common::clock::Clock;
use gcore_billing_exporter::app::Web;
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::harness::{PATIENCE, TestApp, config, noon, only, until_met};
use crate::program::{Process, config_file, config_flag, finish, get, program};
use crate::prometheus::Prometheus;

/// `s3cret`, with a cost that takes no time.
const HASH: &str = "$2y$04$zhSpqDVoSPWYODg7h/4MbOPtPfx2SV3BSSBkCBCzA4BIcpZapKNOm";
const PASSWORD: &str = "s3cret";

/// A folder with a web configuration, and the certificates of server and clients.
struct Files {
    folder: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
        files.issue("server", 4000);
        fs::copy(files.authority.file(), files.path("ca.pem")).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file that only its owner reads. It appears as a whole.
    fn put(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// Writes a certificate for `localhost` and its key to `NAME.pem` and `NAME.key`.
    fn issue(&self, name: &str, until: i32) {
        let (certificate, key) = self.authority.issue("localhost", until);
        self.put(&format!("{name}.pem"), &certificate);
        self.put(&format!("{name}.key"), &key);
    }

    /// Writes a web configuration with TLS and these lines.
    fn configure(&self, more: &str) -> Web {
        let tls = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
        self.put("web.yml", &format!("{tls}{more}"));
        let listen_addresses = vec!["127.0.0.1:0".parse().unwrap()];
        Web { listen_addresses, config_file: Some(self.path("web.yml")), ..Web::default() }
    }

    /// A client that trusts the authority, with a certificate if one is named.
    fn client(&self, certificate: Option<&str>) -> Client {
        let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let trusted = Certificate::from_pem(&fs::read(self.path("ca.pem")).unwrap()).unwrap();
        let builder = builder.tls_certs_only([trusted]);
        let identity = |name: &str| {
            let pem = ["key", "pem"].map(|kind| fs::read(self.path(&format!("{name}.{kind}"))).unwrap()).concat();
            Identity::from_pem(&pem).unwrap()
        };
        let identities = certificate.map(identity).into_iter();
        identities.fold(builder, reqwest::ClientBuilder::identity).build().unwrap()
    }
}

const MUTUAL: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";

fn users() -> String {
    format!("basic_auth_users:\n  prom: {HASH}\n")
}

/// `https://localhost:PORT`.
fn by_name(url: &str) -> String {
    url.replace("127.0.0.1", "localhost")
}

/// The job, the health and the last error of each target.
async fn targets(prometheus: &Prometheus) -> Vec<(String, String, String)> {
    let data = prometheus.api("targets", &[]).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |row: &Value| (text(&row["labels"]["job"]), text(&row["health"]), text(&row["lastError"]));
    data["activeTargets"].as_array().map(|rows| rows.iter().map(row).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_over_mutual_tls_with_a_password_and_only_so() {
    let files = Files::new();
    files.issue("client", 4000);
    files.issue("expired", 2010);
    let (stranger, strange_key) = Authority::new().issue("localhost", 4000);
    files.put("stranger.pem", &stranger);
    files.put("stranger.key", &strange_key);
    let other = Authority::new();
    let web = files.configure(&format!("{MUTUAL}{}", users()));
    let app = TestApp::with(web, &config("http://127.0.0.1:1", only(&[])), Clock::system()).await;
    assert!(app.url.starts_with("https://"), "{}", app.url);

    let target = by_name(&app.url).replace("https://", "");
    let job = |name: &str, ca: &str, client: &str, password: &str| {
        let certificate = match client {
            "" => String::new(),
            name => format!(
                ", cert_file: {}, key_file: {}",
                files.shown(&format!("{name}.pem")),
                files.shown(&format!("{name}.key"))
            ),
        };
        format!(
            "- {{job_name: {name}, scheme: https, static_configs: [{{targets: ['{target}']}}], \
             tls_config: {{ca_file: {ca}{certificate}}}, basic_auth: {{username: prom, password: {password}}}}}\n"
        )
    };
    let (ours, theirs) = (files.shown("ca.pem"), other.file().display().to_string());
    let jobs = [
        job("good", &ours, "client", PASSWORD),
        job("wrong_password", &ours, "client", "guess"),
        job("wrong_authority", &theirs, "client", PASSWORD),
        job("no_certificate", &ours, "", PASSWORD),
        job("expired_certificate", &ours, "expired", PASSWORD),
        job("certificate_of_a_stranger", &ours, "stranger", PASSWORD),
    ];
    let yaml = format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{}", jobs.concat());
    let prometheus = Prometheus::start(tempfile::tempdir().unwrap(), &yaml);
    let targets = async || targets(&prometheus).await;
    let all_scraped = async || {
        let targets = targets().await;
        targets.len() == jobs.len() && targets.iter().all(|(_, health, _)| health != "unknown")
    };
    until_met(all_scraped, async || format!("{:?}", targets().await)).await;
    for (job, health, error) in targets().await {
        let want = match job.as_str() {
            "good" => "",
            "wrong_password" => "401 Unauthorized",
            "wrong_authority" => "certificate signed by unknown authority",
            "no_certificate" => "certificate required",
            "expired_certificate" => "expired certificate",
            "certificate_of_a_stranger" => "remote error: tls: ",
            _ => panic!("{job}"),
        };
        assert_eq!(health, if want.is_empty() { "up" } else { "down" }, "{job}: {error}");
        assert!(error.contains(want), "{job}: {error}");
    }
    assert!(!prometheus.found("gcore_exporter_build_info{job=\"good\"}").await.is_empty(), "series arrive");
    app.stop().await;
}

#[tokio::test]
async fn each_policy_for_client_certificates_takes_and_refuses_as_its_name_says() {
    let files = Files::new();
    files.issue("client", 4000);
    let (stranger, key) = Authority::new().issue("localhost", 4000);
    files.put("stranger.pem", &stranger);
    files.put("stranger.key", &key);
    let ca = "  client_ca_file: ca.pem\n";
    let sans = |name: &str| format!("{MUTUAL}  client_allowed_sans: [other.example, {name}]\n");
    for (lines, without, ours, strange) in [
        ("  client_auth_type: NoClientCert\n".to_owned(), true, true, true),
        ("  client_auth_type: RequestClientCert\n".to_owned(), true, true, true),
        ("  client_auth_type: RequireAnyClientCert\n".to_owned(), false, true, true),
        (format!("  client_auth_type: VerifyClientCertIfGiven\n{ca}"), true, true, false),
        (MUTUAL.to_owned(), false, true, false),
        (sans("localhost"), false, true, false),
        (sans("127.0.0.1"), false, false, false),
        (format!("{MUTUAL}  max_version: TLS12\n"), false, true, false),
        (format!("{MUTUAL}  min_version: TLS13\n"), false, true, false),
    ] {
        let app =
            TestApp::with(files.configure(&lines), &config("http://127.0.0.1:1", only(&[])), Clock::system()).await;
        let url = format!("{}/-/healthy", by_name(&app.url));
        for (name, want) in [(None, without), (Some("client"), ours), (Some("stranger"), strange)] {
            let passed = files.client(name).get(&url).send().await.is_ok();
            assert_eq!(passed, want, "{lines}with {name:?}");
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn every_path_needs_the_password_and_every_answer_has_the_headers() {
    let files = Files::new();
    let headers = "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n";
    let web = files.configure(&format!("{headers}{}", users()));
    let app = TestApp::with(web, &config("http://127.0.0.1:1", only(&[])), Clock::frozen(noon())).await;
    let (client, url) = (files.client(None), by_name(&app.url));
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/alerts", "/runbooks", "/-/reload", "/nowhere"] {
        for (password, is_right) in [(None, false), (Some("guess"), false), (Some(PASSWORD), true)] {
            let request = client.get(format!("{url}{path}"));
            let request =
                password.into_iter().fold(request, |request, password| request.basic_auth("prom", Some(password)));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status() == StatusCode::UNAUTHORIZED, !is_right, "{path} with {password:?}");
            assert_eq!(answer.headers().contains_key("www-authenticate"), !is_right, "{path} with {password:?}");
            assert_eq!(answer.headers()["strict-transport-security"], "max-age=60", "{path} with {password:?}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn certificates_and_passwords_change_without_a_restart() {
    let files = Files::new();
    let web = files.configure(&users());
    let app = TestApp::with(web, &config("http://127.0.0.1:1", only(&[])), Clock::system()).await;
    let url = format!("{}/-/healthy", by_name(&app.url));
    let passes = async |password: &str| {
        let answer = files.client(None).get(&url).basic_auth("prom", Some(password)).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    };
    assert!(passes(PASSWORD).await);
    files.configure(&format!("basic_auth_users: {{prom: {}}}\n", bcrypt::hash("other", 4).unwrap()));
    until_met(async || passes("other").await, async || "the new password".into()).await;
    assert!(!passes(PASSWORD).await, "the old password counts no more");

    files.configure(&format!("basic_auth_users: {{prom: {HASH}}}\n"));
    until_met(async || passes(PASSWORD).await, async || "the password of the good file".into()).await;

    // The client trusts only the authority in `ca.pem`.
    let other = Authority::new();
    let (certificate, key) = other.issue("localhost", 4000);
    files.put("server.pem", &certificate);
    files.put("server.key", &key);
    until_met(async || !passes(PASSWORD).await, async || "the new certificate".into()).await;
    fs::copy(other.file(), files.path("ca.pem")).unwrap();
    until_met(async || passes(PASSWORD).await, async || "trust in the new certificate".into()).await;
    app.stop().await;
}

/// A daemon as a process with a web configuration, and its URL.
async fn process(files: &Files, lines: &str) -> (Process, String) {
    files.configure(lines);
    let daemon = Process::serving(
        config_file("http://127.0.0.1:1", "", &["names"]),
        &[&format!("--web.config.file={}", files.shown("web.yml"))],
    );
    let url = daemon.url().await;
    (daemon, url)
}

#[tokio::test]
async fn a_health_check_needs_neither_password_nor_certificate() {
    let files = Files::new();
    for lines in [users(), format!("{MUTUAL}{}", users()), format!("{MUTUAL}  max_version: TLS12\n")] {
        let (daemon, url) = process(&files, &lines).await;
        assert!(url.starts_with("https://"), "{url}");
        for url in [url.clone(), url.replace("https://", "http://")] {
            let ended = finish(program(&["healthcheck", &format!("--healthcheck.url={url}")])).await;
            assert_eq!((ended.code, &*ended.stdout, &*ended.stderr), (Some(0), "", ""), "{url}, {lines}");
        }
        daemon.stop().await;
        let ended = finish(program(&["healthcheck", &format!("--healthcheck.url={url}")])).await;
        assert_eq!(ended.code, Some(1), "no daemon answers: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_faulty_web_configuration_is_refused_with_all_faults_and_a_doubtful_one_warned_of() {
    let files = Files::new();
    let config = config_file("http://127.0.0.1:1", "", &["names"]);
    let flag = format!("--web.config.file={}", files.shown("web.yml"));
    files.put("web.yml", "tls_server_config: {cert_file: server.pem}\nbasic_auth_users: {prom: s3cret}\n");
    for command in ["run", "check-config"] {
        let ended = finish(program(&[command, &config_flag(&config), &flag])).await;
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{command}");
        let lines: Vec<_> = ended.stderr.lines().collect();
        assert!(lines[0].starts_with("basic_auth_users.prom (") && lines[0].contains("is no bcrypt hash"), "{lines:?}");
        assert!(lines[1].starts_with("tls_server_config (") && lines[1].contains("has no private key"), "{lines:?}");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(!ended.stderr.contains(PASSWORD), "{lines:?}");
    }
    files.issue("server", 2010);
    files.configure("");
    fs::set_permissions(files.path("server.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let ended = finish(program(&["check-config", &config_flag(&config), &flag])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("The configuration can be used; mind the 2 warnings above.\n"), "{}", ended.stdout);
    for part in ["the certificate expired at 2010-01-01T00:00:00Z", "(mode 0644): chmod 0600 "] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_reload_names_the_faults_of_the_web_configuration() {
    let files = Files::new();
    files.put("web.yml", &users());
    let flag = format!("--web.config.file={}", files.shown("web.yml"));
    let daemon =
        Process::serving(config_file("http://127.0.0.1:1", "", &["names"]), &["--web.enable-lifecycle", &flag]);
    let url = daemon.url().await;
    let client = Client::builder().no_proxy().build().unwrap();
    let reload = async || {
        let request = client.post(format!("{url}/-/reload")).basic_auth("prom", Some(PASSWORD)).timeout(PATIENCE);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(reload().await, (200, "reloaded\n".to_owned()));
    files.put("web.yml", "basic_auth_user: {}\n");
    let (status, text) = reload().await;
    assert_eq!(status, 500, "{text}");
    assert!(text.contains("basic_auth_user (") && text.contains("did you mean \"basic_auth_users\"?"), "{text}");
    assert!(get(&format!("{url}/metrics")).await.contains("a password are needed"), "the old one goes on");
    daemon.stop().await;
}

//! The servers and the configuration of a daemon, with a secret in each place.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client};
use tempfile::TempDir;
use tokio::process::Command;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::authority::Authority;
use crate::harness::{COST, PROJECTS, REGIONS, REPORTS, SUBSCRIPTIONS, USAGE, client, json};
use crate::program::{Ended, program};

/// A word that occurs nowhere else. The place is where it stands in the configuration.
pub(super) fn canary(place: &str) -> String {
    format!("canary4f7a{place}")
}

fn signing_secret(place: &str) -> String {
    format!("whsec_{}", STANDARD.encode(canary(place) + "0123456789abcdef"))
}

/// The accounts, by the place of their key.
pub(super) const ACCOUNTS: [&str; 5] = ["config", "file", "environment", "credential", "proxied"];

/// Answers with a status, and repeats the credentials and the address of the request.
struct Echo(u16);

impl Respond for Echo {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let header = |name: &str| request.headers.get(name).map(|value| format!("{}\n", value.to_str().unwrap()));
        let mut text: String =
            ["authorization", "proxy-authorization"].iter().filter_map(|name| header(name)).collect();
        let segments = request.url.path().split('/').collect::<Vec<_>>().join("\n");
        text += &format!("{}\n{segments}\n{}\n", request.url.query().unwrap_or_default(), request.url.path());
        ResponseTemplate::new(self.0).set_body_string(text)
    }
}

/// A server that refuses everything with this status.
async fn refusing(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Echo(status)).mount(&server).await;
    server
}

/// An API in which some reports can be read.
async fn api() -> MockServer {
    let api = MockServer::start().await;
    let task = r#"{"count": 1, "results": [{"uuid": "t1", "task_type": "Report", "status": "Failed"}]}"#;
    for (endpoint, page) in [
        (COST, include_str!("../pages/cost_1.json")),
        (REPORTS, task),
        (PROJECTS, include_str!("../pages/projects.json")),
        (REGIONS, include_str!("../pages/regions.json")),
    ] {
        Mock::given(path(endpoint)).respond_with(json(page)).mount(&api).await;
    }
    for (endpoint, status) in [(USAGE, 400), (SUBSCRIPTIONS, 500)] {
        Mock::given(path(endpoint)).respond_with(Echo(status)).mount(&api).await;
    }
    api
}

/// The servers that the daemon talks to.
pub(super) struct Servers {
    pub(super) api: MockServer,
    pub(super) proxy: MockServer,
    pub(super) with_password: MockServer,
    pub(super) with_token: MockServer,
    pub(super) webhook: MockServer,
    pub(super) slack: MockServer,
}

impl Servers {
    pub(super) async fn start() -> Self {
        let (api, proxy) = (api().await, refusing(502).await);
        let (with_password, with_token) = (refusing(401).await, refusing(503).await);
        let (webhook, slack) = (refusing(500).await, refusing(404).await);
        Self { api, proxy, with_password, with_token, webhook, slack }
    }
}

/// A folder with the configuration of a daemon, and with its store.
pub(super) struct Setup {
    folder: TempDir,
    authority: Authority,
    /// The texts that must not come out, by their places.
    pub(super) secrets: BTreeMap<String, String>,
}

impl Setup {
    pub(super) fn new(servers: &Servers) -> Self {
        let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
        let mut setup = Self { folder, authority, secrets: BTreeMap::new() };
        for place in ACCOUNTS {
            setup.keep(place, canary(place));
        }
        for (place, user) in [("managerpassword", "manager"), ("proxypassword", "proxyuser")] {
            setup.keep(place, canary(place));
            // The form in a header.
            setup.keep(&format!("{place} in base64"), STANDARD.encode(format!("{user}:{}", canary(place))));
        }
        for place in ["managertoken", "hookpath", "hookquery", "slackpath", "webpassword"] {
            setup.keep(place, canary(place));
        }
        for place in ["signing", "oldsigning"] {
            setup.keep(place, canary(place));
            setup.keep(&format!("{place} in base64"), signing_secret(place));
        }
        setup.put("web-password", &canary("webpassword"));
        setup.put("key", &canary("file"));
        setup.put("credential", &canary("credential"));
        setup.put("manager-password", &canary("managerpassword"));
        setup.put("old-secret", &signing_secret("oldsigning"));
        setup.put("slack-url", &format!("{}/services/T000/{}", servers.slack.uri(), canary("slackpath")));
        setup.put("config.toml", &setup.config(servers));
        setup.protect();
        setup
    }

    fn keep(&mut self, place: &str, secret: String) {
        self.secrets.insert(place.to_owned(), secret);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes `web.yml` with a private key and the hash of a password in it.
    fn protect(&mut self) {
        let (certificate, key) = self.authority.issue("127.0.0.1", 4000);
        self.put("server.pem", &certificate);
        let hash = bcrypt::hash(canary("webpassword"), 4).unwrap();
        let indented: String = key.lines().map(|line| format!("    {line}\n")).collect();
        let tls = format!("tls_server_config:\n  cert_file: server.pem\n  key: |\n{indented}");
        self.put("web.yml", &format!("{tls}basic_auth_users:\n  prom: {hash}\n"));
        self.keep("private key", key.lines().nth(1).unwrap().to_owned());
        self.keep("hash", hash.rsplit('$').next().unwrap().to_owned());
    }

    fn config(&self, servers: &Servers) -> String {
        let (api, file) = (servers.api.uri(), |name: &str| self.path(name).display().to_string());
        let account = |name: &str, url: &str, more: &str| {
            format!("[accounts.{name}]\napi_url = '{url}'\nmax_requests_per_second = 1000\n{more}\n")
        };
        let mut text = account("config", &api, &format!("api_key = '{}'", canary("config")));
        text += &account("file", &api, &format!("api_key_file = '{}'", file("key")));
        text += &account("environment", &api, "");
        text += &account("credential", &api, "api_key_credential = 'credential'");
        let key = canary("proxied");
        text += &account("proxied", "http://api.example", &format!("api_key = '{key}'\nallow_http = true"));
        for collector in ["cost", "usage", "reports", "subscriptions", "names"] {
            text += &format!("[collect.{collector}]\ninterval = '1s'\n");
        }
        text += "[collect.commitments]\nenabled = false\n[collect.history]\nenabled = false\n";
        text += &format!("[storage]\npath = '{}'\n", file("state.db"));
        text += &format!(
            "[notify.alertmanager.password]\nurls = ['{}']\nusername = 'manager'\npassword_file = '{}'\n",
            servers.with_password.uri(),
            file("manager-password")
        );
        text += &format!(
            "[notify.alertmanager.token]\nurls = ['{}']\nbearer_token = '{}'\n",
            servers.with_token.uri(),
            canary("managertoken")
        );
        text += &format!(
            "[notify.webhook.ops]\nurl = '{}/hooks/{}?token={}'\nsecret = '{}'\nold_secret_file = '{}'\n",
            servers.webhook.uri(),
            canary("hookpath"),
            canary("hookquery"),
            signing_secret("signing"),
            file("old-secret")
        );
        text + &format!("[notify.slack.ops]\nurl_file = '{}'\n", file("slack-url"))
    }

    /// The program with the secrets of the environment.
    pub(super) fn program(&self, proxy: &str, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.args([format!("--config.file={}", self.path("config.toml").display()), "--log.level=trace".to_owned()]);
        command.env("GCORE_EXPORTER_ACCOUNTS__ENVIRONMENT__API_KEY", canary("environment"));
        command.env("CREDENTIALS_DIRECTORY", self.folder.path());
        command.env("HTTP_PROXY", proxy.replace("http://", &format!("http://proxyuser:{}@", canary("proxypassword"))));
        command
    }

    pub(super) fn web_flag(&self) -> String {
        format!("--web.config.file={}", self.path("web.yml").display())
    }

    /// Fails if a secret is in these bytes.
    pub(super) fn expect_none(&self, place: &str, bytes: &[u8]) {
        for (name, secret) in &self.secrets {
            let found = bytes.windows(secret.len()).position(|window| window == secret.as_bytes());
            let around = |at: usize| String::from_utf8_lossy(&bytes[at.saturating_sub(300)..at]).into_owned();
            assert_eq!(found.map(around), None, "{name} is in {place}, after this text");
        }
    }

    pub(super) fn expect_none_of(&self, what: &str, ended: &Ended) {
        self.expect_none(&format!("the output of {what}"), ended.stdout.as_bytes());
        self.expect_none(&format!("the errors of {what}"), ended.stderr.as_bytes());
    }

    /// The flags of `alerts` for a daemon at `url`.
    pub(super) fn alerts_flags(&self, url: &str) -> [String; 3] {
        [
            format!("--alerts.url={}", url.replace("https://", "https://prom@")),
            format!("--alerts.ca-file={}", self.authority.file().display()),
            format!("--alerts.password-file={}", self.path("web-password").display()),
        ]
    }

    /// A client that the listener accepts.
    pub(super) fn client(&self) -> Client {
        let trusted = Certificate::from_pem(&fs::read(self.authority.file()).unwrap()).unwrap();
        client().tls_certs_only([trusted]).build().unwrap()
    }
}

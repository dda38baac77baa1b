//! Authentication of both sides: tokens, certificates, and secrets that change while the daemon runs.

use std::path::PathBuf;

use common::clock::Clock;
use gcore_billing_exporter::notify::secret::Secret;
use gcore_billing_exporter::notify::settings::{Credentials, Settings};
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use tokio::net::TcpStream;
use wiremock::{MockServer, Request};

use crate::authority::Authority;
use crate::channels::{OLD_SECRET, SECRET};
use crate::delivery::{TestChannels, alertmanagers, firing, now, received, taking, until, webhook, webhooks};
use crate::network::listen;
use crate::program::file;

fn with(url: &str, credentials: Credentials) -> Settings {
    let mut settings = alertmanagers(&[url]);
    settings.alertmanagers.get_mut("main").unwrap().credentials = Some(credentials);
    settings
}

#[tokio::test]
async fn an_alertmanager_is_told_with_a_token() {
    let server = taking().await;
    let token = Credentials::Bearer(Secret::Text(SecretString::from("t0ken")));
    let channels = TestChannels::open(with(&server.uri(), token), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    until("a request", async || !received(&server).await.is_empty()).await;
    assert_eq!(received(&server).await[0].headers["authorization"], "Bearer t0ken");
    channels.close().await;
}

/// A TLS server with a certificate of the authority.
async fn behind_tls(server: &MockServer, authority: &Authority) -> String {
    let (acceptor, target) = (authority.acceptor("localhost", 4000), *server.address());
    let address = listen(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            // A client that does not trust the certificate leaves here.
            let Ok(mut stream) = accepting.await else { return };
            let mut server = TcpStream::connect(target).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        }
    })
    .await;
    format!("https://localhost:{}", address.port())
}

#[tokio::test]
async fn a_channel_with_a_certificate_of_an_own_authority_is_told_only_where_that_is_trusted() {
    let (server, authority, stranger) = (taking().await, Authority::new(), Authority::new());
    let url = behind_tls(&server, &authority).await;
    let settings = |trusted: Option<PathBuf>| {
        let mut settings = alertmanagers(&[&url]);
        settings.alertmanagers.get_mut("main").unwrap().ca_file.clone_from(&trusted);
        let (name, mut channel) = webhook("ops", &url, &[]);
        channel.ca_file = trusted;
        settings.webhooks.insert(name, channel);
        settings
    };
    for (name, trusted) in [("none", None), ("another", Some(stranger.file()))] {
        let channels = TestChannels::open(settings(trusted), Clock::system()).await;
        channels.news(&[firing("a", now())]).await;
        for channel in ["alertmanager.main", "webhook.ops"] {
            until(&format!("{name}: {channel}"), async || channels.failures(channel, "tls") >= 1.0).await;
        }
        channels.close().await;
    }
    assert!(received(&server).await.is_empty(), "nothing is sent to a server without a trusted certificate");

    let channels = TestChannels::open(settings(Some(authority.file())), Clock::system()).await;
    channels.news(&[firing("a", now())]).await;
    until("both", async || received(&server).await.len() == 2).await;
    channels.close().await;
}

/// Whether a request is signed with a secret.
fn is_signed(request: &Request, secret: &str) -> bool {
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.headers[name].clone());
    }
    standardwebhooks::Webhook::new(secret).unwrap().verify(&request.body, &headers).is_ok()
}

/// A key with its values before and after the change, settings with its file, and a check that a request has the value.
type Case = (&'static str, [&'static str; 2], fn(&str, Secret) -> Settings, fn(&Request, &str) -> bool);

const EXCHANGES: [Case; 3] = [
    (
        "password_file",
        ["old", "new"],
        |url, password| with(url, Credentials::Basic { username: "us".into(), password }),
        |request, secret| {
            let encoded = if secret == "old" { "dXM6b2xk" } else { "dXM6bmV3" };
            request.headers["authorization"] == format!("Basic {encoded}")
        },
    ),
    (
        "bearer_token_file",
        ["old", "new"],
        |url, token| with(url, Credentials::Bearer(token)),
        |request, secret| request.headers["authorization"] == format!("Bearer {secret}"),
    ),
    (
        "secret_file",
        [OLD_SECRET, SECRET],
        |url, secret| {
            let (name, mut channel) = webhook("ops", url, &[]);
            channel.secrets = vec![secret];
            webhooks([(name, channel)])
        },
        is_signed,
    ),
];

#[tokio::test]
async fn a_secret_that_is_exchanged_in_its_file_counts_at_the_next_request() {
    for (name, [before, after], settings, shows) in EXCHANGES {
        let (server, secret) = (taking().await, file(before));
        let channels =
            TestChannels::open(settings(&server.uri(), Secret::File(secret.path().to_owned())), Clock::system()).await;
        let alert = firing("a", now());
        channels.news(std::slice::from_ref(&alert)).await;
        until(&format!("{name}: the first"), async || received(&server).await.len() == 1).await;
        std::fs::write(secret.path(), after).unwrap();
        channels.say(&[alert, firing("b", now())], &[firing("b", now())]).await;
        until(&format!("{name}: the next"), async || received(&server).await.len() == 2).await;
        let requests = received(&server).await;
        let shown = requests.iter().map(|request| [shows(request, before), shows(request, after)]);
        assert_eq!(shown.collect::<Vec<_>>(), [[true, false], [false, true]], "{name}");
        channels.close().await;
    }
}

//! A TLS listener before an API, with a certificate that becomes bad.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::server::Server;
use crate::authority::Authority;

/// The fault of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    UnknownAuthority,
    Expired,
    AnotherHost,
}

/// A TLS listener that forwards to an API.
pub(super) struct Front {
    pub(super) url: String,
    /// The trusted authority.
    pub(super) authority: Authority,
    is_bad: watch::Sender<bool>,
}

impl Front {
    pub(super) async fn of(server: &Server, trouble: Trouble) -> Self {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let good = authority.acceptor("localhost", 4000);
        let bad = match trouble {
            Trouble::UnknownAuthority => stranger.acceptor("localhost", 4000),
            Trouble::Expired => authority.acceptor("localhost", 2020),
            Trouble::AnotherHost => authority.acceptor("api.example", 4000),
        };
        let target = server.url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (is_bad, state) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut state = state.clone();
                let accepting = if *state.borrow_and_update() { bad.accept(stream) } else { good.accept(stream) };
                let target = target.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = accepting.await else { return };
                    let mut server = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut stream, &mut server) => {}
                        _ = state.changed() => {}
                    }
                });
            }
        });
        Self { url, authority, is_bad }
    }

    /// Changes the certificate and closes every connection.
    pub(super) fn turn(&self, is_bad: bool) {
        self.is_bad.send_replace(is_bad);
    }
}

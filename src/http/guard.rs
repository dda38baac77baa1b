//! The guard of all paths: passwords and headers of the web configuration.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hyper::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::basic_auth::{BasicAuth, Verdict};
use super::body::Body;
use super::response::{TEXT, respond};
use super::server::Peer;
use super::web_config::current::CurrentWebConfig;

/// Lets requests pass or refuses them. Without a web configuration, all pass.
#[derive(Clone)]
pub struct Guard(Option<(Arc<CurrentWebConfig>, BasicAuth)>);

impl Guard {
    /// A guard by this configuration.
    ///
    /// # Errors
    /// Fails when the system has no random numbers.
    pub fn new(web: Option<Arc<CurrentWebConfig>>) -> anyhow::Result<Self> {
        let with_auth = |web| Ok::<_, anyhow::Error>((web, BasicAuth::new()?));
        Ok(Self(web.map(with_auth).transpose()?))
    }

    /// Answers with `page`, or with a refusal. `page` does nothing until it is awaited.
    pub async fn answer(&self, request: &Parts, page: impl Future<Output = Response<Body>>) -> Response<Body> {
        let Some((web, auth)) = &self.0 else { return page.await };
        let config = web.current().await;
        let peer = request.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        let mut answer = match auth.check(config.users(), &request.headers, peer).await {
            Verdict::Passed => page.await,
            Verdict::Refused => {
                let mut answer = respond(StatusCode::UNAUTHORIZED, TEXT, "a user name and a password are needed\n");
                let value = HeaderValue::from_static("Basic realm=\"gcore-billing-exporter\", charset=\"UTF-8\"");
                answer.headers_mut().insert(WWW_AUTHENTICATE, value);
                answer
            }
            Verdict::TooMany => {
                let text = "too many passwords from this address at once; try again\n";
                let mut answer = respond(StatusCode::TOO_MANY_REQUESTS, TEXT, text);
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                answer
            }
        };
        config.add_headers(answer.headers_mut());
        answer
    }

    /// Reads the web configuration again, if there is one.
    ///
    /// # Errors
    /// One line for each fault. The configuration before stays in force.
    pub async fn reload(&self) -> Result<(), String> {
        match &self.0 {
            Some((web, _)) => web.reload().await.map_err(|faults| faults.to_string()),
            None => Ok(()),
        }
    }
}

//! One attempt of a request: its good response, and its failures.

use std::io;

use reqwest::Response;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use secrecy::SecretString;

use common::transport::{chain, is_garbled, is_proxy, is_tls, requested_wait};

use crate::http::client::Client;
use crate::http::encoding::{ACCEPTED, Decoder};
use crate::http::endpoint::Endpoint;
use crate::http::error::Reason;
use crate::http::failure::Failure;
use crate::http::payload::{Payload, authorization};
use crate::http::response_body::{Body, TooLarge, limit};
use crate::http::{refusal, retry};

/// The bytes that are read of an error response.
const MAX_ERROR_BODY: usize = 16 << 10;
/// The characters that are logged of an error response.
const MAX_ERROR_TEXT: usize = 500;

/// The advice for a proxy that asks for a password.
const PROXY: &str = "the proxy asks for a user name and a password (407): put them into its variable, as in \
    HTTPS_PROXY=http://user:password@proxy.example:3128";

impl Client {
    /// Sends a request once, and returns the body of a good response.
    pub(crate) async fn exchange(
        &self,
        endpoint: Endpoint,
        payload: &Payload,
        rows: Option<u32>,
        key: &SecretString,
    ) -> Result<Body<'_>, Failure> {
        let authorization = authorization(&self.settings.auth_scheme, key).map_err(|_| {
            Failure::new(Reason::Unauthorized, false, "the API key cannot be sent in a header; is it plain text?")
        })?;
        let base = self.settings.api_url.as_str().trim_end_matches('/');
        let request = self
            .http
            .request(endpoint.method(), format!("{base}/{}", endpoint.path()))
            .header(ACCEPT_ENCODING, ACCEPTED)
            .header(AUTHORIZATION, authorization);
        let request = match payload {
            Payload::Query(parameters) => request.query(parameters),
            Payload::Json(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
        };
        let response = request.send().await.map_err(|error| transport_failure(&error))?;
        let status = response.status();
        let Some((reason, may_pass)) = retry::classify(status) else {
            let is_json = require_json(response.headers());
            let body = self.read_body(endpoint, response, rows).await?;
            is_json?;
            return Ok(body);
        };
        let wait = requested_wait(response.headers(), self.clock.now());
        let (mut reason, text) = (reason, error_body(response).await);
        if reason == Reason::Unsupported && !refusal::is_of_the_api(&text) {
            reason = Reason::BadBody;
        }
        // A key that was rotated after this request was sent is worth a retry.
        let may_pass = may_pass || reason == Reason::Unauthorized && self.settings.api_key.has_changed_from(key);
        let detail = match reason {
            // The response to a refused key quotes a part of it, so the log does not repeat it.
            Reason::Unauthorized => "the API refused the key (401); is it complete and not expired? A `$` in a key is \
                eaten by shells, env files and compose files: put it in single quotes, or use api_key_file"
                .to_owned(),
            Reason::Proxy => PROXY.to_owned(),
            Reason::Redirect => format!("answered {status}; redirects are not followed, so check api_url"),
            Reason::BadBody => format!(
                "answered {status} without an error of the API; a firewall or proxy in between may refuse the request{}",
                self.on_one_line(&text)
            ),
            _ => format!("answered {status}{}", self.on_one_line(&text)),
        };
        Err(Failure { wait, ..Failure::new(reason, may_pass, detail) })
    }

    /// An error response as the end of a sentence.
    fn on_one_line(&self, body: &[u8]) -> String {
        // The key is removed before the cut, else a part of it could remain.
        let text = self.without_secrets(&String::from_utf8_lossy(body));
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_ERROR_TEXT).collect();
        if line.is_empty() { line } else { format!(": {line}") }
    }

    async fn read_body(
        &self,
        endpoint: Endpoint,
        mut response: Response,
        rows: Option<u32>,
    ) -> Result<Body<'_>, Failure> {
        let mut decoder = Decoder::new(response.headers()).map_err(|other| {
            let detail = format!(
                "the answer is encoded as {other:?}, and only gzip was asked for; is there a proxy in between?"
            );
            Failure::new(Reason::BadBody, false, detail)
        })?;
        let limit = limit(rows);
        let too_large = |_: TooLarge| Failure::new(Reason::BadBody, false, too_large(endpoint, limit, rows));
        let mut body = self.memory.bodies.begin(limit).await;
        while let Some(chunk) = response.chunk().await.map_err(|error| transport_failure(&error))? {
            for step in decoder.steps(&chunk) {
                body.push(&decoder.decode(step).map_err(|error| undecoded(&error))?).await.map_err(too_large)?;
            }
        }
        body.push(&decoder.finish().map_err(|error| undecoded(&error))?).await.map_err(too_large)?;
        Ok(body)
    }
}

/// The beginning of an error response.
async fn error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let Ok(mut decoder) = Decoder::new(response.headers()) else { return body };
    while body.len() < MAX_ERROR_BODY
        && let Ok(Some(chunk)) = response.chunk().await
    {
        // A small compressed chunk may become a large text.
        for step in decoder.steps(&chunk) {
            let Ok(bytes) = decoder.decode(step) else { return body };
            body.extend_from_slice(&bytes);
            if body.len() >= MAX_ERROR_BODY {
                return body;
            }
        }
    }
    body.extend(decoder.finish().unwrap_or_default());
    body
}

/// The message for a page that is too large, with advice.
fn too_large(endpoint: Endpoint, limit: usize, rows: Option<u32>) -> String {
    let whose = rows.map_or_else(|| "this list".to_owned(), |rows| format!("a page of {rows} rows"));
    let page_size = match endpoint {
        Endpoint::CostReportResources | Endpoint::UsageReport => "; lower page_size, which allows more for each row",
        // Their page size is fixed.
        _ => "",
    };
    let mib = limit as f64 / f64::from(1 << 20);
    format!(
        "the answer is larger than the {mib:.1} MiB that {whose} may have; check that api_url and proxies lead to the \
         API{page_size}"
    )
}

fn require_json(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = String::from_utf8_lossy(kind.as_bytes());
    if kind.to_ascii_lowercase().contains("json") {
        return Ok(());
    }
    let detail = format!("answered {kind:?} instead of JSON; is there a proxy or a login page in between?");
    Err(Failure::new(Reason::BadBody, false, detail))
}

/// The failure of decompression. A retry would get the same response.
fn undecoded(error: &io::Error) -> Failure {
    Failure::new(Reason::BadBody, false, format!("the answer cannot be decompressed: {error}"))
}

fn transport_failure(error: &reqwest::Error) -> Failure {
    let detail = chain(error);
    if is_proxy(error) {
        Failure::new(Reason::Proxy, false, PROXY)
    } else if is_tls(error) {
        Failure::new(Reason::Tls, false, format!("{detail}; a private authority can be named by ca_file"))
    } else if error.is_timeout() {
        Failure::new(Reason::Timeout, true, detail)
    } else if is_garbled(error) {
        Failure::new(Reason::BadBody, false, detail)
    } else {
        Failure::new(Reason::Connect, true, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use hyper::http;

    use super::*;

    #[tokio::test]
    async fn little_is_read_of_an_error_answer() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&vec![b' '; 64 << 20]).unwrap();
        let bomb = gzip.finish().unwrap();
        let answer = http::Response::builder().header("content-encoding", "gzip").body(bomb).unwrap();
        let read = error_body(answer.into()).await.len();
        assert!((MAX_ERROR_BODY..4 << 20).contains(&read), "{read} bytes of 64 MiB");
    }
}

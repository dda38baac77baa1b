//! HTTP to other services: clients that connect only to their destination, and the meaning of their failures.
//!
//! This module does not know the content of requests. It follows no redirect, because a secret could go to another
//! host.

use std::error::Error as _;
use std::net::IpAddr;
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Error, Url, redirect};

mod trust;

pub use trust::{BadFile, Trust};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The environment variables of HTTP proxies. The library reads them itself.
pub const PROXY_VARIABLES: [&str; 8] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];
const USER_AGENT: &str = concat!("gcore-billing-exporter/", env!("CARGO_PKG_VERSION"));

/// A client for the host of `url`.
///
/// # Errors
/// Fails on a machine without certificate authorities, unless the URL is plain http.
pub fn client(url: &Url, trust: &Trust) -> Result<Client, Error> {
    // Fails only when a provider is already installed, and any provider will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            // Callers that want compressed responses request and decode them.
            .no_gzip()
            .redirect(redirect::Policy::none());
        let builder = match trust.config() {
            Some(config) => builder.tls_backend_preconfigured(config),
            None => builder,
        };
        // A proxy would look for the service on its own host, and read the key when the URL is plain http.
        if is_loopback(url) { builder.no_proxy() } else { builder }
    };
    let built = builder().build();
    if url.scheme() == "http" { built.or_else(|_| builder().tls_certs_only([]).build()) } else { built }
}

/// The reason why nothing may be sent to a URL. No message quotes the URL, because a wrong one may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misdirected {
    /// It is no http or https URL.
    #[error("must be an https URL, such as \"https://alerts.example.com\"")]
    NoUrl,
    /// It holds a user name or a password.
    #[error("must hold no user name or password")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("must end before any #")]
    Fragment,
    /// It is not encrypted.
    #[error(
        "must begin with https://, or what is sent could be read on the way; only a loopback host, or allow_http = true, \
         permits http"
    )]
    Open,
}

/// Parses a URL to which secrets may be sent. It must use TLS, unless its host is this machine or `allow_http` is set.
///
/// # Errors
/// [`Misdirected`].
pub fn destination(text: &str, allow_http: bool) -> Result<Url, Misdirected> {
    let url = Url::parse(text).map_err(|_| Misdirected::NoUrl)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Err(Misdirected::NoUrl)
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(Misdirected::Credentials)
    } else if url.fragment().is_some() {
        Err(Misdirected::Fragment)
    } else if is_open(&url) && !allow_http {
        Err(Misdirected::Open)
    } else {
        Ok(url)
    }
}

/// The fault of a proxy variable's value. `None` for an empty value, which means no proxy. The library ignores an
/// invalid value, and would send a request directly that must not be sent that way.
#[must_use]
pub fn proxy_fault(variable: &str, value: &str) -> Option<String> {
    if variable.eq_ignore_ascii_case("NO_PROXY") {
        let entry = value.split(',').map(str::trim).position(|entry| !is_proxy_exception(entry))? + 1;
        return Some(format!(
            "entry {entry} must be a host name, an IP address, a network such as 10.0.0.0/8, or *; it would never match"
        ));
    }
    let proxy = Matcher::builder().all(value).build().intercept(&Uri::from_static("https://api.example"));
    let url = proxy.and_then(|proxy| Url::parse(&proxy.uri().to_string()).ok());
    let is_usable = url.is_some_and(|url| matches!(url.scheme(), "http" | "https"));
    (!value.is_empty() && !is_usable).then(|| {
        "must be the URL of an http or https proxy, such as http://proxy.example:3128, with special characters of user \
         name and password as %-codes; set it right, or unset it to send requests directly"
            .to_owned()
    })
}

/// Whether an entry of `NO_PROXY` can match any host.
fn is_proxy_exception(entry: &str) -> bool {
    let is_network = entry.split_once('/').is_some_and(|(address, length)| {
        let most = address.parse().map(|address: IpAddr| if address.is_ipv4() { 32 } else { 128 });
        most.is_ok_and(|most| length.parse::<u8>().is_ok_and(|length| length <= most))
    });
    let is_name = entry.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name || is_network || entry == "*" || entry.parse::<IpAddr>().is_ok()
}

/// The credentials for the proxy of `url` as its header has them, in base64. An error page of the proxy may repeat them.
/// `None` without a proxy, and without a password of it.
#[must_use]
pub fn proxy_credentials(url: &Url) -> Option<String> {
    if is_loopback(url) {
        return None;
    }
    // The library that sends requests reads the same variables.
    let proxy = Matcher::from_env().intercept(&url.as_str().parse().ok()?)?;
    proxy.basic_auth()?.to_str().ok()?.strip_prefix("Basic ").map(str::to_owned)
}

/// Whether requests to `url` are unencrypted on the network.
#[must_use]
pub fn is_open(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Whether a service is on this host, so that no network is involved.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// Whether the certificate or the TLS connection failed.
#[must_use]
pub fn is_tls(error: &Error) -> bool {
    cause::<rustls::Error>(error).is_some()
}

/// Whether a proxy requires a password. The library reports that by this text alone.
#[must_use]
pub fn is_proxy(error: &Error) -> bool {
    error.is_connect() && chain(error).contains("proxy authorization required")
}

/// Whether the whole response arrived, but could not be decompressed. A retry would get the same response.
#[must_use]
pub fn is_garbled(error: &Error) -> bool {
    error.is_decode() && !error.is_timeout() && cause::<hyper::Error>(error).is_none()
}

/// The first cause of the type `E`. `source` of an I/O error skips the error that it wraps.
#[must_use]
pub fn cause<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}

/// An error with its causes on one line. It includes the URL, unless the error was created without it.
#[must_use]
pub fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The wait that the server asks for: milliseconds in `retry-after-ms`, or seconds, fractions of them or a date in
/// `Retry-After`. A date in the past means no wait. An unreadable value means `None`.
#[must_use]
pub fn requested_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |number: f64| Duration::try_from_secs_f64(number.max(0.0)).ok();
    if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return seconds(milliseconds / 1000.0);
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(number) = value.parse::<f64>() {
        return seconds(number);
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_variable_that_leads_nowhere_is_a_fault() {
        for (value, is_good) in [
            ("", true),
            ("http://proxy.example:3128", true),
            ("https://proxy.example", true),
            ("http://user:p%40ss@proxy.example:3128/", true),
            ("proxy.example:3128", true),
            ("proxy", true),
            ("http://user:p@ss word@proxy.example:3128", false),
            ("http://proxy.example:99999", false),
            ("http://proxy.example:port", false),
            ("http://", false),
            ("socks5://proxy.example:1080", false),
            ("ftp://proxy.example", false),
            ("\u{fffd}", false),
            (" ", false),
        ] {
            for variable in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
                assert_eq!(proxy_fault(variable, value).is_none(), is_good, "{value:?}");
            }
        }
        for (value, entry) in [
            ("", None),
            ("localhost, 127.0.0.1,,::1,.example.com,10.0.0.0/8,fd00::/8,under_score", None),
            ("*", None),
            ("a.example,http://b.example", Some(2)),
            ("a.example:443", Some(1)),
            ("*.example.com", Some(1)),
            ("10.0.0.0/33", Some(1)),
            ("a.example b.example", Some(1)),
            ("a,[::1]", Some(2)),
        ] {
            let fault = proxy_fault("no_proxy", value);
            assert_eq!(fault.is_some(), entry.is_some(), "{value:?}");
            let named = entry.map_or(String::new(), |entry| format!("entry {entry} "));
            assert!(fault.unwrap_or_default().starts_with(&named), "{value:?}");
        }
    }

    #[test]
    fn every_form_of_retry_after_is_understood() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        for (name, header, value, want) in [
            ("seconds", "retry-after", "7", Some(Duration::from_secs(7))),
            ("fraction", "retry-after", "0.25", Some(Duration::from_millis(250))),
            ("date", "retry-after", "Sun, 22 Nov 2026 12:00:30 GMT", Some(Duration::from_secs(30))),
            ("date in the past", "retry-after", "Sun, 22 Nov 2026 11:00:00 GMT", Some(Duration::ZERO)),
            ("milliseconds", "retry-after-ms", "1500", Some(Duration::from_millis(1500))),
            ("negative", "retry-after", "-3", Some(Duration::ZERO)),
            ("word", "retry-after", "soon", None),
            ("not a number", "retry-after", "NaN", Some(Duration::ZERO)),
            ("endless", "retry-after", "inf", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header, value.parse().unwrap());
            assert_eq!(requested_wait(&headers, now), want, "{name}");
        }
        assert_eq!(requested_wait(&HeaderMap::new(), now), None, "no header");
    }
}

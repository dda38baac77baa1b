//! The URL of the API. It needs TLS, except for this machine or with `allow_http`.

use reqwest::Url;

use common::transport::{Misdirected, destination};

/// Checks the URL of the API. No error quotes it, because it may hold a password.
pub(super) fn parse(text: &str, allow_http: bool) -> Result<Url, String> {
    const END: &str = "must end before any ? or #: paths and queries are added to it";
    let problem = match destination(text, allow_http) {
        Ok(url) if url.query().is_none() => return Ok(url),
        Ok(_) | Err(Misdirected::Fragment) => END,
        Err(Misdirected::NoUrl) => "must be an https URL, such as \"https://api.gcore.com\"",
        Err(Misdirected::Credentials) => "must hold no user name or password: the API key has a setting of its own",
        Err(Misdirected::Open) => {
            "must begin with https://, or the API key could be read on the way; only a loopback host, or an account with \
             allow_http = true, may use http"
        }
    };
    Err(problem.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_host() {
        for (text, good, good_when_allowed) in [
            ("https://api.gcore.com", true, true),
            ("https://proxy.example/gcore/", true, true),
            ("http://127.0.0.1:8080", true, true),
            ("http://127.8.8.8", true, true),
            ("http://[::1]:8080", true, true),
            ("http://localhost:8080", true, true),
            ("http://api.gcore.com", false, true),
            ("http://localhost.example", false, true),
            ("http://10.0.0.1", false, true),
            ("ftp://api.gcore.com", false, false),
            ("file:///etc/passwd", false, false),
            ("api.gcore.com", false, false),
            ("api.gcore.com:443", false, false),
            ("", false, false),
            ("https://", false, false),
            ("https://user@api.gcore.com", false, false),
            ("https://user:password@api.gcore.com", false, false),
            ("https://api.gcore.com?a=b", false, false),
            ("https://api.gcore.com#a", false, false),
        ] {
            assert_eq!(parse(text, false).is_ok(), good, "{text:?}");
            assert_eq!(parse(text, true).is_ok(), good_when_allowed, "{text:?} with allow_http");
        }
    }
}

//! The `Accept-Encoding` header.

use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;

/// Whether the client accepts gzip: by name or by `*`, with a quality above 0.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let (mut named, mut any) = (None, false);
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.split(',')) {
        let (coding, parameter) = entry.split_once(';').unwrap_or((entry, "q=1"));
        let quality = parameter.trim().strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
        let is_wanted = quality.and_then(|number| number.trim().parse::<f32>().ok()).is_some_and(|number| number > 0.0);
        match coding.trim() {
            "*" => any = is_wanted,
            coding if coding.eq_ignore_ascii_case("gzip") => named = Some(is_wanted),
            _ => {}
        }
    }
    named.unwrap_or(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (values, want) in [
            (&[][..], false),
            (&["gzip"], true),
            (&["GZip"], true),
            (&["deflate, gzip, br"], true),
            (&["br", "gzip"], true),
            (&["gzip;q=0.1"], true),
            (&["gzip; q=1.0 , identity; q=0.5"], true),
            (&["gzip;q=0"], false),
            (&["gzip;q=0.000, *"], false),
            (&["*"], true),
            (&["*;q=0"], false),
            (&["*;q=0, gzip;q=0.5"], true),
            (&["identity"], false),
            (&["br, zstd"], false),
            (&["gzipped"], false),
            (&["gzip;q=high"], false),
            (&[""], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(gzip(&headers), want, "{values:?}");
        }
    }
}

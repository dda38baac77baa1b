//! The headers `Accept` and `Accept-Encoding`.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use crate::exposition;
use crate::exposition::own::OPEN_METRICS;
use crate::exposition::{Coding, Format};

/// The media types that are OpenMetrics 1.0 with an escaping scheme. All names here are plain, and the same under each
/// of these schemes.
const ESCAPED: [(&str, &str); 3] = [
    ("allow-utf-8", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
    ("underscores", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"),
    ("values", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values"),
];

/// One entry of a header.
struct Entry<'a> {
    value: &'a str,
    quality: f32,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Entry<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The entries of a header, also of one on several lines. An entry with an unreadable quality is not accepted.
fn entries(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Entry<'_>> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default();
        let pairs = parts.filter_map(|part| part.split_once('='));
        let parameters = pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))).collect();
        let mut entry = Entry { value, quality: 1.0, parameters };
        entry.quality = entry.parameter("q").map_or(1.0, |number| number.parse().unwrap_or(0.0));
        entry
    })
}

/// The format that the client prefers, and its media type. Where none is acceptable, it is the text format, because a
/// figure in the wrong format is better than none. OpenMetrics is for clients that ask for it by name.
pub(super) fn format(headers: &HeaderMap) -> (Format, &'static str) {
    let (mut text, mut open, mut open_type) = (0.0_f32, 0.0_f32, OPEN_METRICS);
    for entry in entries(headers, ACCEPT) {
        let version = entry.parameter("version");
        match entry.value.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) && entry.quality > open => {
                open = entry.quality;
                let escaping = entry.parameter("escaping");
                let escaped = ESCAPED.iter().find(|(scheme, _)| Some(*scheme) == escaping);
                open_type = escaped.map_or(OPEN_METRICS, |(_, media_type)| media_type);
            }
            "text/plain" | "text/*" | "*/*" => text = text.max(entry.quality),
            _ => {}
        }
    }
    if open > 0.0 && open >= text { (Format::OpenMetrics, open_type) } else { (Format::Text, exposition::CONTENT_TYPE) }
}

/// Whether the client prefers CSV to JSON. Of two types that it likes as much, the first counts.
pub(super) fn prefers_csv(headers: &HeaderMap) -> bool {
    let (mut is_csv, mut best) = (false, 0.0);
    for entry in entries(headers, ACCEPT) {
        let is_one = match entry.value.to_ascii_lowercase().as_str() {
            "text/csv" | "text/*" => true,
            "application/json" | "*/*" => false,
            _ => continue,
        };
        if entry.quality > best {
            (is_csv, best) = (is_one, entry.quality);
        }
    }
    is_csv
}

/// The compression that the client prefers. gzip is ready for every snapshot, so it goes before zstd of the same quality.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let (mut gzip, mut zstd, mut any) = (None, None, 0.0);
    for entry in entries(headers, ACCEPT_ENCODING) {
        match entry.value.to_ascii_lowercase().as_str() {
            "*" => any = entry.quality,
            "gzip" => gzip = Some(entry.quality),
            "zstd" => zstd = Some(entry.quality),
            _ => {}
        }
    }
    // The star stands for gzip; no client means zstd by it.
    let (gzip, zstd) = (gzip.unwrap_or(any), zstd.unwrap_or(0.0));
    if zstd > gzip {
        Coding::Zstd
    } else if gzip > 0.0 {
        Coding::Gzip
    } else {
        Coding::Identity
    }
}

/// The name of a compression for the header `Content-Encoding`.
pub(super) fn name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Zstd => Some("zstd"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_compression_is_used_by_those_who_take_it() {
        use Coding::{Gzip, Identity, Zstd};
        for (values, want) in [
            (&[][..], Identity),
            (&["gzip"], Gzip),
            (&["GZip"], Gzip),
            (&["deflate, gzip, br"], Gzip),
            (&["br", "gzip"], Gzip),
            (&["gzip;q=0.1"], Gzip),
            (&["gzip; q=1.0 , identity; q=0.5"], Gzip),
            (&["gzip ; Q = 1.0"], Gzip),
            (&["gzip;q=0"], Identity),
            (&["gzip;q=0.000, *"], Identity),
            (&["*"], Gzip),
            (&["*;q=0"], Identity),
            (&["*;q=0, gzip;q=0.5"], Gzip),
            (&["identity"], Identity),
            (&["br"], Identity),
            (&["gzipped"], Identity),
            (&["gzip;q=high"], Identity),
            (&[""], Identity),
            (&["br, zstd"], Zstd),
            (&["gzip, deflate, br, zstd"], Gzip),
            (&["gzip;q=0.5, ZSTD"], Zstd),
            (&["gzip;q=0, zstd"], Zstd),
            (&["zstd;q=0"], Identity),
            (&["zstd;q=0, gzip"], Gzip),
        ] {
            assert_eq!(coding(&headers(&ACCEPT_ENCODING, values)), want, "{values:?}");
        }
    }

    #[test]
    fn csv_is_for_those_who_prefer_it() {
        for (values, want) in [
            (&[][..], false),
            (&["text/csv"], true),
            (&["Text/CSV"], true),
            (&["text/csv;q=0.9, application/json;q=0.1"], true),
            (&["application/json;q=0.1, text/csv;q=0.9"], true),
            (&["text/csv, application/json"], true),
            (&["application/json, text/csv"], false),
            (&["text/csv;q=0"], false),
            (&["text/*, application/json;q=0.5"], true),
            (&["text/csv;q=0.5, */*;q=0.8"], false),
            (&["application/json;q=0.2", "text/csv"], true),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], false),
            (&[""], false),
        ] {
            assert_eq!(prefers_csv(&headers(&ACCEPT, values)), want, "{values:?}");
        }
    }

    #[test]
    fn a_client_gets_the_format_that_it_prefers() {
        let (text, open) = (exposition::CONTENT_TYPE, OPEN_METRICS);
        let of_prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                               text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let of_prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                               application/openmetrics-text;version=0.0.1;q=0.4,\
                               text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (values, want) in [
            (&[][..], text),
            (&["*/*"], text),
            (&[of_prometheus_2], open),
            (&[of_prometheus_3], ESCAPED[0].1),
            (&[&of_prometheus_3.replace("allow-utf-8", "underscores")], ESCAPED[1].1),
            (&[&of_prometheus_3.replace("allow-utf-8", "dots")], open),
            (&["text/plain;version=0.0.4;q=1,*/*;q=0.1"], text),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], text),
            (&["application/openmetrics-text"], open),
            (&["application/openmetrics-text; version=\"1.0.0\""], open),
            (&["Application/OpenMetrics-Text; Version=1.0.0"], open),
            (&["application/openmetrics-text; version=2.0.0"], text),
            (&["application/openmetrics-text; version=0.0.1"], text),
            (&["application/openmetrics-text; version=1.0.0; q=0"], text),
            (&["application/openmetrics-text; q=0.4, text/plain; q=0.6"], text),
            (&["text/plain; q=0.4", "application/openmetrics-text; q=0.6"], open),
            (&["image/png"], text),
            (&[";;,=;q"], text),
        ] {
            let (format, media_type) = format(&headers(&ACCEPT, values));
            assert_eq!(media_type, want, "{values:?}");
            assert_eq!(format == Format::OpenMetrics, media_type.starts_with("application/"), "{values:?}");
        }
    }
}

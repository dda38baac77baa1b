//! Serves the bytes of one file on every path: the minimal cost of a scrape.
//!
//! Usage: static_body FILE

use gcore_billing_bench::service::{answer, serve};
use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, HeaderValue};

fn main() -> anyhow::Result<()> {
    let file: std::path::PathBuf = pico_args::Arguments::from_env().free_from_str()?;
    let body = bytes::Bytes::from(std::fs::read(file)?);
    serve(move |_| {
        let mut answer = answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", [body.clone()]);
        answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        async { answer }
    })
}

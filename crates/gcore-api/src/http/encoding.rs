//! The encoding of a body (`Content-Encoding`), decoded as the body arrives.
//!
//! Requests accept gzip only. Servers may call it by its old name `x-gzip`, or send several members. Both are valid
//! HTTP (RFC 9110, section 8.4; RFC 1952). The HTTP library reads one member under one name.

use std::borrow::Cow;
use std::io;
use std::io::Write as _;
use std::slice::Chunks;

use flate2::write::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

/// The value of `Accept-Encoding`.
pub(crate) const ACCEPTED: &str = "gzip";
/// Compressed bytes that are decoded at once. Gzip expands at most about a thousand times, so a small body cannot take
/// much memory before its size is checked.
const STEP: usize = 1 << 10;

/// The decoder of a body.
pub(crate) enum Decoder {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Decoder {
    /// The decoder for a response with these headers.
    ///
    /// # Errors
    /// The encoding that cannot be decoded. That includes gzip of gzip, which no server sends.
    pub(crate) fn new(headers: &HeaderMap) -> Result<Self, String> {
        let lines = headers.get_all(CONTENT_ENCODING).into_iter();
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase()).collect();
        let mut decoder = Self::Plain;
        for coding in lines.iter().flat_map(|line| line.split(',')).map(str::trim) {
            match (coding, &decoder) {
                ("" | "identity", _) => {}
                ("gzip" | "x-gzip", Self::Plain) => decoder = Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
                (other, _) => return Err(other.to_owned()),
            }
        }
        Ok(decoder)
    }

    /// Cuts a chunk into parts for [`Decoder::decode`].
    pub(crate) fn steps<'c>(&self, chunk: &'c [u8]) -> Chunks<'c, u8> {
        chunk.chunks(if matches!(self, Self::Plain) { chunk.len().max(1) } else { STEP })
    }

    /// The decoded bytes of the next part of the body.
    pub(crate) fn decode<'s>(&mut self, step: &'s [u8]) -> io::Result<Cow<'s, [u8]>> {
        match self {
            Self::Plain => Ok(Cow::Borrowed(step)),
            Self::Gzip(gzip) => {
                gzip.write_all(step)?;
                Ok(Cow::Owned(std::mem::take(gzip.get_mut())))
            }
        }
    }

    /// The last decoded bytes, after the whole body has arrived.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(Vec::new()),
            Self::Gzip(gzip) => gzip.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decoder(lines: &[&str]) -> Result<Decoder, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_ENCODING, line.parse().unwrap());
        }
        Decoder::new(&headers)
    }

    fn decoded(encoding: &str, bytes: &[u8], chunk: usize) -> Result<String, io::ErrorKind> {
        let (mut decoder, mut body) = (decoder(&[encoding]).unwrap(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            for step in decoder.steps(chunk) {
                body.extend_from_slice(&decoder.decode(step).map_err(|error| error.kind())?);
            }
        }
        body.extend(decoder.finish().map_err(|error| error.kind())?);
        Ok(String::from_utf8(body).unwrap())
    }

    #[test]
    fn bodies_are_decoded_whatever_the_chunks() {
        let (cut, mut wrong) = (&gzip(b"a text")[..15], gzip(b"a text"));
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        for (name, encoding, bytes, want) in [
            ("plain", "identity", b"a text".to_vec(), Ok("a text")),
            ("one member", "gzip", gzip(b"a text"), Ok("a text")),
            ("several members", "gzip", [gzip(b"a "), gzip(b""), gzip(b"text")].concat(), Ok("a text")),
            ("nothing", "gzip", Vec::new(), Err(io::ErrorKind::UnexpectedEof)),
            ("no gzip", "gzip", b"this was never compressed".to_vec(), Err(io::ErrorKind::InvalidInput)),
            ("cut short", "gzip", cut.to_vec(), Err(io::ErrorKind::UnexpectedEof)),
            ("a second member cut short", "gzip", [&gzip(b"a ")[..], cut].concat(), Err(io::ErrorKind::UnexpectedEof)),
            ("a wrong checksum", "gzip", wrong, Err(io::ErrorKind::InvalidInput)),
        ] {
            for chunk in [1, 7, 5000] {
                let want = want.map(str::to_owned);
                assert_eq!(decoded(encoding, &bytes, chunk), want, "{name}, {chunk} bytes at a time");
            }
        }
    }

    #[test]
    fn a_step_of_a_bomb_stays_small() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        let mut decoder = decoder(&["gzip"]).unwrap();
        let sizes = decoder.steps(&bomb).map(|step| decoder.decode(step).unwrap().len()).collect::<Vec<_>>();
        assert!(sizes.iter().all(|size| *size < 2 << 20), "{:?}", sizes.iter().max());
    }

    #[test]
    fn encodings_are_known_by_every_name() {
        for (lines, is_gzip) in [
            (&[][..], Ok(false)),
            (&["identity"], Ok(false)),
            (&["gzip"], Ok(true)),
            (&["X-GZip"], Ok(true)),
            (&["identity, gzip,"], Ok(true)),
            (&["gzip,gzip"], Err("gzip")),
            (&["gzip", "x-gzip"], Err("x-gzip")),
            (&["gzip, BR"], Err("br")),
            (&["deflate"], Err("deflate")),
        ] {
            let found = decoder(lines).map(|decoder| matches!(decoder, Decoder::Gzip(_)));
            assert_eq!(found, is_gzip.map_err(str::to_owned), "{lines:?}");
        }
    }
}

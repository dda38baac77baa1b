//! One gzip member in two parts, made at different times.
//!
//! The long part is compressed once per snapshot, the short one per scrape. Two members would be simpler and valid. But
//! `curl --compressed` fails on them, and browsers show only the first. So the long part ends at a byte boundary within
//! the one deflate stream (a sync flush), and the short part ends that stream.

use std::io;
use std::io::{Read as _, Write as _};
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::buf::{Chain, Reader};
use bytes::{Buf as _, Bytes};
use crc32fast::Hasher;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Deflate, no flags, no time, unknown system (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Bytes of the text that are decompressed at once.
const PIECE: usize = 64 << 10;
/// An empty last block (RFC 1951), which ends a stream.
const END: [u8; 2] = [3, 0];
/// Level 6 would save an eighth of the size, and take half as much time again.
const HEAD_LEVEL: Compression = Compression::new(4);
/// For a few kilobytes, on every scrape.
const TAIL_LEVEL: Compression = Compression::new(1);

/// The beginning of a gzip member, without its end.
pub(super) struct Head {
    bytes: Bytes,
    /// The checksum and length of the text so far.
    crc: Hasher,
}

impl Head {
    /// Compresses the first part of a text.
    pub(super) fn new(text: &[u8]) -> io::Result<Self> {
        let mut deflate = DeflateEncoder::new(Vec::with_capacity(text.len() / 12), HEAD_LEVEL);
        deflate.get_mut().extend_from_slice(&HEADER);
        deflate.write_all(text)?;
        deflate.flush()?;
        let mut bytes = std::mem::take(deflate.get_mut());
        bytes.shrink_to_fit();
        let mut crc = Hasher::new();
        crc.update(text);
        Ok(Self { bytes: bytes.into(), crc })
    }

    /// The compressed bytes so far, including the header.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    fn inflate(&self) -> DeflateDecoder<Reader<Chain<Bytes, Bytes>>> {
        let stream = self.bytes.slice(HEADER.len()..).chain(Bytes::from_static(&END));
        DeflateDecoder::new(stream.reader())
    }

    /// The plain text, of `length` bytes.
    pub(super) fn pieces(&self, length: usize) -> Pieces {
        Pieces { inflate: self.inflate(), left: length }
    }

    /// The plain text as a reader.
    pub(super) fn reader(&self) -> impl io::Read + use<> {
        self.inflate()
    }

    /// Compresses the rest of the text, and ends the member.
    pub(super) fn end(&self, text: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = deflate_end(text)?;
        let (mut whole, mut crc) = (self.crc.clone(), Hasher::new());
        crc.update(text);
        whole.combine(&crc);
        #[expect(clippy::cast_possible_truncation, reason = "the format keeps the length modulo 2^32")]
        let length = whole.total_len() as u32;
        bytes.extend_from_slice(&whole.finalize().to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        Ok(bytes)
    }
}

/// Compresses a text that ends a stream. It never refers back to an earlier text.
fn deflate_end(text: &[u8]) -> io::Result<Vec<u8>> {
    // The tables of a compressor take longer to make than the text to compress.
    static COMPRESS: LazyLock<Mutex<Compress>> = LazyLock::new(|| Mutex::new(Compress::new(TAIL_LEVEL, false)));
    let mut compress = COMPRESS.lock().unwrap_or_else(PoisonError::into_inner);
    compress.reset();
    let mut bytes = Vec::with_capacity(text.len() / 4 + 64);
    loop {
        let (rest, room) = (&text[usize::try_from(compress.total_in()).map_err(io::Error::other)?..], bytes.capacity());
        if compress.compress_vec(rest, &mut bytes, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(bytes);
        }
        bytes.reserve(room);
    }
}

/// A compressed text that is decompressed in pieces, so that no response holds the whole text.
#[derive(Debug)]
pub struct Pieces {
    inflate: DeflateDecoder<Reader<Chain<Bytes, Bytes>>>,
    left: usize,
}

impl Pieces {
    /// The remaining bytes of the text.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }

    /// The next piece. Empty at the end.
    ///
    /// # Errors
    /// Fails when the compressed text is damaged.
    pub fn next_piece(&mut self) -> io::Result<Bytes> {
        let mut piece = vec![0; self.left.min(PIECE)];
        self.inflate.read_exact(&mut piece)?;
        self.left -= piece.len();
        Ok(piece.into())
    }
}

#[cfg(test)]
mod tests {
    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// Decompresses one member. Fails when bytes are left after it.
    fn unpack(packed: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(packed);
        let mut text = Vec::new();
        decoder.read_to_end(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty(), "bytes after the one member");
        text
    }

    /// The text from its pieces, none of which is large.
    fn whole_text(head: &Head, length: usize) -> Vec<u8> {
        let (mut pieces, mut text) = (head.pieces(length), Vec::new());
        while pieces.left() > 0 {
            let piece = pieces.next_piece().unwrap();
            assert!(piece.len() <= PIECE);
            text.extend_from_slice(&piece);
        }
        text
    }

    #[test]
    fn pieces_of_any_size_are_one_member() {
        for (first, second) in [(0, 0), (0, 9), (9, 0), (1, 1), (100_000, 40_000), (3_000_000, 70)] {
            let text: Vec<u8> = (0..first + second).map(|i: u64| b'a' + (i * i % 23) as u8).collect();
            let (before, after) = text.split_at(first as usize);
            let head = Head::new(before).unwrap();
            assert!(whole_text(&head, before.len()) == before, "{first} bytes");
            for _ in 0..2 {
                let whole = [&head.bytes()[..], &head.end(after).unwrap()].concat();
                assert!(unpack(&whole) == text, "{first} and {second} bytes; the same head serves many ends");
            }
        }
    }

    fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..5000)
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(first in some_bytes(), second in some_bytes()) {
            let head = Head::new(&first).unwrap();
            prop_assert_eq!(&whole_text(&head, first.len()), &first);
            let whole = [&head.bytes()[..], &head.end(&second).unwrap()].concat();
            prop_assert_eq!(unpack(&whole), [first, second].concat());
        }
    }
}

//! The encoded snapshot: the bytes of a response, without the metrics that every scrape reads anew.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tokio::sync::OnceCell;

use crate::account::AccountName;
use crate::snapshot::{Collector, Snapshot};

use super::Coding;
use super::gzip::Head;
pub use super::gzip::Pieces;
use super::settings::Settings;

/// The longest age of a text. Polls that found nothing to read change the snapshot without waking its readers, so their
/// times are up to this much older in the text.
const LONGEST_AGE: SignedDuration = SignedDuration::from_mins(15);

/// The billing metrics of one snapshot, compressed, and the time when they expire.
///
/// Only the compressed form is kept, which is a twelfth of the text. Clients rarely request the plain text.
pub struct Encoded {
    text: Result<Head, Bytes>,
    /// The text as a Zstandard frame, made when a client asks for it first. Prometheus never does.
    zstd: OnceCell<Bytes>,
    length: usize,
    made_at: Timestamp,
    valid_until: Timestamp,
    untried: Vec<(AccountName, Collector)>,
}

/// A response in two parts, one after the other: the part that all scrapes share, and the part of this scrape.
#[derive(Debug)]
pub struct Answer {
    /// The shared part.
    pub shared: Shared,
    /// The part of this scrape.
    pub own: Bytes,
    /// The compression of the two parts together.
    pub coding: Coding,
}

/// The part of a response that all scrapes share.
#[derive(Debug)]
pub enum Shared {
    /// Sent as it is kept.
    Kept(Bytes),
    /// Decompressed while it is sent.
    Unpacked(Pieces),
}

impl Encoded {
    /// Encodes a snapshot at `now`. The length of the text before, plus some reserve, is the initial capacity.
    #[must_use]
    pub fn new(snapshot: &Snapshot, settings: Settings, now: Timestamp, before: Option<&Self>) -> Self {
        let length = before.map_or(0, |before| before.length + before.length / 16);
        let text = super::business_of_about(length, snapshot, settings, now);
        let length = text.len();
        let text = Head::new(text.as_bytes()).map_err(|error| {
            tracing::error!(%error, "cannot compress the metrics");
            text.into()
        });
        let longest = now.checked_add(LONGEST_AGE).unwrap_or(Timestamp::MAX);
        let (valid_until, untried) = (super::valid_until(snapshot, now).min(longest), snapshot.untried());
        Self { text, zstd: OnceCell::new(), length, made_at: now, valid_until, untried }
    }

    /// Whether encoding the same snapshot at `now` would give the same result. False before the time of the encoding,
    /// because the clock was set back.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.made_at <= now && now < self.valid_until
    }

    /// The first instant at which this is out of date.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// The collectors without a finished poll in the encoded snapshot.
    #[must_use]
    pub fn untried(&self) -> &[(AccountName, Collector)] {
        &self.untried
    }

    /// The whole response to a scrape, compressed as wanted.
    ///
    /// # Errors
    /// Fails when `own`, the scrape's own part of the text, cannot be compressed.
    pub async fn answer(self: Arc<Self>, own: Vec<u8>, coding: Coding) -> io::Result<Answer> {
        let (shared, own) = match (&self.text, coding) {
            (Ok(head), Coding::Gzip) => (Shared::Kept(head.bytes()), head.end(&own)?),
            (_, Coding::Zstd) => (Shared::Kept(self.zstd().await?), zstd_frame(&own[..])),
            (Ok(head), Coding::Identity) => (Shared::Unpacked(head.pieces(self.length)), own),
            (Err(text), _) => {
                let shared = Shared::Kept(text.clone());
                return Ok(Answer { shared, own: own.into(), coding: Coding::Identity });
            }
        };
        Ok(Answer { shared, own: own.into(), coding })
    }

    /// The text as a Zstandard frame. Clients that ask at the same time share the work.
    async fn zstd(self: &Arc<Self>) -> io::Result<Bytes> {
        let pack = || async {
            let own = Arc::clone(self);
            // Outside the serving threads.
            let packed = tokio::task::spawn_blocking(move || match &own.text {
                Ok(head) => zstd_frame(head.reader()),
                Err(text) => zstd_frame(&text[..]),
            });
            Ok(Bytes::from(packed.await?))
        };
        self.zstd.get_or_try_init(pack).await.cloned()
    }
}

/// A whole frame. Several of them, one after the other, are a legal text too.
fn zstd_frame(text: impl io::Read) -> Vec<u8> {
    let mut frame = compress_to_vec(text, CompressionLevel::Fastest);
    frame.shrink_to_fit();
    frame
}

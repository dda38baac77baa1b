//! The encoded snapshot: the bytes of a response, without the metrics that every scrape reads anew.

use std::io;

use bytes::Bytes;
use jiff::Timestamp;

use crate::account::AccountName;
use crate::snapshot::{Collector, Snapshot};

use super::gzip::Head;
pub use super::gzip::Pieces;
use super::settings::Settings;

/// The billing metrics of one snapshot, compressed, and the time when they expire.
///
/// Only the compressed form is kept, which is a twelfth of the text. Clients rarely request the plain text.
pub struct Encoded {
    text: Result<Head, Bytes>,
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
    /// Whether the two parts together are a gzip member.
    pub is_gzip: bool,
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
        let (valid_until, untried) = (super::valid_until(snapshot, now), snapshot.untried());
        Self { text, length, made_at: now, valid_until, untried }
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

    /// The whole response to a scrape, as one gzip member if wanted.
    ///
    /// # Errors
    /// Fails when `own`, the scrape's own part of the text, cannot be compressed.
    pub fn answer(&self, own: Vec<u8>, wants_gzip: bool) -> io::Result<Answer> {
        let (shared, own) = match &self.text {
            Ok(head) if wants_gzip => {
                let (shared, own) = (Shared::Kept(head.bytes()), head.end(&own)?.into());
                return Ok(Answer { shared, own, is_gzip: true });
            }
            Ok(head) => (Shared::Unpacked(head.pieces(self.length)), own),
            Err(text) => (Shared::Kept(text.clone()), own),
        };
        Ok(Answer { shared, own: own.into(), is_gzip: false })
    }
}

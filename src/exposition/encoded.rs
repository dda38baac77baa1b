//! A snapshot as the bytes of an answer, but for the counters that every scrape reads anew.

use std::io;

use bytes::Bytes;
use jiff::Timestamp;

use crate::billing::account::AccountName;
use crate::snapshot::{Collector, Snapshot};

use super::gzip::Head;
pub use super::gzip::Pieces;
use super::settings::Settings;

/// The business families of one snapshot, compressed, and how long they stay true.
///
/// Only what is compressed is kept, a twelfth of the text: hardly anybody asks for the text itself.
pub struct Encoded {
    text: Result<Head, Bytes>,
    length: usize,
    made_at: Timestamp,
    valid_until: Timestamp,
    untried: Vec<(AccountName, Collector)>,
}

/// An answer in two parts, one after the other: what every scrape shares, and what is this scrape's own.
#[derive(Debug)]
pub struct Answer {
    /// The shared part.
    pub shared: Shared,
    /// The own part.
    pub own: Bytes,
    /// Whether the two parts together are a gzip member.
    pub is_gzip: bool,
}

/// The part of an answer that every scrape shares.
#[derive(Debug)]
pub enum Shared {
    /// It is sent as it is kept.
    Kept(Bytes),
    /// It is unpacked while it is sent.
    Unpacked(Pieces),
}

impl Encoded {
    /// Encodes a snapshot as of `now`. Where the text before it is at hand, the new one gets as much memory at once, and
    /// some more.
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

    /// Whether encoding the same snapshot at `now` would give the same. Before the time at which it was encoded it might
    /// not: the clock was set back.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.made_at <= now && now < self.valid_until
    }

    /// The first instant at which this no longer holds.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// The collectors of which the encoded snapshot had no finished poll.
    #[must_use]
    pub fn untried(&self) -> &[(AccountName, Collector)] {
        &self.untried
    }

    /// The whole answer to a scrape, as one gzip member where that is wanted.
    ///
    /// # Errors
    /// Fails where `own`, the scrape's own part of the text, cannot be compressed.
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

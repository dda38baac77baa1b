//! The body of an answer: first pieces that are encoded while they are sent, then ready parts, which are sent together
//! without a copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::exposition::encoded::Pieces;

/// Up to two ready parts in one frame, which the server sends with one system call. Before them, a frame for each
/// piece.
#[derive(Debug)]
pub struct Body {
    pieces: Option<Unpacking>,
    parts: Option<Chain<Bytes, Bytes>>,
}

/// Pieces, and their slot among all that are decompressed at this time.
#[derive(Debug)]
struct Unpacking {
    pieces: Pieces,
    /// `None` only while it is dropped.
    slot: Option<Slot>,
    has_begun: bool,
}

/// After an answer that was not read to its end, its slot is free again this much later. Otherwise clients
/// that reconnect and never read would use a whole processor.
const REST: Duration = Duration::from_secs(1);

impl Drop for Unpacking {
    fn drop(&mut self) {
        let is_cut = self.has_begun && self.pieces.left() > 0;
        if let (true, Some(slot), Ok(runtime)) = (is_cut, self.slot.take(), Handle::try_current()) {
            runtime.spawn(async move {
                tokio::time::sleep(REST).await;
                drop(slot);
            });
        }
    }
}

/// A slot for a body of pieces.
pub type Slot = SemaphorePermit<'static>;

/// Bodies of pieces at one time. Each takes some 150 KB while its client reads. Prometheus reads compressed answers, which
/// take next to nothing.
static SLOTS: Semaphore = Semaphore::const_new(32);

/// A slot for a body of pieces, if one is free.
#[must_use]
pub fn slot() -> Option<Slot> {
    SLOTS.try_acquire().ok()
}

impl Body {
    /// A body of two parts.
    #[must_use]
    pub fn of_two(first: Bytes, second: Bytes) -> Self {
        let parts = first.chain(second);
        Self { pieces: None, parts: parts.has_remaining().then_some(parts) }
    }

    /// A body of pieces and one part after them.
    #[must_use]
    pub fn of_pieces(pieces: Pieces, last: Bytes, slot: Slot) -> Self {
        let pieces =
            Some(Unpacking { pieces, slot: Some(slot), has_begun: false }).filter(|body| body.pieces.left() > 0);
        Self { pieces, ..Self::from(last) }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(whole: T) -> Self {
        Self::of_two(whole.into(), Bytes::new())
    }
}

impl hyper::body::Body for Body {
    type Data = Chain<Bytes, Bytes>;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Self::Data>>>> {
        let Some(Unpacking { pieces, has_begun, .. }) = &mut self.pieces else {
            return Poll::Ready(self.parts.take().map(|parts| Ok(Frame::data(parts))));
        };
        *has_begun = true;
        let piece = pieces.next_piece();
        if piece.is_err() || pieces.left() == 0 {
            self.pieces = None;
        }
        Poll::Ready(Some(piece.map(|piece| Frame::data(piece.chain(Bytes::new())))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_none() && self.parts.is_none()
    }

    /// The exact size, for `Content-Length`.
    fn size_hint(&self) -> SizeHint {
        let pieces = self.pieces.as_ref().map_or(0, |body| body.pieces.left());
        let parts = self.parts.as_ref().map_or(0, Buf::remaining);
        SizeHint::with_exact((pieces + parts) as u64)
    }
}

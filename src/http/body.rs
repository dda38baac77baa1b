//! The body of an answer: parts that are ready, sent together without being copied together.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};

/// Up to two parts, in one frame: the server hands them to the system in one call.
#[derive(Debug)]
pub struct Body(Option<Chain<Bytes, Bytes>>);

impl Body {
    /// A body of two parts.
    #[must_use]
    pub fn of_two(first: Bytes, second: Bytes) -> Self {
        let parts = first.chain(second);
        Self(parts.has_remaining().then_some(parts))
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(whole: T) -> Self {
        Self::of_two(whole.into(), Bytes::new())
    }
}

impl hyper::body::Body for Body {
    type Data = Chain<Bytes, Bytes>;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        Poll::Ready(self.0.take().map(|parts| Ok(Frame::data(parts))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    /// Exact, so that the answer bears its length.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |parts| parts.remaining() as u64))
    }
}

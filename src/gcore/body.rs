//! Bodies of answers, and how much memory they may take together.
//!
//! An API may send anything, also several answers at once to each of several accounts. So all accounts share a number
//! of places: a body that finds none waits until another one has been read. Most bodies are small. A body that grows
//! past that needs a large place besides; it waits for no other place while it holds one, so somebody always goes on.
//!
//! Fresh memory of half a megabyte costs the kernel more than the parser takes to read it, so a small buffer that was
//! read goes back to be filled again.

use std::hint::black_box;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The most bytes of a small body. A page of a thousand rows has about half of it.
const SMALL: usize = 1 << 20;
/// Small bodies at once.
const SMALL_PLACES: usize = 8;
/// Bodies at once that are larger than that.
const LARGE_PLACES: usize = 1;
/// The most bytes of a page for each of its rows, decompressed: more than ten times what a long row takes.
const PER_ROW: usize = 8 << 10;
/// Rows of a list that comes whole, as far as the size of its body is concerned.
const ROWS_OF_A_WHOLE: u32 = 1000;

/// The places for bodies, shared by all accounts.
#[derive(Debug)]
pub(super) struct Bodies {
    small: Semaphore,
    large: Semaphore,
    /// Buffers waiting to be filled, no more than there are small places.
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// A body that is larger than its page may be.
#[derive(Debug)]
pub(super) struct TooLarge;

/// A body on its way; its place and its buffer go back when it is dropped.
pub(super) struct Body<'a> {
    bytes: Vec<u8>,
    limit: usize,
    bodies: &'a Bodies,
    _place: Option<SemaphorePermit<'a>>,
    large_place: Option<SemaphorePermit<'a>>,
}

/// The most bytes of a page of so many rows; `None` stands for a list that comes whole.
pub(super) fn limit(rows: Option<u32>) -> usize {
    SMALL + PER_ROW * rows.unwrap_or(ROWS_OF_A_WHOLE) as usize
}

impl Default for Bodies {
    fn default() -> Self {
        // glibc gives the memory of large blocks back to the system as soon as they are freed, to take it again page by
        // page, until it has seen a block of their size come and go. Those that the HTTP connections read into come and
        // go all the time, so it is shown one at once. It is never touched, so it costs no memory.
        drop(black_box(Vec::<u8>::with_capacity(SMALL)));
        Self { small: Semaphore::new(SMALL_PLACES), large: Semaphore::new(LARGE_PLACES), buffers: Mutex::default() }
    }
}

impl Bodies {
    /// An empty body of at most `limit` bytes, as soon as there is a place for it.
    pub(super) async fn begin(&self, limit: usize) -> Body<'_> {
        // No semaphore is ever closed.
        let place = self.small.acquire().await.ok();
        let bytes = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // What is not touched takes no memory.
        let bytes = bytes.unwrap_or_else(|| Vec::with_capacity(SMALL));
        Body { bytes, limit, bodies: self, _place: place, large_place: None }
    }
}

impl Body<'_> {
    /// Takes the next bytes in, waiting for a large place where they need one.
    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        let length = self.bytes.len() + chunk.len();
        if length > self.limit {
            return Err(TooLarge);
        }
        if length > SMALL && self.large_place.is_none() {
            self.large_place = self.bodies.large.acquire().await.ok();
            self.bytes.reserve_exact(self.limit - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body<'_> {
    fn drop(&mut self) {
        if self.bytes.capacity() <= SMALL {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.clear();
            self.bodies.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;
    use futures_util::poll;

    use super::*;

    /// Reads a body of so many KiB to its end, and notes the most that were large at once.
    async fn read(bodies: &Bodies, kib: usize, large: &Large) -> usize {
        let mut body = bodies.begin(limit(None)).await;
        for _ in 0..kib {
            let was_large = body.len() > SMALL;
            body.push(&[b' '; 1024]).await.unwrap();
            if !was_large && body.len() > SMALL {
                large.now.set(large.now.get() + 1);
                large.most.set(large.most.get().max(large.now.get()));
            }
            tokio::task::yield_now().await;
        }
        large.now.set(large.now.get() - usize::from(body.len() > SMALL));
        body.len()
    }

    #[derive(Default)]
    struct Large {
        now: Cell<usize>,
        most: Cell<usize>,
    }

    #[tokio::test]
    async fn a_body_without_a_place_waits_for_one() {
        let (bodies, large) = (Bodies::default(), Large::default());
        let mut held = join_all((0..SMALL_PLACES).map(|_| bodies.begin(SMALL))).await;
        let mut waiting = Box::pin(read(&bodies, 2, &large));
        assert!(poll!(&mut waiting).is_pending(), "as many as there are places");
        held.pop();
        assert_eq!(waiting.await, 2048, "as soon as one is read");
    }

    #[tokio::test]
    async fn large_bodies_are_all_read_one_after_the_other() {
        let (bodies, large) = (Bodies::default(), Large::default());
        let read = join_all((0..3 * SMALL_PLACES).map(|_| read(&bodies, 2048, &large))).await;
        assert_eq!(read, [2 * SMALL; 3 * SMALL_PLACES]);
        assert_eq!(large.most.get(), LARGE_PLACES);
        assert_eq!(bodies.buffers.lock().unwrap().len(), 0, "large buffers are not kept");
    }

    #[tokio::test]
    async fn a_page_may_be_as_large_as_its_rows_are_many() {
        for (rows, kib) in [(Some(1), 1032), (Some(100), 1824), (Some(1000), 9024), (None, 9024)] {
            assert_eq!(limit(rows), kib << 10, "{rows:?}");
            let bodies = Bodies::default();
            let mut body = bodies.begin(limit(rows)).await;
            for _ in 0..kib {
                body.push(&[b' '; 1024]).await.unwrap();
            }
            assert!(body.push(b" ").await.is_err(), "{rows:?}");
        }
    }
}

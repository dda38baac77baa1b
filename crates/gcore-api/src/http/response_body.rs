//! Response bodies, and the bound on the memory that they take together.
//!
//! A server may send bodies of any size, and several at once to each account. So all accounts share a fixed number of
//! places. A body without a place waits until another one has been read. Most bodies are small. A body that grows
//! beyond that needs a large place as well. A body with a large place waits for nothing, so there is no deadlock.
//!
//! Half a megabyte of fresh memory costs the kernel more time than the parser needs to read it. So small buffers are
//! reused.

use std::hint::black_box;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The largest number of bytes of a small body. A page of a thousand rows has about half of it.
const SMALL: usize = 1 << 20;
/// Small bodies at once.
const SMALL_PLACES: usize = 8;
/// Large bodies at once.
const LARGE_PLACES: usize = 1;
/// The largest number of bytes of a page for each of its rows, decompressed: more than ten times the size of a long
/// row.
const PER_ROW: usize = 8 << 10;
/// The number of rows that bounds the body of a list without pages.
const ROWS_OF_A_WHOLE: u32 = 1000;

/// The places for bodies, shared by all accounts.
#[derive(Debug)]
pub(crate) struct Bodies {
    small: Semaphore,
    large: Semaphore,
    /// Buffers for reuse, at most one for each small place.
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// The body is larger than its page may be.
#[derive(Debug)]
pub(crate) struct TooLarge;

/// A body that is being read. Its drop returns the place and the buffer.
pub(crate) struct Body<'a> {
    bytes: Vec<u8>,
    limit: usize,
    bodies: &'a Bodies,
    _place: Option<SemaphorePermit<'a>>,
    large_place: Option<SemaphorePermit<'a>>,
}

/// The largest number of bytes of a page of `rows` rows. `None` is a list without pages.
pub(crate) fn limit(rows: Option<u32>) -> usize {
    SMALL + PER_ROW * rows.unwrap_or(ROWS_OF_A_WHOLE) as usize
}

impl Default for Bodies {
    fn default() -> Self {
        // glibc returns the memory of large blocks to the system when they are freed, until it has seen one of their
        // size freed. The read buffers of the HTTP connections are allocated and freed all the time. So it is shown one
        // block of that size at start. The block is never touched, so it costs no memory.
        drop(black_box(Vec::<u8>::with_capacity(SMALL)));
        Self { small: Semaphore::new(SMALL_PLACES), large: Semaphore::new(LARGE_PLACES), buffers: Mutex::default() }
    }
}

impl Bodies {
    /// An empty body of at most `limit` bytes. Waits for a place.
    pub(crate) async fn begin(&self, limit: usize) -> Body<'_> {
        // No semaphore is ever closed.
        let place = self.small.acquire().await.ok();
        let bytes = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // Untouched capacity takes no memory.
        let bytes = bytes.unwrap_or_else(|| Vec::with_capacity(SMALL));
        Body { bytes, limit, bodies: self, _place: place, large_place: None }
    }
}

impl Body<'_> {
    /// Appends bytes. Waits for a large place where the body needs one.
    pub(crate) async fn push(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
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

    /// Reads a body of `kib` KiB to its end, and records the largest number of large bodies at once.
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

//! Buffers for answers, used again and again.
//!
//! A page of a thousand rows is half a megabyte. Fresh memory of that size costs the kernel more than the parser takes
//! to read it, so a buffer that was read goes back to be filled again.

use std::hint::black_box;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

/// A buffer that grew past this is not kept.
const KEPT_CAPACITY: usize = 4 << 20;

/// Buffers waiting to be filled.
#[derive(Debug)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

/// An answer's body; its buffer goes back when it is dropped.
pub(super) struct Body<'a> {
    bytes: Vec<u8>,
    buffers: &'a Buffers,
}

impl Buffers {
    pub(super) fn new() -> Self {
        // glibc gives the memory of large blocks back to the system as soon as they are freed, to take it again page by
        // page, until it has seen a block of their size come and go. Those that the HTTP connections read into come and
        // go all the time, so it is shown one at once. It is never touched, so it costs no memory.
        drop(black_box(Vec::<u8>::with_capacity(KEPT_CAPACITY)));
        Self(Mutex::default())
    }

    /// An empty buffer.
    pub(super) fn take(&self) -> Body<'_> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Body { bytes, buffers: self }
    }
}

impl Body<'_> {
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
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
        if self.bytes.capacity() <= KEPT_CAPACITY {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.clear();
            self.buffers.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
        }
    }
}

//! The bound on the memory of all responses of all accounts.
//!
//! Bodies wait for each other, because their memory is free again soon (`response_body.rs`). Records stay as long as
//! their reading, so a reading without memory for its records fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::response_body::Bodies;

/// Memory for records in KiB: for the process, and for each account. 10,000 groups of costs take about 1.5 MiB a
/// window. So an account has memory for all its windows, and for the readings that replace them.
const PROCESS_KIB: usize = 12 << 10;
const KIB_PER_ACCOUNT: usize = 10 << 10;
/// The series limit for which these sizes hold. A larger series limit gets more memory.
const USUAL_SERIES: usize = 10_000;

/// The memory that all accounts share.
#[derive(Debug)]
pub struct MemoryLimit {
    pub(crate) bodies: Bodies,
    /// One permit for each KiB of records.
    records: Arc<Semaphore>,
    limit_kib: AtomicUsize,
}

/// Memory that records take. It is free again when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub struct MemoryShare(Option<Arc<OwnedSemaphorePermit>>);

/// Memory for a growing number of records.
pub(crate) struct Claim {
    records: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl MemoryLimit {
    /// A limit for `accounts` accounts and `series_limit` series in total.
    #[must_use]
    pub fn new(accounts: usize, series_limit: usize) -> Self {
        let (bodies, records, limit_kib) = Default::default();
        let memory = Self { bodies, records: Arc::new(Semaphore::new(records)), limit_kib };
        memory.resize(accounts, series_limit);
        memory
    }

    /// Changes the limit after a change of the accounts. A reduction takes only memory that is free now, because
    /// memory in use stays valid. So the limit may stay above the new size until the next call.
    pub fn resize(&self, accounts: usize, series_limit: usize) {
        let wanted = (PROCESS_KIB + KIB_PER_ACCOUNT * accounts) * series_limit.max(USUAL_SERIES) / USUAL_SERIES;
        let wanted = wanted.min(u32::MAX as usize / 2);
        let now = self.limit_kib.load(Ordering::Relaxed);
        if wanted > now {
            self.records.add_permits(wanted - now);
            self.limit_kib.store(wanted, Ordering::Relaxed);
        } else {
            let lost = self.records.forget_permits(now - wanted);
            self.limit_kib.store(now - lost, Ordering::Relaxed);
        }
    }

    /// The current limit of the memory for records, in MiB.
    pub(crate) fn mib(&self) -> usize {
        self.limit_kib.load(Ordering::Relaxed) >> 10
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim { records: Arc::clone(&self.records), held: None }
    }
}

impl Claim {
    /// Grows the claim to `bytes` bytes in total. False when no memory is left.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(bytes.div_ceil(1024).saturating_sub(held)) else { return false };
        let Ok(more) = Arc::clone(&self.records).try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        true
    }
}

impl From<Claim> for MemoryShare {
    fn from(claim: Claim) -> Self {
        Self(claim.held.map(Arc::new))
    }
}

impl MemoryShare {
    /// Returns the memory above `bytes`, unless a clone exists.
    pub fn shrink_to(&mut self, bytes: usize) {
        if let Some(held) = self.0.as_mut().and_then(Arc::get_mut) {
            let more = held.num_permits().saturating_sub(bytes.div_ceil(1024));
            drop(held.split(more));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn room_is_taken_until_none_is_left_and_comes_back() {
        let memory = MemoryLimit::new(1, 10_000);
        let (mut first, mut second) = (memory.claim(), memory.claim());
        assert!(first.grow_to(5 * MIB) && first.grow_to(10 * MIB), "in steps");
        assert!(first.grow_to(MIB), "what is there already is enough");
        assert!(second.grow_to(12 * MIB));
        assert!(!second.grow_to(12 * MIB + 1), "all 22 MiB are taken");
        let mut share = MemoryShare::from(first);
        let clone = share.clone();
        share.shrink_to(MIB);
        assert!(!second.grow_to(13 * MIB), "somebody else has it too");
        drop(clone);
        share.shrink_to(MIB);
        assert!(second.grow_to(21 * MIB) && !second.grow_to(22 * MIB));
        drop(share);
        assert!(second.grow_to(22 * MIB));
    }

    #[test]
    fn there_is_room_for_each_account_and_each_series() {
        for (accounts, series_limit, mib) in [(1, 10_000, 22), (8, 10_000, 92), (1, 100, 22), (1, 100_000, 220)] {
            assert_eq!(MemoryLimit::new(accounts, series_limit).mib(), mib, "{accounts}, {series_limit}");
        }
        let memory = MemoryLimit::new(8, 10_000);
        let mut claim = memory.claim();
        assert!(claim.grow_to(60 * MIB));
        memory.resize(1, 10_000);
        assert_eq!(memory.mib(), 60, "no more than was free is lost");
        memory.resize(2, 10_000);
        assert!(!claim.grow_to(61 * MIB));
        drop(claim);
        memory.resize(2, 10_000);
        assert_eq!(memory.mib(), 32);
    }
}

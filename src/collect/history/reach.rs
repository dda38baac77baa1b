//! How far back the API keeps days. It refuses a report of older ones, so these are not asked for again each hour.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::collect::poller::Poll;
use crate::store::Store;
use crate::store::days::Kind;

/// The reach of one kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reach {
    /// The first day that the API keeps.
    first: Date,
    learned_at: Timestamp,
}

/// The reaches of all kinds, kept in the store so that a restart need not learn them again.
pub(super) struct Reaches {
    store: Store,
    scope: String,
    /// After so long the API is asked for older days again.
    good_for: Duration,
    /// Kinds of which nothing was ever learned are there, too, once the store was asked.
    known: BTreeMap<Kind, Option<Reach>>,
}

impl Reaches {
    pub(super) fn new(store: Store, scope: String, good_for: Duration) -> Self {
        Self { store, scope, good_for, known: BTreeMap::new() }
    }

    /// The first day worth asking for; `None` where that is not known, or was learned too long ago.
    pub(super) async fn first(&mut self, poll: &Poll<'_>, kind: Kind, now: Timestamp) -> Option<Date> {
        let reach = self.recall(poll, kind).await?;
        // A clock that was ahead may have learned it in the future.
        let age = Duration::try_from(now.duration_since(reach.learned_at)).ok()?;
        (age < self.good_for).then_some(reach.first)
    }

    /// Keeps that the API has no day before `first`, and says so where it is news that it lacks days at all.
    pub(super) async fn learn(&mut self, poll: &Poll<'_>, kind: Kind, first: Date, now: Timestamp) {
        if self.recall(poll, kind).await.is_none() {
            tracing::info!(
                account = poll.account.as_str(),
                kind = kind.as_str(),
                first_kept = %first,
                "the API keeps fewer days than collect.history.days asks for; older ones are left alone"
            );
        }
        let reach = Reach { first, learned_at: now };
        self.known.insert(kind, Some(reach));
        if let Ok(body) = serde_json::to_vec(&reach) {
            // The store says itself when it fails; then a restart learns it again.
            let _ = self.store.keep(poll.account, &self.scope, name(kind), body).await;
        }
    }

    async fn recall(&mut self, poll: &Poll<'_>, kind: Kind) -> Option<Reach> {
        if let Some(reach) = self.known.get(&kind) {
            return *reach;
        }
        let body = self.store.kept_row(poll.account, &self.scope, name(kind)).await.ok()?;
        let reach = body.and_then(|body| serde_json::from_slice(&body).ok());
        self.known.insert(kind, reach);
        reach
    }
}

/// The row in the store; the name of a collector and a word, as the rows of readings have it.
fn name(kind: Kind) -> String {
    format!("history {}", kind.as_str())
}

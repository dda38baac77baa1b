//! Remembers how far back the API keeps days. It refuses reports of older days, so they are not requested every hour.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::collect::poll::Poll;
use crate::store::Store;
use crate::store::series::Kind;

/// The reach of one kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reach {
    /// The first day that the API keeps.
    first: Date,
    learned_at: Timestamp,
}

/// The reaches of all kinds. The store keeps them, so a restart need not learn them again.
pub(super) struct Reaches {
    store: Store,
    scope: String,
    /// The age at which older days are requested again.
    good_for: Duration,
    /// Holds every kind that was looked up in the store, even without a result.
    known: BTreeMap<Kind, Option<Reach>>,
}

impl Reaches {
    pub(super) fn new(store: Store, scope: String, good_for: Duration) -> Self {
        Self { store, scope, good_for, known: BTreeMap::new() }
    }

    /// The first day to request. `None` when it is unknown, or was learned too long ago.
    pub(super) async fn first(&mut self, poll: &Poll<'_>, kind: Kind, now: Timestamp) -> Option<Date> {
        let reach = self.recall(poll, kind).await?;
        // A clock that was ahead may have recorded a future time.
        let age = Duration::try_from(now.duration_since(reach.learned_at)).ok()?;
        (age < self.good_for).then_some(reach.first)
    }

    /// Stores that the API has no day before `first`. Logs it when no reach was known before.
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
            // The store logs its own failures. A restart then learns the reach again.
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

/// The row in the store: the name of a collector and a word, as for readings.
fn name(kind: Kind) -> String {
    format!("history {}", kind.as_str())
}

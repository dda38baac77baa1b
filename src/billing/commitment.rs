//! Commitments: capacity bought ahead for a stretch of time, cheaper than as it is used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One commitment (`GET /cloud/v2/reservations`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitment {
    /// Its identity.
    pub id: SmolStr,
    /// When it begins; `None`: since always.
    pub start: Option<Timestamp>,
    /// When it ends; `None`: open-ended.
    pub end: Option<Timestamp>,
}

impl Commitment {
    /// Whether it runs at `now`: the start belongs to it, the end does not.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }
}

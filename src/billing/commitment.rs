//! Commitments: capacity bought ahead for a stretch of time, cheaper than as it is used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One commitment (`GET /cloud/v2/reservations`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Commitment {
    /// Its identity.
    pub id: SmolStr,
    /// When it begins; `None`: since always.
    pub start: Option<Timestamp>,
    /// When it ends; `None`: open-ended.
    pub end: Option<Timestamp>,
    /// Whether start or end was told and could not be read; it is `None` then, and says nothing.
    #[serde(default)]
    pub has_unknown_edge: bool,
}

impl Commitment {
    /// Whether it runs at `now`: the start belongs to it, the end does not. An edge that is not known does not end it,
    /// since the API lists it.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }
}

//! Commitments: reserved capacity with a lower price than pay-as-you-go.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One commitment (`GET /cloud/v2/reservations`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Commitment {
    /// Its identity.
    pub id: SmolStr,
    /// The start. `None`: no start.
    pub start: Option<Timestamp>,
    /// The end. `None`: open-ended.
    pub end: Option<Timestamp>,
    /// Whether the API gave a start or end that cannot be read. Then that field is `None`, and has no meaning.
    #[serde(default)]
    pub has_unknown_edge: bool,
}

impl Commitment {
    /// Whether it is active at `now`. The start is inclusive, the end exclusive. A commitment with an unknown edge
    /// counts as active, because the API lists it.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }
}

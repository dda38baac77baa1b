//! Subscriptions: products that are billed for a range of time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::amount::Amount;

/// One subscription (`GET /billing/org/v1/subscriptions`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subscription {
    /// Its identity.
    pub id: SmolStr,
    /// Its client. Empty when the API gives none.
    pub client_id: SmolStr,
    /// The product's name (`product.name`). Empty when the API gives none.
    pub product: SmolStr,
    /// The feature's name (`feature.name`). Empty when the API gives none.
    pub feature: SmolStr,
    /// The charging rule, such as `commit` or `unit`. Empty when the API gives none.
    pub calc_rule_type: SmolStr,
    /// `active_range.start`. `None`: no start.
    pub start: Option<Timestamp>,
    /// `active_range.end`. `None`: open-ended.
    pub end: Option<Timestamp>,
    /// Whether the API gave a start or end that cannot be read. Then that field is `None`, and has no meaning.
    #[serde(default)]
    pub has_unknown_edge: bool,
    /// The price. `None` when it is not one number.
    pub price: Option<Amount>,
    /// The currency of the price. Empty when the API gives none.
    pub currency: SmolStr,
}

/// The state of a subscription at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriptionState {
    /// Its range has not begun.
    Upcoming,
    /// The instant is in its range.
    Active,
    /// Its range is over.
    Expired,
    /// Start or end cannot be read, and the other one does not decide.
    Unknown,
}

impl SubscriptionState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Upcoming, Self::Expired, Self::Unknown];

    /// The value of the `state` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

impl Subscription {
    /// The state at `now`. The start is inclusive, the end exclusive.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> SubscriptionState {
        if self.end.is_some_and(|end| end <= now) {
            SubscriptionState::Expired
        } else if self.start.is_some_and(|start| start > now) {
            SubscriptionState::Upcoming
        } else if self.has_unknown_edge {
            SubscriptionState::Unknown
        } else {
            SubscriptionState::Active
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_has_sharp_edges() {
        let subscription = |start: Option<&str>, end: Option<&str>, has_unknown_edge| Subscription {
            id: "1".into(),
            client_id: "".into(),
            product: "".into(),
            feature: "".into(),
            calc_rule_type: "".into(),
            start: start.map(|t| t.parse().unwrap()),
            end: end.map(|t| t.parse().unwrap()),
            has_unknown_edge,
            price: None,
            currency: "".into(),
        };
        let (early, now, late) = ("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "2027-01-01T00:00:00Z");
        use SubscriptionState::{Active, Expired, Unknown, Upcoming};
        for (name, start, end, has_unknown_edge, want) in [
            ("starts now", Some(now), Some(late), false, Active),
            ("starts later", Some(late), None, false, Upcoming),
            ("ends now", Some(early), Some(now), false, Expired),
            ("open at both ends", None, None, false, Active),
            ("an unknown end", Some(early), None, true, Unknown),
            ("an unknown start", None, Some(late), true, Unknown),
            ("starts later, with an unknown end", Some(late), None, true, Upcoming),
            ("ended, with an unknown start", None, Some(early), true, Expired),
        ] {
            assert_eq!(subscription(start, end, has_unknown_edge).state(now.parse().unwrap()), want, "{name}");
        }
    }
}

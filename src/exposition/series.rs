//! One series of a family of sums.

use std::cmp::Ordering;

use crate::account::AccountName;
use gcore_api::billing::amount::Amount;

/// The label value of a series that others were folded into.
pub(super) const OTHER: &str = "__other__";

/// One series of a family of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum<'a, P, M> {
    pub(super) account: &'a AccountName,
    pub(super) place: Place<P>,
    /// The currency or unit, and all other labels whose values are never folded together.
    pub(super) measure: M,
    pub(super) amount: Amount,
}

/// The subject of a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<P> {
    /// One group, tag value or resource.
    Own(P),
    /// All subjects without a series of their own.
    Other,
}

impl<P: Ord, M: Ord> Sum<'_, P, M> {
    /// The order of the series in most families.
    pub(super) fn by_place(&self, other: &Self) -> Ordering {
        (self.account, &self.place, &self.measure).cmp(&(other.account, &other.place, &other.measure))
    }
}

impl<P> Place<P> {
    pub(super) fn map<Q>(self, change: impl FnOnce(P) -> Q) -> Place<Q> {
        match self {
            Self::Own(own) => Place::Own(change(own)),
            Self::Other => Place::Other,
        }
    }

    /// The label value of this place.
    pub(super) fn word<'w>(self, of: impl FnOnce(P) -> &'w str) -> &'w str {
        match self {
            Self::Own(own) => of(own),
            Self::Other => OTHER,
        }
    }
}

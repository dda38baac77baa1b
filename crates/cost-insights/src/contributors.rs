//! The contributors to the excess of a roll-up.

use crate::judgement::Judgement;

/// A child's part in the excess of its roll-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contributor {
    /// The index of the child in the given slice.
    pub child: usize,
    /// The cost of the child above its expectation.
    pub excess: f64,
    /// `excess` as a share of the roll-up's excess. It can exceed 1 when other children fell.
    pub share: f64,
}

/// The children with an excess, largest first. Empty when the roll-up has no excess.
///
/// The whole cost of a child without an expectation is excess. Equal children keep their order.
pub fn contributors(roll_up: &Judgement, children: &[Judgement]) -> Vec<Contributor> {
    let whole = roll_up.excess();
    if whole <= 0.0 {
        return Vec::new();
    }
    let mut found: Vec<Contributor> = children
        .iter()
        .enumerate()
        .map(|(child, judgement)| {
            (child, if judgement.expected.is_nan() { judgement.actual } else { judgement.excess() })
        })
        .filter(|(_, excess)| *excess > 0.0)
        .map(|(child, excess)| Contributor { child, excess, share: excess / whole })
        .collect();
    found.sort_by(|a, b| b.excess.total_cmp(&a.excess));
    found
}

//! A forest of decision trees: how the evidence about a day above the usual weighs.
//!
//! The trees were grown by gradient boosting on invented accounts whose spikes are known; `scripts/train` grows them anew.

mod trees;

use crate::analysis::evidence::Evidence;
use trees::{NODES, ROOTS};

/// A place where a tree forks, or ends.
enum Node {
    /// On to the next node where the number of that name is at most this much, else to the node with that index.
    Fork(u8, f32, u16),
    /// What the tree says.
    Leaf(f32),
}

/// Whether there are trees: while the first are grown there are none.
pub(super) const IS_GROWN: bool = !ROOTS.is_empty();

/// The logarithm of the odds that the day is a spike rather than a habit, where to miss a spike is as bad as two false
/// alarms: above 0 it is better told.
pub(super) fn log_odds(evidence: &Evidence) -> f32 {
    let numbers = evidence.numbers();
    ROOTS.iter().map(|root| said(numbers, usize::from(*root))).sum()
}

fn said(numbers: &[f32], root: usize) -> f32 {
    let mut at = root;
    loop {
        match NODES[at] {
            Node::Leaf(said) => return said,
            Node::Fork(name, most, _) if numbers[usize::from(name)] <= most => at += 1,
            Node::Fork(_, _, above) => at = usize::from(above),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::NAMES;

    #[test]
    fn every_way_through_a_tree_leads_on_and_ends_in_it() {
        let ends = ROOTS.iter().skip(1).map(|root| usize::from(*root)).chain([NODES.len()]);
        for (root, end) in ROOTS.iter().map(|root| usize::from(*root)).zip(ends) {
            for (at, node) in NODES[root..end].iter().enumerate().map(|(at, node)| (root + at, node)) {
                if let Node::Fork(name, _, above) = node {
                    assert!(usize::from(*name) < NAMES.len(), "number {name} at {at}");
                    assert!(at + 1 < usize::from(*above) && usize::from(*above) < end, "from {at} to {above} of {end}");
                }
            }
            assert!(matches!(NODES[end - 1], Node::Leaf(_)), "the tree from {root} does not end");
        }
    }
}

//! How wide the band must be to hold 80 % of the outcomes: learned from how far off the account's forecasts were.

use super::plan::STAGES;

/// The share of outcomes below the band, and above it.
const OUTSIDE: f32 = 0.1;
/// How fast the edges move at first, and after how many outcomes they move more slowly.
const PACE: f32 = 0.1;
const SLOWER_AFTER: f32 = 50.0;

/// The edges of the band in units of the expected error, the same for all series of an account, for each part of a month.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    below: [f32; STAGES],
    above: [f32; STAGES],
    outcomes: [f32; STAGES],
}

impl Default for Band {
    /// From synthetic accounts of many kinds.
    fn default() -> Self {
        Self { below: [1.3, 1.3, 1.3, 1.2, 1.0], above: [2.2, 1.9, 1.8, 1.5, 1.2], outcomes: [0.0; STAGES] }
    }
}

impl Band {
    /// How far the band reaches below and above the estimate, in units of the expected error.
    pub(super) fn reach(&self, stage: usize) -> (f32, f32) {
        (self.below[stage], self.above[stage])
    }

    /// Widens an edge that was passed and narrows one that was not, so that each is passed by one outcome in ten.
    ///
    /// `off` is how far the outcome was from the estimate, in units of the expected error.
    pub(super) fn learn(&mut self, stage: usize, off: f32) {
        self.outcomes[stage] += 1.0;
        let pace = PACE / (1.0 + self.outcomes[stage] / SLOWER_AFTER).sqrt();
        let moved = |edge: f32, is_passed: bool| {
            let factor = if is_passed { 1.0 + pace * (1.0 - OUTSIDE) } else { 1.0 - pace * OUTSIDE };
            (edge * factor).clamp(0.05, 50.0)
        };
        self.above[stage] = moved(self.above[stage], off > self.above[stage]);
        self.below[stage] = moved(self.below[stage], -off > self.below[stage]);
    }
}

//! What a rule says of one place on the data that there are.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::alert::Labels;

/// Of what a verdict is: a rule on an account, a budget, a collector. Alerts of one scope come and go by its verdicts
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The rule.
    pub rule: SmolStr,
    /// Where it was judged, such as `main/cost`; empty for the daemon itself.
    pub place: SmolStr,
}

/// A verdict on one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Of what it is.
    pub scope: Scope,
    /// How long something must be so, or must be over, to be told.
    pub holds: HoldDurations,
    /// What is known.
    pub verdict: Verdict,
}

/// How patient a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDurations {
    /// So many readings in a row must say so. At least 1.
    pub readings: u32,
    /// For so long it must be so.
    pub pending_for: Duration,
    /// So many readings in a row must say that it is over. At least 1.
    pub clears: u32,
    /// For so long it must be over.
    pub keep_firing_for: Duration,
}

/// What is known of a scope.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The data are missing, stale or half: whatever was so goes on.
    Unknown,
    /// Everything that is so; what is not named is not so.
    Known {
        /// Which data say so. Judging the same data again is no second opinion.
        epoch: Timestamp,
        /// What is so.
        breaches: Vec<Breach>,
    },
}

/// Something that somebody should be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// Its identity: all labels of the alert.
    pub labels: Labels,
    /// What it says.
    pub annotations: Labels,
    /// What was measured.
    pub value: Option<f64>,
    /// What that is held against.
    pub threshold: Option<f64>,
    /// How sure it is.
    pub strength: Strength,
    /// Since when it has been so, by the data.
    pub starts_at: Timestamp,
    /// When it is over by the calendar, whatever is known by then.
    pub until: Option<Timestamp>,
}

/// How much of a breach something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Beyond the threshold.
    Full,
    /// Beyond the threshold, and it stays told until its `until`, whatever the data say meanwhile.
    Latched,
    /// No longer beyond it, but so near that what fires goes on firing.
    Lingering,
    /// Nobody wants to know.
    Muted,
}

impl HoldDurations {
    /// None: told at the first reading, over at the first reading.
    pub const NONE: Self =
        Self { readings: 1, pending_for: Duration::ZERO, clears: 1, keep_firing_for: Duration::ZERO };
}

/// What is above a threshold, or stays near it: below this share of it, it is over.
const CLEARING: f64 = 0.9;

impl Strength {
    /// How `value` stands to `threshold`; `None`: well below it.
    #[must_use]
    pub fn of(value: f64, threshold: f64) -> Option<Self> {
        if value > threshold { Some(Self::Full) } else { (value > CLEARING * threshold).then_some(Self::Lingering) }
    }
}

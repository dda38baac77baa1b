//! The judgement of a rule on one place.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::alert::Labels;

/// The subject of a judgement: a rule with an account, a budget or a collector. Only judgements of the same scope
/// change its alerts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The rule.
    pub rule: SmolStr,
    /// The judged place, such as `main/cost`; empty for the daemon itself.
    pub place: SmolStr,
}

/// The verdict on one scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The judged scope.
    pub scope: Scope,
    /// How long a breach must last before it fires, and be gone before it is resolved.
    pub holds: HoldDurations,
    /// The verdict.
    pub verdict: Verdict,
}

/// `for` and `keep_firing_for` of a rule, in readings and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDurations {
    /// The number of readings in a row with the breach before it fires. At least 1.
    pub readings: u32,
    /// The time with the breach before it fires (`for`).
    pub pending_for: Duration,
    /// The number of readings in a row without the breach before it is resolved. At least 1.
    pub clears: u32,
    /// The time without the breach before it is resolved (`keep_firing_for`).
    pub keep_firing_for: Duration,
}

/// The knowledge about a scope.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Data are missing, stale or incomplete. Alerts keep their state.
    Unknown,
    /// All breaches of the scope. An alert that is not listed is not firing.
    Known {
        /// The time of the data. A second judgement of the same data does not count as a reading. `None` if the data
        /// have no time, such as the status of a channel: then each judgement counts.
        data_time: Option<Timestamp>,
        /// The breaches.
        breaches: Vec<Breach>,
    },
}

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// All labels of the alert, its identity.
    pub labels: Labels,
    /// The texts of the alert.
    pub annotations: Labels,
    /// The measured value.
    pub value: Option<f64>,
    /// The limit for the value.
    pub threshold: Option<f64>,
    /// The strength of the breach.
    pub strength: Strength,
    /// When the condition became true, by the data.
    pub starts_at: Timestamp,
    /// When the calendar ends it, with or without newer data.
    pub period_end: Option<Timestamp>,
}

/// The strength of a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Beyond the threshold.
    Full,
    /// Beyond the threshold. Fires until its `period_end`, even if later data say otherwise.
    Latched,
    /// No longer beyond the threshold, but close. A firing alert goes on, no new one starts.
    Lingering,
    /// Muted by the configuration.
    Muted,
}

impl HoldDurations {
    /// No hold: fires at the first reading, is resolved at the first reading without the breach.
    pub const NONE: Self =
        Self { readings: 1, pending_for: Duration::ZERO, clears: 1, keep_firing_for: Duration::ZERO };
}

/// A firing alert on a value above a threshold ends when the value falls below this share of it.
const CLEARING: f64 = 0.9;

impl Strength {
    /// The strength of `value` against `threshold`. `None`: well below it.
    #[must_use]
    pub fn of(value: f64, threshold: f64) -> Option<Self> {
        if value > threshold { Some(Self::Full) } else { (value > CLEARING * threshold).then_some(Self::Lingering) }
    }
}

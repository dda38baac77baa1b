//! What is said of one series on one day.

/// A day of a series against what its past lets expect. Amounts are in the units of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// What was expected, calendar and habits included. NaN while nothing is known of the series.
    pub expected: f64,
    /// The most that is not an anomaly; at least `actual` where that was weighed and found to be usual. Infinite while too
    /// little is known.
    pub upper: f64,
    /// What the day cost.
    pub actual: f64,
    /// Above 1 the day is an anomaly. Where it was weighed, the odds of that, up to 1000, with an anomaly that is missed as
    /// bad as two false ones; else the excess over `expected` in units of the distance from `expected` to `upper`.
    pub score: f64,
    /// The day is out of the usual.
    pub anomaly: bool,
    /// The series is younger than four weeks, or is at a place in the month that it has not been at before.
    pub low_confidence: bool,
}

impl Judgement {
    /// What the day cost beyond what was expected; 0 where it did not.
    pub fn excess(&self) -> f64 {
        (self.actual - self.expected).max(0.0)
    }
}

//! The judgement of one series on one day, with its reason.

/// The rule that decided a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The amount is in the band around its expectation.
    WithinBand,
    /// An anomaly: the amount is above the upper bound.
    AboveBand,
    /// The fifth consecutive day above the bound (the last anomaly) or far below the expectation (no anomaly). From the
    /// next day on this amount is expected.
    NewLevel,
    /// Above the band, but a matching day of the last three months had a similar excess.
    SameDayOfMonth,
    /// Above the band, but five of the last 28 days had a similar cost.
    OftenLately,
    /// Above the band of its weekday, but at most 20 % above the second-highest weekday: a holiday.
    OtherWeekday,
    /// Above the band of a roll-up, but the excesses of its children add up to no more than the width of that band.
    UsualInParts,
    /// The series is younger than 30 days and has no anomalies.
    TooYoung,
    /// Above the band, but by less than the least amount.
    BelowFloor,
    /// Far below the expectation, or a credit.
    Below,
    /// No cost on a day with an expected cost.
    Pause,
    /// The amount is unknown, or a whole project, region or account vanished at once.
    Unknown,
}

impl Reason {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Self; 12] = [
        Self::WithinBand,
        Self::AboveBand,
        Self::NewLevel,
        Self::SameDayOfMonth,
        Self::OftenLately,
        Self::OtherWeekday,
        Self::UsualInParts,
        Self::TooYoung,
        Self::BelowFloor,
        Self::Below,
        Self::Pause,
        Self::Unknown,
    ];

    /// The name in files and responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WithinBand => "within_band",
            Self::AboveBand => "above_band",
            Self::NewLevel => "new_level",
            Self::SameDayOfMonth => "same_day_of_month",
            Self::OftenLately => "often_lately",
            Self::OtherWeekday => "other_weekday",
            Self::UsualInParts => "usual_in_parts",
            Self::TooYoung => "too_young",
            Self::BelowFloor => "below_floor",
            Self::Below => "below",
            Self::Pause => "pause",
            Self::Unknown => "unknown",
        }
    }
}

/// The rule that sets the upper bound of a day: the band, or a habit above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The band, by the usual deviation.
    Deviations,
    /// The band, by its least share of the expectation.
    Share,
    /// The band, by the least amount.
    LeastAmount,
    /// Like days of the last three months.
    SameDayOfMonth,
    /// Five of the last 28 days.
    OftenLately,
    /// The second-highest weekday.
    OtherWeekday,
    /// The expectations of the children of a roll-up.
    Parts,
}

impl Basis {
    /// The reason why an amount up to this bound is no anomaly.
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::Deviations | Self::Share | Self::LeastAmount => Reason::WithinBand,
            Self::SameDayOfMonth => Reason::SameDayOfMonth,
            Self::OftenLately => Reason::OftenLately,
            Self::OtherWeekday => Reason::OtherWeekday,
            Self::Parts => Reason::UsualInParts,
        }
    }
}

/// The judgement of a day by the days before it. Amounts are in units of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The expected cost of the day. For a sparse series, the expected cost of a day with a cost. NaN until the first
    /// day of a series, inclusive.
    pub expected: f64,
    /// The upper bound. Infinite while the series is too young.
    pub upper: f64,
    /// The cost of the day. NaN when unknown.
    pub actual: f64,
    /// The part of `actual` that is assumed: the expectation of parts of a roll-up whose cost is unknown. The caller sets
    /// it; mostly 0.
    pub assumed: f64,
    /// The distance from `expected`, in units of the distance from `expected` to `upper`. Above 1 the day is an
    /// anomaly. Negative below the expectation. 0 while the series is too young, and when the amount is unknown.
    pub score: f64,
    /// Whether the amount is above `upper`.
    pub anomaly: bool,
    /// Whether the series is younger than 30 days.
    pub low_confidence: bool,
    /// The rule that decided the judgement.
    pub reason: Reason,
    /// The rule that sets `upper`.
    pub basis: Basis,
    /// The start of the band: `expected`. In a pause and on an idle weekday, the usual amount of a day with a cost.
    pub base: f64,
    /// The usual deviation of a day from `base`.
    pub deviation: f64,
    /// The number of known matching days of earlier months: the same day from the month's start or end, or the same
    /// weekday by its number.
    pub matching_days: u8,
    /// The largest cost of these days. 0 without a known one.
    pub matching_most: f64,
}

impl Judgement {
    /// The judgement of a series without earlier days.
    #[must_use]
    pub const fn unknown(actual: f64) -> Self {
        Self {
            expected: f64::NAN,
            upper: f64::INFINITY,
            actual,
            assumed: 0.0,
            score: 0.0,
            anomaly: false,
            low_confidence: true,
            reason: if actual.is_nan() { Reason::Unknown } else { Reason::TooYoung },
            basis: Basis::Share,
            base: 0.0,
            deviation: 0.0,
            matching_days: 0,
            matching_most: 0.0,
        }
    }

    /// The cost of the day above its expectation. 0 below it.
    #[must_use]
    pub fn excess(&self) -> f64 {
        (self.actual - self.expected).max(0.0)
    }

    /// Raises the upper bound. The expectation stays.
    pub fn raise(&mut self, upper: f64, basis: Basis) {
        if upper <= self.upper || !upper.is_finite() {
            return;
        }
        (self.upper, self.basis) = (upper, basis);
        self.score = score(self.actual, self.expected, upper);
        if self.anomaly && self.actual <= upper {
            (self.anomaly, self.reason) = (false, basis.reason());
        }
    }
}

/// The distance from the expectation, in units of the distance to the upper bound.
pub(super) fn score(actual: f64, expected: f64, upper: f64) -> f64 {
    /// Larger than any compared score, so that no score is infinite.
    const MOST: f64 = 1e6;
    let score = (actual - expected) / (upper - expected);
    if score.is_nan() { 0.0 } else { score.clamp(-MOST, MOST) }
}

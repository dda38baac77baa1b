//! The judgement of one series on one day, with its reason.

/// Why a day is an anomaly, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The amount is in the band around its expectation.
    WithinBand,
    /// An anomaly: the amount is above the upper bound.
    AboveBand,
    /// The fifth day in a row above the bound (an anomaly, the last one) or far below the expectation (none): from the
    /// next day on this amount is expected.
    NewLevel,
    /// Above the band, but a like day of the last three months was about as far up.
    SameDayOfMonth,
    /// Above the band, but two of the same weekday in the last four weeks were about as far up.
    SameWeekday,
    /// Above the band, but five of the last 28 days cost about as much.
    OftenLately,
    /// Above the band of its weekday, but at most 20 % above the second-highest weekday: a holiday.
    OtherWeekday,
    /// Above the band of a roll-up, but its parts together are not above it.
    UsualInParts,
    /// The series is younger than 30 days; nothing is an anomaly.
    TooYoung,
    /// Above the band, but by less than the least amount that matters.
    BelowFloor,
    /// Far below the expectation, or a credit.
    Below,
    /// Without a cost on a day that should have had one.
    Pause,
    /// The amount is not known, or a whole project, region or account vanished at once.
    Unknown,
}

impl Reason {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::WithinBand,
        Self::AboveBand,
        Self::NewLevel,
        Self::SameDayOfMonth,
        Self::SameWeekday,
        Self::OftenLately,
        Self::OtherWeekday,
        Self::UsualInParts,
        Self::TooYoung,
        Self::BelowFloor,
        Self::Below,
        Self::Pause,
        Self::Unknown,
    ];

    /// The word in files and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WithinBand => "within_band",
            Self::AboveBand => "above_band",
            Self::NewLevel => "new_level",
            Self::SameDayOfMonth => "same_day_of_month",
            Self::SameWeekday => "same_weekday",
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

/// The rule that sets the upper bound of a day: the band, or a habit that reaches above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The band, by the usual deviation.
    Deviations,
    /// The band, by its least share of the expectation.
    Share,
    /// The band, by the least amount that matters.
    LeastAmount,
    /// Like days of the last three months.
    SameDayOfMonth,
    /// Two of the same weekday in the last four weeks.
    SameWeekday,
    /// Five of the last 28 days.
    OftenLately,
    /// The second-highest weekday.
    OtherWeekday,
    /// The expectations of the parts of a roll-up.
    Parts,
}

impl Basis {
    /// Why an amount up to such a bound is no anomaly.
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::Deviations | Self::Share | Self::LeastAmount => Reason::WithinBand,
            Self::SameDayOfMonth => Reason::SameDayOfMonth,
            Self::SameWeekday => Reason::SameWeekday,
            Self::OftenLately => Reason::OftenLately,
            Self::OtherWeekday => Reason::OtherWeekday,
            Self::Parts => Reason::UsualInParts,
        }
    }
}

/// A day of a series against the days before it. Amounts are in the units of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The expected cost of the day; of a sparse series, of a day with a cost. NaN on
    /// the first day of a series and before.
    pub expected: f64,
    /// The most that is no anomaly. Infinite while the series is too young.
    pub upper: f64,
    /// The cost of the day. NaN if unknown.
    pub actual: f64,
    /// The distance from `expected` in units of the distance from `expected` to `upper`; above 1 the day is an anomaly.
    /// Negative below the expectation; 0 while the series is too young and where the amount is not known.
    pub score: f64,
    /// The amount is above `upper`.
    pub anomaly: bool,
    /// The series is younger than 30 days.
    pub low_confidence: bool,
    /// Why it is an anomaly, or none.
    pub reason: Reason,
    /// The rule that sets `upper`.
    pub basis: Basis,
    /// The amount that the band starts from: `expected`, or, in a pause and on an idle weekday, the amount that a day
    /// with a cost does.
    pub base: f64,
    /// The usual deviation of a day from `base`.
    pub deviation: f64,
    /// How many like days of earlier months are known: the same day counted from the month's start or end, the same
    /// weekday by its number.
    pub like_days: u8,
    /// The most that one of them cost; 0 where none is known.
    pub like_most: f64,
}

impl Judgement {
    /// Of a series of which nothing is known yet.
    #[must_use]
    pub const fn unknown(actual: f64) -> Self {
        Self {
            expected: f64::NAN,
            upper: f64::INFINITY,
            actual,
            score: 0.0,
            anomaly: false,
            low_confidence: true,
            reason: if actual.is_nan() { Reason::Unknown } else { Reason::TooYoung },
            basis: Basis::Share,
            base: 0.0,
            deviation: 0.0,
            like_days: 0,
            like_most: 0.0,
        }
    }

    /// The cost of the day above its expectation; 0 under it.
    #[must_use]
    pub fn excess(&self) -> f64 {
        (self.actual - self.expected).max(0.0)
    }

    /// Compares with another bound; the expectation stays.
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

/// The distance from the expectation in units of the bound's.
pub(super) fn score(actual: f64, expected: f64, upper: f64) -> f64 {
    /// Above all that is ever compared, so that no score is infinite.
    const MOST: f64 = 1e6;
    let score = (actual - expected) / (upper - expected);
    if score.is_nan() { 0.0 } else { score.clamp(-MOST, MOST) }
}

//! The rules of the detector that can be turned off, to measure the effect of each.

/// A rule of the detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Each weekday has its own share of the level.
    WeekdayShare,
    /// A series with costs at irregular days is compared with its days with a cost.
    Sparse,
    /// A matching day of the last three months raises the bound.
    SameDayOfMonth,
    /// Five of the last 28 days raise the bound.
    OftenLately,
    /// The second-highest weekday raises the bound.
    OtherWeekday,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 5] =
        [Self::WeekdayShare, Self::Sparse, Self::SameDayOfMonth, Self::OftenLately, Self::OtherWeekday];

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WeekdayShare => "weekday_share",
            Self::Sparse => "sparse",
            Self::SameDayOfMonth => "same_day_of_month",
            Self::OftenLately => "often_lately",
            Self::OtherWeekday => "other_weekday",
        }
    }
}

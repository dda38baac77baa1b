//! Like days: days at the same place of earlier months. Charges come on the 15th, on the last day, or on the second
//! Tuesday.

use jiff::civil::Date;

use super::detector_rule::Rule;
use super::series::DAYS;

/// The number of earlier months. A charge that misses one month is still known. Results with two to four are equal.
pub(super) const MONTHS: usize = 3;

/// The judged day, the same for all series.
#[derive(Clone, Debug)]
pub(super) struct Today {
    /// Its number, counted by the model.
    pub(super) at: usize,
    /// 0 is Monday.
    pub(super) weekday: usize,
    /// The distances to the matching days of earlier months, in days.
    pub(super) matching: Vec<usize>,
    /// The rule that is turned off.
    without: Option<Rule>,
}

impl Today {
    pub(super) fn new(at: usize, day: Date, without: Option<Rule>) -> Self {
        Self { at, weekday: weekday(day), matching: matching_days(day), without }
    }

    /// Whether a rule applies.
    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}

/// 0 is Monday.
pub(super) fn weekday(day: Date) -> usize {
    usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())
}

/// The days between two dates. 0 when the second is not later.
pub(super) fn days_between(from: Date, to: Date) -> usize {
    usize::try_from((to - from).get_days()).unwrap_or_default()
}

/// The distances to the matching days of the last months, in days. They have the same day of the month, the same
/// distance from the month's end, or the same weekday by its number in the month.
fn matching_days(day: Date) -> Vec<usize> {
    let from_end = day.days_in_month() - day.day();
    let mut lags = Vec::new();
    let mut month = day.first_of_month();
    for _ in 0..MONTHS {
        let Ok(last) = month.yesterday() else { break };
        month = last.first_of_month();
        let first_matching =
            (7 + day.weekday().to_monday_zero_offset() - month.weekday().to_monday_zero_offset()) % 7 + 1;
        let same_weekday = first_matching + (day.day() - 1) / 7 * 7;
        for place in [day.day(), last.day() - from_end, same_weekday] {
            let lag = days_between(month, day) + 1 - usize::from(place.max(1).unsigned_abs());
            if (1..=last.day()).contains(&place) && lag < DAYS && !lags.contains(&lag) {
                lags.push(lag);
            }
        }
    }
    lags
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_like_day_has_the_same_place_in_its_month() {
        for (name, day, like) in [
            ("an ordinary day", date(2024, 7, 10), vec![date(2024, 6, 10), date(2024, 6, 9), date(2024, 6, 12)]),
            ("the last day of a long month", date(2024, 7, 31), vec![date(2024, 6, 30)]),
            (
                "the last day of February",
                date(2023, 2, 28),
                vec![date(2023, 1, 28), date(2023, 1, 31), date(2023, 1, 24)],
            ),
        ] {
            let lags = matching_days(day);
            let found: Vec<usize> = like.iter().map(|earlier| days_between(*earlier, day)).collect();
            assert_eq!(lags[..found.len()], found, "{name}: {lags:?}");
            assert!(lags.iter().all(|lag| (1..DAYS).contains(lag)), "{name}: {lags:?}");
        }
    }
}

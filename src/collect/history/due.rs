//! Which day of the past is read next.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::billing::period::{midnight, utc_date};
use crate::collect::settings::History;
use crate::store::days::Known;

/// The age at which a reading of a day that is not settled yet is repeated.
const UNSETTLED: Duration = Duration::from_secs(6 * 3_600);

/// The days that should be read, first things first: days that can be settled by now, days that were never read, days
/// that are still being corrected, and last those whose settled figures are due to be checked again.
pub(super) fn days(
    known: &BTreeMap<Date, Known>,
    settings: &History,
    settle_after: Duration,
    now: Timestamp,
) -> Vec<Date> {
    let today = utc_date(now);
    let age = |known: &Known| Duration::try_from(now.duration_since(known.read_at)).unwrap_or_default();
    let urgency = |back: u16, day: Date| match known.get(&day) {
        Some(known) if !known.is_settled && settled_at(day, settle_after) <= now => Some(0),
        None => Some(1),
        Some(known) if !known.is_settled => (age(known) >= UNSETTLED).then_some(2),
        Some(known) => (back <= History::RECHECKED && age(known) >= settings.recheck_after).then_some(3),
    };
    let mut due: Vec<_> = (1..=settings.days)
        .filter_map(|back| {
            let day = today.checked_sub(i32::from(back).days()).ok()?;
            Some((urgency(back, day)?, back, day))
        })
        .collect();
    // Newest first; but of the checks those that have waited longest, or the oldest days would never have their turn.
    due.sort_by_key(|(urgency, back, day)| (*urgency, (*urgency == 3).then(|| known[day].read_at), *back));
    due.into_iter().map(|(_, _, day)| day).collect()
}

/// When corrections of a day are no longer expected.
pub(super) fn settled_at(day: Date, settle_after: Duration) -> Timestamp {
    let end = midnight(day.saturating_add(1.day()));
    end.checked_add(settle_after).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::settings::Settings;

    #[test]
    fn days_are_read_in_the_order_of_their_urgency() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let day = Duration::from_secs(86_400);
        let history = History { days: 4, ..Settings::default().history };
        let read = |date: &str, at: &str, is_settled| {
            (date.parse().unwrap(), Known { read_at: at.parse().unwrap(), is_settled })
        };
        for (name, known, want) in [
            ("nothing yet, newest first", vec![], "21 20 19 18"),
            ("a restart in mid-fill", vec![read("2026-11-21", "2026-11-22T11:00:00Z", false)], "20 19 18"),
            (
                "yesterday grows, the day before can be settled",
                vec![
                    read("2026-11-21", "2026-11-22T05:00:00Z", false),
                    read("2026-11-20", "2026-11-21T23:59:59Z", false),
                    read("2026-11-19", "2026-11-21T00:00:00Z", true),
                ],
                "20 18 21",
            ),
            (
                "a check of what waited longest",
                vec![
                    read("2026-11-21", "2026-11-22T11:00:00Z", false),
                    read("2026-11-20", "2026-11-22T11:00:00Z", true),
                    read("2026-11-19", "2026-11-15T12:00:00Z", true),
                    read("2026-11-18", "2026-11-15T11:00:00Z", true),
                ],
                "18 19",
            ),
        ] {
            let due = days(&known.into_iter().collect(), &history, day, now);
            let due: Vec<_> = due.iter().map(|day| day.day().to_string()).collect();
            assert_eq!(due.join(" "), want, "{name}");
        }
    }

    #[test]
    fn a_settled_day_past_the_checks_is_never_read_again() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let known = Known { read_at: Timestamp::MIN, is_settled: true };
        let all = utc_date(now).saturating_sub(400.days()).series(1.day()).take(400).map(|day| (day, known)).collect();
        let history = History { days: 400, ..Settings::default().history };
        assert_eq!(days(&all, &history, Duration::ZERO, now).len(), 35);
    }
}

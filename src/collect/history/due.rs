//! Decides which past day is read next.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::collect::settings::History;
use crate::store::days::Known;
use gcore_api::billing::period::{midnight, utc_date};

/// The age at which a reading of an unsettled day is repeated.
const UNSETTLED: Duration = Duration::from_secs(6 * 3_600);

/// The days to read, in this order:
///
/// 1. days that can be settled by now
/// 2. days that were never read
/// 3. unsettled days
/// 4. settled days whose check is due
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
        Some(known) => (is_checked(back) && age(known) >= settings.recheck_after).then_some(3),
    };
    let mut due: Vec<_> = (1..=settings.days)
        .filter_map(|back| {
            let day = today.checked_sub(i32::from(back).days()).ok()?;
            Some((urgency(back, day)?, back, day))
        })
        .collect();
    // Newest first. Checks are sorted by the oldest reading first, otherwise the oldest days would never be checked.
    due.sort_by_key(|(urgency, back, day)| (*urgency, (*urgency == 3).then(|| known[day].read_at), *back));
    due.into_iter().map(|(_, _, day)| day).collect()
}

/// Whether a settled day, `back` days ago, is checked: each recent day, and one in ten older days. A day is checked
/// during one week in every ten. So one more day is due each day, and no state is needed.
fn is_checked(back: u16) -> bool {
    back <= History::RECHECKED || (back / 7).is_multiple_of(History::SAMPLED)
}

/// The time when a day is settled.
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
    fn older_days_have_their_turn_a_few_at_a_time() {
        let day = Duration::from_secs(86_400);
        let history = History { days: 400, ..Settings::default().history };
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let first = utc_date(start).saturating_sub(400.days());
        let read = Known { read_at: start, is_settled: true };
        let mut known: BTreeMap<_, _> = first.series(1.day()).take(400).map(|day| (day, read)).collect();
        let mut checked = BTreeMap::<Date, u32>::new();
        for passed in 0..=140 {
            let now = start + passed * day;
            let due = days(&known, &history, day, now);
            let older: Vec<_> = due.iter().filter(|day| **day < utc_date(now).saturating_sub(35.days())).collect();
            // All days were read at once, so a week later the checks of a whole week are due.
            let most = if passed == 7 { 35 } else { 5 };
            assert!(older.len() <= most, "{now}: {older:?}");
            older.into_iter().for_each(|day| *checked.entry(*day).or_default() += 1);
            known.extend(due.into_iter().map(|day| (day, Known { read_at: now, is_settled: true })));
        }
        // All this time these days were older than the recent days, and within 400 days.
        for day in first.saturating_add(141.days()).series(1.day()).take(220) {
            assert!((1..=3).contains(&checked[&day]), "{day}: {}", checked[&day]);
        }
    }
}

//! The timer of a poller: when each poll starts.

use std::time::Duration;

use jiff::Timestamp;

use gcore_api::billing::period::next_midnight;

/// The polls at midnight are spread over this time. Otherwise every account would send requests at the same instant.
const MIDNIGHT_SPREAD: Duration = Duration::from_secs(10);

/// The largest delay after a poll that began together with the others, as a share of the interval.
const MAX_DELAY_SHARE: f64 = 0.5;

/// The timer of one poller.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollTimer {
    interval: Duration,
    /// Whether an extra poll follows each midnight UTC.
    follows_the_calendar: bool,
    /// From 0 to 1, different for each poller.
    phase: f64,
    /// Whether the current poll began together with those of all pollers: at the start, or at midnight.
    began_together: bool,
}

impl PollTimer {
    /// The timer from the first poll on.
    pub(super) fn new(interval: Duration, follows_the_calendar: bool, phase: f64) -> Self {
        Self { interval, follows_the_calendar, phase, began_together: true }
    }

    /// The time from the start of the poll at `now` to the start of the next one. It is the interval, with two
    /// exceptions. After a poll that began together with the others it is longer, so that pollers drift apart. Before
    /// midnight it is shorter, if the poller follows the calendar.
    pub(super) fn pause(&mut self, now: Timestamp) -> Duration {
        let share = if self.began_together { 1.0 + MAX_DELAY_SHARE * self.phase } else { 1.0 };
        let regular = self.interval.mul_f64(share);
        let to_midnight = Duration::try_from(next_midnight(now).duration_since(now)).unwrap_or_default();
        let at_midnight = to_midnight + MIDNIGHT_SPREAD.mul_f64(self.phase);
        self.began_together = self.follows_the_calendar && at_midnight <= regular;
        if self.began_together { at_midnight } else { regular }
    }

    /// Whether a poll took longer than the interval. The shorter pause before midnight does not count.
    pub(super) fn is_overrun(&self, took: Duration) -> bool {
        took > self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_poll_follows_upon_midnight_however_late_the_second_may_be() {
        for (name, first, phase, want) in [
            ("far from midnight, no phase", "2026-11-22T12:00:00Z", 0.0, "2026-11-22T12:15:00Z"),
            ("far from midnight", "2026-11-22T12:00:00Z", 1.0, "2026-11-22T12:22:30Z"),
            ("midnight within the longer pause only", "2026-11-22T23:40:00Z", 1.0, "2026-11-23T00:00:10Z"),
            ("midnight within the interval", "2026-11-22T23:45:00Z", 1.0, "2026-11-23T00:00:10Z"),
            ("an instant before midnight", "2026-11-22T23:59:59.999Z", 0.5, "2026-11-23T00:00:05Z"),
        ] {
            let mut timer = PollTimer::new(15 * MINUTE, true, phase);
            assert_eq!(at(first) + timer.pause(at(first)), at(want), "{name}");
            let mut other = PollTimer::new(15 * MINUTE, false, phase);
            let regular = (15 * MINUTE).mul_f64(1.0 + phase / 2.0);
            assert_eq!(other.pause(at(first)), regular, "{name}, of a list that knows no days");
        }
    }

    #[test]
    fn pollers_are_spread_at_the_start_and_again_after_each_midnight() {
        let mut pollers =
            [0.0, 0.5, 1.0].map(|phase| (PollTimer::new(15 * MINUTE, true, phase), at("2026-11-22T12:00:00Z")));
        for day in ["2026-11-22", "2026-11-23", "2026-11-24"] {
            let (noon, midnight) = (at(&format!("{day}T13:00:00Z")), at(&format!("{day}T23:59:50Z")));
            let seconds = |pollers: &[(PollTimer, Timestamp)]| -> Vec<i64> {
                pollers.iter().map(|(_, next)| next.as_second() - pollers[0].1.as_second()).collect()
            };
            let mut run_until = |time: Timestamp| {
                for (timer, next) in &mut pollers {
                    while *next < time {
                        *next += timer.pause(*next);
                    }
                }
                seconds(&pollers)
            };
            let apart = run_until(noon);
            let wanted = if day == "2026-11-22" { [0, 225, 450] } else { [0, 230, 460] };
            assert_eq!(apart, wanted, "apart by day, {day}");
            assert_eq!(run_until(midnight), [0, 5, 10], "close at midnight, {day}");
        }
    }

    #[test]
    fn only_a_poll_longer_than_the_interval_is_an_overrun() {
        let mut timer = PollTimer::new(15 * MINUTE, true, 0.0);
        assert_eq!(timer.pause(at("2026-11-22T23:59:50Z")), Duration::from_secs(10), "cut short by midnight");
        assert!(!timer.is_overrun(Duration::from_secs(20)));
        assert!(!timer.is_overrun(15 * MINUTE));
        assert!(timer.is_overrun(16 * MINUTE));
    }
}

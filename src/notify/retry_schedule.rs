//! The waits between the tries of a message.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The wait after each failed try, in seconds. In total 3 days and 4 hours, to survive a weekend.
const WAITS: [u64; 9] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// The longest wait that a receiver can ask for.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * HOUR);

/// The wait after this many failed tries. `None`: give up the message. `chance`, from 0 to 1, adds up to a fifth, so
/// that messages that failed together are not retried together.
pub(super) fn wait(failed: u32, asked: Option<Duration>, chance: f64) -> Option<Duration> {
    let index = usize::try_from(failed).ok()?.checked_sub(1)?;
    let seconds = WAITS.get(index)?;
    let wait = Duration::from_secs(*seconds).mul_f64(1.0 + 0.2 * chance.clamp(0.0, 1.0));
    Some(wait.max(asked.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_three_days() {
        let waits: Vec<_> = (1..).map_while(|failed| wait(failed, None, 0.0)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, WAITS);
        assert_eq!(waits.iter().sum::<u64>() / HOUR, 75);
        assert_eq!(wait(1, None, 1.0), Some(Duration::from_secs(6)), "stretched");
        assert_eq!(wait(1, Some(Duration::from_secs(90)), 0.0), Some(Duration::from_secs(90)), "as asked");
        assert_eq!(wait(2, Some(Duration::from_secs(1)), 0.0), Some(Duration::from_secs(300)), "never sooner");
        assert_eq!(wait(1, Some(Duration::MAX), 0.0), Some(LONGEST), "not for ever");
        assert_eq!(wait(10, Some(Duration::from_secs(1)), 0.0), None, "given up");
    }
}

//! A meter: the usage and cost of one thing on any day, in integers.
//!
//! A meter is a line of a report. A resource can have several: a database cluster has five types, a resized machine has
//! two flavors.

use jiff::Timestamp;

use super::calendar::Day;
use super::details::Details;
use super::workload::{Course, MICRO};

/// Exact costs are in 1e-21 (a quantity in 1e-6 times a price in 1e-15), reported costs in 1e-5.
const EXACT_PER_REPORTED: i128 = 10_i128.pow(16);
const DAY_MILLIS: i64 = 86_400_000;

/// The price of a meter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Price {
    /// The price of one unit, in 1e-15. Negative for a refund.
    PerUnit { price: i64, currency: &'static str, err: Option<&'static str> },
    /// No price is known.
    Unknown { currency: Option<&'static str>, err: Option<&'static str> },
}

/// One metered thing.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pub(crate) project: u64,
    pub(crate) region: u64,
    pub(crate) resource_type: &'static str,
    pub(crate) metric: &'static str,
    /// Unknown together with the price, as in the API's own samples.
    pub(crate) feature: Option<String>,
    pub(crate) unit: &'static str,
    /// The usage of each day, in 1e-6 of the unit.
    pub(super) course: Course,
    pub(super) price: Price,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(crate) details: Details,
}

/// The reading of a meter for a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// The quantity in 1e-6 of the unit, rounded once as in the API.
    pub(crate) value: i128,
    /// The cost in 1e-21 of the currency, not rounded. `None` without a price.
    pub(crate) exact_cost: Option<i128>,
    /// The first sample within the period.
    pub(crate) first_seen: Timestamp,
    /// The last sample within the period and before now.
    pub(crate) last_seen: Timestamp,
}

impl Measured {
    /// The cost in 1e-5 of the currency. Only the sum over all days is rounded.
    pub(crate) fn cost(&self) -> Option<i128> {
        self.exact_cost.map(rounded_cost)
    }
}

/// Converts 1e-21 to 1e-5.
pub(crate) fn rounded_cost(exact: i128) -> i128 {
    divide_half_even(exact, EXACT_PER_REPORTED)
}

impl Meter {
    /// The currency of the row. Some rows without a price have one.
    pub(crate) fn currency(&self) -> Option<&'static str> {
        match self.price {
            Price::PerUnit { currency, .. } => Some(currency),
            Price::Unknown { currency, .. } => currency,
        }
    }

    /// The error text of a row with an odd price.
    pub(crate) fn err(&self) -> Option<&'static str> {
        match self.price {
            Price::PerUnit { err, .. } | Price::Unknown { err, .. } => err,
        }
    }

    /// The reading for the days of a period up to `now`. `None` without a sample.
    ///
    /// Meters are sampled in the middle of every minute, so the first half minute of a day has no sample. Days are
    /// independent: apart from rounding, the days of a period sum to the period.
    pub(super) fn measure(&self, days: &[Day], now: Timestamp) -> Option<Measured> {
        let (from, until) =
            (self.from.as_millisecond(), self.until.unwrap_or(Timestamp::MAX).min(now).as_millisecond());
        let mut quantity = 0;
        let mut seen: Option<(i64, i64)> = None;
        for day in days {
            let midnight = day.number * DAY_MILLIS;
            let (from, until) = (from.max(midnight), until.min(midnight + DAY_MILLIS));
            let Some((first, last)) = samples(from, until).filter(|_| self.course.runs(day)) else { continue };
            quantity += self.course.whole_day(day, now) * i128::from(until - from) / i128::from(DAY_MILLIS);
            seen = Some((seen.map_or(first, |(first, _)| first), last));
        }
        let (first_seen, last_seen) = seen?;
        let step = MICRO / 10_i128.pow(decimals(self.unit));
        Some(Measured {
            value: divide_half_even(quantity, step) * step,
            exact_cost: match self.price {
                Price::PerUnit { price, .. } => Some(quantity * i128::from(price)),
                Price::Unknown { .. } => None,
            },
            first_seen: Timestamp::from_second(first_seen).ok()?,
            last_seen: Timestamp::from_second(last_seen).ok()?,
        })
    }
}

/// The first and the last sample between two instants: arguments in milliseconds, results in seconds. `None` without a
/// sample.
fn samples(from: i64, until: i64) -> Option<(i64, i64)> {
    let first = (from.div_euclid(1_000) - 30 + 59).div_euclid(60) * 60 + 30;
    let last = (until.div_euclid(1_000) - 31).div_euclid(60) * 60 + 30;
    (from < until && first <= last).then_some((first, last))
}

/// The decimals of a quantity in the API.
pub(crate) fn decimals(unit: &str) -> u32 {
    match unit {
        "GBS" => 1,
        "GB" | "H" => 2,
        "MLS" => 6,
        _ => 0,
    }
}

/// Division to the nearest integer, ties to even.
fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    match (2 * rest).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::calendar::days;
    use crate::world::workload::Load;

    #[test]
    fn division_rounds_to_the_nearest() {
        for (dividend, want) in [(14, 1), (15, 2), (25, 2), (-14, -1), (-15, -2), (-25, -2), (26, 3), (-26, -3), (0, 0)]
        {
            assert_eq!(divide_half_even(dividend, 10), want, "{dividend}");
        }
    }

    fn meter(from: &str, until: Option<&str>) -> Meter {
        Meter {
            project: 1,
            region: 1,
            resource_type: "instance",
            metric: "m",
            feature: None,
            unit: "minutes",
            course: Course {
                key: 1,
                per_day: 1_440 * MICRO,
                trend_origin: 0,
                load: Load::STEADY,
                episodes: Vec::new(),
            },
            price: Price::PerUnit { price: 1_000_000_000_000, currency: "EUR", err: None },
            from: from.parse().unwrap(),
            until: until.map(|at| at.parse().unwrap()),
            details: Details::Named { last_name: String::new(), uuid: String::new() },
        }
    }

    #[test]
    fn a_meter_is_clipped_to_its_life_the_period_and_now() {
        let period = "2026-02-28".parse().unwrap().."2026-03-02".parse().unwrap();
        let always = "2025-01-01T00:00:00Z";
        for (name, from, until, now, want) in [
            ("whole", always, None, "2026-04-01T00:00:00Z", Some(("00:00:30", "23:59:30", 2_880))),
            ("until now", always, None, "2026-03-01T06:00:00Z", Some(("00:00:30", "05:59:30", 1_800))),
            (
                "an hour",
                "2026-02-28T10:00:00Z",
                Some("2026-02-28T11:00:00Z"),
                "2026-04-01T00:00:00Z",
                Some(("10:00:30", "10:59:30", 60)),
            ),
            ("between two samples", "2026-02-28T10:00:31Z", Some("2026-02-28T10:01:30Z"), "2026-04-01T00:00:00Z", None),
            ("before the period", always, Some("2026-02-28T00:00:00Z"), "2026-04-01T00:00:00Z", None),
            ("in the future", always, None, "2026-02-27T00:00:00Z", None),
            ("before the first sample", always, None, "2026-02-28T00:00:30Z", None),
            ("at the first sample", always, None, "2026-02-28T00:00:31Z", Some(("00:00:30", "00:00:30", 1))),
        ] {
            let measured = meter(from, until).measure(&days(&period), now.parse().unwrap());
            let seen = measured.map(|m| {
                let time = |at: Timestamp| at.strftime("%H:%M:%S").to_string();
                (time(m.first_seen), time(m.last_seen), m.value / MICRO)
            });
            assert_eq!(seen, want.map(|(first, last, value)| (first.into(), last.into(), value)), "{name}");
        }
    }

    #[test]
    fn a_cost_is_rounded_once() {
        let mut meter = meter("2025-01-01T00:00:00Z", None);
        // 0.000004 a day: each single day rounds to 0, but thirty days do not.
        meter.price = Price::PerUnit { price: 2_777_778, currency: "EUR", err: None };
        let now = "2026-07-01T00:00:00Z".parse().unwrap();
        let cost = |first: &str, end: &str| {
            let period = first.parse().unwrap()..end.parse().unwrap();
            meter.measure(&days(&period), now).unwrap().cost()
        };
        assert_eq!(cost("2026-06-01", "2026-06-02"), Some(0));
        assert_eq!(cost("2026-06-01", "2026-07-01"), Some(12));
    }
}

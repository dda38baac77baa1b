//! A judgement as one sentence, the same in alerts, responses and files.

use super::detector::{
    BAND_DEVIATIONS, EQUAL_AMOUNT_FACTOR, FREQUENT_DAYS, LEAST_BAND_SHARE, OTHER_WEEKDAY, RECENT_DAYS, YOUNG_DAYS,
};
use super::judgement::{Basis, Judgement, Reason};

impl Judgement {
    /// The sentence after the name of the series, without a full stop: `cost 50.00 EUR; expected 12.10, at most 18.40
    /// …`.
    #[must_use]
    pub fn explanation(&self, currency: &str) -> String {
        let amounts = Amounts::new(self);
        // A file may have no currency.
        let currency = if currency.is_empty() { String::new() } else { format!(" {currency}") };
        let cost = if self.actual.is_nan() {
            "has no known cost".to_owned()
        } else if self.assumed > 0.0 {
            let (actual, assumed) = (amounts.shown(self.actual), amounts.shown(self.assumed));
            format!("cost {actual}{currency}, of which {assumed} is the expectation of parts whose cost is unknown")
        } else {
            format!("cost {}{currency}", amounts.shown(self.actual))
        };
        if self.expected.is_nan() {
            return format!("{cost}; no earlier day had a cost");
        }
        let expected = amounts.shown(self.expected);
        let why = self.why(&amounts);
        if self.upper.is_finite() {
            let (upper, basis) = (amounts.shown(self.upper), self.basis(&amounts));
            format!("{cost}; expected {expected}, at most {upper} ({basis}); {why}")
        } else {
            format!("{cost}; expected {expected}; {why}")
        }
    }

    /// The rule that sets the upper bound, as text.
    fn basis(&self, amounts: &Amounts) -> String {
        // The base of an idle weekday and of a pause differs from the expectation.
        let base = if (self.base - self.expected).abs() <= 0.01 * self.base.max(0.01) {
            "more".to_owned()
        } else {
            format!("above {}", amounts.shown(self.base))
        };
        match self.basis {
            Basis::Deviations => {
                format!("{BAND_DEVIATIONS} times the usual deviation of {} {base}", amounts.shown(self.deviation))
            }
            Basis::Share => format!("{} {base}", percent(LEAST_BAND_SHARE)),
            Basis::LeastAmount => format!("{} {base}, the least that matters", amounts.shown(self.upper - self.base)),
            Basis::SameDayOfMonth => {
                "as far up as like days of the last three months, and half as much again".to_owned()
            }
            Basis::OftenLately => {
                format!(
                    "{} more than {FREQUENT_DAYS} of the last {RECENT_DAYS} days, each weekday by its share",
                    percent(EQUAL_AMOUNT_FACTOR - 1.0)
                )
            }
            Basis::OtherWeekday => format!("{} more than its second-highest weekday", percent(OTHER_WEEKDAY - 1.0)),
            Basis::Parts => "what its groups should cost, and its own band".to_owned(),
        }
    }

    fn why(&self, amounts: &Amounts) -> String {
        let words = match self.reason {
            Reason::AboveBand => return self.matching_days(amounts),
            Reason::WithinBand if self.actual <= 0.0 => "a day without a cost is usual here",
            Reason::WithinBand => "not above the band",
            Reason::NewLevel if self.actual > self.expected => {
                "the fifth day in a row above the band, so the new level"
            }
            Reason::NewLevel => "the fifth day in a row far below, so the new level",
            Reason::SameDayOfMonth => "a like day of the last three months was about as far up",
            Reason::OftenLately => "five of the last 28 days cost about as much",
            Reason::OtherWeekday => "at most 20 % above its second-highest weekday",
            Reason::UsualInParts => "its groups together are not up by more than its band",
            Reason::TooYoung => return format!("not judged in its first {YOUNG_DAYS} days"),
            Reason::BelowFloor => "up by too little to matter",
            Reason::Below if self.actual < 0.0 => "a credit",
            Reason::Below => "far below the expectation",
            Reason::Pause if self.expected > 0.0 => "a pause",
            Reason::Pause => "a pause that goes on",
            Reason::Unknown => "not judged",
        };
        words.to_owned()
    }

    /// The costs of matching days in earlier months, as text.
    fn matching_days(&self, amounts: &Amounts) -> String {
        let most = amounts.shown(self.matching_most);
        match self.matching_days {
            0 => "no like day of an earlier month is known".to_owned(),
            _ if self.matching_most < self.actual => format!("like days of earlier months cost at most {most}"),
            _ => format!("like days of earlier months cost up to {most}, but more was expected of them"),
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// The format of amounts: at least two decimals, and as many as distinguish the amount from its bound.
struct Amounts {
    decimals: usize,
}

impl Amounts {
    fn new(judgement: &Judgement) -> Self {
        let Judgement { actual, upper, .. } = *judgement;
        let differ = |decimals: &usize| format!("{actual:.decimals$}") != format!("{upper:.decimals$}");
        Self { decimals: (2..=9).find(differ).unwrap_or(2) }
    }

    fn shown(&self, amount: f64) -> String {
        // Zero has no sign.
        let decimals = self.decimals;
        format!("{:.decimals$}", amount + 0.0)
    }
}

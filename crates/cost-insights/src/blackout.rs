//! Blackouts: a project, a region or an account whose costs vanish at once. It counts as a fault of the reading, not as
//! zero cost.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::model::Model;

/// The smallest number of series with an expected cost in a roll-up. A single series that ends is a pause.
const FEWEST_SERIES: usize = 2;
/// The days after which the roll-up has ended. On real costs every such pause ended within ten days.
const LONGEST: u8 = 10;

/// The roll-ups that have vanished, and the number of days.
#[derive(Clone, Debug)]
pub struct Blackouts<K> {
    wholes: BTreeMap<K, Whole>,
}

#[derive(Clone, Debug, Default)]
struct Whole {
    series: Vec<usize>,
    days: u8,
}

impl<K> Default for Blackouts<K> {
    fn default() -> Self {
        Self { wholes: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Blackouts<K> {
    /// Adds a series to a roll-up.
    pub fn add(&mut self, whole: K, series: usize) {
        self.wholes.entry(whole).or_default().series.push(series);
    }

    /// Makes the amounts of all vanished roll-ups unknown (NaN), before the model takes the day. A roll-up has vanished
    /// when none of its series has a cost, while several are expected to. The first cost ends the blackout.
    pub fn apply(&mut self, model: &Model, day: Date, amounts: &mut [f64]) {
        let mut unknown = Vec::new();
        for whole in self.wholes.values_mut() {
            let has_cost = |series: &usize| amounts.get(*series).is_some_and(|amount| *amount > 0.0);
            if whole.series.iter().any(has_cost) {
                whole.days = 0;
                continue;
            }
            let expected = whole.series.iter().filter(|series| model.expects(**series, day) > 0.0);
            let is_whole = expected.take(FEWEST_SERIES).count() == FEWEST_SERIES;
            // An idle weekday within a blackout is unknown, too.
            if whole.days < LONGEST && (is_whole || whole.days > 0) {
                whole.days += 1;
                unknown.extend_from_slice(&whole.series);
            }
        }
        for series in unknown {
            if let Some(amount) = amounts.get_mut(series) {
                *amount = f64::NAN;
            }
        }
    }

    /// The roll-ups that are missing on the newest day, and the number of days.
    pub fn missing(&self) -> impl Iterator<Item = (&K, u8)> {
        self.wholes.iter().filter(|(_, whole)| (1..LONGEST).contains(&whole.days)).map(|(key, whole)| (key, whole.days))
    }
}

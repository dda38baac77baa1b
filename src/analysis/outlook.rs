//! What the days to come are expected to cost, for forecasts.

use crate::analysis::calendar::{Equivalent, Kind, Place};
use crate::analysis::model::Model;
use crate::analysis::past::Past;
use crate::analysis::series::Series;
use crate::analysis::usual::Usual;
use jiff::ToSpan;
use jiff::civil::Date;

/// In so many of the last three months must a charge have come to be expected again.
const FEWEST_MONTHS: usize = 2;

/// The days after a model's newest one, looked up in the calendar once for all series.
pub struct Ahead {
    newest: Option<Date>,
    places: Vec<Place>,
}

impl Model {
    /// The next `days` days after the newest one; none before the first step.
    pub fn ahead(&self, days: usize) -> Ahead {
        let newest = self.newest();
        let after = |offset: usize| newest?.checked_add(i64::try_from(offset).ok()?.days()).ok();
        let places = (1..=days).map_while(after).map(Place::of).collect();
        Ahead { newest, places }
    }

    /// What series `series` is expected to cost on each of the days ahead, in units of the input: level, weekday, growth
    /// and the charges that its calendar holds. A sparse series is given its mean over days with and without cost.
    ///
    /// Writes as many days as `ahead` has and `expected` takes; zeros where nothing is known of the series. `ahead` is one
    /// of this model since its last step, or all is zero.
    pub fn expect(&self, series: usize, ahead: &Ahead, expected: &mut [f64]) {
        expected.fill(0.0);
        let Some(first) = ahead.places.first().filter(|_| ahead.newest == self.newest()) else { return };
        let Some((state, usual)) = self.usual_ahead(series, first.weekday) else { return };
        let presence = if usual.rhythm.is_sparse { usual.rhythm.presence } else { 1.0 };
        for ((offset, place), expected) in ahead.places.iter().enumerate().zip(expected) {
            let grown = 1.0 + usual.growth * offset as f32;
            let base = usual.on(place.weekday) * presence * grown;
            let charge = charge(self.past(), series, &state, &usual, place, offset);
            *expected = f64::from(base + charge).max(0.0);
        }
    }
}

/// What a day costs above the usual because of its place in the month.
fn charge(past: &Past, index: usize, series: &Series, usual: &Usual, place: &Place, offset: usize) -> f32 {
    let rises = series.rises();
    if usual.rhythm.is_sparse || !rises.any() {
        return 0.0;
    }
    let mut largest = 0.0_f32;
    for kind in Kind::ALL {
        let (mut months, mut sum) = (0, 0.0);
        for Equivalent { lag, .. } in place.monthly.iter().filter(|earlier| earlier.kind == kind) {
            let Some(lag) = lag.checked_sub(offset).filter(|lag| *lag > 0 && rises.has(*lag)) else { continue };
            let cell = past.at(index, lag);
            let excess = cell.actual() - cell.usual();
            if excess > 0.0 {
                months += 1;
                sum += excess;
            }
        }
        if months >= FEWEST_MONTHS {
            largest = largest.max(sum / months as f32);
        }
    }
    largest
}

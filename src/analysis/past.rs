//! The remembered days: one column a day over all series, shared between clones of a model.

use std::collections::VecDeque;
use std::sync::Arc;

/// Two quarters and a week: the same day of the last quarter, and of the one before, can still be looked up.
pub(super) const MEMORY_DAYS: usize = 190;

/// One series on one day: what it cost, and what was usual then.
///
/// The sign of `usual` tells whether the day is set aside, that is, not to be learned from, and its last bit whether it
/// was called an anomaly: that keeps a cell at eight bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    actual: f32,
    usual: f32,
}

impl Cell {
    /// A day that is not known, or lies before the series began.
    pub(super) const UNKNOWN: Cell = Cell { actual: f32::NAN, usual: f32::NAN };

    pub(super) fn new(actual: f32, usual: f32, set_aside: bool) -> Cell {
        let usual = usual.abs();
        Cell { actual, usual: if set_aside { -usual } else { usual } }.marked(false)
    }

    /// The amount, or NaN.
    pub(super) fn actual(self) -> f32 {
        self.actual
    }

    /// What the level and the weekday let expect, or NaN while too little was known.
    pub(super) fn usual(self) -> f32 {
        self.usual.abs()
    }

    /// The same day, called an anomaly or not.
    pub(super) fn marked(self, is_anomaly: bool) -> Cell {
        Cell { usual: f32::from_bits(self.usual.to_bits() & !1 | u32::from(is_anomaly)), ..self }
    }

    pub(super) fn is_anomaly(self) -> bool {
        self.usual.to_bits() & 1 == 1
    }

    pub(super) fn is_set_aside(self) -> bool {
        self.usual.is_sign_negative()
    }

    /// The amount where it may be learned from, else NaN.
    pub(super) fn learnable(self) -> f32 {
        if self.is_set_aside() { f32::NAN } else { self.actual }
    }
}

/// The columns, the newest last. A missing day is an empty column, so that a lag is always a number of days.
#[derive(Clone, Default)]
pub(super) struct Past {
    days: VecDeque<Arc<Vec<Cell>>>,
}

impl Past {
    /// The cell of a series `lag` days before the day that comes next (1 is the newest).
    #[inline]
    pub(super) fn at(&self, series: usize, lag: usize) -> Cell {
        let Some(index) = self.days.len().checked_sub(lag) else { return Cell::UNKNOWN };
        self.days.get(index).and_then(|day| day.get(series)).copied().unwrap_or(Cell::UNKNOWN)
    }

    /// The newest cells of a series, up to `count`, the newest first. Quicker than one by one: nothing waits in between.
    pub(super) fn newest(&self, series: usize, count: usize) -> [Cell; MEMORY_DAYS] {
        let mut cells = [Cell::UNKNOWN; MEMORY_DAYS];
        for (cell, day) in cells.iter_mut().zip(self.days.iter().rev()).take(count) {
            *cell = day.get(series).copied().unwrap_or(Cell::UNKNOWN);
        }
        cells
    }

    /// How many days there are, unknown ones included.
    pub(super) fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether anything is known of that day.
    pub(super) fn is_known(&self, lag: usize) -> bool {
        self.days.len().checked_sub(lag).is_some_and(|index| !self.days[index].is_empty())
    }

    pub(super) fn push(&mut self, day: Vec<Cell>) {
        if self.days.len() == MEMORY_DAYS {
            self.days.pop_front();
        }
        self.days.push_back(Arc::new(day));
    }

    /// Adds days of which nothing is known.
    pub(super) fn skip(&mut self, days: usize) {
        for _ in 0..days.min(MEMORY_DAYS) {
            self.push(Vec::new());
        }
    }

    /// Lets the newest `days` of a series be learned from after all; what was usual on them says nothing of its noise.
    pub(super) fn accept(&mut self, series: usize, days: usize) {
        for lag in 1..=days {
            if self.at(series, lag).is_set_aside() {
                self.restate(series, lag, f32::NAN, false);
            }
        }
    }

    /// Tells in hindsight what was usual on a day.
    pub(super) fn restate(&mut self, series: usize, lag: usize, usual: f32, set_aside: bool) {
        let Some(index) = self.days.len().checked_sub(lag) else { return };
        if let Some(day) = self.days.get_mut(index)
            && let Some(cell) = Arc::make_mut(day).get_mut(series)
        {
            *cell = Cell::new(cell.actual, usual, set_aside);
        }
    }
}

//! Whether an amount above the usual has been seen before in such a place: a monthly charge, a job every ten days.

use crate::analysis::calendar::{Equivalent, Place};
use crate::analysis::past::Past;

/// The longest rhythm in days that two earlier occurrences show.
const LONGEST_RHYTHM: usize = 63;
/// So many separate rises to a like amount are a habit without a rhythm.
const FREQUENT_RISES: usize = 3;
/// A rise that lasts longer is no charge.
const LONGEST_CHARGE: usize = 3;

/// On which days a series cost more than usual: bit 0 is yesterday.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rises(u128);

impl Rises {
    /// One more day.
    pub(super) fn push(&mut self, above: bool) {
        self.0 = self.0 << 1 | u128::from(above);
    }

    pub(super) fn skip(&mut self, days: usize) {
        self.0 = u32::try_from(days).ok().and_then(|days| self.0.checked_shl(days)).unwrap_or(0);
    }

    /// Tells in hindsight that a day cost more than usual.
    pub(super) fn set(&mut self, lag: usize) {
        if (1..=128).contains(&lag) {
            self.0 |= 1 << (lag - 1);
        }
    }

    fn has(self, lag: usize) -> bool {
        (1..=128).contains(&lag) && self.0 >> (lag - 1) & 1 == 1
    }

    fn begins(self, lag: usize) -> bool {
        self.has(lag) && !self.has(lag + 1)
    }

    /// How many days the rise that began then lasted.
    fn length(self, lag: usize) -> usize {
        (1..=lag).rev().take_while(|lag| self.has(*lag)).count()
    }

    fn beginnings(self) -> impl Iterator<Item = usize> {
        let mut bits = self.0 & !(self.0 >> 1);
        std::iter::from_fn(move || {
            let lag = bits.trailing_zeros() as usize + 1;
            bits &= bits.checked_sub(1)?;
            Some(lag)
        })
    }
}

/// A day that costs more than usual, and what is known around it.
pub(super) struct Rise<'a> {
    pub(super) past: &'a Past,
    pub(super) series: usize,
    pub(super) place: &'a Place,
    pub(super) actual: f32,
    pub(super) usual: f32,
    /// The noise: by how much a repeated amount differs, as the standard deviation of a share.
    pub(super) noise: f32,
    pub(super) rises: Rises,
}

impl Rise<'_> {
    /// What the habit that explains the amount lets expect; none where no habit does.
    pub(super) fn explained(&self) -> Option<f32> {
        self.by_month().or_else(|| self.by_week()).or_else(|| self.by_rhythm()).or_else(|| self.by_frequency())
    }

    /// One earlier month is enough where the amounts agree well, two where they agree roughly.
    fn by_month(&self) -> Option<f32> {
        let continues = self.rises.has(1);
        let fits = |earlier: &&Equivalent| {
            let lag = earlier.lag;
            self.rises.has(lag)
                && self.rises.begins(lag) != continues
                && (earlier.exact || self.rises.length(lag) == 1)
                && self.rises.length(lag) <= LONGEST_CHARGE
        };
        let strict = self.place.monthly.iter().filter(fits).find_map(|earlier| self.like(earlier.lag, 0.08));
        strict.or_else(|| {
            let mut found: Option<(i16, f32)> = None;
            for earlier in self.place.monthly.iter().filter(|earlier| self.rises.has(earlier.lag)) {
                let Some(amount) = self.like(earlier.lag, 0.25) else { continue };
                match found {
                    Some((months, first)) if months != earlier.months => return Some(first),
                    Some(_) => {}
                    None => found = Some((earlier.months, amount)),
                }
            }
            None
        })
    }

    fn by_week(&self) -> Option<f32> {
        [7, 14]
            .into_iter()
            .filter(|lag| !self.rises.has(1) && self.rises.begins(*lag) && self.rises.length(*lag) == 1)
            .find_map(|lag| self.like(lag, 0.08))
    }

    fn by_rhythm(&self) -> Option<f32> {
        (2..=LONGEST_RHYTHM)
            .filter(|days| self.rises.begins(*days) && self.rises.begins(2 * days))
            .find_map(|days| self.like(days, 0.2).and(self.like(2 * days, 0.2)))
    }

    fn by_frequency(&self) -> Option<f32> {
        let mut like =
            self.rises.beginnings().filter(|lag| self.rises.length(*lag) <= 2).filter_map(|lag| self.like(lag, 0.2));
        let expected = like.next()?;
        (like.count() + 1 >= FREQUENT_RISES).then_some(expected)
    }

    /// What today would cost if it were as far above the usual as that day, provided that today is like it but for a
    /// share and the noise.
    fn like(&self, lag: usize, share: f32) -> Option<f32> {
        let cell = self.past.at(self.series, lag);
        let usual_then = if cell.usual().is_nan() { self.usual } else { cell.usual() };
        let excess = cell.actual() - usual_then;
        if excess.is_nan() || excess <= 0.0 {
            return None;
        }
        let added = self.usual + excess;
        let scaled = if usual_then > 0.0 { self.usual * cell.actual() / usual_then } else { added };
        // Of the two the nearer one: an added fee, or a multiple of the usual.
        let (low, high) = (added.min(scaled), added.max(scaled));
        let expected = if (self.actual - low).abs() < (self.actual - high).abs() { low } else { high };
        let tolerance = share + 2.0 * self.noise;
        let is_like = self.actual <= expected * (1.0 + tolerance) && expected <= self.actual * (1.0 + tolerance);
        is_like.then_some(expected)
    }
}

//! The daily quantities of a resource, and the delay of their records.
//!
//! A quantity depends only on its own day, and on `now` while records of the day still arrive. So each day of a long
//! history costs the same time.

use jiff::Timestamp;

use super::calendar::Day;
use super::rng::mix;

/// The millionths of one.
pub(super) const MICRO: i128 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;
/// The time after the end of a day until its last records arrive, in hours.
const LATE_HOURS: i64 = 20;
/// The same after the provider's weekly maintenance.
const LATE_HOURS_MAINTENANCE: i64 = 44;

/// The pattern of a quantity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// The days with a quantity above zero.
    pub(super) rhythm: Rhythm,
    /// The share of the ordinary quantity in thousandths, Monday first.
    pub(super) weekdays: [u16; 7],
    /// The same for a public holiday, if that is smaller.
    pub(super) holiday: u16,
    /// The largest deviation of a day in both directions, in thousandths.
    pub(super) noise: u16,
    /// The linear trend for each day, in millionths of the quantity on the birth day of the simulator.
    pub(super) growth: i32,
    /// The part that is recorded after the end of its day, in thousandths.
    pub(super) late: u16,
}

/// The days on which a resource runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rhythm {
    Daily,
    /// This many days in a thousand, at random.
    SomeDays(u16),
    FirstOfMonth,
    LastOfMonth,
}

/// Days with a multiple of the usual quantity: a spike, a lasting step, or a revision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode {
    /// The first day.
    pub(super) first: i64,
    /// The end, excluded.
    pub(super) end: i64,
    /// In thousandths.
    pub(super) factor: u32,
    /// When it becomes visible.
    pub(super) told: Timestamp,
}

/// The parameters that differ between quantities of one pattern.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// The seed of its noise.
    pub(super) key: u64,
    /// The quantity of an ordinary whole day, in 1e-6 of a unit.
    pub(super) per_day: i128,
    /// The day at which the trend's factor is 1.
    pub(super) trend_origin: i64,
    pub(super) load: Load,
    pub(super) episodes: Vec<Episode>,
}

impl Load {
    /// Runs all the time.
    pub(super) const STEADY: Self =
        Self { rhythm: Rhythm::Daily, weekdays: [1_000; 7], holiday: 1_000, noise: 0, growth: 0, late: 0 };
    /// Off at night, and mostly on weekends.
    pub(super) const OFFICE: Self =
        Self { weekdays: [410, 420, 420, 415, 380, 40, 20], holiday: 20, noise: 100, ..Self::STEADY };
    /// Customers: less on weekends, more each month.
    pub(super) const CUSTOMERS: Self = Self {
        weekdays: [1_000, 1_020, 1_040, 1_050, 1_110, 780, 730],
        holiday: 560,
        noise: 150,
        growth: 1_500,
        late: 12,
        ..Self::STEADY
    };
    /// Players: more on weekends, less on holidays.
    pub(super) const PLAYERS: Self = Self {
        weekdays: [900, 850, 880, 930, 1_150, 1_450, 1_400],
        holiday: 640,
        noise: 180,
        growth: 800,
        late: 12,
        ..Self::STEADY
    };
    /// Runs on request.
    pub(super) const SOMETIMES: Self = Self { rhythm: Rhythm::SomeDays(280), noise: 250, ..Self::STEADY };
    /// A constant charge on the first day of a month.
    pub(super) const FIRST_OF_MONTH: Self = Self { rhythm: Rhythm::FirstOfMonth, ..Self::STEADY };
    /// Runs on the last day of a month.
    pub(super) const LAST_OF_MONTH: Self = Self { rhythm: Rhythm::LastOfMonth, noise: 60, ..Self::STEADY };

    /// The pattern of machines behind this traffic: less noise, less growth, no delay of records.
    pub(super) fn autoscaled(self) -> Self {
        Self { noise: self.noise / 3, growth: self.growth / 3, late: 0, ..self }
    }
}

impl Course {
    /// Whether the resource runs on a day.
    pub(super) fn runs(&self, day: &Day) -> bool {
        match self.load.rhythm {
            Rhythm::Daily => true,
            // Another salt than that of the noise, because both depend on the day.
            Rhythm::SomeDays(permille) => mix(!self.key, day.number.unsigned_abs()) % 1_000 < u64::from(permille),
            Rhythm::FirstOfMonth => day.opens_month,
            Rhythm::LastOfMonth => day.closes_month,
        }
    }

    /// The quantity of a whole running day, as recorded until `now`, in 1e-6 of the unit.
    pub(super) fn whole_day(&self, day: &Day, now: Timestamp) -> i128 {
        let Load { weekdays, holiday, noise, growth, .. } = self.load;
        let ordinary = weekdays[day.weekday];
        let share = if day.holiday { ordinary.min(holiday) } else { ordinary };
        let noise = i128::from(noise);
        let deviation = i128::from(mix(self.key, day.number.unsigned_abs())) % (2 * noise + 1) - noise;
        let trend = (MICRO + i128::from(growth) * i128::from(day.number - self.trend_origin)).max(MICRO / 10);
        let habit = self.per_day * i128::from(share) * (1_000 + deviation) * trend / (1_000 * 1_000 * MICRO);
        let whole = self
            .episodes
            .iter()
            .filter(|episode| (episode.first..episode.end).contains(&day.number) && episode.told <= now)
            .fold(habit, |quantity, episode| quantity * i128::from(episode.factor) / 1_000);
        whole * self.recorded(day, now) / MICRO
    }

    /// The part of a day's quantity that is recorded at `now`, in millionths. The rest arrives hour by hour after the
    /// day's end.
    fn recorded(&self, day: &Day, now: Timestamp) -> i128 {
        // Maintenance is weekly. The last one before the birth of the simulator was two days earlier.
        let maintained = (day.number + 2 - self.trend_origin).rem_euclid(7) == 0;
        let hours = if maintained { LATE_HOURS_MAINTENANCE } else { LATE_HOURS };
        let since_end = now.as_second() - (day.number + 1) * DAY_SECONDS;
        let left = (hours - since_end.div_euclid(3_600)).clamp(0, hours);
        MICRO - i128::from(self.load.late) * 1_000 * i128::from(left) / i128::from(hours)
    }
}

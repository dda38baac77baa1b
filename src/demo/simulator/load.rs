//! How a daily quantity moves from day to day, and how late it is known.
//!
//! Every answer is a function of the day alone (and of `now`, for a day whose records still arrive): no day needs
//! another one, so one day out of a long history is as cheap as the first.

use jiff::Timestamp;

use super::calendar::Day;
use super::rng::mix;

/// The parts of one: 1e-6.
pub(super) const MICRO: i128 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;
/// How long after its end the records of a day arrive, in hours.
const LATE_HOURS: i64 = 20;
/// The same after the provider's weekly maintenance.
const LATE_HOURS_MAINTENANCE: i64 = 44;

/// A habit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// The days on which there is anything at all.
    pub(super) rhythm: Rhythm,
    /// In thousandths of the ordinary quantity, Monday first.
    pub(super) weekdays: [u16; 7],
    /// The same for a public holiday, if that is less than its weekday.
    pub(super) holiday: u16,
    /// The largest deviation of a day, either way, in thousandths.
    pub(super) noise: u16,
    /// The linear trend per day, in millionths of the quantity on the day that the simulator was born.
    pub(super) growth: i32,
    /// The part that is not yet recorded when its day ends, in thousandths.
    pub(super) late: u16,
}

/// The days on which something runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rhythm {
    Daily,
    /// So many days in a thousand, without a pattern.
    SomeDays(u16),
    FirstOfMonth,
    LastOfMonth,
}

/// Days on which a quantity is a multiple of what its habit says: a spike, a lasting step, a correction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode {
    /// The first day.
    pub(super) first: i64,
    /// The first day that no longer belongs to it.
    pub(super) end: i64,
    /// In thousandths.
    pub(super) factor: u32,
    /// When it comes to be known.
    pub(super) told: Timestamp,
}

/// What makes one quantity different from another of the same habit.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// The seed of its noise.
    pub(super) key: u64,
    /// What an ordinary whole day has, in 1e-6 of a unit.
    pub(super) per_day: i128,
    /// The day at which the trend is 1.
    pub(super) trend_origin: i64,
    pub(super) load: Load,
    pub(super) episodes: Vec<Episode>,
}

impl Load {
    /// Runs all the time.
    pub(super) const STEADY: Self =
        Self { rhythm: Rhythm::Daily, weekdays: [1_000; 7], holiday: 1_000, noise: 0, growth: 0, late: 0 };
    /// Is switched off at night, and mostly on weekends.
    pub(super) const OFFICE: Self =
        Self { weekdays: [410, 420, 420, 415, 380, 40, 20], holiday: 20, noise: 100, ..Self::STEADY };
    /// Follows customers: fewer on weekends, more every month.
    pub(super) const CUSTOMERS: Self = Self {
        weekdays: [1_000, 1_020, 1_040, 1_050, 1_110, 780, 730],
        holiday: 560,
        noise: 150,
        growth: 1_500,
        late: 12,
        ..Self::STEADY
    };
    /// Follows players: more on weekends, and on holidays they are away.
    pub(super) const PLAYERS: Self = Self {
        weekdays: [900, 850, 880, 930, 1_150, 1_450, 1_400],
        holiday: 640,
        noise: 180,
        growth: 800,
        late: 12,
        ..Self::STEADY
    };
    /// Is done again whenever somebody asks for it.
    pub(super) const SOMETIMES: Self = Self { rhythm: Rhythm::SomeDays(280), noise: 250, ..Self::STEADY };
    /// Is charged on the first day of a month, always the same.
    pub(super) const FIRST_OF_MONTH: Self = Self { rhythm: Rhythm::FirstOfMonth, ..Self::STEADY };
    /// Runs on the last day of a month.
    pub(super) const LAST_OF_MONTH: Self = Self { rhythm: Rhythm::LastOfMonth, noise: 60, ..Self::STEADY };

    /// The habit of the machines behind this traffic: smoother, growing less, and recorded at once.
    pub(super) fn autoscaled(self) -> Self {
        Self { noise: self.noise / 3, growth: self.growth / 3, late: 0, ..self }
    }
}

impl Course {
    /// Whether there is anything on a day.
    pub(super) fn runs(&self, day: &Day) -> bool {
        match self.load.rhythm {
            Rhythm::Daily => true,
            // Another number than that of the noise: both hang on the day.
            Rhythm::SomeDays(permille) => mix(!self.key, day.number.unsigned_abs()) % 1_000 < u64::from(permille),
            Rhythm::FirstOfMonth => day.opens_month,
            Rhythm::LastOfMonth => day.closes_month,
        }
    }

    /// The quantity of a whole day on which it runs, as recorded until `now`, in 1e-6 of the unit.
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

    /// The part of a day's quantity that is recorded at `now`, in millionths. The rest arrives hour by hour after
    /// the day's end.
    fn recorded(&self, day: &Day, now: Timestamp) -> i128 {
        // Maintenance is weekly, and was on the day before the last one when the simulator was born.
        let maintained = (day.number + 2 - self.trend_origin).rem_euclid(7) == 0;
        let hours = if maintained { LATE_HOURS_MAINTENANCE } else { LATE_HOURS };
        let since_end = now.as_second() - (day.number + 1) * DAY_SECONDS;
        let left = (hours - since_end.div_euclid(3_600)).clamp(0, hours);
        MICRO - i128::from(self.load.late) * 1_000 * i128::from(left) / i128::from(hours)
    }
}

//! What is known of a series besides its past days, and how a day changes it.

use crate::analysis::cycle::Cycle;
use crate::analysis::habit::Rises;
use crate::analysis::past::Past;
use crate::analysis::rhythm::{Rhythm, WINDOW, Window};
use crate::analysis::robust::{distance, quantile, spread};
use crate::analysis::usual::Usual;
use crate::analysis::verdict::{Course, Explanation, Verdict, margin};

/// Younger series are judged by large jumps only.
pub(super) const COLD_DAYS: usize = 14;
/// Until then, a judgement is of low confidence and the bound is wider.
pub(super) const YOUNG_DAYS: usize = 28;
/// Until then, the week and the noise are learned anew each day, later once a week.
const QUICK_DAYS: usize = 42;
/// So many days above the usual are the new usual: a spike is shorter.
const DAYS_TO_ACCEPT_MORE: u8 = 7;
/// So many of them after an event that explains them.
const DAYS_TO_ACCEPT_EVENT: u8 = 4;
/// So many days back at a former level.
const DAYS_TO_ACCEPT_RETURN: u8 = 2;
/// So many days below the usual are the new usual: an outage or a weekend is shorter.
const DAYS_TO_ACCEPT_LESS: u8 = 4;
/// A level that was left this recently may be returned to without surprise.
const FORMER_LEVEL_DAYS: u16 = 28;
/// Two levels are the same within this ratio.
pub(super) const SAME_LEVEL: f32 = 0.2;
/// Two days are the same weekday's habit within this ratio.
pub(super) const SAME_DAY: f32 = 0.35;
/// How fast the errors of the ways of finding the level are forgotten, a day.
const ERROR_MEMORY: f32 = 0.93;
/// The fast way is noisier, so it has to be better than the slow one by this.
const FAST_IS_BETTER: f32 = 0.9;
/// Up to this noise, and with fewer rises than these, a series is not searched for a job.
const CALM_NOISE: f32 = 0.12;
const FEWEST_RUNS: u32 = 3;
/// The noise of a young series whose own days don't tell it.
const HINDSIGHT_NOISE: f32 = 0.1;
/// At least this share of the days around one of its days is plain, though charges last for several.
const PLAIN_SHARE: f32 = 0.33;
/// How much narrower the margin is for its days in hindsight: nobody is told, and both sides of a day are known.
const HINDSIGHT_CAUTION: f32 = 0.6;

/// What is known of a series besides its past days.
#[derive(Clone, Copy, Default)]
pub(super) struct Series {
    /// Days since its first cost; 0 before.
    age: u16,
    /// Days since it came to its present level.
    regime: u16,
    /// The level before that.
    former: f32,
    /// Days in a row above, and below, the usual.
    above: u8,
    below: u8,
    /// The days above began with an event that explains the next ones.
    carries: bool,
    /// The days above were anomalies, not a habit.
    alarmed: bool,
    /// Mean errors, in shares, of the ways of finding the level.
    errors: [f32; 2],
    rises: Rises,
    cycle: Cycle,
    rhythm: Rhythm,
}

impl Series {
    pub(super) fn age(&self) -> usize {
        usize::from(self.age)
    }

    pub(super) fn days_above(&self) -> usize {
        usize::from(self.above)
    }

    pub(super) fn is_alarmed(&self) -> bool {
        self.alarmed
    }

    /// Whether yesterday stood above the usual for a reason that may last.
    pub(super) fn carries(&self) -> bool {
        self.carries && self.above > 0
    }

    /// When it cost more than usual. A run of a known job explains nothing but another run.
    pub(super) fn rises(&self) -> Rises {
        if self.cycle.runs_in(0) { self.rises } else { self.rises.without(self.cycle) }
    }

    /// Days since it came to its present level.
    pub(super) fn regime(&self) -> usize {
        usize::from(self.regime)
    }

    /// The level that it may return to without surprise.
    pub(super) fn former_level(&self) -> Option<f32> {
        (self.regime <= FORMER_LEVEL_DAYS).then_some(self.former)
    }

    /// What it is expected to cost on the day that comes next; learns its week anew when that is due.
    pub(super) fn usual(&mut self, past: &Past, index: usize, weekday: usize, account_noise: f32) -> Option<Usual> {
        if self.age == 0 {
            return None;
        }
        let mut window = Window::read(past, index, self.age(), weekday);
        // Spread over the days of the week, so that no day has more to do than another.
        if self.age() < QUICK_DAYS || index % 7 == weekday {
            self.learn_cycle(&window);
            window.blank_runs(self.cycle);
            self.rhythm = Rhythm::of(&mut window, account_noise);
        }
        self.usual_from(past, index, &mut window, account_noise).filter(|usual| !usual.is_faint)
    }

    /// Looks for a job, where the costs move so much that there may be one.
    fn learn_cycle(&mut self, window: &Window) {
        let [working, weekend] = self.rhythm.noise;
        let moves =
            working.max(weekend) > CALM_NOISE || self.rises.lately(WINDOW) >= FEWEST_RUNS || self.cycle.is_known();
        if self.rhythm.is_sparse || !moves {
            self.cycle = Cycle::default();
            return;
        }
        self.cycle = Cycle::of(window, self.age(), self.cycle);
    }

    /// As [`Series::usual`], but learns nothing, and is content with fewer days.
    pub(super) fn usual_as_known(
        &self,
        past: &Past,
        index: usize,
        weekday: usize,
        account_noise: f32,
    ) -> Option<Usual> {
        if self.age == 0 {
            return None;
        }
        self.usual_from(past, index, &mut Window::read(past, index, self.age(), weekday), account_noise)
    }

    fn usual_from(&self, past: &Past, index: usize, window: &mut Window, account_noise: f32) -> Option<Usual> {
        window.blank_runs(self.cycle);
        let way = usize::from(self.errors[1] < FAST_IS_BETTER * self.errors[0]);
        Usual::of(past, index, window, self.rhythm, usize::from(self.regime), way, account_noise)
    }

    /// Days went by of which nothing is known.
    pub(super) fn skip(&mut self, days: usize) {
        if self.age > 0 {
            let more = u16::try_from(days).unwrap_or(u16::MAX);
            self.age = self.age.saturating_add(more);
            self.regime = self.regime.saturating_add(more);
            self.rises.skip(days);
            self.cycle.pass(days);
        }
    }

    /// Learns from a day, which is the newest of the past already.
    pub(super) fn learn(&mut self, past: &mut Past, index: usize, weekday: usize, verdict: &Verdict) {
        if self.age == 0 {
            let begins = u16::from(verdict.actual > 0.0);
            (self.age, self.regime) = (begins, begins);
            return;
        }
        self.age = self.age.saturating_add(1);
        self.regime = self.regime.saturating_add(1);
        self.cycle.pass(1);
        let above = verdict.course == Course::Above || verdict.course == Course::Idle && self.above > 0;
        let ran = verdict.usual.is_some_and(|usual| usual.run_in(0) > 0.0);
        self.rises.push(above || ran);
        let idle = verdict.course == Course::Idle;
        self.alarmed = verdict.anomaly || self.alarmed && idle;
        if [COLD_DAYS + 1, YOUNG_DAYS + 1].contains(&self.age()) {
            self.look_back(past, index, weekday, verdict);
            return;
        }
        let goes_on = matches!(verdict.course, Course::Above | Course::Idle) && !verdict.anomaly;
        self.carries = verdict.explanation == Explanation::Event || self.carries && goes_on;
        self.compare_ways(weekday, verdict);
        self.count(verdict.course);
        match self.settled(verdict) {
            Some(days) => self.settle(past, index, verdict, days),
            None => accept_weekly(past, index, verdict),
        }
    }

    fn compare_ways(&mut self, weekday: usize, verdict: &Verdict) {
        let Some(usual) = verdict.usual.filter(|usual| !usual.rhythm.is_sparse) else { return };
        if verdict.course == Course::Above || verdict.actual <= 0.0 {
            return;
        }
        for (error, level) in self.errors.iter_mut().zip(usual.levels) {
            let found = level * usual.rhythm.weekdays[weekday] + usual.run_in(0);
            if found > 0.0 {
                *error = *error * ERROR_MEMORY + distance(verdict.actual, found).min(1.0) * (1.0 - ERROR_MEMORY);
            }
        }
    }

    fn count(&mut self, course: Course) {
        (self.above, self.below) = match course {
            Course::Usual => (0, 0),
            Course::Above => (self.above.saturating_add(1), 0),
            Course::Below => (0, self.below.saturating_add(1)),
            Course::Idle => (
                self.above.saturating_add(u8::from(self.above > 0)),
                self.below.saturating_add(u8::from(self.below > 0)),
            ),
        };
    }

    /// How many days there are at a new level, once they are enough.
    fn settled(&mut self, verdict: &Verdict) -> Option<u8> {
        let enough = match () {
            () if verdict.explanation == Explanation::Return => DAYS_TO_ACCEPT_RETURN,
            () if self.carries => DAYS_TO_ACCEPT_EVENT,
            () => DAYS_TO_ACCEPT_MORE,
        };
        if self.above >= enough {
            Some(self.above)
        } else if self.below >= DAYS_TO_ACCEPT_LESS {
            Some(self.below)
        } else {
            None
        }
    }

    fn settle(&mut self, past: &mut Past, index: usize, verdict: &Verdict, days: u8) {
        past.accept(index, usize::from(days));
        self.former = verdict.usual.map_or(0.0, |usual| usual.level);
        self.regime = u16::from(days);
        (self.above, self.below, self.alarmed) = (0, 0, false);
    }

    /// Tells of a young series' first days in hindsight what was usual on them, since a charge among them may come again.
    fn look_back(&mut self, past: &mut Past, index: usize, weekday: usize, verdict: &Verdict) {
        const AROUND: usize = 7;
        let age = self.age().min(YOUNG_DAYS + 1);
        let Some(usual) = verdict.usual.filter(|usual| !usual.rhythm.is_sparse) else { return };
        let part = |lag: usize| usual.rhythm.weekdays[(weekday + 8 * 7 + 1 - lag) % 7];
        // Without the weekday, newest first.
        let mut levels = [0.0_f32; YOUNG_DAYS + 1];
        for (lag, level) in (1..=age).zip(&mut levels) {
            let actual = past.at(index, lag).actual();
            *level = if part(lag) > 0.05 && actual > 0.0 { actual / part(lag) } else { 0.0 };
        }
        let mut around = [0.0_f32; YOUNG_DAYS + 1];
        let mut distances = [0.0_f32; YOUNG_DAYS + 1];
        for place in 0..age {
            let mut near = [0.0_f32; 2 * AROUND + 1];
            let mut count = 0;
            for level in &levels[place.saturating_sub(AROUND)..age.min(place + AROUND + 1)] {
                near[count] = *level;
                count += usize::from(*level > 0.0);
            }
            around[place] = if count > 0 { quantile(&mut near[..count], PLAIN_SHARE) } else { 0.0 };
            distances[place] = distance(levels[place], around[place]);
        }
        let most = margin(HINDSIGHT_CAUTION * spread(&mut distances[..age], HINDSIGHT_NOISE)).exp();
        for lag in (age.saturating_sub(COLD_DAYS) + 1..=age).filter(|lag| around[lag - 1] > 0.0) {
            let above = levels[lag - 1] > around[lag - 1] * most;
            if above {
                self.rises.set(lag);
            }
            past.restate(index, lag, around[lag - 1] * part(lag), above);
        }
    }
}

/// A day out of the usual that was so a week ago too is the weekday's habit, and may be learned from.
fn accept_weekly(past: &mut Past, index: usize, verdict: &Verdict) {
    if verdict.anomaly || !matches!(verdict.course, Course::Above | Course::Below) {
        return;
    }
    let week_ago = past.at(index, 8);
    if week_ago.is_set_aside() && verdict.actual > 0.0 && distance(verdict.actual, week_ago.actual()) < SAME_DAY {
        past.accept(index, 1);
    }
}

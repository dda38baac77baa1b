//! A series' day against what is known of it: the expectation, the bound, and why a day above it may be no anomaly.

use crate::analysis::calendar::Place;
use crate::analysis::evidence::{Evidence, Findings};
use crate::analysis::forest;
use crate::analysis::habit::{LONGEST_SPIKE, Rise};
use crate::analysis::judgement::Judgement;
use crate::analysis::model::Settings;
use crate::analysis::past::Past;
use crate::analysis::rhythm::NOTHING;
use crate::analysis::robust::distance;
use crate::analysis::series::{COLD_DAYS, SAME_DAY, SAME_LEVEL, Series, YOUNG_DAYS};
use crate::analysis::usual::Usual;

/// How many standard deviations of its noise a series may pass its expectation by.
const DEVIATIONS: f32 = 3.8;
/// How far above its expectation, as a share of it, even a quiet series may be.
const LEAST_SHARE: f32 = 0.36;
/// How much wider the margin of a young series is, whose noise is not well known.
const YOUNG_CAUTION: f32 = 1.25;
/// The margin of a cold series, as a logarithm, above the largest amount that it has seen.
const COLD_MARGIN: f32 = 1.4;
/// The margin at a place of the month where the series has not been yet: a rise there is a habit more often than a spike.
const UNSEEN_MARGIN: f32 = 1.0;
/// How much narrower the margin is while a spike goes on.
const ALARMED_SHARE: f32 = 0.8;
/// How far above its expectation, as a logarithm, a day is worth a look by the forest.
const WORTH_A_LOOK: f32 = 0.12;
/// What costs this many times the most that is remembered, and that no rule explains, is an anomaly whatever the forest
/// says.
const BEYOND_ALL: f32 = 5.0;
/// The most that odds are told as.
const LARGEST_ODDS: f32 = 1000.0;
/// A cold series of fewer days is never an anomaly.
const FEWEST_DAYS: usize = 7;
/// Amounts that come in pieces may have this many pieces more than expected.
const PIECES: f32 = 1.2;
/// A weekday with less than this share of the largest may have no amount of its own.
pub(super) const EMPTY_WEEKDAY: f32 = 0.05;
/// A day back at a former level lies so many standard deviations of the noise off it, and what levels differ by.
const RETURN_DEVIATIONS: f32 = 2.0;
/// Discounts begin up to so many days earlier or later in another month.
const DISCOUNT_SHIFT: usize = 4;

/// How a day lies to what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Course {
    Usual,
    Above,
    Below,
    /// A day without cost, which says nothing of the level.
    Idle,
}

/// Why a day above the usual is no anomaly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Explanation {
    /// It is one, or it is not above the usual, or the calendar or a rhythm explains this day only.
    None,
    /// A former level.
    Return,
    /// The whole account, or a billing day in a first month: the next days may stay there.
    Event,
}

/// All that was found out about a series' day.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    pub(super) actual: f32,
    pub(super) usual: Option<Usual>,
    /// What the level and the weekday let expect, or NaN.
    pub(super) base: f32,
    /// What was expected in the end.
    expected: f32,
    upper: f32,
    /// The odds that the day is a spike, where the forest was asked.
    odds: Option<f32>,
    pub(super) course: Course,
    pub(super) explanation: Explanation,
    pub(super) anomaly: bool,
    low_confidence: bool,
}

/// The margin of a noise, as a logarithm.
pub(super) fn margin(noise: f32) -> f32 {
    (DEVIATIONS * noise).max(LEAST_SHARE.ln_1p())
}

/// What the verdict is made from.
pub(super) struct Case<'a> {
    pub(super) settings: Settings,
    pub(super) past: &'a Past,
    pub(super) place: &'a Place,
    pub(super) index: usize,
    pub(super) series: &'a Series,
    /// What all series of the account have in common today, as a ratio to the usual.
    pub(super) factor: f32,
}

impl Verdict {
    pub(super) fn unjudged(actual: f32, usual: Option<Usual>, place: &Place) -> Verdict {
        let base = usual.map_or(f32::NAN, |usual| usual.on(place.weekday) + usual.run_in(0));
        Verdict {
            actual,
            usual,
            base,
            expected: base,
            upper: f32::INFINITY,
            odds: None,
            course: Course::Usual,
            explanation: Explanation::None,
            anomaly: false,
            low_confidence: true,
        }
    }

    /// No anomaly after all: the account does it.
    pub(super) fn acquit(&mut self) {
        self.anomaly = false;
        self.odds = None;
        self.low_confidence = true;
        self.explanation = Explanation::Event;
        self.expected = self.actual;
        self.upper = self.upper.max(self.actual);
    }

    pub(super) fn judgement(&self) -> Judgement {
        let (actual, expected, upper) = (f64::from(self.actual), f64::from(self.expected), f64::from(self.upper));
        let reach = upper - expected;
        Judgement {
            expected,
            upper,
            actual,
            score: match self.odds {
                Some(odds) => f64::from(odds),
                None if reach > 0.0 => (actual - expected) / reach,
                None => 0.0,
            },
            anomaly: self.anomaly,
            low_confidence: self.low_confidence,
        }
    }
}

impl Case<'_> {
    /// What speaks for and against a day above the usual is returned where it was weighed.
    pub(super) fn judge(&self, verdict: &mut Verdict) -> Option<Evidence> {
        let usual = verdict.usual.filter(|usual| usual.level > 0.0)?;
        let age = self.series.age();
        verdict.low_confidence = age < YOUNG_DAYS || !self.place.was_seen(age);
        let actual = verdict.actual;
        let caution = if age < YOUNG_DAYS { YOUNG_CAUTION } else { 1.0 };
        let margin = margin(usual.noise(self.place.weekday)) * caution;
        let expected = self.expected(verdict.base, &usual);
        let least = (self.settings.least_amount as f32).max(PIECES * usual.rhythm.grain);
        verdict.course = if actual <= NOTHING * usual.largest() {
            Course::Idle
        } else if actual > expected * margin.exp() + least {
            Course::Above
        } else if actual < verdict.base * (-margin).exp() && !usual.rhythm.is_sparse {
            Course::Below
        } else {
            Course::Usual
        };
        let margin = match () {
            () if self.series.is_alarmed() => margin * ALARMED_SHARE,
            () if age < COLD_DAYS => margin.max(COLD_MARGIN),
            () if !self.place.was_seen(age) => margin.max(UNSEEN_MARGIN),
            () => margin,
        };
        verdict.upper = expected * margin.exp() + least;
        let lasts = self.series.days_above() >= LONGEST_SPIKE;
        let is_worth_a_look = age >= YOUNG_DAYS && !lasts && actual > expected * WORTH_A_LOOK.exp() + least;
        let is_asked = is_worth_a_look || actual > verdict.upper;
        let explained = is_asked.then(|| self.explained(&usual, actual, expected, margin)).flatten();
        if actual <= verdict.upper {
            verdict.expected = if verdict.course == Course::Above { expected } else { verdict.base };
        } else if let Some((amount, explanation)) = explained {
            verdict.expected = amount;
            verdict.upper = (amount * margin.exp()).max(actual);
            verdict.explanation = explanation;
        } else {
            verdict.anomaly = age >= FEWEST_DAYS;
        }
        if !is_worth_a_look {
            return None;
        }
        let evidence = self.evidence(verdict, &usual, expected, margin, explained);
        self.weigh(verdict, &evidence, expected);
        Some(evidence)
    }

    /// Lets the forest decide, but for what the rules find beyond all doubt.
    fn weigh(&self, verdict: &mut Verdict, evidence: &Evidence, expected: f32) {
        if !forest::IS_GROWN {
            return;
        }
        let is_beyond_all = verdict.anomaly && verdict.actual > BEYOND_ALL * self.most_before();
        let odds = if is_beyond_all { LARGEST_ODDS } else { forest::log_odds(evidence).exp().min(LARGEST_ODDS) };
        verdict.odds = Some(odds);
        verdict.anomaly = odds > 1.0;
        if verdict.anomaly {
            verdict.expected = expected;
            verdict.upper = verdict.upper.min(verdict.actual);
            verdict.course = Course::Above;
            verdict.explanation = Explanation::None;
        } else {
            verdict.upper = verdict.upper.max(verdict.actual);
        }
    }

    /// The most that the series cost on a day that is remembered.
    fn most_before(&self) -> f32 {
        (1..=self.past.len()).map(|lag| self.past.at(self.index, lag).actual()).fold(0.0, f32::max)
    }

    fn evidence(
        &self,
        verdict: &Verdict,
        usual: &Usual,
        expected: f32,
        margin: f32,
        explained: Option<(f32, Explanation)>,
    ) -> Evidence {
        let kind = |explanation| match explanation {
            Explanation::Event => 1,
            Explanation::Return => 2,
            Explanation::None => 3,
        };
        let found = Findings {
            base: verdict.base,
            expected,
            margin,
            explained: explained.map(|(amount, explanation)| (amount, kind(explanation))),
            former: self.series.former_level().map(|level| level * usual.rhythm.weekdays[self.place.weekday]),
            is_sparse: usual.rhythm.is_sparse,
            days_above: self.series.days_above(),
            regime: self.series.regime(),
        };
        Evidence::of(&self.rise(usual, verdict.actual, expected), &found)
    }

    fn rise(&self, usual: &Usual, actual: f32, expected: f32) -> Rise<'_> {
        Rise {
            past: self.past,
            series: self.index,
            place: self.place,
            actual,
            usual: expected,
            noise: usual.noise(self.place.weekday),
            rises: self.series.rises(),
            weekdays: usual.rhythm.weekdays,
        }
    }

    /// The most that the level, the weekday and the account let expect.
    fn expected(&self, base: f32, usual: &Usual) -> f32 {
        // A job that is moved to another day of the week costs what it costs there; but a day that had its own small amount
        // the week before is no such day.
        let largest = usual.largest();
        let had_own = |week_ago: f32| base > 0.0 && week_ago > 0.0 && distance(week_ago, base) < SAME_DAY;
        let is_empty = base < EMPTY_WEEKDAY * largest && !had_own(self.past.at(self.index, 7).actual());
        let mut expected = if is_empty { largest } else { base };
        let age = self.series.age();
        if age < COLD_DAYS {
            expected = (1..=age).map(|lag| self.past.at(self.index, lag).learnable()).fold(expected, f32::max);
        }
        expected * self.factor.max(1.0)
    }

    /// Whether the level fell within this month, and did so within the last one too: such a discount ends with the month.
    fn is_discounted(&self, usual: &Usual, former: f32) -> bool {
        let there = self.place.monthly.iter().find(|earlier| earlier.is_exact() && earlier.months == 1);
        let day = usize::from(self.place.day.unsigned_abs());
        let Some(there) = there.filter(|_| self.series.regime() < day) else { return false };
        let level = |lag: usize| {
            let part = usual.rhythm.weekdays[(self.place.weekday + 7 * lag - lag) % 7];
            self.past.at(self.index, lag).actual() / part
        };
        let was = |lag: usize, as_now: f32| level(lag) > 0.0 && distance(level(lag), as_now) < SAME_LEVEL;
        let before = there.lag + self.series.regime() + DISCOUNT_SHIFT;
        // As many days back as the day's number is the last month's end.
        was(before, former) && was(there.lag, usual.level) && was(day, usual.level)
    }

    /// What explains an amount above the bound, and what it lets expect.
    fn explained(&self, usual: &Usual, actual: f32, expected: f32, margin: f32) -> Option<(f32, Explanation)> {
        let most = margin.exp();
        let former = self.series.former_level();
        let is_discounted = former.is_some_and(|former| self.is_discounted(usual, former));
        let former = former.filter(|_| !is_discounted).map(|level| level * usual.rhythm.weekdays[self.place.weekday]);
        let off = SAME_LEVEL + RETURN_DEVIATIONS * usual.noise(self.place.weekday);
        if let Some(former) =
            former.filter(|former| *former > expected && actual <= former * most && distance(actual, *former) < off)
        {
            return Some((former, Explanation::Return));
        }
        let rise = self.rise(usual, actual, expected);
        if !is_discounted && (rise.is_known_level() || usual.rhythm.is_sparse && rise.is_known_cost()) {
            return Some((actual, Explanation::Return));
        }
        if self.series.days_above() >= LONGEST_SPIKE {
            return Some((actual, Explanation::None));
        }
        if self.series.is_alarmed() {
            return rise.due().map(|amount| (amount, Explanation::None));
        }
        if self.series.carries() {
            let before = self.past.at(self.index, 1);
            let carried = expected * before.actual() / before.usual();
            if actual <= carried * most {
                return Some((carried, Explanation::Event));
            }
        }
        if self.place.is_billing_day && !self.place.was_seen(self.series.age()) {
            return Some((actual, Explanation::Event));
        }
        let begun = rise.begun_like_last_month().map(|amount| (amount, Explanation::Event));
        begun.or_else(|| rise.placed().map(|amount| (amount, Explanation::None)))
    }
}

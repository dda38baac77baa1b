//! Takes one day after the other: judges it with what was known before, then learns from it.

use crate::analysis::calendar::{Place, days_between};
use crate::analysis::company;
use crate::analysis::habit::{Rise, Rises};
use crate::analysis::judgement::Judgement;
use crate::analysis::past::{Cell, Past};
use crate::analysis::usual::Usual;
use jiff::civil::Date;

/// Younger series are judged by absolute jumps only.
const COLD_DAYS: usize = 14;
/// Until then, a judgement is of low confidence.
const YOUNG_DAYS: usize = 28;
/// So many days above the usual are the new usual: a spike is shorter.
const DAYS_TO_ACCEPT_MORE: u8 = 7;
/// After so many days above the usual nothing more is said of it.
const LONGEST_SPIKE: u8 = 5;
/// So many days below the usual are the new usual: an outage or a holiday is shorter.
const DAYS_TO_ACCEPT_LESS: u8 = 7;
/// A level that was left this recently may be returned to without surprise.
const FORMER_LEVEL_DAYS: u16 = 40;
/// The noise of a series of which nothing is known yet.
const DEFAULT_NOISE: f32 = 0.1;

/// How readily a day is called an anomaly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How many standard deviations of its noise a series may pass its expectation by. Default 3.6.
    pub deviations: f64,
    /// How far above its expectation, as a share of it, even a quiet series may be. Default 0.25.
    pub least_share: f64,
    /// How far above its expectation any series may be, in units of the input. Default 0.1.
    pub least_amount: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { deviations: 3.6, least_share: 0.25, least_amount: 0.1 }
    }
}

/// Everything learned of the daily amounts of one account in one currency.
///
/// Cheap to clone: the remembered days are shared. Grows with the history up to about 1.6 KB a series. What it says
/// depends on nothing but the settings and the days it was given.
#[derive(Clone, Default)]
pub struct Model {
    settings: Settings,
    newest: Option<Date>,
    past: Past,
    series: Vec<Series>,
    /// The median of the series' noise.
    noise: Option<f32>,
}

/// What is known of a series besides its past days.
#[derive(Clone, Copy, Default)]
struct Series {
    /// Days since its first cost; 0 before.
    age: u16,
    /// Days since it came to its present level.
    regime: u16,
    /// The level before that.
    former: f32,
    /// Days in a row above, and below, the usual.
    above: u8,
    below: u8,
    /// The days above were anomalies, not a habit.
    alarmed: bool,
    /// On which days it cost more than usual.
    rises: Rises,
}

/// A series' day between the look at the past and the verdict.
struct Case {
    usual: Option<Usual>,
    judgement: Judgement,
    /// What the level and the weekday let expect.
    base: f32,
    course: Course,
    weekday: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Course {
    Usual,
    Above,
    Below,
}

impl Model {
    /// A model that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Model { settings, ..Model::default() }
    }

    /// Takes the next closed UTC day; days in between that are never given are unknown, not free of cost.
    ///
    /// `amounts[i]` is what series `i` cost that day, 0 where nothing was billed; series that are new come last.
    /// Returns one judgement per series. A day that is not later than the last one is judged but not learned.
    pub fn step(&mut self, day: Date, amounts: &[f64]) -> Vec<Judgement> {
        if let Some(newest) = self.newest {
            self.skip(days_between(newest, day).saturating_sub(1));
        }
        self.newest = Some(day);
        self.series.resize(self.series.len().max(amounts.len()), Series::default());
        let place = Place::of(day);
        let mut cases: Vec<Case> =
            amounts.iter().enumerate().map(|(series, amount)| self.case(series, *amount as f32, &place)).collect();
        let factor = self.company(&cases);
        for (series, case) in cases.iter_mut().enumerate() {
            self.judge(series, case, factor, &place);
        }
        self.acquit_common(&mut cases, &place);
        self.learn(&cases);
        cases.into_iter().map(|case| case.judgement).collect()
    }

    fn skip(&mut self, days: usize) {
        self.past.skip(days);
        for series in &mut self.series {
            if series.age > 0 {
                let days = u16::try_from(days).unwrap_or(u16::MAX);
                series.age = series.age.saturating_add(days);
                series.regime = series.regime.saturating_add(days);
                series.rises.skip(usize::from(days));
            }
        }
    }

    fn case(&self, index: usize, actual: f32, place: &Place) -> Case {
        let series = self.series[index];
        let usual = Usual::of(
            &self.past,
            index,
            usize::from(series.age),
            usize::from(series.regime),
            place.weekday,
            self.noise.unwrap_or(DEFAULT_NOISE),
        );
        let base = usual.map_or(f32::NAN, |usual| usual.on(place.weekday));
        let judgement = Judgement {
            expected: f64::from(base),
            upper: f64::INFINITY,
            actual: f64::from(actual),
            score: 0.0,
            anomaly: false,
            low_confidence: usize::from(series.age) < YOUNG_DAYS,
        };
        Case { usual, judgement, base, course: Course::Usual, weekday: place.weekday }
    }

    /// What the series with a steady cost have in common today.
    fn company(&self, cases: &[Case]) -> f32 {
        let mut ratios: Vec<f32> = cases
            .iter()
            .filter(|case| case.usual.is_some_and(|usual| !usual.sparse) && case.base > 0.0)
            .map(|case| case.judgement.actual as f32 / case.base)
            .collect();
        company::factor(&mut ratios, self.noise.unwrap_or(DEFAULT_NOISE))
    }

    fn judge(&self, index: usize, case: &mut Case, factor: f32, place: &Place) {
        let Some(usual) = case.usual else { return };
        let series = self.series[index];
        let actual = case.judgement.actual as f32;
        let margin = self.margin(&usual);
        // A job that is moved to another day of the week costs what it costs there.
        let largest = usual.weekdays.iter().fold(0.0_f32, |a, b| a.max(*b)) * usual.level;
        let mut expected = if case.base < 0.05 * largest { largest } else { case.base };
        let cold = usize::from(series.age) < COLD_DAYS;
        if cold {
            expected =
                (1..=usize::from(series.age)).map(|lag| self.past.at(index, lag).learnable()).fold(expected, f32::max);
        }
        expected *= factor.max(1.0);
        let least = self.settings.least_amount as f32;
        case.course = if actual > expected * margin.exp() + least {
            Course::Above
        } else if actual < case.base * (-margin).exp() && !usual.sparse {
            Course::Below
        } else {
            Course::Usual
        };
        let margin = if series.alarmed {
            margin * 0.6
        } else if cold {
            margin.max(0.7)
        } else {
            margin
        };
        let upper = expected * margin.exp() + least;
        case.judgement.upper = f64::from(upper);
        if actual <= upper {
            case.judgement.expected = f64::from(if case.course == Course::Usual { case.base } else { expected });
        } else if let Some(explained) = self.explained(index, case, expected, margin, place) {
            let judgement = &mut case.judgement;
            judgement.expected = f64::from(explained);
            judgement.upper = f64::from((explained * margin.exp()).max(actual));
        } else {
            case.judgement.anomaly = usize::from(series.age) >= 7;
        }
        let judgement = &mut case.judgement;
        judgement.score = (judgement.actual - judgement.expected) / (judgement.upper - judgement.expected).max(1e-9);
    }

    fn explained(&self, index: usize, case: &mut Case, expected: f32, margin: f32, place: &Place) -> Option<f32> {
        let series = self.series[index];
        let usual = case.usual?;
        let actual = case.judgement.actual as f32;
        let tolerance = margin.exp() - 1.0;
        let former = series.former * usual.weekdays[place.weekday];
        if series.regime <= FORMER_LEVEL_DAYS && former > expected && actual <= former * (1.0 + tolerance) {
            return Some(former);
        }
        if series.above > 0 && !series.alarmed {
            let before = self.past.at(index, 1);
            let carried = expected * before.actual() / before.usual();
            if actual <= carried * (1.0 + tolerance) {
                return Some(carried);
            }
        }
        if series.above >= LONGEST_SPIKE {
            return Some(actual);
        }
        let is_new_place = !place.monthly.iter().any(|earlier| earlier.exact && earlier.lag <= usize::from(series.age));
        if is_new_place && place.is_billing_day && !series.alarmed {
            case.judgement.low_confidence = true;
            return Some(actual);
        }
        let rise = Rise {
            past: &self.past,
            series: index,
            place,
            actual,
            usual: expected,
            noise: usual.noise,
            rises: series.rises,
        };
        rise.explained()
    }

    /// Many series that begin to rise on one day have one cause: a habit of the account.
    fn acquit_common(&self, cases: &mut [Case], place: &Place) {
        let known = cases.iter().filter(|case| case.usual.is_some()).count();
        let is_new = |(series, case): &(usize, &Case)| case.judgement.anomaly && !self.series[*series].alarmed;
        let rising = cases.iter().enumerate().filter(is_new).count();
        if !company::is_common(rising, known, place.is_billing_day) {
            return;
        }
        for (series, case) in cases.iter_mut().enumerate() {
            if case.judgement.anomaly && !self.series[series].alarmed {
                case.judgement.anomaly = false;
                case.judgement.low_confidence = true;
            }
        }
    }

    fn learn(&mut self, cases: &[Case]) {
        let mut cells = Vec::with_capacity(cases.len());
        for (series, case) in self.series.iter().zip(cases) {
            let cold = usize::from(series.age) < COLD_DAYS;
            let set_aside = if cold { case.judgement.anomaly } else { case.course != Course::Usual };
            cells.push(Cell::new(case.judgement.actual as f32, case.base, set_aside));
        }
        self.past.push(cells);
        for (index, case) in cases.iter().enumerate() {
            self.learn_series(index, case);
        }
        let mut noises: Vec<f32> = cases
            .iter()
            .zip(&self.series)
            .filter(|(_, series)| usize::from(series.age) >= YOUNG_DAYS)
            .filter_map(|(case, _)| case.usual.map(|usual| usual.noise))
            .collect();
        if !noises.is_empty() {
            self.noise = Some(company::median(&mut noises, DEFAULT_NOISE));
        }
    }

    fn learn_series(&mut self, index: usize, case: &Case) {
        let series = &mut self.series[index];
        if series.age == 0 {
            let begins = case.judgement.actual > 0.0;
            series.age = u16::from(begins);
            series.regime = u16::from(begins);
            return;
        }
        series.age = series.age.saturating_add(1);
        series.regime = series.regime.saturating_add(1);
        series.rises.push(case.course == Course::Above);
        series.alarmed = case.judgement.anomaly;
        if [COLD_DAYS, COLD_DAYS + 7, COLD_DAYS + 14].contains(&usize::from(series.age)) {
            self.look_back(index, case);
            return;
        }
        let level = case.usual.map_or(0.0, |usual| usual.level);
        match case.course {
            Course::Usual => (series.above, series.below) = (0, 0),
            Course::Above => (series.above, series.below) = (series.above + 1, 0),
            Course::Below => (series.above, series.below) = (0, series.below + 1),
        }
        let settled = if series.above >= DAYS_TO_ACCEPT_MORE {
            series.above
        } else if series.below >= DAYS_TO_ACCEPT_LESS {
            series.below
        } else {
            // A week ago it was so too: then it is the weekday's habit.
            if case.course != Course::Usual {
                let week_ago = self.past.at(index, 8);
                let today = self.past.at(index, 1);
                let like = (today.actual() / week_ago.actual()).ln().abs() < 0.3;
                if week_ago.is_set_aside() && like && !case.judgement.anomaly {
                    self.past.accept(index, 1);
                }
            }
            return;
        };
        self.past.accept(index, usize::from(settled));
        series.former = level;
        series.regime = u16::from(settled);
        (series.above, series.below, series.alarmed) = (0, 0, false);
    }

    /// Tells of a young series' first days in hindsight what was usual on them, since a charge among them may come again.
    fn look_back(&mut self, index: usize, case: &Case) {
        let series = self.series[index];
        let Some(usual) = case.usual.filter(|usual| !usual.sparse) else { return };
        let margin = self.margin(&usual).exp();
        for lag in 1..=usize::from(series.age) {
            let weekday = (case.weekday + 8 * 7 + 1 - lag) % 7;
            let (actual, amount) = (self.past.at(index, lag).actual(), usual.on(weekday));
            let above = actual > amount * margin;
            if above {
                self.series[index].rises.set(lag);
            }
            self.past.restate(index, lag, amount, above);
        }
    }

    fn margin(&self, usual: &Usual) -> f32 {
        (self.settings.deviations as f32 * usual.noise).max((self.settings.least_share as f32).ln_1p())
    }
}

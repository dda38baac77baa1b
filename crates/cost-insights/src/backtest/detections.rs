//! Compares the detector's anomalous days with the labelled spikes.

use std::ops::{AddAssign, Range};

use jiff::civil::Date;

use crate::Judgement;

use super::Spike;
use super::history::History;

/// The anomalous days of a history.
pub(super) struct Detections<'a> {
    history: &'a History,
    /// For each group that has begun: whether each of its days was an anomaly.
    anomalous: Vec<Vec<bool>>,
}

impl<'a> Detections<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        Self { history, anomalous: Vec::new() }
    }

    /// Adds the judgements of the next day.
    pub(super) fn add(&mut self, judgements: &[Judgement]) {
        self.anomalous.resize(judgements.len().max(self.anomalous.len()), Vec::new());
        for (days, judgement) in self.anomalous.iter_mut().zip(judgements) {
            days.push(judgement.anomaly);
        }
    }

    /// Counts matches and mismatches over all groups.
    pub(super) fn score(&self, spikes: &[Spike]) -> Score {
        let days: Vec<Date> = self.history.days().iter().map(|(day, _)| *day).collect();
        let mut score = Score::default();
        for (group, anomalous) in self.history.groups().iter().zip(&self.anomalous) {
            let own = days.len() - anomalous.len();
            let of_group = spikes.iter().filter(|spike| spike.group == *group);
            let labelled = of_group.map(|spike| {
                let first = days.partition_point(|day| *day < spike.from).max(own);
                let end = days.partition_point(|day| *day <= spike.to).max(own);
                first - own..end - own
            });
            score += &of_series(anomalous, &labelled.collect::<Vec<_>>());
        }
        score
    }
}

/// Counts of true, false and missed alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Anomalous and labelled.
    pub(super) true_alarms: usize,
    /// Anomalous, not labelled.
    pub(super) false_alarms: usize,
    /// Labelled.
    pub(super) labelled: usize,
    /// Labelled and anomalous. By episode this may differ from `true_alarms`, because one alarm may match two spikes.
    pub(super) found: usize,
}

impl Counts {
    /// The share of true alarms among the alarms.
    pub(super) fn precision(self) -> f64 {
        share(self.true_alarms, self.true_alarms + self.false_alarms)
    }

    /// The share of found labels among the labels.
    pub(super) fn recall(self) -> f64 {
        share(self.found, self.labelled)
    }

    /// The harmonic mean of precision and recall.
    pub(super) fn f1(self) -> f64 {
        let (precision, recall) = (self.precision(), self.recall());
        2.0 * precision * recall / (precision + recall)
    }

    fn add(&mut self, other: Self) {
        self.true_alarms += other.true_alarms;
        self.false_alarms += other.false_alarms;
        self.labelled += other.labelled;
        self.found += other.found;
    }
}

/// Counts over any number of series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    /// Judged days, over all series.
    pub(super) judged: usize,
    /// By day.
    pub(super) days: Counts,
    /// By episode: consecutive anomalous days are one, and a labelled spike is one.
    pub(super) episodes: Counts,
    /// Spikes that were found on their first day.
    pub(super) at_once: usize,
    /// Days between the first day of a spike and the first anomalous one, over all found spikes.
    pub(super) delay: usize,
    /// Labelled spikes without a day in the history.
    pub(super) outside: usize,
}

impl AddAssign<&Self> for Score {
    fn add_assign(&mut self, other: &Self) {
        self.judged += other.judged;
        self.days.add(other.days);
        self.episodes.add(other.episodes);
        self.at_once += other.at_once;
        self.delay += other.delay;
        self.outside += other.outside;
    }
}

/// Scores one series by its days and by the positions of its labelled spikes.
fn of_series(anomalous: &[bool], labelled: &[Range<usize>]) -> Score {
    let mut score = Score { judged: anomalous.len(), ..Score::default() };
    let is_labelled = |at: usize| labelled.iter().any(|spike| spike.contains(&at));
    let mut episode: Option<bool> = None;
    for (at, &is_anomalous) in anomalous.iter().enumerate() {
        let is_true = is_labelled(at);
        score.days.labelled += usize::from(is_true);
        if is_anomalous {
            *(if is_true { &mut score.days.true_alarms } else { &mut score.days.false_alarms }) += 1;
            episode = Some(episode.unwrap_or(false) || is_true);
        }
        let ends = !is_anomalous || at + 1 == anomalous.len();
        if let Some(met_a_spike) = episode.take_if(|_| ends) {
            *(if met_a_spike { &mut score.episodes.true_alarms } else { &mut score.episodes.false_alarms }) += 1;
        }
    }
    score.days.found = score.days.true_alarms;
    for spike in labelled {
        if spike.is_empty() {
            score.outside += 1;
            continue;
        }
        score.episodes.labelled += 1;
        if let Some(delay) = anomalous[spike.clone()].iter().position(|is_anomalous| *is_anomalous) {
            score.episodes.found += 1;
            score.at_once += usize::from(delay == 0);
            score.delay += delay;
        }
    }
    score
}

/// One number as a share of another. 0 of 0 is not a number.
#[expect(clippy::cast_precision_loss, reason = "days of any history are far below 2^53")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#` is an anomalous day, `1` a day of the first spike, `2` a day of the second.
    fn score(days: &str, spikes: &str) -> Score {
        let anomalous: Vec<bool> = days.chars().map(|day| day == '#').collect();
        let labelled = ['1', '2'].map(|spike| Some(spikes.find(spike)?..spikes.rfind(spike)? + 1));
        of_series(&anomalous, &labelled.into_iter().flatten().collect::<Vec<_>>())
    }

    #[test]
    fn days_and_episodes_are_counted_apart() {
        let counts = |true_alarms, false_alarms, labelled, found| Counts { true_alarms, false_alarms, labelled, found };
        for (name, days, spikes, by_day, by_episode, at_once, delay) in [
            ("nothing", ".....", ".....", counts(0, 0, 0, 0), counts(0, 0, 0, 0), 0, 0),
            ("two false runs, one to the end", "##..#", ".....", counts(0, 3, 0, 0), counts(0, 2, 0, 0), 0, 0),
            ("found at once", ".##..", ".11..", counts(2, 0, 2, 2), counts(1, 0, 1, 1), 1, 0),
            ("found late", "..#..", ".111.", counts(1, 0, 3, 1), counts(1, 0, 1, 1), 0, 1),
            ("missed", ".....", ".111.", counts(0, 0, 3, 0), counts(0, 0, 1, 0), 0, 0),
            ("found in two parts", ".#.#.", ".111.", counts(2, 0, 3, 2), counts(2, 0, 1, 1), 1, 0),
            ("two in one alarm", "####.", "1.2..", counts(2, 2, 2, 2), counts(1, 0, 2, 2), 2, 0),
            ("too long an alarm", ".###.", ".1...", counts(1, 2, 1, 1), counts(1, 0, 1, 1), 1, 0),
        ] {
            let score = score(days, spikes);
            assert_eq!((score.days, score.episodes), (by_day, by_episode), "{name}");
            assert_eq!((score.at_once, score.delay, score.judged), (at_once, delay, 5), "{name}");
        }
    }

    #[test]
    fn a_spike_without_a_day_is_not_held_against_the_detector() {
        let none = 2..2;
        let score = of_series(&[false; 3], std::slice::from_ref(&none));
        assert_eq!((score.outside, score.episodes), (1, Counts::default()));
    }
}

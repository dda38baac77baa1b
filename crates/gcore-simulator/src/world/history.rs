//! The events of the history: known spikes, lasting steps, and a revised day.
//!
//! Times are relative to the birth of the simulator, so that the events are in the past at each start.

use std::fmt::Write as _;
use std::ops::Range;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::calendar::day_number;
use super::company::{DATA, FRANKFURT, GAMES, LAUNCH, LUXEMBOURG, MANASSAS, MEDIA, Project, SHOP, SINGAPORE, TOKYO};
use super::meter::Meter;
use super::workload::Episode;
use super::{Group, World};
use crate::days::{each_day, utc_date};

/// Project, region and resource type.
type Place = (u64, u64, &'static str);

/// The group of each spike, its start in days ago, its length in days, and its factor in thousandths.
const SPIKES: [(Place, i64, i64, u32); 7] = [
    ((MEDIA, LUXEMBOURG, "egress_traffic"), 1, 1, 12_000),
    ((SHOP, FRANKFURT, "egress_traffic"), 17, 2, 3_000),
    ((DATA, SINGAPORE, "containers"), 27, 3, 2_800),
    ((GAMES, TOKYO, "egress_traffic"), 44, 1, 4_500),
    ((LAUNCH, MANASSAS, "inference"), 58, 2, 2_500),
    // The machines of the load test exist only on these days, so the factor is 1.
    ((SHOP, FRANKFURT, "instance"), LOAD_TEST_DAYS_AGO, LOAD_TEST_DAYS, 1_000),
    ((GAMES, FRANKFURT, "egress_traffic"), 93, 5, 3_500),
];

/// The start of a load test.
pub(super) const LOAD_TEST_DAYS_AGO: i64 = 71;
/// The length of the load test in days.
pub(super) const LOAD_TEST_DAYS: i64 = 3;

/// The group of each step, its start in days ago, and the factor in thousandths from then on.
const STEPS: [(Place, i64, u32); 2] =
    [((SHOP, LUXEMBOURG, "egress_traffic"), 66, 750), ((DATA, SINGAPORE, "containers"), 52, 1_200)];

/// An outage is refunded long after the day was settled.
const CORRECTED: (Place, i64, u32) = ((DATA, LUXEMBOURG, "baremetal"), 12, 800);
/// Long enough for a reader to have read the day, short enough for a person to wait.
const CORRECTED_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// Days on which a group costs much more than usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spike {
    /// The group.
    pub group: Group,
    /// The first day.
    pub first: Date,
    /// The last day, included.
    pub last: Date,
}

/// A settled day of a group that the provider revises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The group.
    pub group: Group,
    /// The revised day.
    pub day: Date,
    /// When the API reports the new cost.
    pub told: Timestamp,
}

/// Applies all events to the meters.
pub(super) fn happen(meters: &mut [Meter], born: Timestamp) {
    let today = day_number(utc_date(born));
    let always = Timestamp::MIN;
    let spikes = SPIKES.map(|(place, ago, days, factor)| {
        (place, Episode { first: today - ago, end: today - ago + days, factor, told: always })
    });
    let steps =
        STEPS.map(|(place, ago, factor)| (place, Episode { first: today - ago, end: i64::MAX, factor, told: always }));
    let (place, ago, factor) = CORRECTED;
    let told = born + CORRECTED_AFTER;
    let corrected = (place, Episode { first: today - ago, end: today - ago + 1, factor, told });
    for (place, episode) in spikes.into_iter().chain(steps).chain([corrected]) {
        let of_place = |meter: &&mut Meter| (meter.project, meter.region, meter.resource_type) == place;
        for meter in meters.iter_mut().filter(of_place) {
            meter.course.episodes.push(episode);
        }
    }
}

impl World {
    /// Every labelled spike, the latest first. The latest is on the last closed day at the birth of the simulator.
    ///
    /// Charges on the first of a month, batches at its end, training runs and steps are no spikes.
    #[must_use]
    pub fn spikes(&self) -> Vec<Spike> {
        let today = utc_date(self.born);
        let spike = |(place, ago, days, _): (Place, i64, i64, u32)| {
            let first = today.saturating_sub(ago.days());
            Spike { group: self.group(place), first, last: first.saturating_add((days - 1).days()) }
        };
        SPIKES.map(spike).into()
    }

    /// The settled day that is revised after the birth of the simulator.
    #[must_use]
    pub fn correction(&self) -> Correction {
        let (place, ago, _) = CORRECTED;
        let day = utc_date(self.born).saturating_sub(ago.days());
        Correction { group: self.group(place), day, told: self.born + CORRECTED_AFTER }
    }

    /// The cost of every group and day, as known at `now`, as CSV: `day,group,amount,currency` with groups as
    /// `PROJECT/REGION/TYPE`. Days ascend. A group has no line for a day without a priced row.
    #[must_use]
    pub fn daily_csv(&self, days: Range<Date>, now: Timestamp) -> String {
        let mut csv = String::from("day,group,amount,currency\n");
        for day in each_day(&days) {
            for ((project, region, resource_type, currency), amount) in
                self.cost_ledger(day..day.saturating_add(1.day()), now)
            {
                let _ = writeln!(csv, "{day},{project}/{region}/{resource_type},{amount},{currency}");
            }
        }
        csv
    }

    fn group(&self, (project, region, resource_type): Place) -> Group {
        let of = |id: &Project| id.id == project;
        let currency = self.projects.iter().find(|project| of(project)).map_or("", |project| project.currency);
        (project, region, resource_type.into(), currency.into())
    }
}

//! What has happened to the company: spikes that are known as such, lasting steps, and a day that is corrected.
//!
//! Everything is told in days before the birth of the simulator, so that it lies in the past of whoever starts it.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::calendar::day_number;
use super::company::{DATA, FRANKFURT, GAMES, LAUNCH, LUXEMBOURG, MANASSAS, MEDIA, Project, SHOP, SINGAPORE, TOKYO};
use super::load::Episode;
use super::meter::Meter;
use super::{Group, World};
use crate::billing::period::{Period, utc_date};

/// Project, region and resource type.
type Place = (u64, u64, &'static str);

/// Place, days ago and length in days of each spike, and the factor in thousandths.
const SPIKES: [(Place, i64, i64, u32); 7] = [
    ((MEDIA, LUXEMBOURG, "egress_traffic"), 1, 1, 12_000),
    ((SHOP, FRANKFURT, "egress_traffic"), 17, 2, 3_000),
    ((DATA, SINGAPORE, "containers"), 27, 3, 2_800),
    ((GAMES, TOKYO, "egress_traffic"), 44, 1, 4_500),
    ((LAUNCH, MANASSAS, "inference"), 58, 2, 2_500),
    // Its machines are there for these days only, so nothing else multiplies.
    ((SHOP, FRANKFURT, "instance"), LOAD_TEST_DAYS_AGO, LOAD_TEST_DAYS, 1_000),
    ((GAMES, FRANKFURT, "egress_traffic"), 93, 5, 3_500),
];

/// When a load test began.
pub(super) const LOAD_TEST_DAYS_AGO: i64 = 71;
/// How long nobody thought of ending it.
pub(super) const LOAD_TEST_DAYS: i64 = 3;

/// Place, days ago, and the factor in thousandths from then on.
const STEPS: [(Place, i64, u32); 2] =
    [((SHOP, LUXEMBOURG, "egress_traffic"), 66, 750), ((DATA, SINGAPORE, "containers"), 52, 1_200)];

/// The minutes of an outage are taken out of a day's bill, long after it was settled.
const CORRECTED: (Place, i64, u32) = ((DATA, LUXEMBOURG, "baremetal"), 12, 800);
/// Late enough for a reader to have read the day, soon enough for a spectator.
const CORRECTED_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// Days on which a group costs much more than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spike {
    /// What it happened to.
    pub group: Group,
    /// Its first day.
    pub first: Date,
    /// Its last day, which still belongs to it.
    pub last: Date,
}

/// A closed day of a group that the provider corrects when nobody expects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// What is corrected.
    pub group: Group,
    /// The day whose cost changes.
    pub day: Date,
    /// The first instant at which the new cost is reported.
    pub told: Timestamp,
}

/// Lets everything happen.
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
    /// Every labelled spike, the latest first: that one is on the last closed day at the birth of the simulator.
    ///
    /// First-of-month charges, month-end batches, training runs and steps are no spikes.
    #[must_use]
    pub fn spikes(&self) -> Vec<Spike> {
        let today = utc_date(self.born);
        let spike = |(place, ago, days, _): (Place, i64, i64, u32)| {
            let first = today.saturating_sub(ago.days());
            Spike { group: self.group(place), first, last: first.saturating_add((days - 1).days()) }
        };
        SPIKES.map(spike).into()
    }

    /// The one old day that is corrected while the simulator is watched.
    #[must_use]
    pub fn correction(&self) -> Correction {
        let (place, ago, _) = CORRECTED;
        let day = utc_date(self.born).saturating_sub(ago.days());
        Correction { group: self.group(place), day, told: self.born + CORRECTED_AFTER }
    }

    /// What every group cost on every day, as known at `now`, as CSV: `day,group,amount,currency` with groups as
    /// `PROJECT/REGION/TYPE`. Days ascend; a group has no line for a day without a priced row.
    #[must_use]
    pub fn daily_csv(&self, period: Period, now: Timestamp) -> String {
        let mut csv = String::from("day,group,amount,currency\n");
        for day in period.days() {
            for ((project, region, resource_type, currency), amount) in self.cost_ledger(Period::of(day), now) {
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

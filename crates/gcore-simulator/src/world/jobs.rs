//! Temporary and periodic work: batches, training, previews, and charges on the first of a month.

use jiff::SignedDuration;

use super::company::{DATA, FRANKFURT, LUXEMBOURG, SHOP, SINGAPORE, TOOLS};
use super::details::Details;
use super::history::{LOAD_TEST_DAYS, LOAD_TEST_DAYS_AGO};
use super::product;
use super::resources::{Estate, WHOLE_DAY};
use super::workload::Load;
use crate::days::{midnight, utc_date};

/// One euro of containers, in 1e-6 GB-seconds.
const CONTAINER_EURO: i128 = 80_000 * 1_000_000;

impl Estate<'_> {
    /// Adds the jobs that belong to no other resource.
    pub(super) fn jobs(&mut self) {
        self.batch(DATA, LUXEMBOURG, ("reindex", 6), Load::SOMETIMES);
        self.batch(DATA, SINGAPORE, ("month-closing", 22), Load::LAST_OF_MONTH);
        // A snapshot of the whole warehouse, once a month, for a day.
        let site = self.site(DATA, FRANKFURT);
        self.snapshot(site, "warehouse-monthly", 30_000, Load::FIRST_OF_MONTH);
        // All desks are created again at once.
        let site = self.site(TOOLS, FRANKFURT);
        let (uuid, tags) = (self.dice.uuid(), self.tags());
        let flavor = product::BASIC_VMS[1];
        let details = Details::Flavored { flavor: flavor.variant, last_name: "desk-reimage".to_owned(), uuid, tags };
        self.rent(site, flavor, 160 * WHOLE_DAY, Load::FIRST_OF_MONTH, details);
        self.load_test(SHOP, FRANKFURT, 4);
    }

    /// Containers that cost this many euros in a run.
    fn batch(&mut self, project: u64, region: u64, (name, euros): (&str, i128), load: Load) {
        let site = self.site(project, region);
        let details = Details::Named { last_name: name.to_owned(), uuid: self.dice.uuid() };
        self.rent(site, product::CONTAINERS, euros * CONTAINER_EURO, load, details);
    }

    /// Large machines that run for some forgotten days.
    fn load_test(&mut self, project: u64, region: u64, machines: usize) {
        let today = midnight(utc_date(self.born));
        let ago = |days: i64| today - SignedDuration::from_hours(24 * days);
        let (from, until) = (ago(LOAD_TEST_DAYS_AGO), ago(LOAD_TEST_DAYS_AGO - LOAD_TEST_DAYS));
        for number in 1..=machines {
            let site = self.site(project, region).during(from, Some(until));
            self.machine(site, product::INSTANCES[3], &format!("load-test-{number}"), Load::STEADY);
        }
    }

    /// Training runs of some days every few weeks, of which one is still running, and a smaller permanent cluster.
    pub(super) fn gpu(&mut self, project: u64, region: u64) {
        let site = self.site(project, region);
        for (name, began, ended) in [
            ("train-a", 116, Some(111)),
            ("train-b", 99, Some(92)),
            ("train-c", 80, Some(77)),
            ("train-d", 61, Some(54)),
            ("train-e", 41, Some(33)),
            ("train-f", 19, Some(15)),
            ("train-g", 4, None),
        ] {
            let from = self.ago(24 * began);
            let until = ended.map(|days: i64| self.ago(24 * days));
            self.machine(site.during(from, until), product::AI_CLUSTER, name, Load::STEADY);
        }
        self.machine(site, product::AI_VIRTUAL_CLUSTER, "notebooks", Load::OFFICE);
    }

    /// Small machines that live for hours or days within the last four months.
    pub(super) fn previews(&mut self, project: u64, region: u64, machines: usize) {
        for number in 1..=machines {
            let site = self.site(project, region);
            let began = self.dice.between(20, 24 * 120);
            let lived = SignedDuration::from_hours(self.dice.between(2, 97));
            let from = self.ago(began);
            let flavor = self.dice.pick(&[product::INSTANCES[0], product::INSTANCES[1]]);
            let name = format!("preview-{}", 400 + number);
            self.machine(site.during(from, Some(from + lived)), flavor, &name, Load::STEADY);
        }
    }
}

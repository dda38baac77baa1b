//! The resources of the company, project by project.

use jiff::{SignedDuration, Timestamp};

use super::calendar::day_number;
use super::company::{
    ARCHIVE, CAMPAIGN, DATA, FRANKFURT, GAMES, LAUNCH, LUXEMBOURG, MANASSAS, MEDIA, ML_LAB, PARTNER, PROTOTYPE,
    Project, Region, SAO_PAULO, SHOP, SINGAPORE, TOKYO, TOOLS,
};
use super::details::{Details, Tags};
use super::history;
use super::meter::{Meter, Price};
use super::product;
use super::product::Product;
use super::rng::{Dice, mix};
use super::workload::{Course, Load};
use crate::days::utc_date;

/// A day of one resource that is metered by the minute, in 1e-6 of a minute. A gigabyte for a day has the same number
/// of GB-minutes.
pub(super) const WHOLE_DAY: i128 = 1_440 * 1_000_000;
const GIGABYTES_PER_DAY: i128 = 1_000_000_000 * 1_000_000;

/// The place, lifetime and currency of a resource.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    project: &'a Project,
    region: &'a Region,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Site<'_> {
    /// The same place with another lifetime.
    pub(super) fn during(mut self, from: Timestamp, until: Option<Timestamp>) -> Self {
        self.from = from;
        // A resource ends with its project.
        self.until = match (until, self.project.deleted_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self
    }
}

/// The meters while they are created.
pub(super) struct Estate<'a> {
    pub(super) dice: Dice,
    pub(super) seed: u64,
    pub(super) born: Timestamp,
    pub(super) projects: &'a [Project],
    pub(super) regions: &'a [Region],
    pub(super) meters: Vec<Meter>,
}

/// Every meter of the company, ordered by project.
pub(super) fn meters(seed: u64, born: Timestamp, projects: &[Project], regions: &[Region]) -> Vec<Meter> {
    let mut estate = Estate { dice: Dice::new(seed), seed, born, projects, regions, meters: Vec::new() };
    let customers = Load::CUSTOMERS;
    estate.web(SHOP, LUXEMBOURG, 8, 150, customers);
    estate.web(SHOP, FRANKFURT, 5, 200, customers);
    estate.database(SHOP, LUXEMBOURG, "orders-pg");
    estate.functions(SHOP, LUXEMBOURG, "thumbs");
    estate.files(SHOP, LUXEMBOURG, "shop");
    estate.bare_metal(DATA, LUXEMBOURG, 3);
    estate.database(DATA, LUXEMBOURG, "warehouse-pg");
    estate.database(DATA, FRANKFURT, "replica-pg");
    estate.containers(DATA, SINGAPORE, "etl-worker");
    estate.files(DATA, SINGAPORE, "lake");
    estate.gpu(ML_LAB, MANASSAS);
    estate.files(ML_LAB, MANASSAS, "datasets");
    estate.web(GAMES, TOKYO, 6, 260, Load::PLAYERS);
    estate.web(GAMES, FRANKFURT, 4, 200, Load::PLAYERS);
    estate.bare_metal(GAMES, TOKYO, 1);
    estate.web(LAUNCH, MANASSAS, 5, 100, customers);
    estate.functions(LAUNCH, MANASSAS, "signup");
    estate.containers(LAUNCH, MANASSAS, "api");
    estate.inference(LAUNCH, MANASSAS, "copilot");
    estate.web(MEDIA, LUXEMBOURG, 3, 700, customers);
    estate.office(TOOLS, FRANKFURT, 10);
    estate.previews(TOOLS, FRANKFURT, 32);
    estate.files(TOOLS, FRANKFURT, "wiki");
    estate.web(PARTNER, MANASSAS, 6, 90, customers);
    estate.database(PARTNER, MANASSAS, "partner-pg");
    estate.files(ARCHIVE, SAO_PAULO, "cold");
    estate.web(CAMPAIGN, LUXEMBOURG, 4, 120, customers);
    estate.office(PROTOTYPE, FRANKFURT, 3);
    estate.jobs();
    estate.oddities();
    let mut meters = estate.meters;
    history::happen(&mut meters, born);
    meters.sort_by_key(|meter| meter.project);
    meters
}

impl<'a> Estate<'a> {
    /// A permanent resource of a project in a region. Both ids are known constants; an unknown one gives the first
    /// entry.
    pub(super) fn site(&mut self, project: u64, region: u64) -> Site<'a> {
        let (projects, regions) = (self.projects, self.regions);
        let project = projects.iter().find(|p| p.id == project).unwrap_or(&projects[0]);
        let region = regions.iter().find(|r| r.id == region).unwrap_or(&regions[0]);
        let age = project.age_days(self.born);
        let days = self.dice.between(age.min(150) - 9, age.min(400));
        let from = self.ago(24 * days);
        Site { project, region, from, until: None }.during(from, None)
    }

    /// An instant about this many hours before the birth of the simulator.
    pub(super) fn ago(&mut self, hours: i64) -> Timestamp {
        self.born - SignedDuration::from_hours(hours) + SignedDuration::from_secs(self.dice.between(0, 3_600))
    }

    pub(super) fn rent(
        &mut self,
        site: Site<'_>,
        product: Product,
        per_day: i128,
        load: Load,
        details: Details,
    ) -> &mut Meter {
        let position = self.meters.len();
        self.meters.push(Meter {
            project: site.project.id,
            region: site.region.id,
            resource_type: product.resource_type,
            metric: product.metric,
            feature: Some(format!("{} {} - PAYG", product.feature, site.region.display_name)),
            unit: product.unit,
            course: Course {
                key: mix(self.seed, 1_000_000 + position as u64),
                per_day,
                trend_origin: day_number(utc_date(self.born)),
                load,
                episodes: Vec::new(),
            },
            price: Price::PerUnit { price: product.price, currency: site.project.currency, err: None },
            from: site.from,
            until: site.until,
            details,
        });
        &mut self.meters[position]
    }

    /// One machine. Returns its uuid.
    pub(super) fn machine(&mut self, site: Site<'_>, product: Product, name: &str, load: Load) -> String {
        let uuid = self.dice.uuid();
        let (tags, last_name) = (self.tags(), name.to_owned());
        let details = Details::Flavored { flavor: product.variant, last_name, uuid: uuid.clone(), tags };
        self.rent(site, product, WHOLE_DAY, load, details);
        uuid
    }

    pub(super) fn volume(&mut self, site: Site<'_>, vm: Option<String>, name: &str, gigabytes: i64) -> &mut Meter {
        let product = self.dice.pick(&product::VOLUMES);
        let details = Details::Volume {
            attached_to_vm: vm,
            last_name: name.to_owned(),
            last_size: gigabytes,
            size_unit: "GiB",
            volume_type: product.variant,
            uuid: self.dice.uuid(),
            tags: self.tags(),
        };
        self.rent(site, product, i128::from(gigabytes) * WHOLE_DAY, Load::STEADY, details)
    }

    fn external_ip(&mut self, site: Site<'_>, vm: Option<String>) {
        let details = Details::ExternalIp {
            attached_to_vm: vm,
            ip_address: format!("198.51.100.{}", self.dice.between(1, 255)),
            network_id: self.dice.uuid(),
            port_id: self.dice.uuid(),
            subnet_id: self.dice.uuid(),
        };
        self.rent(site, product::EXTERNAL_IP, WHOLE_DAY, Load::STEADY, details);
    }

    /// Outgoing traffic of one machine, in gigabytes a day.
    fn egress(&mut self, site: Site<'_>, (vm, name): (String, Option<String>), traffic: (Product, i64), load: Load) {
        let (product, gigabytes) = traffic;
        let permille = self.dice.between(600, 1_400);
        let details = Details::Egress {
            instance_name: name,
            instance_type: product.variant,
            port_id: self.dice.uuid(),
            size_unit: "bytes",
            vm_id: vm,
            tags: self.tags(),
        };
        let per_day = i128::from(gigabytes * permille) * GIGABYTES_PER_DAY / 1_000;
        self.rent(site, product, per_day, load, details);
    }

    /// Machines with disk, address and traffic behind a load balancer.
    fn web(&mut self, project: u64, region: u64, machines: usize, gigabytes: i64, load: Load) {
        for number in 1..=machines {
            let site = self.site(project, region);
            let name = format!("web-{number}");
            let flavor = self.dice.pick(&[product::INSTANCES[0], product::INSTANCES[1], product::INSTANCES[2]]);
            let vm = self.machine(site, flavor, &name, Load::STEADY);
            if number > 2
                && let Some(meter) = self.meters.last_mut()
            {
                // Two machines always run; the others run with the traffic.
                meter.course.load = load.autoscaled();
                meter.course.per_day = WHOLE_DAY * 62 / 100;
            }
            let size = 10 * self.dice.between(2, 21);
            self.volume(site, Some(vm.clone()), &format!("{name}-boot"), size);
            self.external_ip(site, Some(vm.clone()));
            self.egress(site, (vm, Some(name)), (product::EGRESS_VM, gigabytes), load);
        }
        let site = self.site(project, region);
        let balancer = self.machine(site, product::LOAD_BALANCER, "web-lb", Load::STEADY);
        let address = format!("203.0.113.{}", self.dice.between(1, 255));
        let (uuid, tags) = (self.dice.uuid(), self.tags());
        let details = Details::FloatingIp { last_name: address.clone(), ip_address: address, uuid, tags };
        self.rent(site, product::FLOATING_IP, WHOLE_DAY, Load::STEADY, details);
        self.egress(site, (balancer, None), (product::EGRESS_ROUTER, gigabytes / 10), load);
    }

    fn bare_metal(&mut self, project: u64, region: u64, machines: usize) {
        for number in 1..=machines {
            let site = self.site(project, region);
            let vm = self.machine(site, product::BARE_METAL, &format!("bm-{number}"), Load::STEADY);
            self.external_ip(site, None);
            self.egress(site, (vm, None), (product::EGRESS_BARE_METAL, 120), Load::CUSTOMERS);
        }
    }

    /// A database cluster: one uuid with five types.
    fn database(&mut self, project: u64, region: u64, name: &str) {
        let site = self.site(project, region);
        let uuid = self.dice.uuid();
        let cpus = i128::from(self.dice.pick(&[2, 4, 8]));
        let named = || Details::Named { last_name: name.to_owned(), uuid: uuid.clone() };
        for (product, per_day) in [
            (product::POSTGRESQL_CPU, cpus * WHOLE_DAY),
            (product::POSTGRESQL_MEMORY, 4 * cpus * WHOLE_DAY),
            (product::POSTGRESQL_POOLER, WHOLE_DAY),
            (product::POSTGRESQL_NETWORK, WHOLE_DAY),
        ] {
            self.rent(site, product, per_day, Load::STEADY, named());
        }
        let product = product::POSTGRESQL_VOLUME;
        let details = Details::DatabaseVolume {
            last_name: name.to_owned(),
            size_unit: "GiB",
            volume_type: product.variant,
            uuid: uuid.clone(),
        };
        self.rent(site, product, 50 * cpus * WHOLE_DAY, Load::STEADY, details);
    }

    fn functions(&mut self, project: u64, region: u64, name: &str) {
        let site = self.site(project, region);
        let uuid = self.dice.uuid();
        for (product, per_day) in [
            (product::FUNCTIONS, 86_412_700_000),
            (product::FUNCTIONS_CALLS, 1_318_233),
            (product::FUNCTIONS_TRAFFIC, 1_730_000),
        ] {
            let details = Details::Named { last_name: name.to_owned(), uuid: uuid.clone() };
            self.rent(site, product, per_day, Load::CUSTOMERS, details);
        }
    }

    fn containers(&mut self, project: u64, region: u64, name: &str) {
        let site = self.site(project, region);
        for number in 1..=3 {
            let details = Details::Named { last_name: format!("{name}-{number}"), uuid: self.dice.uuid() };
            self.rent(site, product::CONTAINERS, 172_800_500_000, Load::CUSTOMERS, details);
        }
    }

    /// File shares, images, logs, and volumes with their snapshots and backups.
    fn files(&mut self, project: u64, region: u64, name: &str) {
        let site = self.site(project, region);
        let kind = product::FILE_SHARE.variant;
        let gigabytes = |size: i64| i128::from(size) * WHOLE_DAY;
        let (uuid, last_name, tags) = (self.dice.uuid(), format!("{name}-share"), self.tags());
        let share =
            Details::FileShare { file_share_type: kind, last_name, last_size: 500, size_unit: "GiB", uuid, tags };
        self.rent(site, product::FILE_SHARE, gigabytes(500), Load::STEADY, share);
        let (uuid, last_name, tags) = (self.dice.uuid(), format!("{name}-golden"), self.tags());
        let image = Details::Image { last_name, last_size: 2_361_393_152, size_unit: "bytes", uuid, tags };
        self.rent(site, product::IMAGE, gigabytes(2), Load::STEADY, image);
        for index in 1..=2 {
            // The second index has no uuid.
            let uuid = (index == 1).then(|| self.dice.uuid());
            let last_name = format!("{name}-logs-{index}");
            let log = Details::LogIndex { last_name, last_size: 268_435_456, size_unit: "bytes", uuid };
            self.rent(site, product::LOG_INDEX, gigabytes(6), Load::CUSTOMERS, log);
        }
        self.volume(site, None, &format!("{name} \"data\" é"), 200);
        self.snapshot(site, "pre-upgrade", 50, Load::STEADY);
        let source = self.dice.uuid();
        self.backup(site, name, source);
    }

    pub(super) fn snapshot(&mut self, site: Site<'_>, name: &str, gigabytes: i64, load: Load) {
        let details = Details::Snapshot {
            last_name: name.to_owned(),
            last_size: gigabytes,
            size_unit: "GiB",
            source_volume_uuid: self.dice.uuid(),
            volume_type: product::SNAPSHOT.variant,
            uuid: self.dice.uuid(),
            tags: self.tags(),
        };
        self.rent(site, product::SNAPSHOT, i128::from(gigabytes) * WHOLE_DAY, load, details);
    }

    pub(super) fn backup(&mut self, site: Site<'_>, name: &str, source_volume_uuid: String) -> &mut Meter {
        let details = Details::Backup {
            last_name: format!("{name}-nightly"),
            last_size: 46_137_344,
            schedule_id: self.dice.uuid(),
            source_volume_uuid,
            uuid: self.dice.uuid(),
        };
        self.rent(site, product::BACKUP, 200 * WHOLE_DAY, Load::STEADY, details)
    }

    pub(super) fn inference(&mut self, project: u64, region: u64, name: &str) -> &mut Meter {
        let site = self.site(project, region);
        let flavor = product::INFERENCE.variant;
        let details = Details::Inference { flavor, last_name: name.to_owned(), uuid: self.dice.uuid() };
        self.rent(site, product::INFERENCE, 11_250_000, Load::CUSTOMERS, details)
    }

    /// Small machines that are off at night.
    fn office(&mut self, project: u64, region: u64, machines: usize) {
        for number in 1..=machines {
            let site = self.site(project, region);
            let flavor = self.dice.pick(&product::BASIC_VMS);
            self.machine(site, flavor, &format!("desk-{number}"), Load::OFFICE);
        }
    }

    /// Tags in all forms that occur.
    pub(super) fn tags(&mut self) -> Tags {
        match self.dice.between(0, 5) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![[("env", "staging")].into()]),
            3 => Some(vec![[("env", "prod")].into(), [("os_distro", "ubuntu")].into()]),
            _ => Some(vec![[("env", "prod"), ("cost-center", "shop \"A\"")].into()]),
        }
    }
}

//! Families of the cost and usage sums, which have many series.

use std::cmp::Ordering;

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use crate::account::AccountName;
use crate::aggregate::group::Group;
use crate::shard::Shard;
use crate::snapshot::{Account, Snapshot, current};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::names::Names;
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::{Currency, ProjectId, Unit};

use super::catalog;
use super::catalog::Family;
use super::family::Families;
use super::series::{OTHER, Place, Sum};
use super::series_limit;
use super::text::Text;
use super::windows::named_accounts;

/// Writes the families of every cost and usage window.
pub(super) fn write(families: &mut Families, snapshot: &Snapshot, now: Timestamp) {
    for window in Window::ALL {
        let family = catalog::cost(window);
        let sums = collect(snapshot, |account| {
            let sums = current(&account.cost, window, now)?.amounts.iter();
            Some(sums.map(|(group, currency, amount)| (Place::Own(group), currency, amount)))
        });
        write_groups(families, &family, snapshot, sums, Currency::as_str);
    }
    for window in Window::ALL {
        let mut readings = snapshot.accounts.values().filter_map(|account| account.usage.get(&window));
        if readings.any(|reading| !reading.last().by_metric.is_empty()) {
            write_usage_by_metric(families, window, snapshot, now);
        } else {
            write_usage(families, window, snapshot, now);
        }
    }
}

fn write_usage(families: &mut Families, window: Window, snapshot: &Snapshot, now: Timestamp) {
    let family = catalog::usage(window);
    let sums = collect(snapshot, |account| {
        let sums = current(&account.usage, window, now)?.values.iter();
        Some(sums.map(|(group, unit, value)| (Place::Own(group), unit, value)))
    });
    write_groups(families, &family, snapshot, sums, Unit::as_str);
}

/// Writes a family of one series per group and measure.
pub(super) fn write_groups<'a, M: Ord>(
    families: &mut Families,
    family: &Family,
    snapshot: &'a Snapshot,
    sums: Vec<Sum<'a, &'a Group, &'a M>>,
    word: impl Fn(&M) -> &str,
) {
    let (shard, project) = (families.shard(), |group: &Group| Some(group.project));
    write_family(families, family, sums, project, Sum::by_place, |text, Sum { account, place, measure, amount }| {
        let group = GroupLabels::new(snapshot, account, place, shard);
        text.series(family, group.values().into_iter().chain([word(measure)]), amount.to_f64());
    });
}

fn write_usage_by_metric(families: &mut Families, window: Window, snapshot: &Snapshot, now: Timestamp) {
    let family = catalog::usage_by_metric(window);
    let sums = collect(snapshot, |account| {
        let sums = current(&account.usage, window, now)?.by_metric.iter();
        Some(sums.map(|(group, (metric, unit), value)| (Place::Own((group, metric)), unit, value)))
    });
    let (shard, project) = (families.shard(), |(group, _): (&Group, _)| Some(group.project));
    write_family(families, &family, sums, project, Sum::by_place, |text, Sum { account, place, measure, amount }| {
        let group = GroupLabels::new(snapshot, account, place.map(|(group, _)| group), shard);
        let metric = place.word(|(_, metric)| metric.as_str());
        text.series(&family, group.values().into_iter().chain([measure.as_str(), metric]), amount.to_f64());
    });
}

/// The sums of all accounts. Accounts whose names are not settled are left out, because their labels would change
/// within a minute.
pub(super) fn collect<'a, P, M, I: Iterator<Item = (Place<P>, M, Amount)>>(
    snapshot: &'a Snapshot,
    sums: impl Fn(&'a Account) -> Option<I>,
) -> Vec<Sum<'a, P, M>> {
    let of_each: Vec<_> = named_accounts(snapshot).filter_map(|(name, account)| Some((name, sums(account)?))).collect();
    let mut collected = Vec::with_capacity(of_each.iter().map(|(_, sums)| sums.size_hint().0).sum());
    for (account, sums) in of_each {
        collected.extend(sums.map(|(place, measure, amount)| Sum { account, place, measure, amount }));
    }
    collected
}

/// Writes the shard's sums of a family within its series limit, in this order. `project` is the project of a place.
pub(super) fn write_family<'a, P: Ord + Copy, M: Ord + Copy>(
    families: &mut Families,
    family: &Family,
    mut sums: Vec<Sum<'a, P, M>>,
    project: impl Fn(P) -> Option<ProjectId>,
    order: impl Fn(&Sum<'a, P, M>, &Sum<'a, P, M>) -> Ordering,
    write: impl Fn(&mut Text, Sum<'a, P, M>),
) {
    let shard = families.shard();
    sums.retain(|sum| match sum.place {
        Place::Own(own) => shard.holds(project(own)),
        Place::Other => shard.is_first(),
    });
    let dropped = series_limit::fold(&mut sums, families.series_limit());
    sums.sort_unstable_by(order);
    families.begin(family, sums.len(), dropped);
    sums.into_iter().for_each(|sum| write(families.text(), sum));
}

/// The project of the sums that a shard folds. Each shard has its own one: rules count equal series of two daemons once,
/// and would lose a sum.
fn other_project(shard: Shard) -> SmolStr {
    if shard.is_first() { SmolStr::new_static(OTHER) } else { format_smolstr!("__other_{}__", shard.index()) }
}

/// The first labels of many families: account, project, region and type, with names.
pub(super) struct GroupLabels<'a> {
    account: &'a str,
    /// Id and name of the project, id and name of the region.
    ids_and_names: [SmolStr; 4],
    resource_type: &'a str,
}

impl<'a> GroupLabels<'a> {
    pub(super) fn new(snapshot: &Snapshot, account: &'a AccountName, place: Place<&'a Group>, shard: Shard) -> Self {
        let (account, names) = (account.as_str(), snapshot.accounts.get(account).map(|account| &account.names));
        let (Place::Own(group), Some(names)) = (place, names) else {
            let (project, region) = (other_project(shard), SmolStr::new_static(OTHER));
            let ids_and_names = [project.clone(), project, region.clone(), region];
            return Self { account, ids_and_names, resource_type: OTHER };
        };
        Self::of(account, names, group)
    }

    /// The labels of a group in a settled account.
    pub(super) fn of(account: &'a str, names: &Names, group: &'a Group) -> Self {
        let project_id = format_smolstr!("{}", group.project.0);
        let ids_and_names = [project_id, names.project(group.project), group.region_id(), names.region(group.region)];
        Self { account, ids_and_names, resource_type: group.resource_type.as_str() }
    }

    pub(super) fn values(&self) -> [&str; 6] {
        let [project_id, project_name, region_id, region_name] = &self.ids_and_names;
        [self.account, project_id, project_name, region_id, region_name, self.resource_type]
    }
}

//! Families of single resources: costs by tag, and the resources with the largest costs.

use jiff::Timestamp;

use crate::aggregate::cost_details::{CostDetails, Resource, TopResources};
use crate::snapshot::{Account, Snapshot, current};
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::Currency;

use super::catalog;
use super::family::Families;
use super::series::{OTHER, Place, Sum};
use super::sums::{GroupLabels, collect, write_family};

/// A sum by tag value. Different tag keys and currencies are never added.
type TagSum<'a> = Sum<'a, &'a str, (&'a Currency, &'a str)>;

/// Writes the enabled families.
pub(super) fn write(families: &mut Families, snapshot: &Snapshot, now: Timestamp) {
    if any_reading(snapshot, |details| !details.tags.is_empty()) {
        write_tags(families, snapshot, now);
    }
    if any_reading(snapshot, |details| details.resources.is_some()) {
        write_resources(families, snapshot, now);
    }
}

/// Whether such a reading exists, even a stale one. A family that has lost its series is still counted.
fn any_reading(snapshot: &Snapshot, is_such: impl Fn(&CostDetails) -> bool) -> bool {
    let readings = snapshot.accounts.values().filter_map(|account| account.cost.get(&Window::MonthToDate));
    readings.filter_map(|reading| reading.last().details.as_ref()).any(is_such)
}

fn details(account: &Account, now: Timestamp) -> Option<&CostDetails> {
    current(&account.cost, Window::MonthToDate, now)?.details.as_ref()
}

fn write_tags(families: &mut Families, snapshot: &Snapshot, now: Timestamp) {
    let family = catalog::TAG_COST;
    let sums = collect(snapshot, |account| {
        let sums = details(account, now)?.tags.iter().flat_map(|(key, sums)| {
            sums.0.iter().map(move |((value, currency), amount)| (place(value), (currency, key.as_str()), *amount))
        });
        Some(sums)
    });
    let by_key = |a: &TagSum<'_>, b: &TagSum<'_>| (a.account, a.measure, a.place).cmp(&(b.account, b.measure, b.place));
    write_family(
        families,
        &family,
        sums,
        |_| None,
        by_key,
        |text, Sum { account, place, measure: (currency, key), amount }| {
            let value = place.word(|value| value);
            text.series(&family, [account.as_str(), currency.as_str(), key, value], amount.to_f64());
        },
    );
}

/// A tag value that equals the word for all others is folded into them, otherwise two series would have the same
/// labels.
fn place(value: &str) -> Place<&str> {
    if value == OTHER { Place::Other } else { Place::Own(value) }
}

fn write_resources(families: &mut Families, snapshot: &Snapshot, now: Timestamp) {
    let family = catalog::RESOURCE_COST;
    let sums = collect(snapshot, |account| {
        let TopResources { largest, others, .. } = details(account, now)?.resources.as_ref()?;
        let largest = largest.iter().map(|(resource, currency, amount)| (Place::Own(resource), currency, *amount));
        Some(largest.chain(others.iter().map(|(currency, amount)| (Place::Other, currency, *amount))))
    });
    let (shard, project) = (families.shard(), |resource: &Resource| Some(resource.group.project));
    write_family(families, &family, sums, project, Sum::by_place, |text, Sum { account, place, measure, amount }| {
        let group = GroupLabels::new(snapshot, account, place.map(|resource| &resource.group), shard);
        let [id, name] = [place.word(|resource| &resource.id), place.word(|resource| &resource.name)];
        text.series(&family, group.values().into_iter().chain([measure.as_str(), id, name]), amount.to_f64());
    });
}

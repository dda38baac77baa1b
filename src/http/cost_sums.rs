//! Sums of a window over accounts, for pages and answers. They are made from a snapshot alone.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;
use jiff::Timestamp;

use crate::account::AccountName;
use crate::aggregate::group::Group;
use crate::snapshot::{Account, Collector, Snapshot};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::period::Window;
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

/// An attribute by which costs are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dimension {
    Account,
    Project,
    Region,
    ResourceType,
}

/// The dimensions of a sum. `None`: the sum is over all values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key<'a> {
    pub(super) account: Option<&'a AccountName>,
    pub(super) project: Option<ProjectId>,
    pub(super) region: Option<Option<RegionId>>,
    pub(super) resource_type: Option<&'a ResourceType>,
    pub(super) currency: &'a Currency,
}

/// The sums of a window.
#[derive(Clone, Debug, Default)]
pub(super) struct WindowSums<'a> {
    /// In order of their keys.
    pub(super) sums: Vec<(Key<'a>, Amount)>,
    /// The accounts whose costs are in the sums.
    pub(super) known: Vec<&'a AccountName>,
    /// The accounts without a current reading that tells the costs of the window.
    pub(super) unknown: Vec<&'a AccountName>,
}

impl Dimension {
    /// Every dimension, in the order of the columns.
    pub(super) const ALL: [Self; 4] = [Self::Account, Self::Project, Self::Region, Self::ResourceType];

    /// The name in queries and answers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Project => "project",
            Self::Region => "region",
            Self::ResourceType => "resource_type",
        }
    }
}

impl<'a> WindowSums<'a> {
    /// The sums by fewer dimensions. `None` leaves a sum out.
    pub(super) fn by<T: Ord>(&self, part: impl Fn(&Key<'a>) -> Option<T>) -> BTreeMap<T, Amount> {
        let mut sums = BTreeMap::<T, Amount>::new();
        for (key, amount) in &self.sums {
            if let Some(part) = part(key) {
                let sum = sums.entry(part).or_default();
                *sum = sum.plus(*amount);
            }
        }
        sums
    }

    /// The sum in a currency. In a window with a known account, a missing currency costs nothing.
    pub(super) fn sum(&self, currency: &Currency) -> Option<Amount> {
        let of_currency = self.sums.iter().filter(|(key, _)| key.currency == currency).map(|(_, amount)| *amount);
        let found = of_currency.reduce(Amount::plus);
        found.or_else(|| (!self.known.is_empty()).then_some(Amount::ZERO))
    }

    /// The sum of all accounts in a currency. `None` when an account is unknown.
    pub(super) fn whole(&self, currency: &Currency) -> Option<Amount> {
        self.sum(currency).filter(|_| self.unknown.is_empty())
    }
}

/// An account with its name.
pub(super) type Named<'a> = (&'a AccountName, &'a Account);

/// The accounts whose costs are read.
pub(super) fn with_costs(snapshot: &Snapshot) -> impl Iterator<Item = Named<'_>> {
    snapshot.accounts.iter().filter(|(_, account)| has_costs(account))
}

/// Whether the costs of an account are read.
pub(super) fn has_costs(account: &Account) -> bool {
    account.collectors.contains_key(&Collector::Cost)
}

/// Adds to the sum of a key.
pub(super) fn add<K: Eq + Hash>(sums: &mut HashMap<K, Amount, RandomState>, key: K, amount: Amount) {
    let sum = sums.entry(key).or_default();
    *sum = sum.plus(amount);
}

/// The sums of the selected groups of accounts, by `dimensions`.
pub(super) fn sums<'a>(
    accounts: impl IntoIterator<Item = Named<'a>>,
    window: Window,
    dimensions: &[Dimension],
    is_selected: impl Fn(&Group) -> bool,
    now: Timestamp,
) -> WindowSums<'a> {
    let [by_account, by_project, by_region, by_type] = Dimension::ALL.map(|one| dimensions.contains(&one));
    let mut sums = HashMap::<Key<'a>, Amount, RandomState>::default();
    let mut found = WindowSums::default();
    for (name, account) in accounts {
        let Some(totals) = account.costs(window, now) else {
            found.unknown.push(name);
            continue;
        };
        found.known.push(name);
        // Equal keys in a row are hashed once. Without a dimension within the account, that is nearly all of them.
        let mut run: Option<(Key<'a>, Amount)> = None;
        for (group, currency, amount) in totals.amounts.iter().filter(|(group, ..)| is_selected(group)) {
            let account = by_account.then_some(name);
            let project = by_project.then_some(group.project);
            let region = by_region.then_some(group.region);
            let resource_type = by_type.then_some(&group.resource_type);
            let is_equal = |last: &Key<'_>| {
                (last.project, last.region) == (project, region)
                    && last.resource_type == resource_type
                    && last.currency == currency
            };
            match &mut run {
                Some((last, sum)) if is_equal(last) => *sum = sum.plus(amount),
                _ => {
                    let key = Key { account, project, region, resource_type, currency };
                    if let Some((key, sum)) = run.replace((key, amount)) {
                        add(&mut sums, key, sum);
                    }
                }
            }
        }
        if let Some((key, sum)) = run {
            add(&mut sums, key, sum);
        }
    }
    found.sums = sums.into_iter().collect();
    found.sums.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    found
}

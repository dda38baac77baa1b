//! Families of the cost and usage sums: those with many series.

use smol_str::{SmolStr, format_smolstr};

use jiff::Timestamp;

use crate::aggregate::group::{Group, Sums};
use crate::billing::account::AccountName;
use crate::billing::amount::Amount;
use crate::billing::period::Window;
use crate::billing::resource::{Currency, UNKNOWN, Unit};
use crate::snapshot::{Account, Snapshot};

use super::budget;
use super::catalog;
use super::catalog::Family;
use super::family::Families;
use super::windows::{current, named_accounts};

/// What stands in the labels of a series that others were folded into.
const OTHER: &str = "__other__";

/// One series of a family of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum<'a, M> {
    pub(super) account: &'a AccountName,
    pub(super) place: Place<'a>,
    /// The currency or unit.
    pub(super) measure: &'a M,
    pub(super) amount: Amount,
}

/// What a sum stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place<'a> {
    /// One group.
    Group(&'a Group),
    /// All groups without a series of their own.
    Other,
}

impl<M: Ord> Sum<'_, M> {
    /// The order in which series are written.
    pub(super) fn key(&self) -> impl Ord {
        (self.account, self.place, self.measure)
    }
}

/// Writes the families of every cost and usage window.
pub(super) fn write(families: &mut Families, snapshot: &Snapshot, now: Timestamp) {
    for window in Window::ALL {
        let sums = collect(snapshot, |account| Some(&current(&account.cost, window, now)?.amounts));
        write_family(families, &catalog::cost(window), sums, snapshot, Currency::as_str);
    }
    for window in Window::ALL {
        let sums = collect(snapshot, |account| Some(&current(&account.usage, window, now)?.values));
        write_family(families, &catalog::usage(window), sums, snapshot, Unit::as_str);
    }
}

/// Accounts whose names are not settled yet are left out, or labels would change in a minute.
fn collect<'a, M: Eq + std::hash::Hash + 'a>(
    snapshot: &'a Snapshot,
    sums: impl Fn(&'a Account) -> Option<&'a Sums<M>>,
) -> Vec<Sum<'a, M>> {
    let of_each = || named_accounts(snapshot).filter_map(|(name, account)| Some((name, sums(account)?)));
    let mut collected = Vec::with_capacity(of_each().map(|(_, sums)| sums.len()).sum());
    for (account, sums) in of_each() {
        let series = |(group, measure, amount)| Sum { account, place: Place::Group(group), measure, amount };
        collected.extend(sums.iter().map(series));
    }
    collected
}

fn write_family<M: Ord>(
    families: &mut Families,
    family: &Family,
    mut sums: Vec<Sum<'_, M>>,
    snapshot: &Snapshot,
    measure_word: impl Fn(&M) -> &str,
) {
    let dropped = budget::fold(&mut sums, families.series_limit());
    sums.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
    families.begin(family, sums.len(), dropped);
    for Sum { account, place, measure, amount } in sums {
        let (account_word, measure) = (account.as_str(), measure_word(measure));
        let amount = amount.to_f64();
        match place {
            Place::Other => {
                families.text().series(family, [account_word, OTHER, OTHER, OTHER, OTHER, OTHER, measure], amount);
            }
            Place::Group(Group { project, region, resource_type }) => {
                let Some(Account { names, .. }) = snapshot.accounts.get(account) else { continue };
                let project_id = format_smolstr!("{}", project.0);
                let region_id = region.map_or(SmolStr::new_static(UNKNOWN), |id| format_smolstr!("{}", id.0));
                let (project_name, region_name) = (names.project(*project), names.region(*region));
                let resource_type = resource_type.as_str();
                let labels =
                    [account_word, &project_id, &project_name, &region_id, &region_name, resource_type, measure];
                families.text().series(family, labels, amount);
            }
        }
    }
}

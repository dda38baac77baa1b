//! The series limit of a family of sums. Beyond it, the smallest groups fold into one series, and the total stays
//! exact.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::series::{Place, Sum};

/// Folds the smallest sums of each account and measure until the family has at most `limit` series. Returns the number
/// of groups without a series of their own.
///
/// - Sums are ranked by their absolute amount in any measure, and ties by their labels. So equal data always fold
///   alike.
/// - Folded sums add up exactly, per account and measure, because two currencies are never added.
/// - A single sum is not folded, because that would save nothing.
/// - Sums are lost only when the accounts and measures alone exceed `limit`. The smallest are lost first.
/// - Sums that another rule has folded before are folded further.
pub(super) fn fold<P: Ord + Copy, M: Ord + Copy>(sums: &mut Vec<Sum<'_, P, M>>, limit: usize) -> usize {
    if sums.len() <= limit {
        return 0;
    }
    let own = |sums: &[Sum<'_, P, M>]| sums.iter().filter(|sum| is_own(sum)).count();
    let groups = own(sums);
    sums.sort_unstable_by(|a, b| is_own(b).cmp(&is_own(a)).then_with(|| by_size(a, b)));
    let kept = most_that_can_stay(sums, limit);
    let mut others = BTreeMap::new();
    for sum in sums.drain(kept..) {
        others.entry((sum.account, sum.measure)).or_insert_with(Vec::new).push(sum);
    }
    for folded in others.into_values() {
        let total = folded.into_iter().reduce(|total, sum| {
            // A total outside the range of an amount, some 1e26, is beyond any bill. It stays at the last valid value.
            let amount = total.amount.plus(sum.amount);
            Sum { place: Place::Other, amount, ..total }
        });
        sums.extend(total);
    }
    if sums.len() > limit {
        sums.sort_unstable_by(by_size);
        sums.truncate(limit);
    }
    groups - own(sums)
}

fn is_own<P, M>(sum: &Sum<'_, P, M>) -> bool {
    matches!(sum.place, Place::Own(_))
}

fn by_size<P: Ord, M: Ord>(a: &Sum<'_, P, M>, b: &Sum<'_, P, M>) -> Ordering {
    b.amount.magnitude().cmp(&a.amount.magnitude()).then_with(|| a.by_place(b))
}

/// The number of the largest sums that leave room for the series of all others.
fn most_that_can_stay<P, M: Ord + Copy>(largest_first: &[Sum<'_, P, M>], limit: usize) -> usize {
    let mut others = BTreeSet::new();
    for (kept, sum) in largest_first.iter().enumerate().rev() {
        others.insert((sum.account, sum.measure));
        if kept + others.len() <= limit {
            return kept;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::account::AccountName;
    use crate::aggregate::group::Group;
    use gcore_api::billing::amount::Amount;
    use gcore_api::billing::resource::{Currency, ProjectId, ResourceType};

    /// Account, project and currency of a sum, with its amount in cents.
    type Row<'a> = ((&'a str, u64, &'a str), i64);

    /// The folded `rows` in the order of the labels, and the number of lost series. Project 0 is `__other__`.
    fn fold_rows<'a>(rows: &[Row<'a>], limit: usize) -> (BTreeMap<(String, u64, String), Amount>, usize) {
        let owned: Vec<(AccountName, Group, Currency, Amount)> = rows
            .iter()
            .map(|((account, project, currency), cents)| {
                let group =
                    Group { project: ProjectId(*project), region: None, resource_type: ResourceType::new("volume") };
                (account.parse().unwrap(), group, Currency::new(currency), format!("{cents}e-2").parse().unwrap())
            })
            .collect();
        let mut sums: Vec<_> = owned
            .iter()
            .map(|(account, group, measure, amount)| Sum {
                account,
                place: if group.project.0 == 0 { Place::Other } else { Place::Own(group) },
                measure,
                amount: *amount,
            })
            .collect();
        let dropped = fold(&mut sums, limit);
        let series = sums.iter().map(|sum| {
            let project = match sum.place {
                Place::Own(group) => group.project.0,
                Place::Other => 0,
            };
            ((sum.account.to_string(), project, sum.measure.as_str().to_owned()), sum.amount)
        });
        (series.collect(), dropped)
    }

    #[test]
    fn the_smallest_fold_and_the_rest_stays() {
        let (a, b) = ("a", "b");
        for (name, limit, rows, want, dropped) in [
            ("within the limit", 2, &[((a, 1, "EUR"), 5), ((a, 2, "EUR"), 1)][..], "a 1 EUR 0.05, a 2 EUR 0.01", 0),
            (
                "past it",
                3,
                &[((a, 1, "EUR"), 5), ((a, 2, "EUR"), 1), ((a, 3, "EUR"), 2), ((a, 4, "EUR"), 9)],
                "a 0 EUR 0.03, a 1 EUR 0.05, a 4 EUR 0.09",
                2,
            ),
            (
                "a refund is as large as a cost",
                2,
                &[((a, 1, "EUR"), 5), ((a, 2, "EUR"), -900), ((a, 3, "EUR"), 1)],
                "a 0 EUR 0.06, a 2 EUR -9",
                2,
            ),
            (
                "of equal ones the first labels stay",
                2,
                &[((a, 3, "EUR"), 7), ((a, 10, "EUR"), 7), ((a, 2, "EUR"), 7)],
                "a 0 EUR 0.14, a 2 EUR 0.07",
                2,
            ),
            (
                "currencies and accounts fold apart and share the limit",
                4,
                &[
                    ((a, 1, "EUR"), 1),
                    ((a, 2, "EUR"), 2),
                    ((a, 3, "USD"), 3),
                    ((a, 4, "USD"), 4),
                    ((b, 1, "EUR"), 5),
                    ((b, 2, "EUR"), 6),
                    ((b, 3, "EUR"), 700),
                ],
                "a 0 EUR 0.03, a 0 USD 0.07, b 0 EUR 0.11, b 3 EUR 7",
                6,
            ),
            (
                "a lone sum keeps its labels",
                3,
                &[((a, 1, "USD"), 1), ((a, 2, "EUR"), 2), ((a, 3, "EUR"), 3), ((a, 4, "EUR"), 4)],
                "a 0 EUR 0.05, a 1 USD 0.01, a 4 EUR 0.04",
                2,
            ),
            (
                "more currencies than the limit",
                2,
                &[((a, 1, "EUR"), 1), ((a, 2, "USD"), 2), ((a, 3, "CHF"), 3), ((a, 4, "EUR"), 4)],
                "a 0 EUR 0.05, a 3 CHF 0.03",
                3,
            ),
            ("no series at all", 0, &[((a, 1, "EUR"), 1)], "", 1),
        ] {
            let (series, lost) = fold_rows(rows, limit);
            let shown: Vec<_> = series.iter().map(|((a, p, c), amount)| format!("{a} {p} {c} {amount}")).collect();
            assert_eq!((shown.join(", "), lost), (want.to_owned(), dropped), "{name}");
        }
    }

    #[test]
    fn what_was_folded_before_is_folded_further() {
        let a = "a";
        for (name, limit, rows, want, dropped) in [
            (
                "however large it is",
                3,
                &[((a, 0, "EUR"), 90), ((a, 1, "EUR"), 5), ((a, 2, "EUR"), 1), ((a, 3, "EUR"), 2)][..],
                "a 0 EUR 0.91, a 1 EUR 0.05, a 3 EUR 0.02",
                1,
            ),
            (
                "it is none of those that lost their series",
                2,
                &[((a, 0, "EUR"), 90), ((a, 1, "EUR"), 5), ((a, 0, "USD"), 1)],
                "a 0 EUR 0.95, a 0 USD 0.01",
                1,
            ),
        ] {
            let (series, lost) = fold_rows(rows, limit);
            let shown: Vec<_> = series.iter().map(|((a, p, c), amount)| format!("{a} {p} {c} {amount}")).collect();
            assert_eq!((shown.join(", "), lost), (want.to_owned(), dropped), "{name}");
        }
    }

    fn totals(series: impl IntoIterator<Item = ((String, u64, String), Amount)>) -> BTreeMap<(String, String), Amount> {
        let mut totals = BTreeMap::<_, Amount>::new();
        for ((account, _, currency), amount) in series {
            let total = totals.entry((account, currency)).or_default();
            *total = total.checked_add(amount).unwrap();
        }
        totals
    }

    proptest! {
        #[test]
        fn no_cent_is_lost_whatever_the_limit(
            rows in prop::collection::btree_map(
                (prop::sample::select(&["a", "b"][..]), 0_u64..60, prop::sample::select(&["CHF", "EUR", "USD"][..])),
                prop_oneof![-20_i64..20, any::<i32>().prop_map(i64::from)],
                0..120,
            ),
            limit in 0_usize..130,
        ) {
            let mut rows: Vec<Row> = rows.into_iter().collect();
            let (series, dropped) = fold_rows(&rows, limit);
            let (whole, _) = fold_rows(&rows, usize::MAX);
            prop_assert!(series.len() <= limit);
            let own = series.keys().filter(|(_, project, _)| *project != 0).count();
            prop_assert_eq!(own + dropped, whole.keys().filter(|(_, project, _)| *project != 0).count());
            if totals(whole.clone()).len() <= limit {
                prop_assert_eq!(totals(series.clone()), totals(whole.clone()));
            }
            for (lost, amount) in whole.iter().filter(|(key, _)| key.1 != 0 && !series.contains_key(*key)) {
                for (kept, larger) in series.iter().filter(|(key, _)| key.1 != 0 && (&key.0, &key.2) == (&lost.0, &lost.2)) {
                    prop_assert!(larger.magnitude() >= amount.magnitude(), "{:?} stays, {:?} does not", kept, lost);
                }
            }
            rows.reverse();
            prop_assert_eq!(fold_rows(&rows, limit), (series, dropped));
        }
    }
}

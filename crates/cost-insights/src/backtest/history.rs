//! The history of one account: the cost of each group on each closed day.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;

/// The daily costs of the groups of one account in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    currency: String,
    groups: Vec<String>,
    days: Vec<(Date, Vec<f64>)>,
}

impl History {
    /// The currency's code. Empty when none is given.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// The names of the groups, in the order of their first days.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Closed UTC days in order. A missing day is unknown.
    ///
    /// A day has an amount for each group that has begun, in the order of [`History::groups`]. It is 0 when nothing was
    /// billed.
    #[must_use]
    pub fn days(&self) -> &[(Date, Vec<f64>)] {
        &self.days
    }
}

/// A conflict with earlier amounts. The numbers are the rows of [`Builder::add`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A group already has an amount for this day, in the row with this number.
    Repeated(u64),
    /// A group has an amount in this other currency, in the row with this number.
    Currency(String, u64),
}

/// Collects amounts in any order, and makes one history for each currency.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// By name.
    groups: BTreeMap<String, Group>,
}

#[derive(Clone, Debug)]
struct Group {
    currency: String,
    row: u64,
    amounts: BTreeMap<Date, (f64, u64)>,
}

impl Builder {
    /// Adds the cost of a group on a day. `row` is any number that identifies this amount for the caller.
    ///
    /// # Errors
    ///
    /// Fails when the group already has an amount for that day, or one in another currency.
    pub fn add(&mut self, row: u64, day: Date, group: &str, currency: &str, amount: f64) -> Result<(), Conflict> {
        let known = match self.groups.get_mut(group) {
            Some(known) => known,
            None => self.groups.entry(group.to_owned()).or_insert_with(|| Group {
                currency: currency.to_owned(),
                row,
                amounts: BTreeMap::new(),
            }),
        };
        if known.currency != currency {
            return Err(Conflict::Currency(known.currency.clone(), known.row));
        }
        match known.amounts.entry(day) {
            Entry::Occupied(before) => Err(Conflict::Repeated(before.get().1)),
            Entry::Vacant(place) => {
                place.insert((amount, row));
                Ok(())
            }
        }
    }

    /// One history for each currency, in the order of their codes.
    ///
    /// All groups have the days that any of them has. A group without an amount on a day cost 0 there, from its first
    /// day on.
    #[must_use]
    pub fn finish(self) -> Vec<History> {
        let mut days: Vec<Date> = self.groups.values().flat_map(|group| group.amounts.keys().copied()).collect();
        days.sort_unstable();
        days.dedup();
        let mut by_currency: BTreeMap<String, Vec<(Option<Date>, String, Group)>> = BTreeMap::new();
        for (name, group) in self.groups {
            let begins = group.amounts.keys().next().copied();
            by_currency.entry(group.currency.clone()).or_default().push((begins, name, group));
        }
        let history = |(currency, mut groups): (String, Vec<(Option<Date>, String, Group)>)| {
            // A stable sort, so that groups with the same first day stay in the order of their names.
            groups.sort_by_key(|(begins, _, _)| *begins);
            let amounts = |day: Date| {
                let begun = groups.iter().take_while(|(begins, _, _)| *begins <= Some(day));
                begun.map(|(_, _, group)| group.amounts.get(&day).map_or(0.0, |(amount, _)| *amount)).collect()
            };
            let days = days.iter().map(|day| (*day, amounts(*day))).collect();
            History { currency, days, groups: groups.into_iter().map(|(_, name, _)| name).collect() }
        };
        by_currency.into_iter().map(history).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn groups_begin_on_their_first_day_and_cost_nothing_where_they_are_absent() {
        let mut builder = Builder::default();
        for (row, day, group, currency, amount) in [
            (1, 4, "late", "EUR", 7.0),
            (2, 1, "b", "EUR", 1.0),
            (3, 1, "a", "EUR", 2.0),
            (4, 2, "dollars", "USD", 5.0),
            (5, 4, "a", "EUR", 3.0),
        ] {
            builder.add(row, date(2026, 1, day), group, currency, amount).unwrap();
        }
        let histories = builder.finish();
        let shape: Vec<_> = histories.iter().map(|h| (h.currency(), h.groups().join(" "))).collect();
        assert_eq!(shape, [("EUR", "a b late".to_owned()), ("USD", "dollars".to_owned())]);
        let day = |day, amounts: &[f64]| (date(2026, 1, day), amounts.to_vec());
        assert_eq!(histories[0].days(), [day(1, &[2.0, 1.0]), day(2, &[0.0, 0.0]), day(4, &[3.0, 0.0, 7.0])]);
        assert_eq!(histories[1].days(), [day(1, &[]), day(2, &[5.0]), day(4, &[0.0])]);
    }

    #[test]
    fn an_amount_that_does_not_fit_is_refused_with_the_row_that_it_does_not_fit_to() {
        let mut builder = Builder::default();
        let day = date(2026, 1, 1);
        assert_eq!(builder.add(10, day, "a", "EUR", 1.0), Ok(()));
        assert_eq!(builder.add(11, day, "a", "EUR", 1.0), Err(Conflict::Repeated(10)));
        assert_eq!(builder.add(12, date(2026, 1, 2), "a", "USD", 1.0), Err(Conflict::Currency("EUR".into(), 10)));
    }
}

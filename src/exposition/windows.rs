//! Families of the cost and usage reports: their coverage, and their data quality.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::account::AccountName;
use crate::aggregate::cost::CostTotals;
use crate::snapshot::{Account, Collector, Snapshot, WindowReading, current};
use gcore_api::billing::period::Window;

use super::catalog;
use super::family::Gauges;
use super::{seconds, word};

/// The statuses that the API documents for its prices.
const PRICE_STATUSES: [&str; 3] = ["error", "hide", "show"];

/// The window of families without a window label: month to date, else the widest.
const WIDEST_FIRST: [Window; 4] = [Window::MonthToDate, Window::PreviousMonth, Window::Yesterday, Window::Today];

/// The days of the windows, and the state of their data.
pub(super) fn coverage(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 6] {
    let mut start = Gauges::new(catalog::WINDOW_START);
    let mut end = Gauges::new(catalog::WINDOW_END);
    let mut settled = Gauges::new(catalog::WINDOW_SETTLED);
    let mut data_through = Gauges::new(catalog::DATA_THROUGH);
    let mut unpriced = Gauges::new(catalog::UNPRICED_RECORDS);
    let mut price_status = Gauges::new(catalog::PRICE_STATUS);
    for (name, account) in named_accounts(snapshot) {
        let name = word(name.as_str());
        let covered =
            periods(&account.cost, Collector::Cost, now).chain(periods(&account.usage, Collector::Usage, now));
        for (collector, window, reading) in covered {
            let labels = || [name.clone(), word(collector.as_str()), word(window.as_str())];
            start.set(labels(), seconds(reading.starts_at));
            end.set(labels(), seconds(reading.ends_at));
            settled.set(labels(), f64::from(u8::from(reading.settled_at <= now)));
        }
        let cost = widest(&account.cost, now);
        let usage = widest(&account.usage, now);
        let through = [
            (Collector::Cost, cost.and_then(|totals| totals.data_through)),
            (Collector::Usage, usage.and_then(|totals| totals.data_through)),
        ];
        for (collector, newest) in through {
            if let Some(newest) = newest {
                data_through.set([name.clone(), word(collector.as_str())], seconds(newest));
            }
        }
        if let Some(totals) = cost {
            set_price_quality(&mut unpriced, &mut price_status, &name, totals);
        }
    }
    [start, end, settled, data_through, unpriced, price_status]
}

/// The differences between the sums and the API's own totals.
pub(super) fn reconciliation(snapshot: &Snapshot, now: Timestamp) -> [Gauges; 2] {
    let mut difference = Gauges::new(catalog::RECONCILIATION_DIFFERENCE);
    let mut tolerance = Gauges::new(catalog::RECONCILIATION_TOLERANCE);
    for (name, account) in named_accounts(snapshot) {
        for window in Window::ALL {
            let Some(totals) = current(&account.cost, window, now) else { continue };
            for (currency, found) in &totals.differences {
                let labels = || [word(name.as_str()), word(currency.as_str()), word(window.as_str())];
                difference.set(labels(), found.amount.to_f64());
                tolerance.set(labels(), found.tolerance.to_f64());
            }
        }
    }
    [difference, tolerance]
}

fn set_price_quality(unpriced: &mut Gauges, price_status: &mut Gauges, account: &SmolStr, totals: &CostTotals) {
    for ((resource_type, reason), records) in &totals.unpriced {
        let labels = [account.clone(), word(resource_type.as_str()), word(reason.as_str())];
        #[expect(clippy::cast_precision_loss, reason = "no report has 2^53 records")]
        unpriced.set(labels, *records as f64);
    }
    if let Some(status) = &totals.price_status {
        for known in PRICE_STATUSES {
            price_status.set([account.clone(), word(known)], 0.0);
        }
        price_status.set([account.clone(), status.clone()], 1.0);
    }
}

pub(super) fn named_accounts(snapshot: &Snapshot) -> impl Iterator<Item = (&AccountName, &Account)> {
    snapshot.accounts.iter().filter(|(_, account)| account.names_are_settled())
}

fn widest<T>(readings: &BTreeMap<Window, WindowReading<T>>, now: Timestamp) -> Option<&T> {
    WIDEST_FIRST.iter().find_map(|&window| current(readings, window, now))
}

/// The relevant instants of one current reading.
struct Covered {
    starts_at: Timestamp,
    ends_at: Timestamp,
    settled_at: Timestamp,
}

fn periods<T>(
    readings: &BTreeMap<Window, WindowReading<T>>,
    collector: Collector,
    now: Timestamp,
) -> impl Iterator<Item = (Collector, Window, Covered)> {
    readings.iter().filter(move |(window, reading)| reading.current(**window, now).is_some()).map(
        move |(window, reading)| {
            let (starts_at, ends_at) = (reading.period.starts_at(), reading.period.ends_at());
            (collector, *window, Covered { starts_at, ends_at, settled_at: reading.settled_at })
        },
    )
}

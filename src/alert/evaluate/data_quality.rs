//! Rules on the quality of the data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::account::AccountName;
use crate::snapshot::{Account, Snapshot};
use common::wording::counted;
use gcore_api::billing::amount::Amount;
use gcore_api::billing::commitment::Commitment;
use gcore_api::billing::period::{Window, midnight, utc_date};

use super::wording::{self, instant, money};
use super::{Case, HoldDurations, Judgement, Verdict, Words};

/// Counts unpriced records of the last closed day. Records of today may get their price later.
#[expect(clippy::cast_precision_loss, reason = "no report has 2^53 records")]
pub(super) fn unpriced(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let reading = account.cost.get(&Window::Yesterday);
    let costs = reading.and_then(|reading| Some((reading, reading.current(Window::Yesterday, case.now)?)));
    let Some((reading, costs)) = costs else { return Verdict::Unknown };
    let records: u64 = costs.unpriced.values().sum();
    let least = case.set.number("min_records");
    let breach = (records as f64 >= least).then(|| {
        let mut of_types: Vec<(String, u64)> = costs
            .unpriced
            .iter()
            .map(|((word, why), records)| (format!("{} ({})", word.as_str(), why.as_str()), *records))
            .collect();
        of_types.sort_by(|(_, a), (_, b)| b.cmp(a));
        let named: Vec<String> =
            of_types.iter().take(wording::NAMED).map(|(what, records)| format!("{records} of {what}")).collect();
        let day = reading.period.first();
        let (have, they_are) = if records == 1 { ("has", "It is") } else { ("have", "They are") };
        let summary = format!("Account {name}: {} of {day} {have} no price", counted(records, "record"));
        let description = format!(
            "In the cost report of {day} (UTC), {} {have} no usable price: {}. {they_are} in no sum, so the true cost is \
             higher.",
            counted(records, "record"),
            named.join("; ")
        );
        let starts_at = reading.period.ends_at();
        case.breach(0, Some(name), [], starts_at, Words { summary, description }).measured(records as f64, least)
    });
    Verdict::known(reading.read_at(), breach)
}

pub(super) fn mismatches(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Judgement> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few readings, more than zero")]
    let readings = case.set.number("readings").max(1.0) as u32;
    let holds = HoldDurations { readings, clears: 2, ..HoldDurations::NONE };
    let windows = snapshot
        .accounts
        .iter()
        .flat_map(|(name, account)| account.cost.iter().map(move |(window, reading)| (name, *window, reading)));
    let judge = |(name, window, reading): (&AccountName, Window, &crate::snapshot::WindowReading<_>)| {
        let place = format!("{name}/{}", window.as_str());
        let current: Option<&crate::aggregate::cost::CostTotals> =
            reading.current(window, case.now).filter(|_| reading.settled_at <= case.now);
        let Some(costs) = current else { return case.judge(&place, holds, Verdict::Unknown) };
        let breaches = costs.differences.iter().filter_map(|(currency, difference)| {
            let (off, tolerance) = (difference.amount, difference.tolerance);
            if off.magnitude() <= tolerance.magnitude() {
                return None;
            }
            let (currency, period) = (currency.as_str(), reading.period);
            let how = if off < Amount::ZERO { "less" } else { "more" };
            let distance = format!("{:.5} {currency}", off.to_f64().abs());
            let summary =
                format!("Account {name}: the costs of {} are {distance} {how} than the API's total", window.as_str());
            let description = format!(
                "From {} to {} (UTC) the costs that were read add up to {distance} {how} than the API's own total of the \
                 same days; rounding explains {tolerance} {currency}. Rows were missed or came twice; trust the total.",
                period.first(),
                period.last(),
            );
            let own = [("currency", SmolStr::new(currency)), ("window", SmolStr::new(window.as_str()))];
            let breach = case.breach(0, Some(name), own, reading.settled_at, Words { summary, description });
            Some(breach.measured(off.to_f64().abs(), tolerance.to_f64()))
        });
        case.judge(&place, holds, Verdict::known(reading.read_at(), breaches))
    };
    windows.map(judge).collect()
}

pub(super) fn revised(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let Some(insights) = &account.insights else { return Verdict::Unknown };
    let mut by_currency: BTreeMap<&SmolStr, Vec<_>> = BTreeMap::new();
    for (series, revision) in &insights.revisions {
        by_currency.entry(&series.measure).or_default().push((series, revision));
    }
    let least = case.set.number("min_amount");
    let breaches = by_currency.into_iter().filter_map(|(currency, revisions)| {
        let changes: Vec<_> =
            revisions.iter().map(|(series, revision)| (&series.group, revision.change.to_f64())).collect();
        let moved: f64 = changes.iter().map(|(_, change)| change.abs()).sum();
        let sum: f64 = changes.iter().map(|(_, change)| change).sum();
        if moved < least {
            return None;
        }
        let (moved_words, sum_words) = (money(moved, currency), money(sum, currency));
        let parts = wording::parts(changes, currency, |group| wording::group(&account.names, group));
        let summary = format!("Account {name}: costs of settled days were changed by {moved_words}");
        let description = format!(
            "In the last 7 days, costs of settled days changed by {moved_words} in total, {sum_words} net. The largest \
             changes: {parts}."
        );
        // The data do not say when Gcore revised them, and replicas read them at different times.
        let starts_at = revisions.iter().map(|(_, revision)| midnight(revision.first_day)).min()?;
        let own = [("currency", currency.clone())];
        Some(case.breach(0, Some(name), own, starts_at, Words { summary, description }).measured(moved, least))
    });
    Verdict::undated(breaches)
}

pub(super) fn commitments(case: &Case<'_>, name: &AccountName, account: &Account) -> Verdict {
    let reading = account.commitments.as_ref();
    let totals = reading.and_then(|reading| Some((reading.read_at(), reading.current(case.now)?)));
    let Some((read_at, totals)) = totals else { return Verdict::Unknown };
    let active = || totals.commitments.iter().filter(|commitment| commitment.is_active(case.now));
    let count = active().count() as u64;
    let breach = (count > 0).then(|| {
        let amounts = totals.current_month_amounts(case.now);
        let amounts: Vec<String> =
            amounts.map(|(currency, amount)| money(amount.to_f64(), currency.as_str())).collect();
        let committed = if amounts.is_empty() {
            String::new()
        } else {
            format!(" With them {} costs {}.", utc_date(case.now).strftime("%B %Y"), amounts.join(" and "))
        };
        let (make, are) = if count == 1 { ("makes", "is") } else { ("make", "are") };
        let summary =
            format!("Account {name}: {} {make} the cost report overstate", counted(count, "active commitment"));
        let description = format!(
            "The cost report, and every figure made from it, is at pay-as-you-go prices, while {} {are} active, \
             {}.{committed}",
            counted(count, "commitment"),
            stretch(active()),
        );
        let starts_at = active().filter_map(|commitment| commitment.start).min().unwrap_or(case.first_seen());
        case.breach(0, Some(name), [], starts_at, Words { summary, description })
    });
    Verdict::known(read_at, breach)
}

/// The range from the first start to the last end, in words.
fn stretch<'a>(commitments: impl Iterator<Item = &'a Commitment> + Clone) -> String {
    // A commitment without a start always existed; one without an end never ends.
    let start = commitments.clone().map(|commitment| commitment.start).min().flatten();
    let is_unknown = commitments.clone().any(|commitment| commitment.has_unknown_edge && commitment.end.is_none());
    let end = commitments.map(|commitment| commitment.end.unwrap_or(Timestamp::MAX)).max();
    let start = start.map_or("since an unknown time".to_owned(), |start| format!("since {}", instant(start)));
    let end = end.filter(|end| *end < Timestamp::MAX);
    match end {
        Some(end) => format!("{start} and until {}", instant(end)),
        None if is_unknown => format!("{start} and until an unknown time"),
        None => format!("{start} and without an end"),
    }
}

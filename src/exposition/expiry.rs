//! The time when a text is out of date.

use jiff::Timestamp;

use crate::snapshot::{Account, Snapshot};
use gcore_api::billing::period::next_midnight;

use super::lists;

/// The first instant after `now` at which the text of the same snapshot may change. Causes: a reading becomes stale, a
/// day begins, a window settles, a subscription or a commitment begins or ends, a subscription ended long ago, or the
/// month of the commitments ends.
pub(super) fn valid_until(snapshot: &Snapshot, now: Timestamp) -> Timestamp {
    snapshot.accounts.values().filter_map(|account| next_change(account, now)).min().unwrap_or(Timestamp::MAX)
}

fn next_change(account: &Account, now: Timestamp) -> Option<Timestamp> {
    // The pattern lists every field. So a new field does not compile until its dependence on time is decided here.
    let Account {
        scope: _,
        shares: _,
        collectors: _,
        cost,
        usage,
        reports,
        subscriptions,
        commitments,
        names: _,
        history_days: _,
        insights,
    } = account;
    let cost = cost.values().filter_map(|reading| reading.next_change(now));
    let usage = usage.values().filter_map(|reading| reading.next_change(now));
    let reports = reports.iter().filter_map(|reading| reading.next_change(now));
    let stale_at = subscriptions.iter().filter_map(|reading| reading.next_change(now));
    let list = subscriptions.iter().filter_map(|reading| reading.current(now)).flatten();
    let subscriptions = stale_at.chain(list.filter_map(|subscription| lists::next_change(subscription, now)));
    let stale_at = commitments.iter().filter_map(|reading| reading.next_change(now));
    let totals = commitments.iter().filter_map(|reading| reading.current(now));
    let month_end = totals.clone().map(|totals| totals.month_ends_at).filter(|end| *end > now);
    let bought = totals.flat_map(|totals| &totals.commitments);
    let starts_and_ends = bought.filter_map(|commitment| lists::next_edge(commitment, now));
    let commitments = stale_at.chain(starts_and_ends).chain(month_end);
    // A forecast ends with its month, and a judged day expires after some days.
    let insights = insights.iter().map(|_| next_midnight(now));
    cost.chain(usage).chain(reports).chain(subscriptions).chain(commitments).chain(insights).min()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::{SignedDuration, ToSpan as _};
    use proptest::prelude::*;

    use super::super::settings::Settings;
    use super::*;
    use crate::aggregate::commitments::CommitmentTotals;
    use crate::aggregate::cost::CostTotals;
    use crate::aggregate::group::Group;
    use crate::aggregate::report_tasks::ReportTaskTotals;
    use crate::aggregate::usage::UsageTotals;
    use crate::insights::budget::{Budget, BudgetStatus, Selector};
    use crate::insights::recent_days::RecentDays;
    use crate::insights::{DailyAnalysis, Insights, Judged, JudgedDay, Subject};
    use crate::snapshot::{Reading, WindowReading};
    use cost_insights::{Forecast, Judgement};
    use gcore_api::billing::amount::Amount;
    use gcore_api::billing::commitment::Commitment;
    use gcore_api::billing::period::{Window, utc_date};
    use gcore_api::billing::resource::{Currency, ProjectId, ResourceType, Unit};
    use gcore_api::billing::subscription::Subscription;

    const MINUTE: i64 = 60;
    const DAY: i64 = 86_400;

    /// `seconds` after an evening at the end of a month.
    fn at(seconds: i64) -> Timestamp {
        let evening: Timestamp = "2026-11-30T20:00:00Z".parse().unwrap();
        evening + SignedDuration::from_secs(seconds)
    }

    /// Start, time until stale, time until settled.
    type Read = (i64, u64, u64);

    fn window_reading<T>(data: T, window: Window, (read_at, good_for, settle_after): Read) -> WindowReading<T> {
        let reading = Reading::new(data, at(read_at), Duration::from_secs(good_for));
        WindowReading::new(reading, window.period(at(read_at)), Duration::from_secs(settle_after))
    }

    fn snapshot(reads: &[Read], subscriptions: &[(Option<i64>, Option<i64>)]) -> Snapshot {
        let group = Group { project: ProjectId(1), region: None, resource_type: ResourceType::new("volume") };
        let mut account = Account::default();
        for (read, window) in reads.iter().zip(Window::ALL) {
            let mut cost = CostTotals::default();
            cost.amounts.add(group.clone(), Currency::new("EUR"), Amount::ZERO).unwrap();
            account.cost.insert(window, window_reading(cost, window, *read));
        }
        for (read, window) in reads.iter().rev().zip(Window::ALL) {
            let mut usage = UsageTotals::default();
            usage.values.add(group.clone(), Unit::new("bytes"), Amount::ZERO).unwrap();
            account.usage.insert(window, window_reading(usage, window, *read));
        }
        let reading = |index: usize| reads.get(index).map(|read| (at(read.0), Duration::from_secs(read.1)));
        account.reports = reading(4).map(|(at, good_for)| Reading::new(ReportTaskTotals::default(), at, good_for));
        let list = subscriptions.iter().enumerate().map(|(id, (start, end))| Subscription {
            id: id.to_string().into(),
            client_id: "".into(),
            product: "Cloud".into(),
            feature: "".into(),
            calc_rule_type: "".into(),
            start: start.map(at),
            end: end.map(at),
            has_unknown_edge: false,
            price: None,
            currency: "".into(),
        });
        account.subscriptions = reading(5).map(|(at, good_for)| Reading::new(list.collect(), at, good_for));
        let commitments = subscriptions.iter().map(|(start, end)| Commitment {
            id: "".into(),
            start: start.map(|start| at(start / 2)),
            end: end.map(|end| at(end / 2)),
            has_unknown_edge: false,
        });
        let totals = CommitmentTotals { commitments: commitments.collect(), ..CommitmentTotals::default() };
        account.commitments = reading(6).map(|(at, good_for)| Reading::new(totals, at, good_for));
        Snapshot { accounts: [("main".parse().unwrap(), account)].into(), was_ready: false }
    }

    /// The insights of the days before `made`, for its month.
    fn insights(made: i64) -> Insights {
        let (now, project, currency) = (at(made), ProjectId(1), Currency::new("EUR"));
        let today = utc_date(now);
        let judgement =
            Judgement { expected: 5.0, upper: 8.0, score: 0.5, low_confidence: false, ..Judgement::unknown(7.0) };
        let judged =
            Judged { currency: currency.clone(), subject: Subject::Account, judgement, contributors: Vec::new() };
        let forecast = Forecast { month_to_date: 1.0, estimate: 3.0, lower: 2.0, upper: 4.0 };
        let findings = DailyAnalysis {
            judged: Some(JudgedDay::new(today.saturating_sub(1.day()), vec![judged])),
            month: today.first_of_month(),
            forecasts: [((project, currency.clone()), forecast)].into(),
            account: BTreeMap::new(),
            budgets: BTreeMap::new(),
            currencies: [currency.clone()].into(),
            missing: [].into(),
        };
        let amount = "10".parse().unwrap();
        let (account, selector) = ("main".parse().unwrap(), Selector::default());
        let budget = Budget { name: "all".into(), account, selector, amount, currency };
        let spent = [(today.saturating_sub(1.day()), amount)].into();
        let budget_status = BudgetStatus::new(&budget, None, spent, Some(20.0), now);
        let recent = Arc::new(RecentDays::before(today));
        Insights { findings: Arc::new(findings), budgets: vec![budget_status], revisions: BTreeMap::new(), recent }
    }

    #[test]
    fn the_next_change_is_the_first_of_all() {
        let whole_day = (0, 2 * 86_400, 3 * 86_400);
        for (name, reads, subscriptions, want) in [
            ("nothing read", &[][..], &[][..], None),
            ("midnight", &[whole_day], &[], Some(240 * MINUTE)),
            ("stale before midnight", &[whole_day, (0, 3600, 0)], &[], Some(60 * MINUTE)),
            ("stale already", &[(-7200, 3600, 0)], &[], None),
            ("settles before midnight", &[whole_day, (0, 2 * 86_400, 23 * 3600)], &[], Some(180 * MINUTE)),
            ("a subscription ends", &[whole_day; 6], &[(Some(-DAY), Some(600)), (None, None)], Some(10 * MINUTE)),
            ("a subscription begins", &[whole_day; 6], &[(Some(300), Some(600))], Some(5 * MINUTE)),
            ("a commitment ends", &[whole_day; 7], &[(None, Some(600))], Some(5 * MINUTE)),
            ("one is forgotten", &[whole_day; 6], &[(None, Some(60 - 30 * DAY))], Some(MINUTE)),
            ("one is forgotten already", &[whole_day; 6], &[(None, Some(-30 * DAY))], Some(240 * MINUTE)),
        ] {
            assert_eq!(valid_until(&snapshot(reads, subscriptions), at(0)), want.map_or(Timestamp::MAX, at), "{name}");
        }
    }

    proptest! {
        #[test]
        fn until_then_the_text_stays_the_same(
            reads in prop::collection::vec((-2 * DAY..DAY, 60..4 * 86_400_u64, 0..3 * 86_400_u64), 0..8),
            subscriptions in prop::collection::vec(
                (prop::option::of(-3 * DAY..3 * DAY), prop::option::of(prop_oneof![-3 * DAY..3 * DAY, -33 * DAY..-27 * DAY])),
                0..4,
            ),
            made in prop::option::of(-3 * DAY..DAY),
            now in -2 * DAY..2 * DAY,
            share in 0.0..1.0_f64,
        ) {
            let (mut snapshot, now) = (snapshot(&reads, &subscriptions), at(now));
            for account in snapshot.accounts.values_mut() {
                account.insights = made.map(|made| Arc::new(insights(made)));
            }
            let text = |now| super::super::business(&snapshot, Settings::default(), now);
            let until = valid_until(&snapshot, now);
            prop_assert!(until > now);
            let last = until.min(now + SignedDuration::from_hours(2000)) - SignedDuration::from_nanos(1);
            let between = now + last.duration_since(now).mul_f64(share);
            prop_assert_eq!(text(between), text(now), "between");
            prop_assert_eq!(text(last), text(now), "at the last moment");
        }
    }
}

//! Rules on report tasks and subscriptions.

use super::*;

#[test]
fn each_task_is_told_alone() {
    let mut totals = ReportTaskTotals::default();
    for task in [
        task("a", "Failed", "2026-11-22T11:00:00Z", 1),
        task("b", "Failed", "2026-11-22T11:00:00Z", 2),
        task("c", "Pending", "2026-11-22T10:00:00Z", 0),
        task("d", "InProgress", "2026-11-22T09:59:59Z", 0),
        task("e", "Completed", "2026-11-22T09:00:00Z", 3),
        task("f", "Completed", "2026-11-22T09:00:00Z", 0),
    ] {
        totals.add(&task);
    }
    let mut account = account();
    account.reports = Some(Reading::new(totals, now(), DAY));
    let snapshot = snapshot(account);
    for (rule, want, starts_at) in [
        (Rule::ReportTaskFailed, &["a", "b"][..], "2026-11-22T11:30:00Z"),
        (Rule::ReportTaskStuck, &["d"], "2026-11-22T11:59:59Z"),
        (Rule::ReportTaskErrors, &["e"], "2026-11-22T11:30:00Z"),
    ] {
        let breaches = said(rule, &snapshot, &Settings::default()).unwrap();
        assert_eq!(identities(&breaches, &["report_uuid"]), want, "{rule:?}");
        assert!(breaches.iter().all(|breach| breach.starts_at == at(starts_at)), "{rule:?}: {breaches:?}");
    }
    assert_eq!(said(Rule::ReportTaskFailed, &self::snapshot(self::account()), &Settings::default()), None);
}

#[test]
fn a_subscription_is_told_at_its_nearest_step_and_for_a_week_after() {
    for (name, end, has_unknown_edge, expiring, expired) in [
        ("far", "2026-12-22T12:00:01Z", false, &[][..], 0),
        ("30 days", "2026-12-22T12:00:00Z", false, &["warning 30"], 0),
        ("7 days", "2026-11-29T12:00:00Z", false, &["critical 7"], 0),
        ("7 days, since an unknown time", "2026-11-29T12:00:00Z", true, &["critical 7"], 0),
        ("the last moment", "2026-11-22T12:00:01Z", false, &["critical 1"], 0),
        ("over", "2026-11-22T12:00:00Z", false, &[], 1),
        ("over for a week", "2026-11-15T12:00:00Z", false, &[], 0),
    ] {
        let subscription = Subscription {
            id: "501".into(),
            client_id: "".into(),
            product: "CDN".into(),
            feature: "".into(),
            calc_rule_type: "".into(),
            start: None,
            end: Some(at(end)),
            has_unknown_edge,
            price: None,
            currency: "".into(),
        };
        let mut account = account();
        account.subscriptions = Some(Reading::new(vec![subscription], now(), DAY));
        let snapshot = snapshot(account);
        let found = said(Rule::SubscriptionExpiring, &snapshot, &Settings::default()).unwrap();
        assert_eq!(identities(&found, &["severity", "days"]), expiring, "{name}");
        assert!(found.iter().all(|breach| breach.starts_at <= now() && breach.period_end == Some(at(end))), "{name}");
        assert_eq!(said(Rule::SubscriptionExpired, &snapshot, &Settings::default()).unwrap().len(), expired, "{name}");
    }
}

//! Rules on collectors, the API and channels.

use super::*;

#[test]
fn collectors_are_judged_by_how_they_fare() {
    let refused = Some(Reason::Unauthorized);
    for (name, status, want) in [
        ("not tried yet", Status::before_the_first_poll(Duration::from_secs(900)), "??? ?"),
        ("good", polled(Outcome::Good, None, "2026-11-22T12:00:00Z"), "... ."),
        ("unsupported", polled(Outcome::Unsupported, Some(Reason::Unsupported), "2026-11-01T00:00:00Z"), "... ."),
        ("failing", polled(Outcome::Failed, Some(Reason::Timeout), "2026-11-22T11:15:00Z"), "!.. ."),
        ("stale", polled(Outcome::Failed, Some(Reason::Timeout), "2026-11-22T11:14:59Z"), "!.! ."),
        ("rate-limited", polled(Outcome::Failed, Some(Reason::RateLimited), "2026-11-22T11:50:00Z"), "!!. ."),
        ("refused", polled(Outcome::Failed, refused, "2026-11-22T11:50:00Z"), "!.. !"),
    ] {
        let account = Account { collectors: [(Collector::Reports, status)].into(), ..Account::default() };
        let facts = Facts { started_at: at("2026-11-22T11:30:00Z"), store_is_writable: true, channels: [].into() };
        let judgements = evaluate(&snapshot(account), &Settings::default(), &facts, now());
        let sign = |rule: Rule| {
            let of_rule = |judgement: &&Judgement| judgement.scope.rule == rule.profile().name;
            match &judgements.iter().find(of_rule).unwrap().verdict {
                Verdict::Unknown => '?',
                Verdict::Known { breaches, .. } if breaches.is_empty() => '.',
                Verdict::Known { .. } => '!',
            }
        };
        let signs = [Rule::CollectorFailing, Rule::RateLimited, Rule::DataStale].map(sign);
        let found = format!("{} {}", signs.iter().collect::<String>(), sign(Rule::KeyRefused));
        assert_eq!(found, want, "{name}");
    }
}

#[test]
fn a_source_that_was_readable_and_is_refused_is_an_alert() {
    let refused = |access_lost| {
        let polled = polled(Outcome::Unsupported, Some(Reason::Unsupported), "2026-11-22T10:00:00Z");
        Status { access_lost, ..polled }
    };
    let failing = |access_lost| Status {
        access_lost,
        ..polled(Outcome::Failed, Some(Reason::ServerError), "2026-11-22T10:00:00Z")
    };
    let before_a_poll = Status { access_lost: true, ..Status::before_the_first_poll(Duration::from_secs(900)) };
    for (name, collector, status, want) in [
        ("costs", Collector::Cost, refused(true), Some(&["critical cost main"][..])),
        ("usage", Collector::Usage, refused(true), Some(&["critical usage main"])),
        ("a list", Collector::Reports, refused(true), Some(&["warning reports main"])),
        ("the history", Collector::History, refused(true), Some(&["warning history main"])),
        ("never readable", Collector::Cost, refused(false), Some(&[])),
        ("a server error is no access", Collector::Cost, failing(true), Some(&["critical cost main"])),
        ("failing", Collector::Cost, failing(false), Some(&[])),
        ("given back", Collector::Cost, polled(Outcome::Good, None, "2026-11-22T12:00:00Z"), Some(&[])),
        ("lost before a restart", Collector::Cost, before_a_poll, Some(&["critical cost main"])),
        ("not tried yet", Collector::Cost, Status { access_lost: false, ..before_a_poll }, None),
    ] {
        let account = Account { collectors: [(collector, status)].into(), ..Account::default() };
        let said = said(Rule::AccessLost, &snapshot(account), &Settings::default());
        let found = said.map(|breaches| identities(&breaches, &["severity", "collector", "account"]));
        assert_eq!(found, want.map(|want| want.iter().map(|text| (*text).to_owned()).collect()), "{name}");
    }
}

#[test]
fn costs_that_no_account_can_read_are_an_alert() {
    let status = |outcome| match outcome {
        Some(outcome) => polled(outcome, None, "2026-11-22T10:00:00Z"),
        None => Status::before_the_first_poll(Duration::from_secs(900)),
    };
    let (good, refused, failed) = (Some(Outcome::Good), Some(Outcome::Unsupported), Some(Outcome::Failed));
    for (name, outcomes, want) in [
        ("one account", &[refused][..], Some(1)),
        ("both", &[refused, refused], Some(1)),
        ("one of two", &[refused, good], Some(0)),
        ("a poll that fails says nothing", &[refused, failed], None),
        ("not tried yet", &[refused, None], None),
        ("costs are not wanted", &[], Some(0)),
    ] {
        let account = |(number, outcome): (usize, &Option<Outcome>)| {
            let collectors = [(Collector::Cost, status(*outcome))].into();
            (format!("account_{number}").parse().unwrap(), Account { collectors, ..Account::default() })
        };
        let accounts = outcomes.iter().enumerate().map(account).collect();
        let snapshot = Snapshot { accounts, was_ready: true };
        let said = said(Rule::CostsUnreadable, &snapshot, &Settings::default());
        assert_eq!(said.as_ref().map(Vec::len), want, "{name}");
        for breach in said.unwrap_or_default() {
            assert_eq!(identities(&[breach], &["severity", "account"]), ["critical -"], "{name}");
        }
    }
}

#[test]
fn a_channel_that_takes_nothing_is_told_by_its_name() {
    let failing = Delivery::Failing { since: at("2026-11-22T11:55:00Z"), reason: "connect" };
    let channels = [("good", Delivery::Good), ("bad", failing), ("new", Delivery::Untried)];
    let channels = channels.map(|(name, delivery)| (name.to_owned(), delivery)).into();
    let judgements = evaluate(&snapshot(account()), &Settings::default(), &Facts { channels, ..facts() }, now());
    let of_rule = |judgement: &&Judgement| judgement.scope.rule == Rule::NotificationsFailing.profile().name;
    let found: Vec<_> = judgements.iter().filter(of_rule).map(|j| (j.scope.place.as_str(), &j.verdict)).collect();
    let [("bad", Verdict::Known { breaches: bad, .. }), ("good", Verdict::Known { breaches: good, .. }), new] =
        &found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((good.len(), *new), (0, ("new", &Verdict::Unknown)));
    assert_eq!(identities(bad, &["alertname", "channel", "account"]), ["GcoreNotificationsFailing bad -"]);
    assert_eq!(bad[0].starts_at, at("2026-11-22T11:55:00Z"));
    let told = &bad[0].annotations["description"];
    assert!(told.contains("nothing since 2026-11-22 11:55 UTC") && told.contains("reason connect"), "{told}");
}

#[test]
fn the_series_limit_is_that_of_the_fullest_shard() {
    let whole = Shard::default();
    let first: Shard = "1/2".parse().unwrap();
    // The first shard has one group, and the second has three.
    let [small, large] = [1, 2].map(|index| (1..).find(|id| first.index_of(ProjectId(*id)) == index).unwrap());
    let groups = [(small, "instance"), (large, "instance"), (large, "volume"), (large, "image")]
        .map(|(id, word)| (group(id, 7, word), "1"));
    let mut account = account();
    account.cost.insert(Window::Today, costs(Window::Today, &groups));
    let snapshot = snapshot(account);
    for (name, shard, limit, want) in [
        ("alone, at the limit", whole, 4, None),
        ("alone, past it", whole, 3, Some(4.0)),
        ("the second shard at its limit", first, 3, None),
        ("the second shard past it", first, 2, Some(3.0)),
    ] {
        let settings = Settings { series_limit: limit, shard, ..Settings::default() };
        let judgements = evaluate(&snapshot, &settings, &facts(), now());
        let found: Vec<_> = judgements.into_iter().filter(|one| one.scope.place == "cost/today").collect();
        let [Judgement { verdict: Verdict::Known { breaches, .. }, .. }] = &found[..] else {
            panic!("{name}: {found:?}")
        };
        assert_eq!(breaches.first().and_then(|breach| breach.value), want, "{name}");
        let is_of_a_shard =
            breaches.iter().any(|breach| breach.annotations["description"].contains("in the fullest shard"));
        assert_eq!(is_of_a_shard, want.is_some() && !shard.is_only(), "{name}");
    }
}

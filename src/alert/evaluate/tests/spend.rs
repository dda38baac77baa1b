//! Rules on anomalies.

use super::*;

const PLACE: [&str; 4] = ["severity", "project_id", "region_id", "resource_type"];

#[test]
fn each_cause_of_a_spike_is_told_once() {
    let (one, other) = (group(16, 7, "instance"), group(16, 7, "volume"));
    let elsewhere = group(17, 7, "instance");
    let of = |group: &Group, actual: f64, anomaly| judged(Subject::Group(group.clone()), actual, 10.0, anomaly);
    let project = |actual: f64| judged(Subject::Project(ProjectId(16)), actual, 30.0, true);
    let kind = |actual: f64| judged(Subject::Type(ResourceType::new("instance")), actual, 30.0, true);
    let whole = |actual: f64| judged(Subject::Account, actual, 60.0, true);
    for (name, days, want) in [
        ("nothing", vec![of(&one, 10.0, false)], &[][..]),
        ("too little to matter", vec![of(&one, 14.9, true)], &[]),
        (
            "one group explains all above it",
            vec![whole(80.0), project(50.0), kind(50.0), of(&one, 30.0, true)],
            &["warning 16 7 instance"],
        ),
        (
            "twice and much more",
            vec![of(&one, 35.0, true), of(&other, 34.9, true)],
            &["critical 16 7 instance", "warning 16 7 volume"],
        ),
        (
            "a project explains its groups",
            vec![whole(100.0), project(70.0), of(&one, 30.0, true), of(&other, 30.0, true)],
            &["critical 16 __all__ __all__"],
        ),
        (
            "a type explains groups of many projects",
            vec![project(50.0), kind(70.0), of(&one, 30.0, true), of(&elsewhere, 30.0, true)],
            &["critical __all__ __all__ instance"],
        ),
        (
            "the account explains all",
            vec![whole(110.0), project(50.0), of(&one, 30.0, true), of(&elsewhere, 40.0, true)],
            &["warning __all__ __all__ __all__"],
        ),
    ] {
        let mut account = account();
        account.insights = Some(insights(days, Vec::new()));
        let breaches = said(Rule::SpendAnomaly, &snapshot(account), &Settings::default()).unwrap();
        assert_eq!(identities(&breaches, &PLACE), want, "{name}");
    }
}

#[test]
fn a_spike_is_told_in_words_to_act_on() {
    let mut roll_up = judged(Subject::Project(ProjectId(16)), 250.0, 100.0, true);
    roll_up.contributors = vec![Contributor { group: group(16, 7, "instance"), excess: 90.0, share: 0.6 }];
    let mut account = account();
    account.insights = Some(insights(vec![roll_up], Vec::new()));
    let settings = Settings { runbook_url: Some("http://daemon.example/runbooks".into()), ..Settings::default() };
    let breach = said(Rule::SpendAnomaly, &snapshot(account.clone()), &settings).unwrap().remove(0);
    assert_eq!(
        breach.annotations["description"],
        "On 2026-11-21 (UTC), project shop (16) of account main cost 250.00 EUR; expected 100.00, at most 130.00 (30 \
         % more); no like day of an earlier month is known. The excess comes from instance in region 7 of project shop \
         (16) +90.00 EUR (60 %)."
    );
    assert_eq!(breach.annotations["runbook_url"], "http://daemon.example/runbooks#gcorespendanomaly");
    assert_eq!((breach.value, breach.threshold), (Some(250.0), Some(130.0)));
    assert_eq!(breach.starts_at, at("2026-11-22T00:00:00Z"), "the end of the day that it is of");

    // Half of a history is not judged.
    account.collectors.insert(Collector::History, Status::before_the_first_poll(DAY));
    assert_eq!(said(Rule::SpendAnomaly, &snapshot(account), &Settings::default()), None);
}

#[test]
fn today_is_held_against_a_whole_day() {
    for (name, cost, want) in [
        ("less than usual", "99", &[][..]),
        ("half as much again", "150", &["Lingering"]),
        ("more", "150.01", &["Full"]),
        ("near", "135.01", &["Lingering"]),
        ("not near", "135", &[]),
    ] {
        let mut account = account();
        account.insights =
            Some(insights(vec![judged(Subject::Project(ProjectId(16)), 100.0, 90.0, false)], Vec::new()));
        account.cost.insert(Window::Today, costs(Window::Today, &[(group(16, 7, "instance"), cost)]));
        let breaches = said(Rule::SpendToday, &snapshot(account), &Settings::default()).unwrap();
        let strengths: Vec<String> = breaches.iter().map(|breach| format!("{:?}", breach.strength)).collect();
        assert_eq!(strengths, want, "{name}");
        assert!(breaches.iter().all(|breach| breach.period_end == Some(at("2026-11-23T00:00:00Z"))));
    }
}

#[test]
fn what_was_never_paid_for_is_news() {
    let known = group(16, 7, "instance");
    let grown = || judged(Subject::Account, 100.0, 100.0, false);
    let days = |new: f64| {
        vec![
            grown(),
            judged(Subject::Type(ResourceType::new("instance")), 100.0, 100.0, false),
            judged(Subject::Type(ResourceType::new("inference")), new, f64::NAN, false),
            judged(Subject::Group(known.clone()), 100.0, 100.0, false),
            judged(Subject::Group(group(16, 7, "inference")), new, f64::NAN, false),
        ]
    };
    let young = vec![judged(Subject::Account, 100.0, f64::NAN, false)];
    for (name, days, today, want) in [
        ("nothing new", days(0.0), vec![(known.clone(), "5")], Some(&[][..])),
        ("a type on the last day", days(1.0), vec![], Some(&["inference -"])),
        ("too little", days(0.9), vec![], Some(&[])),
        ("a region today", days(0.0), vec![(group(16, 9, "instance"), "5")], Some(&["- 9"])),
        ("a whole account is new", young, vec![(known.clone(), "5")], None),
    ] {
        let mut account = account();
        account.insights = Some(insights(days, Vec::new()));
        account.cost.insert(Window::Today, costs(Window::Today, &today));
        let breaches = said(Rule::NewSpend, &snapshot(account), &Settings::default());
        let found = breaches.map(|breaches| identities(&breaches, &["resource_type", "region_id"]));
        assert_eq!(
            found.as_deref(),
            want.map(|want| want.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(),
            "{name}"
        );
    }
}

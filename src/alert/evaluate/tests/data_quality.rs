//! Rules on the quality of the data.

use super::*;

#[test]
fn only_settled_windows_are_held_against_their_total() {
    let mut account = account();
    for window in [Window::Yesterday, Window::PreviousMonth] {
        let mut reading = costs(window, &[]);
        reading.amend(|totals| {
            let difference = |text: &str| Difference { amount: amount(text), tolerance: amount("0.001") };
            totals.differences = [(eur(), difference("-0.5")), (Currency::new("USD"), difference("0.001"))].into();
        });
        account.cost.insert(window, reading);
    }
    let judgements = evaluate(&snapshot(account), &Settings::default(), &facts(), now());
    let found: Vec<_> = judgements.iter().filter(|judgement| judgement.scope.rule == "cost_mismatch").collect();
    let [yesterday, month] = found[..] else { panic!("{found:?}") };
    assert_eq!((yesterday.scope.place.as_str(), &yesterday.verdict), ("main/yesterday", &Verdict::Unknown));
    let Verdict::Known { breaches, .. } = &month.verdict else { panic!("{month:?}") };
    assert_eq!(identities(breaches, &["currency", "window"]), ["EUR previous_month"]);
    assert_eq!(month.holds.readings, 2);
}

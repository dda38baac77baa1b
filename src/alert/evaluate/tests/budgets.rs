//! Budgets and forecasts.

use super::*;

#[test]
fn budgets_are_told_step_by_step_and_ahead() {
    let budget = prod();
    let settings = Settings { budgets: vec![budget.clone()], ..Settings::default() };
    let month = Date::constant(2026, 11, 1);
    for (name, spent, forecast, steps, ahead) in [
        ("little", "99.99", 180.0, &[][..], &[][..]),
        ("half", "100", 181.0, &["info 50"], &["Lingering"]),
        ("all", "200", 300.0, &["info 50", "warning 80", "critical 100"], &["Full"]),
        ("more", "240", 300.0, &["info 50", "warning 80", "critical 100", "critical 120"], &["Full"]),
    ] {
        let status = BudgetStatus {
            budget: budget.clone(),
            month,
            actual: Some(amount(spent)),
            forecast: Some(forecast),
            exhausted_at: None,
            closed: [].into(),
            today: utc_date(now()),
        };
        let mut account = account();
        account.cost.insert(Window::MonthToDate, costs(Window::MonthToDate, &[]));
        account.insights = Some(insights(Vec::new(), vec![status]));
        let snapshot = snapshot(account);
        let used = said(Rule::BudgetUsed, &snapshot, &settings).unwrap();
        assert_eq!(identities(&used, &["severity", "step"]), steps, "{name}");
        let over = used
            .iter()
            .all(|step| (step.strength, step.period_end) == (Strength::Latched, Some(at("2026-12-01T00:00:00Z"))));
        assert!(over, "{name}: until the month is over");
        let forecast = said(Rule::BudgetForecast, &snapshot, &settings).unwrap();
        let strengths: Vec<String> = forecast.iter().map(|breach| format!("{:?}", breach.strength)).collect();
        assert_eq!(strengths, ahead, "{name}");
    }
    assert_eq!(said(Rule::BudgetUsed, &snapshot(account()), &settings), None, "not known yet");
}

#[test]
fn a_step_begins_on_the_day_that_reached_it() {
    let settings = Settings { budgets: vec![prod()], ..Settings::default() };
    let starts = |days: &[(&str, &str)], history: Status| {
        let status = BudgetStatus {
            budget: prod(),
            month: Date::constant(2026, 11, 1),
            actual: Some(amount("240")),
            forecast: Some(300.0),
            exhausted_at: None,
            closed: days.iter().map(|(day, cost)| (day.parse().unwrap(), amount(cost))).collect(),
            today: utc_date(now()),
        };
        let mut account = account();
        account.collectors.insert(Collector::History, history);
        account.cost.insert(Window::MonthToDate, costs(Window::MonthToDate, &[]));
        account.insights = Some(insights(Vec::new(), vec![status]));
        let snapshot = snapshot(account);
        let ahead = said(Rule::BudgetForecast, &snapshot, &settings).unwrap();
        assert_eq!(ahead[0].starts_at, at("2026-11-22T00:00:00Z"), "no datum says when a forecast came to be");
        let steps = said(Rule::BudgetUsed, &snapshot, &settings)?;
        Some(steps.iter().map(|step| format!("{} {:.0}", step.labels["step"], step.starts_at)).collect::<Vec<_>>())
    };
    let polled = polled(Outcome::Good, None, "2026-11-22T11:59:00Z");
    let days = [("2026-11-03", "99.9"), ("2026-11-04", "0.1"), ("2026-11-10", "60"), ("2026-11-21", "39.99")];
    let want =
        ["50 2026-11-04T00:00:00Z", "80 2026-11-10T00:00:00Z", "100 2026-11-22T00:00:00Z", "120 2026-11-22T00:00:00Z"];
    assert_eq!(starts(&days, polled).unwrap(), want, "the last two today");
    let today = ["50", "80", "100", "120"].map(|step| format!("{step} 2026-11-22T00:00:00Z"));
    assert_eq!(starts(&[], polled).unwrap(), today, "no day is known");
    assert_eq!(starts(&days, Status::before_the_first_poll(DAY)), None, "the days are still being read");
}

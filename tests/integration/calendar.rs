//! The days of each window, and the time when a reading of a window is withdrawn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gcore_api::billing::period::Window;
use gcore_billing_exporter::config::Config;
use gcore_billing_exporter::snapshot::Collector;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{
    COST, COST_TOTALS, FakeClock, RESERVATIONS, TestApp, USAGE, asked, bodies, config, every, json, only, queries,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// The expected labels of a window in `/metrics`: its first day, the first day after it, and whether it is settled.
type Said = Option<(&'static str, &'static str, bool)>;

/// The expected windows at a time: today, yesterday, the month to date and the previous month.
type At = (&'static str, [Said; 4]);

/// A reading, and the expected windows while no further reading comes.
struct Row {
    name: &'static str,
    settle_after_hours: u64,
    /// The first is the time of the reading.
    times: Vec<At>,
}

const GONE: [Said; 4] = [None; 4];

fn months() -> Vec<Row> {
    let first_of_december = [
        Some(("2026-12-01", "2026-12-02", false)),
        Some(("2026-11-30", "2026-12-01", false)),
        Some(("2026-12-01", "2026-12-02", false)),
        Some(("2026-11-01", "2026-12-01", false)),
    ];
    let last_of_october = [
        Some(("2026-10-31", "2026-11-01", false)),
        Some(("2026-10-30", "2026-10-31", false)),
        Some(("2026-10-01", "2026-11-01", false)),
        Some(("2026-09-01", "2026-10-01", true)),
    ];
    let settled_november = [None, None, None, Some(("2026-11-01", "2026-12-01", true))];
    vec![
        Row {
            name: "the 1st of a month",
            settle_after_hours: 24,
            times: vec![
                ("2026-12-01T00:00:00Z", first_of_december),
                ("2026-12-01T23:59:59.999Z", first_of_december),
                ("2026-12-02T00:00:00Z", settled_november),
                ("2026-12-31T23:59:59Z", settled_november),
                ("2027-01-01T00:00:00Z", GONE),
            ],
        },
        Row {
            name: "the last second of a month of 31 days",
            settle_after_hours: 24,
            times: vec![("2026-10-31T23:59:59Z", last_of_october), ("2026-11-01T00:00:00Z", GONE)],
        },
    ]
}

fn februaries_and_years() -> Vec<Row> {
    let leap_day = [
        Some(("2028-02-29", "2028-03-01", false)),
        Some(("2028-02-28", "2028-02-29", false)),
        Some(("2028-02-01", "2028-03-01", false)),
        Some(("2028-01-01", "2028-02-01", true)),
    ];
    let march = |first, second, last_of_february, february| {
        [
            Some((first, second, false)),
            Some((last_of_february, first, false)),
            Some((first, second, false)),
            Some((february, first, false)),
        ]
    };
    let new_years_eve = [
        Some(("2026-12-31", "2027-01-01", false)),
        Some(("2026-12-30", "2026-12-31", false)),
        Some(("2026-12-01", "2027-01-01", false)),
        Some(("2026-11-01", "2026-12-01", true)),
    ];
    let row = |name, times| Row { name, settle_after_hours: 24, times };
    vec![
        row(
            "a leap day",
            vec![
                ("2028-02-29T12:00:00Z", leap_day),
                ("2028-02-29T23:59:59Z", leap_day),
                ("2028-03-01T00:00:00Z", GONE),
            ],
        ),
        row(
            "after a leap day",
            vec![("2028-03-01T00:00:00Z", march("2028-03-01", "2028-03-02", "2028-02-29", "2028-02-01"))],
        ),
        row(
            "after a February without one",
            vec![("2027-03-01T12:00:00Z", march("2027-03-01", "2027-03-02", "2027-02-28", "2027-02-01"))],
        ),
        row("new year's eve", vec![("2026-12-31T23:59:59Z", new_years_eve), ("2027-01-01T00:00:00Z", GONE)]),
        row("new year", vec![("2027-01-01T00:00:00Z", march("2027-01-01", "2027-01-02", "2026-12-31", "2026-12-01"))]),
    ]
}

fn days_and_clocks() -> Vec<Row> {
    let november = |today, tomorrow, yesterday, settled| {
        [
            Some((today, tomorrow, false)),
            Some((yesterday, today, settled)),
            Some(("2026-11-01", tomorrow, false)),
            Some(("2026-10-01", "2026-11-01", true)),
        ]
    };
    let october = [None, None, None, Some(("2026-10-01", "2026-11-01", true))];
    let the_22nd = november("2026-11-22", "2026-11-23", "2026-11-21", false);
    let the_23rd = november("2026-11-23", "2026-11-24", "2026-11-22", false);
    let december = [
        Some(("2026-12-01", "2026-12-02", false)),
        Some(("2026-11-30", "2026-12-01", false)),
        Some(("2026-12-01", "2026-12-02", false)),
        Some(("2026-11-01", "2026-12-01", false)),
    ];
    vec![
        Row {
            name: "a day ends",
            settle_after_hours: 24,
            times: vec![("2026-11-22T23:59:59Z", the_22nd), ("2026-11-23T00:00:00Z", october)],
        },
        Row {
            name: "yesterday settles by time alone",
            settle_after_hours: 6,
            times: vec![
                ("2026-11-22T05:00:00Z", the_22nd),
                ("2026-11-22T05:59:59Z", the_22nd),
                ("2026-11-22T06:00:00Z", november("2026-11-22", "2026-11-23", "2026-11-21", true)),
            ],
        },
        Row {
            name: "the clock is set back over midnight, and forward again",
            settle_after_hours: 24,
            times: vec![
                ("2026-11-23T00:00:05Z", the_23rd),
                ("2026-11-22T23:59:55Z", october),
                ("2026-11-23T00:00:10Z", the_23rd),
            ],
        },
        Row {
            name: "the clock is set back over the end of a month",
            settle_after_hours: 24,
            times: vec![("2026-12-01T00:00:05Z", december), ("2026-11-30T23:59:55Z", GONE)],
        },
    ]
}

/// The first day of a request's period, and the first day after it.
fn asked_for(body: &Value) -> (Date, Date) {
    let date = |key: &str| {
        let text = body[key].as_str().unwrap();
        text.strip_suffix("T00:00:00Z")
            .unwrap_or_else(|| panic!("{key} is no UTC day: {body}"))
            .parse::<Date>()
            .unwrap()
    };
    let last_day = i64::from(body["enable_last_day"] == true);
    (date("time_from"), date("time_to").checked_add(last_day.days()).unwrap())
}

/// The API's amount for a period. No other period has the same amount.
fn amount(first: Date, end: Date) -> String {
    let days = (end - first).get_days();
    format!("{days}.{:02}{:02}1", first.month(), first.day())
}

fn report(request: &Request) -> ResponseTemplate {
    let (first, end) = asked_for(&request.body_json().unwrap());
    let amount = amount(first, end);
    let row = format!(
        r#"{{"type": "instance", "cost": {amount}, "billing_value": {amount}, "billing_value_unit": "minutes",
           "currency": "EUR", "project_id": 101, "region_id": 7}}"#
    );
    json(&format!(r#"{{"count": 1, "price_status": "show", "results": [{row}], "resources": [{row}]}}"#))
}

async fn api() -> MockServer {
    let api = MockServer::start().await;
    for endpoint in [COST, COST_TOTALS, USAGE] {
        asked(endpoint).respond_with(report).mount(&api).await;
    }
    asked(RESERVATIONS).respond_with(json(r#"{"count": 0, "results": []}"#)).mount(&api).await;
    api
}

/// All windows of both reports. They never become stale.
fn all_windows(mut config: Config, settle_after_hours: u64) -> Config {
    for windowed in [&mut config.collect.cost, &mut config.collect.usage] {
        windowed.windows = Window::ALL.to_vec();
        windowed.stale_after = Duration::from_secs(3600 * 24 * 60);
        windowed.settle_after = Duration::from_secs(3600 * settle_after_hours);
    }
    config
}

/// Every series of a window.
fn windows(metrics: &str) -> BTreeMap<String, String> {
    let is_told = |line: &&str| {
        let amounts = Window::ALL.iter().any(|window| {
            let word = window.as_str();
            line.starts_with(&format!("gcore_cost_{word}_amount{{"))
                || line.starts_with(&format!("gcore_usage_{word}_billing_value{{"))
        });
        line.starts_with("gcore_window_") || amounts
    };
    let lines = metrics.lines().filter(is_told).map(|line| line.rsplit_once(' ').unwrap());
    lines.map(|(series, value)| (series.to_owned(), value.to_owned())).collect()
}

fn expected(said: &[Said; 4]) -> BTreeMap<String, String> {
    let mut series = BTreeMap::new();
    for (window, said) in Window::ALL.iter().zip(said) {
        let Some((first, end, settled)) = said else { continue };
        let window = window.as_str();
        let midnight = |day: &str| format!("{day}T00:00:00Z").parse::<Timestamp>().unwrap().as_second().to_string();
        for collector in ["cost", "usage"] {
            let labels = format!(r#"{{account="main",collector="{collector}",window="{window}"}}"#);
            series.insert(format!("gcore_window_start_timestamp_seconds{labels}"), midnight(first));
            series.insert(format!("gcore_window_end_timestamp_seconds{labels}"), midnight(end));
            series.insert(format!("gcore_window_settled{labels}"), u8::from(*settled).to_string());
        }
        let group = concat!(
            r#"{account="main",project_id="101",project_name="101",region_id="7",region_name="7","#,
            r#"resource_type="instance","#
        );
        let amount = amount(first.parse().unwrap(), end.parse().unwrap());
        series.insert(format!("gcore_cost_{window}_amount{group}currency=\"EUR\"}}"), amount.clone());
        series.insert(format!("gcore_usage_{window}_billing_value{group}unit=\"minutes\"}}"), amount);
    }
    series
}

#[tokio::test]
async fn a_window_means_its_days_and_ends_with_them() {
    let rows = [months(), februaries_and_years(), days_and_clocks()];
    for Row { name, settle_after_hours, times } in rows.into_iter().flatten() {
        let api = api().await;
        let (read_at, read) = times[0];
        let hands = FakeClock::at(read_at.parse().unwrap());
        let collectors = [Collector::Cost, Collector::Usage, Collector::Commitments];
        let config = all_windows(config(&api.uri(), only(&collectors)), settle_after_hours);
        let app = TestApp::ready(&config, hands.clock()).await;
        let mut periods = BTreeMap::new();
        for endpoint in [COST, COST_TOTALS, USAGE] {
            periods.insert(endpoint, bodies(&api, endpoint).await.iter().map(asked_for).collect::<Vec<_>>());
        }
        let commitments = queries(&api, RESERVATIONS).await;
        // The pause until midnight passes in real time, independent of the fake clock. From now on no poll ends.
        api.reset().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_delay(HOUR)).mount(&api).await;
        for (now, said) in &times {
            hands.set(now.parse().unwrap());
            assert_eq!(windows(&app.metrics().await), expected(said), "{name}: read at {read_at}, now {now}");
        }

        let wanted: BTreeSet<(Date, Date)> =
            read.iter().flatten().map(|(first, end, _)| (first.parse().unwrap(), end.parse().unwrap())).collect();
        for endpoint in [COST, COST_TOTALS, USAGE] {
            let periods = &periods[endpoint];
            assert!(periods.iter().all(|(first, end)| (1..=31).contains(&(*end - *first).get_days())), "{name}");
            assert_eq!(periods.iter().copied().collect::<BTreeSet<_>>(), wanted, "{name}: {endpoint}");
        }
        let (first, end, _) = read[2].unwrap();
        let query = format!("time_from={first}T00%3A00%3A00Z&time_to={end}T00%3A00%3A00Z");
        assert_eq!(commitments, [query], "{name}");
        app.stop().await;
    }
}

#[tokio::test]
async fn the_next_poll_brings_back_what_the_calendar_took() {
    let said = |today, tomorrow, yesterday, month, (last_month, is_settled)| {
        [
            Some((today, tomorrow, false)),
            Some((yesterday, today, false)),
            Some((month, tomorrow, false)),
            Some((last_month, month, is_settled)),
        ]
    };
    let october = ("2026-10-01", true);
    let the_22nd = said("2026-11-22", "2026-11-23", "2026-11-21", "2026-11-01", october);
    let the_23rd = said("2026-11-23", "2026-11-24", "2026-11-22", "2026-11-01", october);
    let all_saints = said("2026-11-01", "2026-11-02", "2026-10-31", "2026-11-01", ("2026-10-01", false));
    let new_years_eve = said("2026-12-31", "2027-01-01", "2026-12-30", "2026-12-01", ("2026-11-01", true));
    for (name, before, after, said) in [
        ("a new day", "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", the_23rd),
        ("a new month", "2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z", all_saints),
        ("the clock set back over midnight", "2026-11-23T00:00:05Z", "2026-11-22T23:59:55Z", the_22nd),
        ("the clock set back over new year", "2027-01-01T00:00:05Z", "2026-12-31T23:59:55Z", new_years_eve),
    ] {
        let api = api().await;
        let hands = FakeClock::at(before.parse().unwrap());
        let intervals = every(Duration::from_millis(400), &[Collector::Cost, Collector::Usage]);
        let config = all_windows(config(&api.uri(), intervals), 24);
        let app = TestApp::ready(&config, hands.clock()).await;
        let truth = expected(&said);
        assert_eq!(windows(&app.metrics().await).len(), truth.len(), "{name}: before");
        hands.set(after.parse().unwrap());
        app.until(async || {
            let seen = windows(&app.metrics().await);
            let untrue = seen.iter().find(|(series, value)| truth.get(*series) != Some(*value));
            assert_eq!(untrue, None, "{name}: on the way there");
            seen.len() == truth.len()
        })
        .await;
        app.stop().await;
    }
}

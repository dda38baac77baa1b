//! `backtest`: from files of daily costs to the table, the rows for other tools, and a message for each fault.

use std::fmt::Write as _;
use std::time::Duration;

use common::clock::Clock;
use gcore_api::billing::period::{Period, utc_date};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use tempfile::NamedTempFile;

use crate::harness::{KEY, TestApp, noon};
use crate::program::{Ended, config_flag, file, finish, program};
use crate::prometheus::demo_config;

const FIRST: Date = date(2025, 1, 1);
/// The end of eight whole months.
const LAST: Date = date(2025, 8, 31);

/// Two groups with constant costs, except for two spikes of `web`. `job` starts later and runs on weekdays.
fn costs() -> String {
    let mut csv = "\u{feff}amount,note,group,day\r\n".to_owned();
    for day in FIRST.series(1.day()).take_while(|day| *day <= LAST) {
        let is_spike = day == date(2025, 4, 9) || (date(2025, 6, 17)..=date(2025, 6, 18)).contains(&day);
        write!(csv, "{},\"quoted, as is\",web,{day}\r\n", if is_spike { "300" } else { "100.00" }).unwrap();
        if day >= date(2025, 2, 3) && day.weekday().to_monday_zero_offset() < 5 {
            write!(csv, "4e1,,\"job, nightly\",{day}\r\n").unwrap();
        }
    }
    csv
}

const LABELS: &str = "group,from,to\nweb,2025-04-09,2025-04-09\nweb,2025-06-17,2025-06-18\nweb,2020-01-01,2020-01-02\n";

async fn backtest(flags: &[(&str, &NamedTempFile)]) -> Ended {
    let flags: Vec<String> = flags.iter().map(|(flag, file)| format!("{flag}={}", file.path().display())).collect();
    let mut arguments = vec!["backtest"];
    arguments.extend(flags.iter().map(String::as_str));
    finish(program(&arguments)).await
}

/// The rows after the first line, which must be `header`.
fn rows(file: &NamedTempFile, header: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file.path()).unwrap().replace("\"job, nightly\"", "job");
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(first, header);
    rest.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn the_table_scores_what_was_found_and_forecast() {
    let (costs, labels) = (file(&costs()), file(LABELS));
    let scored = backtest(&[("--csv", &costs), ("--labels", &labels)]).await;
    let table = include_str!("expected/backtest.txt");
    assert_eq!((scored.code, scored.stdout.as_str(), scored.stderr.as_str()), (Some(0), table, ""));

    let unlabelled = backtest(&[("--csv", &costs)]).await;
    let words = "anomalous days                          3\nanomalous episodes                      2\n";
    assert!(unlabelled.stdout.contains(words) && !unlabelled.stdout.contains("precision"), "{}", unlabelled.stdout);
}

#[tokio::test]
async fn every_judged_day_is_a_row() {
    let out = file("");
    backtest(&[("--csv", &file(&costs())), ("--detections", &out)]).await;
    let rows = rows(&out, "day,group,actual,expected,upper,score,anomaly,reason,explanation");
    assert_eq!(rows.iter().filter(|row| row[1] == "web").count(), 243);
    assert_eq!(rows.iter().filter(|row| row[1] == "job").count(), 210, "from its first day on, weekends included");
    let anomalous: Vec<_> = rows.iter().filter(|row| row[6] == "1").map(|row| row[0..3].join(" ")).collect();
    let first = rows.iter().find(|row| row[6] == "1").unwrap();
    let explanation = "\"cost 300.00; expected 100.00, at most 130.00 (30 % more); like days of earlier months cost at most \
                       100.00\"";
    assert_eq!((first[7].as_str(), first[8..].join(",").as_str()), ("above_band", explanation));
    assert_eq!(anomalous, ["2025-04-09 web 300", "2025-06-17 web 300", "2025-06-18 web 300"]);
    // The first days have no expectation.
    for row in rows.iter().filter(|row| row[3] != "NaN") {
        let [actual, expected, upper, score] = [2, 3, 4, 5].map(|at| row[at].parse::<f64>().unwrap());
        assert!(expected <= upper && score.is_finite() && (row[6] == "0" || actual > upper), "{row:?}");
    }
}

#[tokio::test]
async fn every_forecast_is_a_row() {
    let out = file("");
    // The last day of August is missing, so the costs of that month are unknown.
    let costs = costs().replace("web,2025-08-31", "web,2025-09-01");
    backtest(&[("--csv", &file(&costs)), ("--forecasts", &out)]).await;
    let rows = rows(&out, "day,group,month,forecast,lower,upper,actual");
    assert_eq!(rows.len(), 243 + 210);
    for row in &rows {
        let [forecast, lower, upper] = [3, 4, 5].map(|at| row[at].parse::<f64>().unwrap());
        assert!(lower <= forecast && forecast <= upper, "{row:?}");
    }
    let of_web = |day: &str| rows.iter().find(|row| row[0] == day && row[1] == "web").unwrap();
    let month_and_actual = |day| (of_web(day)[2].as_str(), of_web(day)[6].as_str());
    assert_eq!(month_and_actual("2025-03-30"), ("2025-03", "3100"));
    assert_eq!(month_and_actual("2025-03-31"), ("2025-04", "3200"), "on the last day, the next month");
    assert_eq!(month_and_actual("2025-08-30"), ("2025-08", ""));
    let known_well: f64 = of_web("2025-07-20")[3].parse().unwrap();
    assert!((known_well - 3100.0).abs() < 0.01, "{known_well}");
}

#[tokio::test]
async fn a_file_of_the_wrong_form_is_refused_with_what_would_be_right() {
    refused(&[
        ("empty", "", ": is empty; its first line must be day,group,amount"),
        ("no rows", "day,group,amount\n", ": has no rows after its first line"),
        (
            "no amount",
            "day,group,cost\n2026-01-01,a,1\n",
            ", line 1, amount: the column is missing; the first line must be day,group,amount, it is \"day,group,cost\"",
        ),
        (
            "two amounts",
            "day,group,amount,amount\n2026-01-01,a,1,2\n",
            ", line 1, amount: two columns have this name; rename or remove one",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_faulty_row_is_refused_with_its_line_and_what_would_be_right() {
    refused(&[
        (
            "a short date",
            "day,group,amount\n2026-1-1,a,1\n",
            ", line 2, day: \"2026-1-1\" is no day; write it as 2026-01-31",
        ),
        (
            "a day that is none, after empty lines",
            "day,group,amount\n\n2026-02-01,a,1\n\n\n2026-02-29,a,1\n",
            ", line 6, day: \"2026-02-29\" is no day; write it as 2026-01-31",
        ),
        (
            "an instant, after a name of two lines",
            "day,group,amount\r\n2026-02-01,\"a\r\nb\",1\r\n\r\n2026-02-02T00:00:00,a,1\r\n",
            ", line 5, day: \"2026-02-02T00:00:00\" is no day; write it as 2026-01-31",
        ),
        (
            "a decimal comma",
            "day,group,amount\n2026-01-01,a,\"1,5\"\n",
            ", line 2, amount: \"1,5\" is no amount; write it as 1234.56, with nothing around it",
        ),
        (
            "an amount beyond everything",
            "day,group,amount\n2026-01-01,a,1e99\n",
            ", line 2, amount: \"1e99\" is more than any bill; is the column right?",
        ),
        (
            "a field too many",
            "day,group,amount\n2026-01-01,a,1,5\n",
            ", line 2: there are 4 fields, and 3 in the first line; put a field with a comma in it in quotes",
        ),
        (
            "no group",
            "day,group,amount\n2026-01-01,,1\n",
            ", line 2, group: is empty; each row needs the name of what the money was spent on",
        ),
        (
            "a day twice",
            "day,group,amount\n2026-01-01,a,1\n2026-01-01,b,1\n2026-01-01,a,1\n",
            ", line 4, day: \"a\" has an amount for 2026-01-01 already, in line 2; add the two, or remove one",
        ),
        (
            "two currencies",
            "day,group,amount,currency\n2026-01-01,a,1,EUR\n2026-01-02,a,1,USD\n",
            ", line 3, currency: \"a\" is in \"EUR\" in line 2, and in \"USD\" here; give each currency a group of its own",
        ),
    ])
    .await;
}

/// Each file is refused with this fault and no other.
async fn refused(files: &[(&str, &str, &str)]) {
    for (name, text, fault) in files {
        let costs = file(text);
        let ended = backtest(&[("--csv", &costs)]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{name}");
        assert_eq!(ended.stderr, format!("{}{fault}\n", costs.path().display()), "{name}");
    }
}

#[tokio::test]
async fn each_fault_of_the_labels_is_told_before_anything_is_written() {
    let costs = file("day,group,amount\n2026-01-01,a,1\n");
    for (name, text, fault) in [
        ("empty", "", ": is empty; its first line must be group,from,to"),
        (
            "an unknown group",
            "group,from,to\nA,2026-01-01,2026-01-01\n",
            ", line 2, group: \"A\" is no group of the history; the names must be the same to the letter",
        ),
        (
            "swapped",
            "group,from,to\na,2026-01-01,2026-01-01\na,2026-01-02,2026-01-01\n",
            ", line 3, from: 2026-01-02 is after 2026-01-01, the day in `to`; swap the two",
        ),
        ("no day", "group,from,to\na,2026-01-01,\n", ", line 2, to: \"\" is no day; write it as 2026-01-31"),
    ] {
        let (labels, out) = (file(text), file("as before"));
        let ended = backtest(&[("--csv", &costs), ("--labels", &labels), ("--detections", &out)]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{name}");
        assert_eq!(ended.stderr, format!("{}{fault}\n", labels.path().display()), "{name}");
        assert_eq!(std::fs::read_to_string(out.path()).unwrap(), "as before", "{name}");
    }
}

#[tokio::test]
async fn each_fault_of_a_path_is_told_with_its_remedy() {
    let costs = file("day,group,amount\n2026-01-01,a,1\n");
    let path = costs.path().display().to_string();
    for (arguments, fault) in [
        (
            vec!["--csv=/nowhere/a.csv".to_owned()],
            "/nowhere/a.csv: cannot be read: No such file or directory (os error 2); give the path of a CSV file"
                .to_owned(),
        ),
        (
            vec![format!("--csv={path}"), "--forecasts=/nowhere/b.csv".to_owned()],
            "/nowhere/b.csv: cannot be written: No such file or directory (os error 2); give a path in a folder that \
             exists and that you may write to"
                .to_owned(),
        ),
        (
            vec![format!("--csv={path}"), format!("--detections={path}")],
            format!("{path}: is given twice; each flag needs a file of its own"),
        ),
    ] {
        let mut words = vec!["backtest"];
        words.extend(arguments.iter().map(String::as_str));
        let ended = finish(program(&words)).await;
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr), (Some(2), "", fault + "\n"), "{arguments:?}");
    }
    assert_eq!(std::fs::read_to_string(costs.path()).unwrap(), "day,group,amount\n2026-01-01,a,1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stored_history_is_judged_as_a_file_of_the_same_days_is() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("state.db");
    let (clock, days) = (Clock::frozen(noon()), 60);
    let (mut config, world) = demo_config(&clock, Duration::from_secs(3_600)).await;
    config.storage.path = Some(path.clone());
    config.collect.history.schedule = config.collect.cost.schedule;
    config.collect.history.schedule.timeout = Duration::from_secs(600);
    config.collect.history.days = days;
    let app = TestApp::ready(&config, clock).await;
    let polled = "gcore_poll_last_success_timestamp_seconds{account=\"demo\",collector=\"history\"}";
    app.until(async || app.value(polled).await.is_some()).await;
    app.stop().await;

    let today = utc_date(noon());
    let period = Period::new(today.saturating_sub(i32::from(days).days()), today).unwrap();
    let csv = file(&world.daily_csv(period.first()..period.end(), noon()));
    let from_file = backtest(&[("--csv", &csv)]).await;
    let store = format!("--store={}", path.display());
    let from_store = finish(program(&["backtest", &store])).await;
    assert_eq!((from_store.code, from_store.stderr.as_str()), (Some(0), ""));
    assert_eq!(from_store.stdout, from_file.stdout);
    assert!(from_store.stdout.contains("60 (2026-09-23 to 2026-11-21)"), "{}", from_store.stdout);

    // With a configuration, only its accounts are read from the store.
    let account = &config.accounts[&"demo".parse().unwrap()];
    let table = format!("[accounts.demo]\napi_key = '{KEY}'\napi_url = '{}'\n", account.api_url);
    let configured = async |more: &str| {
        let text = format!("{table}{more}\n[storage]\npath = '{}'\n", path.display());
        finish(program(&["backtest", &config_flag(&file(&text))])).await
    };
    let ended = configured("").await;
    assert_eq!((ended.code, ended.stdout), (Some(0), from_file.stdout), "{}", ended.stderr);
    let ended = configured("projects = [41001]").await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("state.db: holds no day of the configured accounts yet"), "{}", ended.stderr);

    for (arguments, problem) in [
        (vec!["backtest", "--store=/nowhere/state.db"], "cannot use /nowhere/state.db as the store: "),
        (vec!["backtest", &store, "--csv=x.csv"], "the argument '--store <FILE>' cannot be used with '--csv <FILE>'"),
    ] {
        let ended = finish(program(&arguments)).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(problem), "{}", ended.stderr);
    }
}

//! The commands in a terminal: width, colours, progress.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use wiremock::MockServer;

use crate::harness::{REPORTS, SUBSCRIPTIONS, asked, json, refusal};
use crate::program::{Ended, config_file, config_flag, finish, program};

const EMPTY: &str = r#"{"count": 0, "results": []}"#;

/// Runs the program in a terminal of this width in columns, with variables such as `NO_COLOR=1`.
async fn in_terminal(columns: u16, variables: &str, arguments: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_gcore-billing-exporter");
    let command = format!("stty cols {columns}; {variables} exec '{program}' {arguments}");
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    terminal.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(terminal).await
}

/// The lines that stay on the screen, without colours.
fn screen(text: &str) -> Vec<String> {
    let mut plain = String::new();
    for (nth, part) in text.split("\u{1b}[").enumerate() {
        plain += if nth == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    plain.lines().map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_table_fits_the_terminal_and_has_colours_only_where_they_are_wanted() {
    let api = MockServer::start().await;
    asked(REPORTS).respond_with(refusal(403)).mount(&api).await;
    asked(SUBSCRIPTIONS).respond_with(json(EMPTY)).mount(&api).await;
    let config = config_file(&api.uri(), "", &["reports", "subscriptions"]);
    let arguments = format!("check-config --online --log.level=error '{}'", config_flag(&config));

    let piped = finish(program(&["check-config", "--online", "--log.level=error", &config_flag(&config)])).await;
    assert!(!piped.stdout.contains('\u{1b}') && piped.stderr.is_empty(), "{} {}", piped.stdout, piped.stderr);
    assert!(piped.stdout.lines().any(|line| line.len() > 120), "a program gets each row on a line: {}", piped.stdout);

    let shown = in_terminal(90, "", &arguments).await;
    let lines = screen(&shown.stdout);
    let table = lines.iter().position(|line| line.starts_with("  collector")).unwrap();
    assert!(lines[table..].iter().all(|line| line.chars().count() <= 90), "{lines:#?}");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (words(&piped.stdout), words(&lines.join("\n")));
    assert!(before.iter().all(|word| after.contains(word)), "nothing is left out: {lines:#?}");
    assert!(
        shown.stdout.contains("\u{1b}[32myes\u{1b}[0m") && shown.stdout.contains("\u{1b}[31mno\u{1b}[0m"),
        "{:?}",
        shown.stdout
    );
    assert!(shown.stdout.contains("\rcollectors probed: 0 of 2"), "the progress of long work: {:?}", shown.stdout);

    for variables in ["NO_COLOR=1", "TERM=dumb"] {
        let shown = in_terminal(90, variables, &arguments).await;
        assert!(!shown.stdout.contains('\u{1b}'), "{variables}: {:?}", shown.stdout);
    }
}

#[tokio::test]
async fn progress_is_for_terminals_and_leaves_nothing_behind() {
    let api = MockServer::start().await;
    for endpoint in [REPORTS, SUBSCRIPTIONS] {
        asked(endpoint).respond_with(json(EMPTY).set_delay(Duration::from_millis(300))).mount(&api).await;
    }
    let config = config_file(&api.uri(), "", &["reports", "subscriptions"]);
    let shown = in_terminal(80, "", &format!("once '{}'", config_flag(&config))).await;
    assert!(shown.stdout.contains("\rcollectors polled: 0 of 2\r"), "{:?}", shown.stdout);
    let lines = screen(&shown.stdout);
    assert!(lines[0].starts_with("# HELP "), "{:?}", lines[0]);
    let piped = finish(program(&["once", &config_flag(&config)])).await;
    assert!(!piped.stderr.contains("collectors polled") && !piped.stdout.contains("collectors polled"));
}

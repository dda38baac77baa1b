//! The terminal of standard output: its width, and whether it shows colours.

use std::io;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use terminal_size::{Width, terminal_size_of};

use crate::alert::{Status, severity_rank};
use crate::config::Environment;

/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

/// The abilities of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    /// In columns. `None`: it is no terminal, so lines are as long as their text.
    pub(super) width: Option<usize>,
    /// Whether text may have colours.
    pub(super) has_colour: bool,
}

impl Screen {
    /// The screen of standard output. `NO_COLOR` with any value, and a terminal that calls itself dumb, have no colours.
    pub(super) fn of_stdout(environment: &Environment) -> Self {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Self { width: None, has_colour: false };
        }
        let width = match terminal_size_of(&stdout) {
            Some((Width(width @ 1..), _)) => width.into(),
            _ => USUAL_WIDTH,
        };
        let value = |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
        Self { width: Some(width), has_colour: value("NO_COLOR").is_none() && value("TERM") != Some("dumb") }
    }

    /// A text in a style, if there are colours. The caller has escaped it.
    pub(super) fn painted(self, text: &str, style: Style) -> String {
        if self.has_colour && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The style of the heads of tables.
pub(super) const HEAD: Style = Style::new().bold();
/// The style of a thing that is well.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// The style of a thing that is not.
pub(super) const BAD: Style = AnsiColor::Red.on_default();

/// The style of a severity.
pub(super) fn of_severity(severity: &str) -> Style {
    match severity_rank(severity) {
        0 => BAD.bold(),
        1 | 2 => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// The style of an alert's state.
pub(super) fn of_state(state: Status) -> Style {
    match state {
        Status::Firing => Style::new(),
        Status::Pending => Style::new().dimmed(),
        Status::Resolved => GOOD,
    }
}

/// Prints text whose parts from outside are escaped. A closed terminal or pipe is no error.
pub(super) fn print(text: &str) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

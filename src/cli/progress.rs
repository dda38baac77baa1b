//! The progress of long work, as one line of standard error that is written over. It exists only on a terminal.

use std::cell::Cell;
use std::io;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two lines. A terminal takes longer to show one than some steps take.
const PAUSE: Duration = Duration::from_millis(100);

/// The progress of one piece of work. The line is erased at its end.
pub(super) struct Progress {
    what: &'static str,
    is_shown: bool,
    last: Cell<Option<Instant>>,
    /// The length of the line that stands there.
    length: Cell<usize>,
}

impl Progress {
    /// Begins. The line reads `WHAT: DONE of ALL`.
    pub(super) fn new(what: &'static str) -> Self {
        let is_shown = io::stderr().is_terminal();
        Self { what, is_shown, last: Cell::new(None), length: Cell::new(0) }
    }

    /// Shows a step.
    pub(super) fn step(&self, done: usize, all: usize) {
        if self.is_shown && self.last.get().is_none_or(|last| last.elapsed() >= PAUSE) {
            self.last.set(Some(Instant::now()));
            self.write(&format!("{}: {done} of {all}", self.what));
        }
    }

    /// Writes over the line. The cursor goes back to its beginning, so that a log line takes its place. Spaces erase the
    /// rest, because some terminals obey no escape sequences.
    fn write(&self, line: &str) {
        let width = self.length.replace(line.len());
        let mut stderr = io::stderr();
        let _ = write!(stderr, "\r{line:width$}\r").and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.length.get() > 0 {
            self.write("");
        }
    }
}

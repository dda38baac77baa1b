//! Logs: one line an event on standard error, as logfmt or JSON. A line holds nothing that a terminal obeys.

use std::io;
use std::os::unix::fs::MetadataExt as _;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::terminal::escaped_lines;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Sends the process's events to standard error from now on. `journal` is what `JOURNAL_STREAM` says: where standard
/// error is that stream of systemd's journal, each line tells it its priority.
///
/// # Errors
/// Fails where a process does it twice.
pub fn init(level: LevelFilter, format: Format, journal: Option<&str>) -> Result<(), TryInitError> {
    let registry = tracing_subscriber::registry().with(level);
    let lines = Lines { have_priority: journal.is_some_and(is_standard_error) };
    match format {
        Format::Logfmt => {
            registry.with(tracing_logfmt::builder().with_target(false).layer().with_writer(lines)).try_init()
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
            registry.with(layer.with_writer(lines)).try_init()
        }
    }
}

/// Whether a stream, named by device and inode, is standard error: the variable outlives a redirection.
fn is_standard_error(stream: &str) -> bool {
    std::fs::metadata("/proc/self/fd/2").is_ok_and(|file| format!("{}:{}", file.dev(), file.ino()) == stream)
}

struct Lines {
    have_priority: bool,
}

/// One line; the layers write each at once.
struct Line {
    priority: &'static str,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { priority: "" }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        let priority = match *event.level() {
            _ if !self.have_priority => "",
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        };
        Line { priority }
    }
}

impl io::Write for Line {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        // In one piece, or the lines of two threads could mix.
        let line = escaped_lines(&String::from_utf8_lossy(text));
        io::stderr().write_all(format!("{}{line}", self.priority).as_bytes())?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

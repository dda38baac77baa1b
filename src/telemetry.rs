//! Logs: one line an event on standard error, as logfmt or JSON. A line holds nothing that a terminal obeys.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use serde::Serializer as _;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
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
            registry.with(tracing_subscriber::fmt::layer().event_format(Json).with_writer(lines)).try_init()
        }
    }
}

/// Writes an event as a JSON object with the names and words that logfmt has, which the library's own has not.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let mut fields = Fields(vec![("ts", time.into()), ("level", level.into())]);
        event.record(&mut fields);
        let mut line = Vec::new();
        serde_json::Serializer::new(&mut line).collect_map(fields.0).map_err(|_| fmt::Error)?;
        writeln!(writer, "{}", String::from_utf8_lossy(&line))
    }
}

/// The fields of an event, in order.
struct Fields(Vec<(&'static str, Value)>);

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
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

//! Logs: one line per event on standard error, as logfmt or JSON. Control characters are escaped, so a line cannot
//! control a terminal.

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

use crate::escaping::escaped_lines;

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// Sends the events of the process to standard error. `journal` is the value of `JOURNAL_STREAM`. When it names
/// standard error, each line begins with its priority for systemd's journal.
///
/// # Errors
/// Fails on a second call in one process.
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

/// Writes an event as a JSON object with the same names and words as logfmt. The library's own JSON differs.
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

/// Whether `stream`, a device and inode, is standard error. The variable stays set after a redirection.
fn is_standard_error(stream: &str) -> bool {
    std::fs::metadata("/proc/self/fd/2").is_ok_and(|file| format!("{}:{}", file.dev(), file.ino()) == stream)
}

struct Lines {
    have_priority: bool,
}

/// One line. The layers write each line at once.
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
        // One write per line, so that the lines of two threads do not mix.
        let line = escaped_lines(&String::from_utf8_lossy(text));
        io::stderr().write_all(format!("{}{line}", self.priority).as_bytes())?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

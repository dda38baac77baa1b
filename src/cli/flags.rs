//! The command line, with the flag names that Prometheus programs use.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::civil::Date;
use reqwest::Url;
use tracing::level_filters::LevelFilter;

use crate::app::Web;
use crate::http::routes::is_taken;
use crate::shard::Shard;
use crate::telemetry::Format;
use common::transport::{Misdirected, destination};

use super::access::{Access, DAEMON_URL, daemon_url};
use super::alert_list::ListFlags;
use super::backtest::BacktestFlags;

const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (revision ",
    env!("EXPORTER_REVISION"),
    ", rustc ",
    env!("EXPORTER_RUSTC"),
    ")"
);

const ABOUT: &str = "\
Prometheus exporter and alerting daemon for the Gcore cloud's billing APIs.

Polls the cost and usage reports, the report tasks and the subscriptions of one or more Gcore accounts in the \
background, and serves what it read last on /metrics.

Try it without a key:
  gcore-billing-exporter demo
With nothing but a key:
  GCORE_API_KEY='1234$abcdef' gcore-billing-exporter
With a configuration:
  gcore-billing-exporter --config.file=/etc/gcore-billing-exporter/config.toml
Look before you start it:
  gcore-billing-exporter check-config --online --config.file=config.toml";

const AFTER: &str = "\
Exit codes: 0 success or stopped on request; 1 a failure outside the configuration, such as an address in use; \
2 a wrong flag or configuration; 3 `once` or `check-config --online` could not read everything, a channel did not take \
a test, or the daemon has not judged its alerts yet.

Reload: SIGHUP reads the configuration file again, and so does a POST to /-/reload with --web.enable-lifecycle. A bad \
one is refused, and the one before goes on. Flags and variables need a restart. A key file that changes needs neither: \
the next request uses the new key. Nor does the file of --web.config.file, nor a certificate.

Environment: GCORE_API_KEY and GCORE_BASE_URL make the account `default` where the configuration has none. Every \
configuration key is also a variable: collect.cost.interval is GCORE_EXPORTER_COLLECT__COST__INTERVAL. \
config.example.toml explains them all. HTTPS_PROXY and NO_PROXY are honoured.";

/// The parsed command line.
#[derive(Debug, Parser)]
#[command(name = "gcore-billing-exporter", version = VERSION, about = ABOUT, after_help = AFTER, max_term_width = 110)]
pub(super) struct Flags {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) config: ConfigFlags,
    /// Serve only the series of shard I of N; each of N daemons on the same accounts has its own I from 1 to N. The first
    /// one judges and sends the alerts of all
    #[arg(long, value_name = "I/N", default_value_t, global = true)]
    pub(super) shard: Shard,
    #[command(flatten)]
    pub(super) web: WebFlags,
    #[command(flatten)]
    pub(super) log: LogFlags,
}

impl Flags {
    /// Reads the command line.
    ///
    /// # Errors
    /// Fails if it is faulty. A request for help or the version is also an error, which prints it.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&Self::documented(Self::command()).try_get_matches_from(arguments)?)
    }

    /// The command line as manual pages show it: one page for the program and one for each command.
    pub(super) fn for_manual() -> clap::Command {
        let summary = ABOUT.lines().next().unwrap_or_default().trim_end_matches('.');
        // A manual page joins lines that no empty one divides.
        let lines: Vec<_> = ABOUT.lines().filter(|line| !line.is_empty()).collect();
        let command = without_help(Self::command()).about(summary).long_about(lines.join("\n\n"));
        Self::documented(command)
    }

    /// The command line as shells complete it.
    pub(super) fn for_completions() -> clap::Command {
        Self::documented(Self::command())
    }

    /// Gives each command the flags that its help shows.
    fn documented(mut command: clap::Command) -> clap::Command {
        // The commands inherit the shared flags only in `build`.
        command.build();
        command.get_subcommands_mut().for_each(hide_what_means_nothing);
        command
    }
}

/// Leaves out the command `help`, on every level: it would have a page for each other command.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// Hides the shared flags without an effect from the help of a command and its subcommands.
fn hide_what_means_nothing(command: &mut clap::Command) {
    let shared =
        ["file", "shard", "listen_addresses", "telemetry_path", "enable_lifecycle", "config_file", "level", "format"];
    let own = match command.get_name() {
        "run" => &shared[..],
        "once" => &["file", "shard", "level", "format"],
        "demo" => &["listen_addresses", "telemetry_path", "config_file", "level", "format"],
        // The links in notifications depend on the listen address.
        "check-config" => &["file", "listen_addresses", "config_file", "level", "format"],
        "alerts" | "healthcheck" => &["level", "format"],
        "completions" | "man" => &[],
        _ => &["file", "level", "format"],
    };
    let is_foreign = |id: &str| shared.contains(&id) && !own.contains(&id);
    *command = std::mem::take(command).mut_args(|arg| {
        let is_hidden = arg.is_hide_set() || is_foreign(arg.get_id().as_str());
        arg.hide(is_hidden)
    });
    command.get_subcommands_mut().for_each(hide_what_means_nothing);
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Poll and serve until stopped (the default)
    Run,
    /// Run against a simulated account, without a key, and print the URLs to open
    Demo {
        /// Address of the simulated API [default: 127.0.0.1:10062, or another port if that is taken]
        #[arg(long = "demo.api-address", value_name = "IP:PORT")]
        api_address: Option<SocketAddr>,
        /// Keep the history in this SQLite file, which `backtest` can read [default: in memory]
        #[arg(long = "demo.store", value_name = "FILE")]
        store: Option<PathBuf>,
        /// Send the alerts to this Alertmanager
        #[arg(long = "demo.alertmanager", value_name = "URL", value_parser = alertmanager)]
        alertmanager: Option<Url>,
    },
    /// Poll everything once and print the text of /metrics
    Once,
    /// Write the stored daily history as OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics`
    ///
    /// The store is only read, also beside a running daemon. Only days that are over (UTC) can be written.
    Backfill {
        /// The first day
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        from: Date,
        /// The last day (included)
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        to: Date,
        /// Write to this file, which appears only when it is complete [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check the configuration: print all its faults, or its summary
    CheckConfig {
        /// Then probe each enabled collector once: print what the key can read, and what to do about each error
        #[arg(long)]
        online: bool,
    },
    /// Run detector and forecast over daily costs of the past, and print how accurate they are
    Backtest(BacktestFlags),
    /// List the alerts of a running daemon, or test a channel
    Alerts {
        /// URL of the daemon; with a user name, as https://USER@HOST:10061, if it needs a password
        #[arg(long = "alerts.url", value_name = "URL", default_value = "http://127.0.0.1:10061")]
        url: String,
        #[command(flatten)]
        access: Access,
        #[command(flatten)]
        list: ListFlags,
        #[command(subcommand)]
        action: Option<AlertsAction>,
    },
    /// Ask a running daemon whether it is alive; exit with 0 if it is, with 1 if not
    Healthcheck {
        /// Where the daemon is
        #[arg(long = "healthcheck.url", value_name = "URL", default_value = "http://127.0.0.1:10061",
              value_parser = daemon)]
        url: String,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder, which is made if it is missing
        folder: PathBuf,
    },
}

/// The subcommands of `alerts`.
#[derive(Debug, Subcommand)]
pub(super) enum AlertsAction {
    /// Send one test notification to a channel of the configuration, and print the answers
    Test {
        /// Name of the channel, such as webhook.ops
        channel: String,
    },
    /// Messages that were given up, in the store of the configuration
    DeadLetters {
        #[command(subcommand)]
        action: DeadLettersAction,
    },
}

/// The subcommands of `alerts dead-letters`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum DeadLettersAction {
    /// Print them, oldest first
    List,
    /// Queue them again; a running daemon sends them within half a minute
    Replay {
        /// Ids from `list` [default: all]
        ids: Vec<i64>,
    },
}

/// The flag of the configuration file.
#[derive(Args, Debug)]
pub(super) struct ConfigFlags {
    /// Configuration file (TOML) [default: none, only defaults and environment variables]
    #[arg(long = "config.file", value_name = "FILE", global = true)]
    pub(super) file: Option<PathBuf>,
}

/// The HTTP flags.
#[derive(Args, Debug)]
pub(super) struct WebFlags {
    // Not a doc comment, because rustdoc would take the IPv6 address for a link.
    #[arg(long = "web.listen-address", value_name = "ADDRESS",
          help = "Address to listen on, as 127.0.0.1:10061, [::1]:10061 or :10061 for every interface; may be repeated \
                  [default: 127.0.0.1:10061; `demo` takes another port where that is taken]",
          value_parser = listen_address, global = true)]
    listen_addresses: Vec<SocketAddr>,
    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics",
          value_parser = telemetry_path, global = true)]
    telemetry_path: String,
    /// Reload the configuration on a POST or PUT to /-/reload, as on SIGHUP
    #[arg(long = "web.enable-lifecycle", global = true)]
    enable_lifecycle: bool,
    /// File (YAML) with TLS, users and headers of the listener, as for Prometheus' own exporters [default: none, plain
    /// HTTP]
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,
}

/// The log flags.
#[derive(Args, Debug)]
pub(super) struct LogFlags {
    /// Lowest severity of logged events [default: info; for `demo`: warn]
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    level: Option<Level>,
    /// Format of log lines
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt", global = true)]
    format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Logfmt,
    Json,
}

impl From<WebFlags> for Web {
    fn from(flags: WebFlags) -> Self {
        let WebFlags { mut listen_addresses, telemetry_path, enable_lifecycle, config_file } = flags;
        if listen_addresses.is_empty() {
            listen_addresses = Self::default().listen_addresses;
        }
        Self { listen_addresses, telemetry_path, enable_lifecycle, config_file }
    }
}

impl WebFlags {
    /// Whether the command line sets the listen addresses.
    pub(super) fn is_address_asked(&self) -> bool {
        !self.listen_addresses.is_empty()
    }
}

impl LogFlags {
    /// The log level; `otherwise` without the flag.
    pub(super) fn level(&self, otherwise: LevelFilter) -> LevelFilter {
        self.level.map_or(otherwise, |level| match level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        })
    }

    pub(super) fn format(&self) -> Format {
        match self.format {
            LogFormat::Logfmt => Format::Logfmt,
            LogFormat::Json => Format::Json,
        }
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    full.parse().map_err(|_| "expected IP:PORT such as 127.0.0.1:10061, or :PORT for every interface".to_owned())
}

/// The URL of an Alertmanager. Without TLS, it must be on this machine.
fn alertmanager(text: &str) -> Result<Url, Misdirected> {
    destination(text, false)
}

/// The URL of a daemon.
fn daemon(text: &str) -> Result<String, &'static str> {
    daemon_url(text).map(|_| text.to_owned()).ok_or(DAEMON_URL)
}

fn day(text: &str) -> Result<Date, String> {
    // The library also accepts a date with a time, which is not a whole day.
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text);
    day.ok_or_else(|| "no such day; expected YYYY-MM-DD such as 2026-11-22".to_owned())
}

fn telemetry_path(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    if is_taken(text) {
        Err("another page has it; expected a path such as /metrics".to_owned())
    } else if text.starts_with('/') && !text.starts_with("/-/") && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("expected a path such as /metrics, of letters, digits, `/`, `-`, `_` and `.`, not below /-/".to_owned())
    }
}

//! The commands: from the words on the command line to an exit code.

mod alert_list;
mod alerts;
mod backfill;
mod backtest;
mod demo;
pub mod exit;
mod flags;
mod online;

use std::ffi::OsString;
use std::io;
use std::io::{IsTerminal as _, Write as _};

use clap::Parser as _;
use sd_notify::NotifyState;

use crate::app;
use crate::app::{App, Reloads, Web};
use crate::clock::Clock;
use crate::config::{Config, Environment, Source};
use crate::shutdown;
use crate::snapshot::Outcome;
use crate::store;
use crate::telemetry;
use crate::terminal::{escaped, escaped_lines};

use exit::ExitCode;
use flags::{AlertsAction, Command, Flags};

/// Where systemd says which stream of its journal a process writes to.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Runs the program with these arguments and this environment.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let flags = match Flags::try_parse_from(arguments) {
        Ok(flags) => flags,
        Err(error) => {
            // Nobody left to tell, should the terminal be gone.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success };
        }
    };
    let outcome =
        telemetry::init(flags.log.level(), flags.log.format(), environment.get(JOURNAL_STREAM).map(String::as_str))
            .map_err(anyhow::Error::from)
            .and_then(|()| run(flags, environment));
    outcome.unwrap_or_else(|error| {
        say(&mut io::stderr(), &format!("gcore-billing-exporter: {}\n", escaped(&format!("{error:#}"))));
        let is_misuse = error.is::<store::Refused>() || error.is::<app::backfill::Fault>();
        if is_misuse { ExitCode::Usage } else { ExitCode::Failure }
    })
}

fn run(flags: Flags, environment: &Environment) -> anyhow::Result<ExitCode> {
    let web = Web::from(flags.web);
    let command = flags.command.unwrap_or(Command::Run);
    if let Command::Demo { api_address, store, alertmanager } = command {
        let extras = demo::Extras { store, alertmanager };
        return block_on(demo::run(api_address, extras, web)).map(|()| ExitCode::Success);
    }
    if let Command::Backtest(flags) = &command
        && !flags.needs_configuration()
    {
        return block_on(backtest::run(flags, None));
    }
    if let Command::Alerts { url, list, action } = &command {
        if action.is_none() {
            return block_on(alert_list::list(url, list));
        }
        if !list.are_unset() {
            say(
                &mut io::stderr(),
                "--json, --severity, --name and labels choose from the list, which `alerts` alone prints\n",
            );
            return Ok(ExitCode::Usage);
        }
    }
    let source = Source { file: flags.config.file, environment: environment.clone() };
    let Some(config) = load(&source) else { return Ok(ExitCode::Usage) };
    match command {
        Command::CheckConfig { online } => {
            say(&mut io::stdout(), &format!("{config}\nThe configuration is good.\n"));
            if online { block_on(online::check(&config)) } else { Ok(ExitCode::Success) }
        }
        Command::Once => block_on(once(&config)),
        Command::Backfill { from, to, out } => {
            block_on(backfill::run(&config, from, to, out.as_deref())).map(|()| ExitCode::Success)
        }
        Command::Backtest(flags) => block_on(backtest::run(&flags, Some(&config))),
        Command::Alerts { url, action: Some(AlertsAction::Test { channel }), .. } => {
            block_on(alerts::test(&config, &url, &channel))
        }
        Command::Alerts { action: Some(AlertsAction::DeadLetters { action }), .. } => {
            block_on(alerts::dead_letters(&config, action))
        }
        Command::Run | Command::Demo { .. } | Command::Alerts { .. } => {
            block_on(serve(&config, source, web)).map(|()| ExitCode::Success)
        }
    }
}

/// The configuration; or nothing, after every fault of it has been told.
fn load(source: &Source) -> Option<Config> {
    match source.load() {
        Ok(loaded) => {
            for warning in loaded.warnings {
                tracing::warn!("{warning}");
            }
            Some(loaded.config)
        }
        Err(faults) => {
            say(&mut io::stderr(), &format!("{faults}\n"));
            None
        }
    }
}

async fn serve(config: &Config, source: Source, web: Web) -> anyhow::Result<()> {
    let (stop, reloads) = (shutdown::signals()?, Reloads::on_hangup(source)?);
    let telemetry_path = web.telemetry_path.clone();
    let app = App::build(config, web, Clock::system()).await?.reloading(reloads);
    for address in app.addresses() {
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            url = format!("http://{address}{telemetry_path}"),
            "serving"
        );
    }
    // Whoever waits for this finds the addresses open; connections wait there until they are served.
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "cannot tell the service manager that the daemon is up");
    }
    app.run(stop).await
}

async fn once(config: &Config) -> anyhow::Result<ExitCode> {
    let once = app::once(config, Clock::system()).await?;
    // Programs get the very bytes.
    if io::stdout().is_terminal() {
        say(&mut io::stdout(), &String::from_utf8_lossy(&once.exposition));
    } else {
        io::stdout().write_all(&once.exposition)?;
    }
    let has_failed = once.outcomes.contains(&Outcome::Failed);
    let is_complete = !has_failed && once.outcomes.contains(&Outcome::Good);
    Ok(if is_complete { ExitCode::Success } else { ExitCode::Incomplete })
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // The look-up of a name blocks a thread until the system gives it up, after half a minute where no name server
    // answers. Dropping the runtime would wait for that.
    runtime.shutdown_background();
    outcome
}

/// Writes lines to a terminal or a pipe; one that is gone is nothing to fail about. Whoever puts a name from outside into
/// a line has to see to its line ends.
fn say(to: &mut impl io::Write, text: &str) {
    let _ = to.write_all(escaped_lines(text).as_bytes()).and_then(|()| to.flush());
}

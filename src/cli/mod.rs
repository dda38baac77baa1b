//! The commands of the program: from the command line to the exit code.

mod access;
mod alert_list;
mod backfill;
mod backtest;
mod channel_commands;
mod check;
mod check_online;
mod demo;
pub mod exit;
mod flags;
mod health;
mod man_page;
mod progress;
mod screen;
mod table;

use std::ffi::OsString;
use std::io;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use futures_util::future::LocalBoxFuture;
use rustix::process::{Resource, Rlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use crate::app;
use crate::app::{App, Reloads, Web};
use crate::config::{ChosenBy, Config, Environment, Loaded, Source};
use crate::escaping::{escaped, escaped_lines};
use crate::http::web_config::fault::Faults;
use crate::notify::post;
use crate::shard::Shard;
use crate::shutdown;
use crate::snapshot::Outcome;
use crate::store;
use crate::telemetry;
use common::clock::Clock;
use gcore_api::http::connection;

use exit::ExitCode;
use flags::{AlertsAction, Command, Flags};
use progress::Progress;
use screen::Screen;

/// The variable in which systemd names the journal stream of a process.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Runs the program with these arguments and this environment. `executable` is the path of its file.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    executable: Option<&Path>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = typable(arguments.first(), executable);
    let flags = match Flags::read(arguments) {
        Ok(flags) => flags,
        Err(error) => {
            // An error of the terminal itself cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success };
        }
    };
    run(flags, environment, &program).unwrap_or_else(|error| {
        say(&mut io::stderr(), &format!("gcore-billing-exporter: {}\n", escaped(&format!("{error:#}"))));
        if is_misuse(&error) { ExitCode::Usage } else { ExitCode::Failure }
    })
}

/// Whether the user can fix the error. A retry does not help.
fn is_misuse(error: &anyhow::Error) -> bool {
    error.is::<store::Refused>()
        || error.is::<Faults>()
        || error.is::<app::backfill::Fault>()
        || error.is::<channel_commands::Misuse>()
        || error.downcast_ref().is_some_and(connection::BuildError::is_misconfigured)
        || error.downcast_ref().is_some_and(post::BuildError::is_misconfigured)
}

/// The command for another terminal: the program's name if the shell found it by name, else its path.
fn typable(first: Option<&OsString>, executable: Option<&Path>) -> String {
    let by_name = first.and_then(|word| word.to_str()).filter(|word| !word.contains('/'));
    let by_path = || executable.and_then(Path::to_str);
    let word = by_name.or_else(by_path).unwrap_or(env!("CARGO_PKG_NAME"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.+".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn run(flags: Flags, environment: &Environment, program: &str) -> anyhow::Result<ExitCode> {
    forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // This comes first, because SIGHUP ends the process until a handler is set.
    let hangup = match flags.command {
        None | Some(Command::Run) => Some(runtime.block_on(async { shutdown::hangup() })?),
        Some(_) => None,
    };
    // In a demo, log lines would push the URLs off the screen.
    let is_demo = matches!(flags.command, Some(Command::Demo { .. }));
    let level = flags.log.level(if is_demo { LevelFilter::WARN } else { LevelFilter::INFO });
    telemetry::init(level, flags.log.format(), environment.get(JOURNAL_STREAM).map(String::as_str))?;
    let is_address_asked = flags.web.is_address_asked();
    let web = Web::from(flags.web);
    let command = flags.command.unwrap_or(Command::Run);
    if let Command::Demo { api_address, store, alertmanager } = command {
        if protection(&web).is_none() {
            return Ok(ExitCode::Usage);
        }
        let extras = demo::Extras { api_address, is_address_asked, store, alertmanager };
        return block_on(runtime, demo::run(extras, web, program)).map(|()| ExitCode::Success);
    }
    let screen = Screen::of_stdout(environment);
    if let Some(work) = unconfigured(&command, screen) {
        return block_on(runtime, work);
    }
    let is_sharded = matches!(command, Command::Run | Command::Once);
    let shard = if is_sharded { flags.shard } else { Shard::default() };
    let source = Source { file: flags.config.file, environment: environment.clone(), shard };
    let loaded = load(&source);
    let is_served = matches!(command, Command::Run | Command::CheckConfig { .. });
    let protection = if is_served { protection(&web) } else { Some(Vec::new()) };
    let (Some(loaded), Some(warnings)) = (loaded, protection) else { return Ok(ExitCode::Usage) };
    if let Command::CheckConfig { online } = command {
        return block_on(runtime, check::run(&loaded, &web, &warnings, online, screen));
    }
    let config = &loaded.config;
    match command {
        Command::Once => block_on(runtime, once(config)),
        Command::Backfill { from, to, out } => {
            block_on(runtime, backfill::run(config, from, to, out.as_deref())).map(|()| ExitCode::Success)
        }
        Command::Backtest(flags) => block_on(runtime, backtest::run(&flags, Some(config))),
        Command::Alerts { url, action: Some(AlertsAction::Test { channel }), .. } => {
            block_on(runtime, channel_commands::test(config, &url, &channel))
        }
        Command::Alerts { action: Some(AlertsAction::DeadLetters { action }), .. } => {
            block_on(runtime, channel_commands::dead_letters(config, action))
        }
        _ => {
            let reloads = hangup.map(|hangup| Reloads::on_hangup(hangup, source));
            block_on(runtime, serve(&loaded, reloads, web)).map(|()| ExitCode::Success)
        }
    }
}

/// The memory holds API keys, and a core dump is a file that others may read.
fn forbid_core_dumps() {
    // A process may always lower its own limits.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// A command that needs no configuration.
fn unconfigured(command: &Command, screen: Screen) -> Option<LocalBoxFuture<'_, anyhow::Result<ExitCode>>> {
    let work: LocalBoxFuture<'_, _> = match command {
        Command::Backtest(flags) if !flags.needs_configuration() => Box::pin(backtest::run(flags, None)),
        Command::Alerts { url, access, list, action: None } => Box::pin(alert_list::list(url, access, list, screen)),
        Command::Alerts { list, .. } if !list.are_unset() => {
            let misuse = "--json, --severity, --name and labels choose from the list, which `alerts` alone prints";
            Box::pin(async { Err(channel_commands::Misuse::new(misuse).into()) })
        }
        Command::Healthcheck { url } => Box::pin(async { health::check(url).await.map(|()| ExitCode::Success) }),
        Command::Completions { shell } => {
            Box::pin(async { man_page::print_completions(*shell).map(|()| ExitCode::Success) })
        }
        Command::Man { folder } => Box::pin(async { man_page::write_pages(folder).map(|()| ExitCode::Success) }),
        _ => return None,
    };
    Some(work)
}

/// The configuration. `None` after all its faults were logged.
fn load(source: &Source) -> Option<Loaded> {
    match source.load() {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            Some(loaded)
        }
        Err(faults) => {
            say(&mut io::stderr(), &format!("{faults}\n"));
            None
        }
    }
}

/// The warnings of the web configuration. `None` after all its faults were logged.
fn protection(web: &Web) -> Option<Vec<String>> {
    match web.read_config(&Clock::system()) {
        Ok(read) => {
            let warnings = read.map_or_else(Vec::new, |config| config.warnings().to_vec());
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            Some(warnings)
        }
        Err(faults) => {
            say(&mut io::stderr(), &format!("{faults}\n"));
            None
        }
    }
}

async fn serve(loaded: &Loaded, reloads: Option<Reloads>, web: Web) -> anyhow::Result<()> {
    let stop = shutdown::signals()?;
    let telemetry_path = web.telemetry_path.clone();
    let Loaded { config, storage_chosen_by: chosen_by, .. } = loaded;
    if let Some(warning) = web.misleading_links(&config.notify) {
        tracing::warn!("{warning}");
    }
    let shard = config.metrics.shard;
    if !shard.is_first() {
        tracing::info!(%shard, "the first shard judges the alerts and sends them; this one serves its series only");
    }
    if chosen_by.makes_the_folder() {
        // If this fails, the store reports the consequence.
        let _ = config.storage.make_folder();
    }
    let app = App::build(config, web, Clock::system()).await?.reloading(reloads);
    if let Some(path) = config.storage.path.as_ref().filter(|_| *chosen_by != ChosenBy::Setting) {
        tracing::info!(path = %path.display(), %chosen_by, "the store is here");
    }
    for address in app.addresses() {
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            url = format!("{}://{address}{telemetry_path}", app.scheme()),
            "serving"
        );
    }
    // The addresses are open now. Connections wait until they are served.
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        tracing::warn!(%error, "cannot tell the service manager that the daemon is up");
    }
    app.run(stop).await
}

async fn once(config: &Config) -> anyhow::Result<ExitCode> {
    let progress = Progress::new("collectors polled");
    let once = app::once(config, Clock::system(), |done, all| progress.step(done, all)).await?;
    drop(progress);
    // Programs get the exact bytes.
    if io::stdout().is_terminal() {
        say(&mut io::stdout(), &once.exposition);
    } else {
        io::stdout().write_all(once.exposition.as_bytes())?;
    }
    let has_failed = once.outcomes.contains(&Outcome::Failed);
    let is_complete = !has_failed && once.outcomes.contains(&Outcome::Good);
    Ok(if is_complete { ExitCode::Success } else { ExitCode::Incomplete })
}

fn block_on<T>(runtime: Runtime, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let outcome = runtime.block_on(work);
    // A blocked DNS look-up holds a thread for up to half a minute. A normal shutdown of the runtime would wait for it.
    runtime.shutdown_background();
    outcome
}

/// Writes text to a terminal or a pipe. A closed one is no error. The caller escapes line ends in texts from outside.
fn say(to: &mut impl io::Write, text: &str) {
    let _ = to.write_all(escaped_lines(text).as_bytes()).and_then(|()| to.flush());
}

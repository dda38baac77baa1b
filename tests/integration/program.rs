//! The built program as a process.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::harness::{KEY, PATIENCE, http};

/// The program with these arguments and an empty environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gcore-billing-exporter"));
    quiet(command.args(arguments));
    command
}

fn quiet(command: &mut Command) {
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// The same with a limit of this many blocks of 512 bytes for each file, which looks like a full disk.
pub(crate) fn limited(blocks: u32, arguments: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_gcore-billing-exporter")]).args(arguments);
    quiet(&mut command);
    command
}

/// The same for a user that file permissions bind, even if the tests run as root.
pub(crate) fn bound(arguments: &[&str]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = "[ \"$(id -u)\" = 0 ] || exec \"$0\" \"$@\"; \
                  exec setpriv --inh-caps=-dac_override --bounding-set=-dac_override \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_gcore-billing-exporter")]).args(arguments);
    quiet(&mut command);
    command
}

/// A server of a Debian package in its own folder, where the file `log` gets its messages. It ends with this value.
pub(crate) fn server(name: &str, folder: &Path, flags: &[String]) -> Child {
    Command::new(name)
        .args(flags)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("log")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}; scripts/test installs its Debian package"))
}

/// A temporary file.
pub(crate) fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// A configuration file: the account `main` at `url`, whose collectors poll every second. `more` lines belong to the
/// account.
pub(crate) fn config_file(url: &str, more: &str, collectors: &[&str]) -> NamedTempFile {
    let mut text =
        format!("[accounts.main]\napi_key = '{KEY}'\napi_url = '{url}'\nmax_requests_per_second = 100\n{more}\n");
    text += "[storage]\npath = \"\"\n";
    for collector in ["cost", "usage", "reports", "subscriptions", "commitments", "names", "history"] {
        let enabled = collectors.contains(&collector);
        text += &format!("[collect.{collector}]\nenabled = {enabled}\ninterval = '1s'\n");
    }
    file(&text)
}

/// The flag for a configuration file.
pub(crate) fn config_flag(file: &NamedTempFile) -> String {
    format!("--config.file={}", file.path().display())
}

/// The result of a process.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end.
pub(crate) async fn finish(mut command: Command) -> Ended {
    Process::start(&mut command).end().await
}

/// A running process.
pub(crate) struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
    _config: Option<NamedTempFile>,
}

/// The output of a process so far, and the task that reads it.
struct Output(Arc<Mutex<String>>, JoinHandle<()>);

impl Output {
    fn of(pipe: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        let listener = tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                heard.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self(said, listener)
    }

    fn so_far(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, stdout: Output::of(stdout), stderr: Output::of(stderr), _config: None }
    }

    /// Starts `run` with a configuration file on a new port.
    pub(crate) fn serving(config: NamedTempFile, flags: &[&str]) -> Self {
        let file = config_flag(&config);
        let arguments = [&["run", &file, "--web.listen-address=127.0.0.1:0"], flags].concat();
        Self { _config: Some(config), ..Self::start(&mut program(&arguments)) }
    }

    /// The standard error so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.so_far()
    }

    /// The standard output so far.
    pub(crate) fn printed(&self) -> String {
        self.stdout.so_far()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The base URL from the daemon's log.
    pub(crate) async fn url(&self) -> String {
        self.until(async || self.log().contains("/metrics")).await;
        let log = self.log();
        let start = ["http://127.0.0.1:", "https://127.0.0.1:"].iter().find_map(|start| log.find(start)).unwrap();
        let end = log[start..].find("/metrics").unwrap();
        log[start..start + end].to_owned()
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, condition: impl AsyncFn() -> bool) {
        let met = tokio::time::timeout(PATIENCE, async {
            while !condition().await {
                assert!(!self.stderr.1.is_finished(), "it has ended:\n{}{}", self.printed(), self.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if met.await.is_err() {
            panic!("it did not come within {PATIENCE:?}; said until then:\n{}{}", self.printed(), self.log());
        }
    }

    /// Sends a signal by its name, such as TERM.
    pub(crate) async fn signal(&self, name: &str) {
        // Each shell has `kill` built in. Not every machine has it as a program.
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.id())).status().await;
        assert!(sent.unwrap().success());
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> Ended {
        let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            panic!("it did not end within {PATIENCE:?}; said until then:\n{}{}", self.printed(), self.log());
        };
        self.stdout.1.await.unwrap();
        self.stderr.1.await.unwrap();
        let said = |output: &Arc<Mutex<String>>| output.lock().unwrap().clone();
        Ended { code: status.unwrap().code(), stdout: said(&self.stdout.0), stderr: said(&self.stderr.0) }
    }

    /// Stops it as a service manager does. Fails unless it exits with success.
    pub(crate) async fn stop(self) -> Ended {
        self.signal("TERM").await;
        let ended = self.end().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended
    }
}

/// The number of kills: `some` by default, which is enough to see a torn write.
#[expect(clippy::disallowed_methods, reason = "a longer test is asked for by hand")]
pub(crate) fn rounds(some: u32) -> u32 {
    std::env::var("KILL_ROUNDS").map_or(some, |rounds| rounds.parse().unwrap())
}

/// The seed of the random kills: new for each run, or set by a variable.
#[expect(clippy::disallowed_methods, reason = "a run is repeated by hand")]
pub(crate) fn seed() -> u64 {
    std::env::var("KILL_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap())
}

/// A page of a running program.
pub(crate) async fn get(url: &str) -> String {
    http().get(url).send().await.unwrap().text().await.unwrap()
}

/// The value of one series in an exposition.
pub(crate) fn value(exposition: &str, series: &str) -> Option<String> {
    exposition.lines().find_map(|line| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned()))
}

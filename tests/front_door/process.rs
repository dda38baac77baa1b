//! The built program as a process of its own: signals, logs and exit codes.

use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::harness::Listener;

/// A running daemon with a configuration file of its own.
pub(crate) struct Process {
    pub(crate) listener: Listener,
    child: Child,
    log: Arc<Mutex<String>>,
    folder: TempDir,
}

/// The program with nothing in its environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gcore-billing-exporter"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Output {
    tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("it ends within a minute").unwrap()
}

impl Process {
    /// Starts a daemon that logs everything it can, and waits for its first poll of everything.
    pub(crate) async fn ready(toml: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), toml).unwrap();
        let mut child = program()
            .arg(format!("--config.file={}", folder.path().join("config.toml").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.level=debug"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let url = loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("ended: {}", log.lock().unwrap()));
            log.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some((_, rest)) = line.split_once("url=") {
                break rest.split("/metrics").next().unwrap().trim_matches('"').to_owned();
            }
        };
        let copy = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                copy.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let process = Self { listener: Listener::new(url), child, log, folder };
        process.listener.until_ready().await;
        process
    }

    /// Changes the configuration file; nobody is told.
    pub(crate) fn configure(&self, toml: &str) {
        std::fs::write(self.folder.path().join("config.toml"), toml).unwrap();
    }

    /// Sends SIGHUP.
    pub(crate) async fn hang_up(&self) {
        self.signal("HUP").await;
    }

    /// Everything logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Ends the daemon; returns its log after failing if it did not end well or ever showed the secret.
    pub(crate) async fn stop(mut self, secret: &str) -> String {
        let metrics = self.listener.metrics().await;
        self.signal("TERM").await;
        let status = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
        let log = self.log();
        assert!(status.expect("it ends within 5 s").unwrap().success(), "{log}");
        let shown = metrics.lines().chain(log.lines()).find(|line| line.contains(secret));
        assert_eq!(shown, None, "a key was shown");
        log
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }
}

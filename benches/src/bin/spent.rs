//! Runs a command and writes its resources: CPU time of user and system together, the largest resident set, wall time.
//!
//! Usage: spent FILE COMMAND [ARGUMENT]...
//!
//! This must be a small program: a child's largest resident set starts with that of its parent. With an interpreter as
//! parent, every small child would look as large as the interpreter.

use std::process::{Command, ExitCode};

use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use tokio::time::Instant;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let (file, program) = (arguments.next().context("no FILE")?, arguments.next().context("no COMMAND")?);
    let started = Instant::now();
    let status = Command::new(&program).args(arguments).status().with_context(|| format!("cannot run {program:?}"))?;
    let wall = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let spent = serde_json::json!({ "cpu": cpu as f64 / 1e6, "rss_kib": usage.max_rss(), "wall": wall });
    std::fs::write(file, spent.to_string())?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

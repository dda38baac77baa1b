//! What this process has spent.

use nix::sys::resource::{UsageWho, getrusage};

/// CPU seconds so far, user and system.
///
/// # Errors
/// Never in practice: a process may ask for its own.
pub fn spent() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

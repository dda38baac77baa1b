//! The CPU time of this process.

use nix::sys::resource::{UsageWho, getrusage};

/// CPU seconds of user and system so far.
///
/// # Errors
/// Never in practice, because a process may read its own usage.
pub fn spent() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

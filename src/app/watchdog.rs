//! The watchdog of the service manager, fed while every poller lives.
//!
//! A daemon that hangs still answers scrapes from memory, and old figures look like new ones until they are withdrawn.
//! systemd restarts a unit with `WatchdogSec=` that does not report within that time.

use std::future::pending;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Reports to the service manager, where it asks for that.
pub(super) struct Watchdog {
    period: Duration,
    /// Nothing where the service manager has no watchdog.
    beat: Option<Interval>,
    is_starving: bool,
}

impl Watchdog {
    /// The watchdog that the environment asks for: `WATCHDOG_USEC`, and `WATCHDOG_PID` where it is set.
    pub(super) fn from_environment() -> Self {
        let period = sd_notify::watchdog_enabled().unwrap_or_default();
        let half = period / 2;
        let beat = (!half.is_zero()).then(|| {
            let mut beat = interval(half);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beat
        });
        Self { period, beat, is_starving: false }
    }

    /// Completes twice in each watchdog period. Without a watchdog it never completes.
    pub(super) async fn is_due(&mut self) {
        match &mut self.beat {
            Some(beat) => drop(beat.tick().await),
            None => pending().await,
        }
    }

    /// By how much a poller may be late before it counts as stuck: a period of the watchdog.
    pub(super) fn tolerance(&self) -> Duration {
        self.period
    }

    /// Reports, unless pollers are stuck; says so once.
    pub(super) fn feed(&mut self, stuck: &[String]) {
        let was_starving = std::mem::replace(&mut self.is_starving, !stuck.is_empty());
        if self.is_starving {
            if !was_starving {
                let stuck = stuck.join(", ");
                tracing::error!(stuck, "the watchdog is not fed, so the service manager will restart the daemon");
            }
        } else if let Err(error) = sd_notify::notify(&[NotifyState::Watchdog]) {
            tracing::warn!(%error, "cannot feed the watchdog of the service manager");
        }
    }
}

//! The end of the program as a future.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Signals the end to all listeners, once. Its drop does the same.
#[derive(Debug)]
pub struct Trigger(watch::Sender<()>);

/// Waits for a [`Trigger`].
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<()>);

/// A trigger with its first listener.
#[must_use]
pub fn channel() -> (Trigger, Stop) {
    let (sender, receiver) = watch::channel(());
    (Trigger(sender), Stop(receiver))
}

impl Trigger {
    /// Signals the end to every listener.
    pub fn stop(self) {
        drop(self.0);
    }
}

impl Stop {
    /// Returns when the trigger is used or dropped.
    pub async fn requested(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Listens for SIGHUP from now on. Without a listener it would end the program.
///
/// # Errors
/// Fails when the system refuses to install a signal handler.
pub fn hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Listens for SIGTERM and SIGINT from now on. The future returns at the first of them.
///
/// # Errors
/// Fails when the system refuses to install a signal handler.
pub fn signals() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
    })
}

//! The end of the program as a future.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells any number of listeners to end, once. Dropping it tells them too.
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
    /// Tells every listener to end.
    pub fn stop(self) {
        drop(self.0);
    }
}

impl Stop {
    /// Done once the trigger has been pulled or dropped.
    pub async fn requested(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Listens for SIGHUP from now on, which would end the program otherwise.
///
/// # Errors
/// Fails where the system refuses to install a signal handler.
pub fn hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Listens for SIGTERM and SIGINT from now on; the future is done at the first of them.
///
/// # Errors
/// Fails where the system refuses to install a signal handler.
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

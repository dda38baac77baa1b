//! The web configuration in force. It is read again when one of its files changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use common::clock::Clock;

use super::WebConfig;
use super::fault::Faults;
use super::files::Stamps;

/// The files are looked at once in this time, whatever the number of requests.
const PAUSE: Duration = Duration::from_secs(1);

/// The configuration in force, and its replacement.
pub struct CurrentWebConfig {
    path: PathBuf,
    clock: Clock,
    current: Mutex<Arc<WebConfig>>,
    last_look: tokio::sync::Mutex<Look>,
}

struct Look {
    at: Instant,
    stamps: Stamps,
}

impl CurrentWebConfig {
    /// Reads the configuration for the first time.
    ///
    /// # Errors
    /// All [`Faults`] of the file.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self, Faults> {
        let (stamps, first) = read(path.to_owned(), clock.clone()).await?;
        let current = Mutex::new(Arc::new(first?));
        let last_look = tokio::sync::Mutex::new(Look { at: Instant::now(), stamps });
        Ok(Self { path: path.to_owned(), clock, current, last_look })
    }

    /// The configuration in force. A change of a file takes effect within a second.
    pub async fn current(&self) -> Arc<WebConfig> {
        // While one request looks at the files, others do not wait for it.
        if let Ok(mut look) = self.last_look.try_lock()
            && look.at.elapsed() >= PAUSE
        {
            look.at = Instant::now();
            let stamps = look.stamps.clone();
            let is_outdated = tokio::task::spawn_blocking(move || stamps.are_outdated()).await;
            if is_outdated.unwrap_or(false)
                && let Err(faults) = self.read_again(&mut look).await
            {
                for fault in faults.to_string().lines() {
                    tracing::error!(fault, "the web configuration is faulty; the one before stays in force");
                }
            }
        }
        self.in_force()
    }

    /// Reads the files now.
    ///
    /// # Errors
    /// All [`Faults`]. The configuration before stays in force.
    pub async fn reload(&self) -> Result<(), Faults> {
        self.read_again(&mut *self.last_look.lock().await).await
    }

    /// The configuration in force, without a look at the files.
    #[must_use]
    pub fn in_force(&self) -> Arc<WebConfig> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read_again(&self, look: &mut Look) -> Result<(), Faults> {
        let (stamps, read) = read(self.path.clone(), self.clock.clone()).await?;
        // A faulty file is read again only when it changes, so its faults are logged once.
        look.stamps = if read.is_ok() { stamps } else { stamps.with(&look.stamps) };
        let new = read?;
        for warning in new.warnings() {
            tracing::warn!("{warning}");
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        tracing::info!(path = %self.path.display(), "the web configuration is read");
        Ok(())
    }
}

/// Reads outside the serving threads, because a disk may be slow.
async fn read(path: PathBuf, clock: Clock) -> Result<(Stamps, Result<WebConfig, Faults>), Faults> {
    let of = path.clone();
    let read = tokio::task::spawn_blocking(move || WebConfig::read_with_stamps(&path, clock.now())).await;
    read.map_err(|error| {
        let mut faults = Faults::none(&of);
        faults.add("", format!("cannot be read: {error}"));
        faults
    })
}

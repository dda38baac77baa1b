//! Encodes each snapshot once, in the background, so that a scrape only copies bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::snapshot::Reader;
use common::clock::Clock;

use super::encoded::Encoded;
use super::settings::Settings;

/// The windows of a poll arrive in quick succession. This delay encodes several of them at once.
const BURST: Duration = Duration::from_millis(10);
/// The pause after an encoding, in multiples of its duration. So encoding takes at most a fifth of one processor, for
/// any rate and size of snapshots.
const REST: u32 = 4;

/// Keeps the last encoded snapshot, and replaces it.
pub struct Encoder {
    snapshot: Reader,
    clock: Clock,
    encoded: watch::Sender<Arc<Encoded>>,
    /// Locked during encoding, so that waiting scrapes share one encoding.
    settings: Mutex<Settings>,
}

impl Encoder {
    /// Encodes the current snapshot, so that there is always a response.
    #[must_use]
    pub fn new(snapshot: Reader, settings: Settings, clock: Clock) -> Self {
        let first = Encoded::new(&snapshot.borrow(), settings, clock.now(), None);
        let encoded = watch::Sender::new(Arc::new(first));
        Self { snapshot, clock, encoded, settings: Mutex::new(settings) }
    }

    /// Encodes every snapshot, and again when the passage of time changes its text. Ends with the last writer of
    /// snapshots, or when encoding fails.
    pub async fn run(self: Arc<Self>) {
        let mut snapshots = self.snapshot.clone();
        loop {
            let valid_until = self.published().valid_until();
            let left = Duration::try_from(valid_until.duration_since(self.clock.now())).unwrap_or_default();
            tokio::select! {
                changed = snapshots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep(BURST).await;
                    snapshots.mark_unchanged();
                }
                // The clock may differ from the runtime's, so it is read again. The wait need not be exact, because a
                // scrape never uses an outdated text.
                () = tokio::time::sleep(left.max(BURST)) => {
                    if self.published().holds_at(self.clock.now()) {
                        continue;
                    }
                }
            }
            let started = Instant::now();
            if let Err(error) = self.encode(&*self.settings.lock().await).await {
                tracing::error!(%error, "cannot encode the metrics");
                return;
            }
            tokio::time::sleep(started.elapsed() * REST).await;
        }
    }

    /// The current text. It is mostly ready. When it is out of date, it is encoded first.
    ///
    /// # Errors
    /// Fails when encoding panics.
    pub async fn current(&self) -> io::Result<Arc<Encoded>> {
        let encoded = self.published();
        if encoded.holds_at(self.clock.now()) {
            return Ok(encoded);
        }
        let settings = self.settings.lock().await;
        let encoded = self.published();
        if encoded.holds_at(self.clock.now()) {
            return Ok(encoded);
        }
        self.encode(&settings).await
    }

    /// Changes the settings. After that, scrapes use them and the latest snapshot.
    pub async fn follow(&self, settings: Settings) {
        let mut current = self.settings.lock().await;
        *current = settings;
        if let Err(error) = self.encode(&current).await {
            tracing::error!(%error, "cannot encode the metrics with the new settings");
        }
    }

    /// The last encoded snapshot, whether or not it is out of date.
    #[must_use]
    pub fn published(&self) -> Arc<Encoded> {
        Arc::clone(&self.encoded.borrow())
    }

    /// Waits for a snapshot in which every collector has finished a poll.
    pub async fn ready(&self) {
        // This encoder holds the sender, so the channel cannot end here.
        let _ = self.encoded.subscribe().wait_for(|encoded| encoded.untried().is_empty()).await;
    }

    /// Encodes the latest snapshot outside the serving threads. The caller holds the lock of the settings.
    async fn encode(&self, settings: &Settings) -> io::Result<Arc<Encoded>> {
        let (snapshot, before) = (Arc::clone(&self.snapshot.borrow()), self.published());
        let (settings, now) = (*settings, self.clock.now());
        let encode = move || Arc::new(Encoded::new(&snapshot, settings, now, Some(&before)));
        let encoded = tokio::task::spawn_blocking(encode).await?;
        self.encoded.send_replace(Arc::clone(&encoded));
        Ok(encoded)
    }
}

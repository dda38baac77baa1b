//! Encodes each snapshot once, in the background, so that a scrape only copies bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::snapshot::Reader;

use super::encoded::Encoded;
use super::settings::Settings;

/// The windows of a poll arrive in quick succession; waiting this long encodes several of them at once.
const BURST: Duration = Duration::from_millis(10);
/// After encoding, it rests this many times as long as that took: however fast snapshots come and however large they
/// are, encoding takes at most a fifth of one processor.
const REST: u32 = 4;

/// Holds what was encoded last, and replaces it.
pub struct Encoder {
    snapshot: Reader,
    clock: Clock,
    encoded: watch::Sender<Arc<Encoded>>,
    /// Locked while encoding, so that it is done once however many scrapes wait for it.
    settings: Mutex<Settings>,
}

impl Encoder {
    /// Encodes what is there already, so that there is always something to answer with.
    #[must_use]
    pub fn new(snapshot: Reader, settings: Settings, clock: Clock) -> Self {
        let first = Encoded::new(&snapshot.borrow(), settings, clock.now(), None);
        let encoded = watch::Sender::new(Arc::new(first));
        Self { snapshot, clock, encoded, settings: Mutex::new(settings) }
    }

    /// Encodes every snapshot, and again when time alone changes what a snapshot says. Ends with the last writer of
    /// snapshots, or where encoding fails.
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
                // The clock may be another than the runtime's, so it is asked again; and it need not be exact, since a
                // scrape never takes what no longer holds.
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

    /// What holds now. Mostly that is there already; only where time has overtaken it, it is encoded first.
    ///
    /// # Errors
    /// Fails where encoding panics.
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

    /// Goes on with other settings; when this is done, scrapes show them and the latest snapshot.
    pub async fn follow(&self, settings: Settings) {
        let mut current = self.settings.lock().await;
        *current = settings;
        if let Err(error) = self.encode(&current).await {
            tracing::error!(%error, "cannot encode the metrics with the new settings");
        }
    }

    /// What was encoded last, whether it still holds or not.
    #[must_use]
    pub fn published(&self) -> Arc<Encoded> {
        Arc::clone(&self.encoded.borrow())
    }

    /// Done once a snapshot was published in which every collector has finished a poll.
    pub async fn ready(&self) {
        // The sender is ours, so the channel cannot end here.
        let _ = self.encoded.subscribe().wait_for(|encoded| encoded.untried().is_empty()).await;
    }

    /// Encodes the latest snapshot beside the threads that serve. Whoever calls it has
    /// locked the settings.
    async fn encode(&self, settings: &Settings) -> io::Result<Arc<Encoded>> {
        let (snapshot, before) = (Arc::clone(&self.snapshot.borrow()), self.published());
        let (settings, now) = (*settings, self.clock.now());
        let encode = move || Arc::new(Encoded::new(&snapshot, settings, now, Some(&before)));
        let encoded = tokio::task::spawn_blocking(encode).await?;
        self.encoded.send_replace(Arc::clone(&encoded));
        Ok(encoded)
    }
}

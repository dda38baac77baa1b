//! The request rate of an account: one permit per interval, and pauses that the server asks for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Grants permits, each at least an interval after the previous one.
pub(crate) struct RateLimiter {
    interval: Duration,
    state: Mutex<State>,
}

struct State {
    /// The earliest start of the next request.
    next: Instant,
    /// The end of the pause that the server asked for.
    held_until: Instant,
}

/// The reason why there is no permit in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPermit {
    /// The server asked for a pause of this length.
    Held(Duration),
    /// Too many requests are ahead.
    Late,
}

impl RateLimiter {
    pub(crate) fn new(requests_per_second: f64) -> Self {
        let now = Instant::now();
        let interval = Duration::from_secs_f64(1.0 / requests_per_second);
        Self { interval, state: Mutex::new(State { next: now, held_until: now }) }
    }

    /// Waits for a permit. Fails at once when none is available before `deadline`.
    pub(crate) async fn acquire(&self, deadline: Instant) -> Result<(), NoPermit> {
        loop {
            let begins = self.reserve(deadline)?;
            if begins > Instant::now() {
                sleep_until(begins).await;
            }
            // The server may have asked for a pause meanwhile.
            if self.state().held_until <= Instant::now() {
                return Ok(());
            }
        }
    }

    /// Grants no permit while the server's pause lasts. A shorter pause does not end a longer one.
    pub(crate) fn hold_back(&self, wait: Duration) {
        let mut state = self.state();
        state.held_until = state.held_until.max(Instant::now() + wait);
    }

    fn reserve(&self, deadline: Instant) -> Result<Instant, NoPermit> {
        let now = Instant::now();
        let mut state = self.state();
        if state.held_until > deadline {
            return Err(NoPermit::Held(state.held_until - now));
        }
        let begins = now.max(state.next).max(state.held_until);
        if begins > deadline {
            return Err(NoPermit::Late);
        }
        state.next = begins + self.interval;
        Ok(begins)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn turns_are_an_interval_apart_also_after_a_pause() {
        let (start, limiter) = (Instant::now(), RateLimiter::new(2.0));
        let far = start + 1000 * SECOND;
        for expected in [0, 500, 1000] {
            limiter.acquire(far).await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_millis(expected));
        }
        tokio::time::advance(10 * SECOND).await;
        for expected in [11_000, 11_500] {
            limiter.acquire(far).await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_millis(expected), "no burst makes up for it");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_who_waits_already() {
        let (start, limiter) = (Instant::now(), RateLimiter::new(1.0));
        let far = start + 1000 * SECOND;
        limiter.acquire(far).await.unwrap();
        let (waited, ()) = tokio::join!(limiter.acquire(far), async { limiter.hold_back(30 * SECOND) });
        assert_eq!((waited, start.elapsed()), (Ok(()), 30 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn no_turn_in_time_is_said_at_once() {
        let (start, limiter) = (Instant::now(), RateLimiter::new(0.1));
        limiter.acquire(start + SECOND).await.unwrap();
        assert_eq!(limiter.acquire(start + SECOND).await, Err(NoPermit::Late));
        limiter.hold_back(60 * SECOND);
        limiter.hold_back(SECOND);
        assert_eq!(limiter.acquire(start + 59 * SECOND).await, Err(NoPermit::Held(60 * SECOND)));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

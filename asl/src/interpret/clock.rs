//! Time that is handed in.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time and lets it pass.
#[async_trait]
pub trait Clock: Send + Sync {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// Waits until so much time has passed.
    async fn sleep(&self, duration: Duration);
}

/// The clock of tokio: the time of day, or virtual time in a runtime that is paused.
#[derive(Clone, Debug)]
pub struct TokioClock {
    origin: Timestamp,
    started: Option<Instant>,
}

/// Tokio's timers end after 2.2 years; longer waits are made of several.
const LONGEST_TIMER: Duration = Duration::from_secs(365 * 24 * 3600);

impl TokioClock {
    /// A clock that shows the time of day.
    pub fn new() -> Self {
        Self { origin: Timestamp::UNIX_EPOCH, started: None }
    }

    /// A clock that shows `origin` now, and goes on from there with tokio's time. Needs a runtime.
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, started: Some(Instant::now()) }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        match self.started {
            None => Timestamp::now(),
            Some(started) => {
                let passed = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
                self.origin.checked_add(passed).unwrap_or(Timestamp::MAX)
            }
        }
    }

    async fn sleep(&self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let part = left.min(LONGEST_TIMER);
            tokio::time::sleep(part).await;
            left -= part;
        }
    }
}

/// What `work` yields, unless `limit` passes first; then `work` is dropped.
pub(super) async fn within<T>(clock: &dyn Clock, limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    let Some(limit) = limit else { return Some(work.await) };
    let work = std::pin::pin!(work);
    match futures_util::future::select(work, clock.sleep(limit)).await {
        futures_util::future::Either::Left((value, _)) => Some(value),
        futures_util::future::Either::Right(_) => None,
    }
}

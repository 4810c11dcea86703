//! Time as the tokio runtime has it, so that tests and simulations may pause it and let it leap.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Seconds since the epoch, counted with tokio's clock from the moment of opening.
#[derive(Debug)]
pub(crate) struct Clock {
    opened_at: Instant,
    opened_epoch_seconds: f64,
}

impl Clock {
    /// A clock that shows this time now; the system's unless another is given.
    pub(crate) fn new(opened_at: Option<SystemTime>) -> Self {
        let since_epoch = opened_at.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { opened_at: Instant::now(), opened_epoch_seconds: since_epoch.as_secs_f64() }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::now()
    }

    pub(crate) fn epoch_seconds(&self) -> f64 {
        self.opened_epoch_seconds + self.opened_at.elapsed().as_secs_f64()
    }
}

impl dynoxide::storage_backend::Clock for Clock {
    fn now_unix_secs(&self) -> u64 {
        self.epoch_seconds() as u64
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.epoch_seconds()
    }
}

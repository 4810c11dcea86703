//! What the functions of a copy have carried, as each process notes it in the ledger: so that somebody can tell how far they
//! are, and how late. At most once a second: what is carried by then is noted with the next.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::RunId;
use crate::services::Services;

/// A partition of the ledger takes 1,000 writes a second, and a copy may have a hundred processes at work.
const INTERVAL: Duration = Duration::from_secs(1);

/// What one process has captured, or applied, of a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// Changes, since the process began.
    pub changes: u64,
    /// When the newest of them was made, as the stream says.
    pub newest: Option<Timestamp>,
    /// When the oldest of them was made; of what is captured alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// When this was written.
    pub noted: Timestamp,
    /// How old the newest was by then, in milliseconds.
    pub lag_ms: i64,
}

/// What this process has carried.
pub(crate) struct Notes {
    /// Tells this process from others.
    process: u64,
    kinds: [Mutex<Count>; 2],
}

#[derive(Default)]
struct Count {
    run: Option<RunId>,
    changes: u64,
    newest: Option<Timestamp>,
    oldest: Option<Timestamp>,
    written: Option<Instant>,
}

/// Changes that were carried together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lot {
    pub(super) changes: u64,
    /// When the newest and the oldest of them were made, where that is known.
    pub(super) newest: Option<Timestamp>,
    pub(super) oldest: Option<Timestamp>,
}

impl Notes {
    pub(crate) fn new() -> Self {
        Self { process: RandomState::new().build_hasher().finish(), kinds: Default::default() }
    }

    pub(super) async fn captured(&self, services: &Services, run: &RunId, lot: Lot) -> Result<(), Error> {
        self.note(services, run, Entry::Captured(self.process), 0, lot).await
    }

    pub(super) async fn applied(
        &self,
        services: &Services,
        run: &RunId,
        changes: u64,
        newest: Option<Timestamp>,
    ) -> Result<(), Error> {
        self.note(services, run, Entry::Applied(self.process), 1, Lot { changes, newest, oldest: None }).await
    }

    async fn note(
        &self,
        services: &Services,
        run: &RunId,
        entry: Entry,
        kind: usize,
        Lot { changes, newest, oldest }: Lot,
    ) -> Result<(), Error> {
        let carried = {
            let mut count = self.kinds[kind].lock().unwrap_or_else(PoisonError::into_inner);
            if count.run.as_ref() != Some(run) {
                *count = Count { run: Some(run.clone()), ..Count::default() };
            }
            count.changes += changes;
            count.newest = count.newest.max(newest);
            count.oldest = count.oldest.into_iter().chain(oldest).min();
            if changes == 0 || count.written.is_some_and(|written| written.elapsed() < INTERVAL) {
                return Ok(());
            }
            count.written = Some(Instant::now());
            let noted = (services.clock)();
            let lag_ms = count.newest.map_or(0, |newest| noted.as_millisecond() - newest.as_millisecond());
            Carried { changes: count.changes, newest: count.newest, oldest: count.oldest, noted, lag_ms }
        };
        services.ledger.put(run, entry, &carried).await
    }
}

/// What the processes of a copy have captured.
pub async fn captured(ledger: &Ledger, run: &RunId) -> Result<Vec<Carried>, Error> {
    ledger.bodies(run, Entry::CAPTURED_PREFIX).await
}

/// What they have applied.
pub async fn applied(ledger: &Ledger, run: &RunId) -> Result<Vec<Carried>, Error> {
    ledger.bodies(run, Entry::APPLIED_PREFIX).await
}

//! The quiet period (R14): replay starts when no worker of the bulk can be alive any more. A late write of the bulk would
//! put an item back to what it was before the changes that replay has applied.
//!
//! A worker writes down that it is there, and only then asks whether the bulk is over. [`end_bulk`] writes down that it is
//! over, and only then asks who is there. So one of the two always sees the other.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::books;
use crate::control;
use crate::error::{Error, Kind};
use crate::export;
use crate::ledger::{Entry, Ledger};
use crate::plan::{Engine, RunId};
use crate::services::Services;

/// A Lambda function's time, for workers that are told of none.
const WORKER_TIME: Duration = Duration::from_secs(900);
/// By how much clocks may differ: a worker tells the end of its time by its own. AWS keeps those of its hosts within
/// milliseconds; a minute is what Lambda's callers wait beyond a function's time, too.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// Between two looks, in seconds: a worker that ends takes itself out.
const LOOK_SECONDS: u32 = 10;

/// A worker that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Alive {
    /// Lambda has ended it by then, at the latest.
    until: Timestamp,
}

/// When the bulk was declared over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Over {
    at: Timestamp,
}

/// A worker's entry, to be taken out when it ends.
pub(crate) struct Registered(Entry);

/// What EndBulk answers; StartCapture, Export, StartReplay and CheckSync as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Whether there is nothing left to wait for.
    pub(crate) ready: bool,
    /// When it is worth asking again.
    pub(crate) wait_seconds: u32,
}

impl Waiting {
    /// Nothing to wait for.
    pub(crate) const OVER: Self = Self { ready: true, wait_seconds: 0 };

    /// Ask again after that many seconds.
    pub(crate) fn seconds(wait_seconds: u32) -> Self {
        Self { ready: false, wait_seconds }
    }
}

/// Lets a worker of the bulk begin. `None` for one that comes when the bulk is over: nothing is left for it, and it may not write.
pub(crate) async fn register(
    services: &Services,
    run: &RunId,
    deadline: Option<Instant>,
) -> Result<Option<Registered>, Error> {
    let number = getrandom::u64().map_err(|error| Error::new(Kind::Unavailable, error.to_string()))?;
    let left = deadline.map_or(WORKER_TIME, |deadline| deadline.saturating_duration_since(Instant::now()));
    let left = SignedDuration::try_from(left).map_err(|error| Error::invalid(error.to_string()))?;
    let registered = Registered(Entry::Worker(number));
    services.ledger.put(run, registered.0, &Alive { until: (services.clock)() + left }).await?;
    if !is_bulk_over(&services.ledger, run).await? {
        return Ok(Some(registered));
    }
    unregister(services, run, registered).await?;
    Ok(None)
}

/// A worker has ended: all that it has sent is answered.
pub(crate) async fn unregister(services: &Services, run: &RunId, registered: Registered) -> Result<(), Error> {
    services.ledger.delete(run, registered.0).await
}

/// Declares the bulk over, and answers whether its workers have ended.
pub(crate) async fn end_bulk(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    control::heed_stop(&services.ledger, run).await?;
    let plan = services.plan(run).await?;
    export::check_read(&services.ledger, run).await?;
    let now = (services.clock)();
    services.ledger.put_first(run, Entry::BulkOver, &Over { at: now }).await?;
    let alive: Vec<Alive> = services.ledger.bodies(run, Entry::WORKER_PREFIX).await?;
    // Workers of this process have ended, and those of a process before have died with it.
    let is_elsewhere = plan.engine == Engine::StepFunctions;
    match alive.iter().map(|worker| worker.until + MARGIN).max() {
        Some(last) if is_elsewhere && now <= last => Ok(Waiting::seconds(LOOK_SECONDS)),
        _ => {
            books::amend(&services.ledger, run, |course| {
                course.bulk_over.get_or_insert(now);
            })
            .await?;
            Ok(Waiting::OVER)
        }
    }
}

/// Whether the bulk of a run's copy is over.
pub(crate) async fn is_bulk_over(ledger: &Ledger, run: &RunId) -> Result<bool, Error> {
    Ok(ledger.get::<Over>(run, Entry::BulkOver).await?.is_some())
}

//! Waiting for what was written last: until the queue is empty, and for long enough nothing more has come.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Mover;
use crate::copy::sync::{self, Sync};
use crate::error::{Error, Kind};
use crate::plan::RunId;
use crate::services::Services;

/// Between two looks.
const POLL: Duration = Duration::from_secs(1);

/// Waits until nothing has come for twice `quiet`, the queue being empty: one such time may lie between two changes.
pub(super) async fn until_quiet(
    services: &Services,
    run: &RunId,
    quiet: Duration,
    within: Duration,
    mover: &dyn Mover,
) -> Result<(), Error> {
    let deadline = Instant::now() + within.max(quiet * 3);
    let mut silence = Silence::default();
    loop {
        let sync = sync::check(services, run).await?;
        mover.sees(&sync);
        if sync.dead_letters > 0 {
            return Err(Error::invalid(format!(
                "expected every change to be applied, found {} that can't be: `run changes {run}` lists them",
                sync.dead_letters
            )));
        }
        let now = Instant::now();
        if silence.lasted(&sync, now) >= quiet * 2 {
            return Ok(());
        }
        if now >= deadline {
            return Err(Error::new(
                Kind::Refused,
                format!(
                    "expected the source to be quiet within {} s, found that changes still come: stop the application's \
                     writes first, for example with --before",
                    within.as_secs()
                ),
            ));
        }
        sleep(POLL).await;
    }
}

/// Since when nothing has come.
#[derive(Debug, Default)]
struct Silence {
    since: Option<Instant>,
    captured: Option<u64>,
}

impl Silence {
    /// For how long nothing has come and nothing waits, by what is seen now.
    fn lasted(&mut self, sync: &Sync, now: Instant) -> Duration {
        let captured = Some(sync.captured);
        let is_broken = sync.backlog() > 0 || captured != self.captured || self.since.is_none();
        self.captured = captured;
        let since = if is_broken { now } else { self.since.unwrap_or(now) };
        self.since = Some(since);
        now.duration_since(since)
    }
}

//! Waiting for what was written last: until the queue is empty, for long enough nothing more has come, and the target shows what
//! the end of the stream tells of.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Mover;
use super::tail::{Reach, Tail};
use crate::copy::sync::{self, Sync};
use crate::error::{Error, Kind};
use crate::plan::RunId;
use crate::services::Services;

/// Between two looks.
const POLL: Duration = Duration::from_secs(1);

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For how long nothing may come, twice over: one such time may lie between two changes.
    pub(super) quiet: Duration,
    /// For how long what was written last is waited for.
    pub(super) within: Duration,
}

/// What becomes of a change that still comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stragglers {
    /// It is captured, and waited for.
    Captured,
    /// Capture has ended: nobody carries it.
    Lost,
}

/// Reads the stream into its last minute, and on until the application has stopped.
pub(super) async fn until_stopped(tail: &mut Tail<'_>, mover: &dyn Mover) -> Result<(), Error> {
    tail.read_on(Reach::Nearly).await?;
    let mut stopped = mover.before();
    let mut unread = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut stopped => return ended.and(unread.map_or(Ok(()), Err)),
            // An iterator that isn't used for 15 minutes expires.
            () = sleep(POLL), if unread.is_none() => unread = tail.read_on(Reach::Nearly).await.err(),
        }
    }
}

/// Waits until nothing has come for twice as long as has to be quiet, the queue being empty, and the target shows what came
/// last.
pub(super) async fn until_quiet(
    services: &Services,
    run: &RunId,
    Patience { quiet, within }: Patience,
    stragglers: Stragglers,
    mover: &dyn Mover,
    tail: &mut Tail<'_>,
) -> Result<(), Error> {
    let within = within.max(quiet * 3);
    let deadline = Instant::now() + within;
    let mut silence = Silence::default();
    loop {
        let has_come = tail.read_on(Reach::End).await?;
        if has_come && stragglers == Stragglers::Lost {
            let message = format!(
                "expected nothing to come once the source had been quiet for {} s, found changes: stop the application's writes \
                 first, for example with --before",
                (quiet * 2).as_secs()
            );
            return Err(Error::new(Kind::Refused, message));
        }
        let sync = sync::check(services, run).await?;
        mover.sees(&sync);
        if sync.dead_letters > 0 {
            let message = format!(
                "expected every change to be applied, found {} that can't be: `run changes {run}` lists them",
                sync.dead_letters
            );
            return Err(Error::new(Kind::Refused, message));
        }
        let now = Instant::now();
        let is_quiet = silence.lasted(&sync, has_come, now) >= quiet * 2;
        let unapplied = if is_quiet || now >= deadline { tail.unapplied().await? } else { 0 };
        if is_quiet && unapplied == 0 {
            return Ok(());
        }
        if now >= deadline {
            return Err(Error::new(Kind::Refused, too_late(within.as_secs(), is_quiet, unapplied)));
        }
        sleep(POLL).await;
    }
}

fn too_late(seconds: u64, is_quiet: bool, unapplied: usize) -> String {
    match is_quiet {
        true => format!(
            "expected the target to show what was written last within {seconds} s, found {unapplied} items that it shows \
             otherwise: capture is behind (`run status` says more), or something else writes to the target"
        ),
        false => format!(
            "expected the source to be quiet within {seconds} s, found that changes still come: stop the application's \
             writes first, for example with --before; where the source deletes items by time to live and the target doesn't, \
             switch that off"
        ),
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
    fn lasted(&mut self, sync: &Sync, has_come: bool, now: Instant) -> Duration {
        let captured = Some(sync.captured);
        let is_broken = has_come || sync.backlog() > 0 || captured != self.captured || self.since.is_none();
        self.captured = captured;
        let since = if is_broken { now } else { self.since.unwrap_or(now) };
        self.since = Some(since);
        now.duration_since(since)
    }
}

//! The cut-over: the application moves from the source to the target, and nothing that it wrote is left behind (R17).
//!
//! It opens only when the target is in step and was found to be so. Then the application is stopped by whoever moves it, what
//! it wrote last is carried, capture ends, replay ends, and, where that is wanted, the other direction begins before the
//! application writes to the target. Each step is in the ledger before it is taken: a cut-over that died goes on where it
//! was, and until replay has ended it can be taken back.

mod back;
mod drain;
mod gate;
pub mod letters;
mod switch;
mod tail;
mod values;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use gate::{Look, Refusal, look, refusals};

use self::drain::Patience;
use self::tail::{Start, Tail};

use crate::copy::sync::{self, Sync};
use crate::copy::{current, table};
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::plan::{Engine, RunId};
use crate::services::Services;

/// How far a cut-over has come. Each is written down before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What was written last is being carried.
    Draining,
    /// Capture is being switched off.
    EndingCapture,
    /// Replay is being switched off. From here on there is no way back.
    EndingReplay,
    /// The way back is being opened.
    TurningRound,
    /// The application is being moved.
    Moving,
    /// It is over.
    Over,
    /// The copy was given up: it is not kept in step any more.
    GivenUp,
}

/// A cut-over, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutover {
    /// How far it has come.
    pub phase: Phase,
    /// When it began.
    pub began: Timestamp,
    /// When it was over, or the copy was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Timestamp>,
    /// The attribute that the target's items expire by from now on: as long as the source's expirations were carried, it had
    /// none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
    /// Whether the source is kept in step with the target afterwards.
    #[serde(default)]
    pub reverse: bool,
    /// The run that does so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<RunId>,
}

/// How a cut-over is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether the source is kept in step with the target afterwards.
    pub reverse: bool,
    /// For how long what was written last is waited for.
    pub within: Duration,
}

/// Who looks on, and moves the application.
#[async_trait]
pub trait Mover: Send + std::marker::Sync {
    /// Stops the application's writes to the source. An error leaves everything as it was.
    async fn before(&self) -> Result<(), Error>;
    /// Whether that stops them. Otherwise they have stopped some time before.
    fn stops_writes(&self) -> bool;
    /// Has the application begin on the target.
    async fn after(&self) -> Result<(), Error>;
    /// A step begins.
    fn enters(&self, phase: Phase);
    /// How far the target is behind, while it is waited for.
    fn sees(&self, sync: &Sync);
}

/// The cut-over of a run, if it has begun.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Option<Cutover>, Error> {
    ledger.get(run, Entry::Cutover).await
}

/// Whether a run's changes are being carried to its target.
pub async fn is_carried(ledger: &Ledger, run: &RunId) -> Result<bool, Error> {
    let course = crate::copy::books::course(ledger, run).await?;
    let is_ending = read(ledger, run).await?.is_some_and(|cutover| cutover.phase >= Phase::EndingReplay);
    Ok(course.replay.is_some() && !is_ending)
}

/// Cuts over, or goes on with a cut-over that was begun. Refused where R17 doesn't hold, with everything that is in the way.
pub async fn cut_over(services: &Services, run: &RunId, options: Options, mover: &dyn Mover) -> Result<Cutover, Error> {
    let seen = gate::look(services, run).await?;
    let (cutover, tail) = begun(services, &seen, options, mover).await?;
    let mut steps = Steps { services, run, mover, cutover };
    let carries = seen.carries_changes();
    if let Some(mut tail) = tail {
        let patience = Patience { quiet: quiet(&seen), within: options.within };
        if steps.cutover.phase == Phase::Draining {
            steps.drain(patience, &mut tail).await?;
        }
        steps.enter(Phase::EndingCapture).await?;
        switch::end_capture(services, run).await?;
        // What came in between the last look and the end of capture.
        drain::until_quiet(services, run, patience, mover, &mut tail).await?;
    }
    if carries && steps.cutover.phase <= Phase::EndingReplay {
        steps.enter(Phase::EndingReplay).await?;
        switch::end_replay(services, run, &seen.plan).await?;
        steps.cutover.expiry = table::let_expire(services, run).await?;
    }
    if steps.cutover.reverse && steps.cutover.phase <= Phase::TurningRound {
        steps.enter(Phase::TurningRound).await?;
        steps.cutover.back = Some(back::begin(services, &seen.plan).await?);
    }
    steps.enter(Phase::Moving).await?;
    mover.after().await?;
    steps.cutover.over = Some((services.clock)());
    steps.enter(Phase::Over).await?;
    // The last: a rehearsal goes on for as long as a copy does.
    current::give_up(&services.ledger, run).await?;
    Ok(steps.cutover)
}

/// Takes a cut-over back that was begun, as long as replay hasn't ended; tells what it was.
pub async fn take_back(services: &Services, run: &RunId) -> Result<Cutover, Error> {
    let cutover = read(&services.ledger, run).await?;
    let Some(cutover) = cutover.filter(|cutover| cutover.phase < Phase::EndingReplay) else {
        return Err(Error::invalid(format!("expected a cut-over of run {run} that can be taken back, found none")));
    };
    if gate::look(services, run).await?.carries_changes() {
        switch::begin(services, run).await?;
    }
    services.ledger.delete(run, Entry::Cutover).await?;
    Ok(cutover)
}

/// Gives the copy up: nothing is captured or applied any more, and what waits in the queue is let go. The target stays as it
/// is.
pub async fn give_up(services: &Services, run: &RunId) -> Result<Cutover, Error> {
    let seen = gate::look(services, run).await?;
    let now = (services.clock)();
    let cutover =
        Cutover { phase: Phase::GivenUp, began: now, over: Some(now), expiry: None, reverse: false, back: None };
    services.ledger.put(run, Entry::Cutover, &cutover).await?;
    if seen.carries_changes() {
        switch::end_capture(services, run).await?;
        switch::end_replay(services, run, &seen.plan).await?;
        letters::let_go(services).await?;
    }
    current::give_up(&services.ledger, run).await?;
    Ok(cutover)
}

/// The cut-over that goes on, or a new one once the gate is open and the application has stopped; and, where changes are still
/// captured, the end of their stream.
async fn begun<'s>(
    services: &'s Services,
    seen: &'s Look,
    options: Options,
    mover: &dyn Mover,
) -> Result<(Cutover, Option<Tail<'s>>), Error> {
    let run = &seen.plan.run;
    let is_captured = |phase: Phase| seen.carries_changes() && phase <= Phase::EndingCapture;
    match &seen.cutover {
        Some(cutover) if cutover.phase == Phase::Over => {
            current::give_up(&services.ledger, run).await?;
            Err(Error::invalid(format!("run {run} is cut over already")))
        }
        Some(cutover) if cutover.phase == Phase::GivenUp => Err(Error::invalid(format!(
            "run {run} was given up: its target isn't kept in step; run the migration anew"
        ))),
        Some(cutover) => {
            let is_captured = is_captured(cutover.phase);
            let tail = if is_captured { Some(Tail::open(services, &seen.plan, Start::Lately).await?) } else { None };
            Ok((cutover.clone(), tail))
        }
        None => {
            gate::check(seen, options.reverse)?;
            let tail = if seen.carries_changes() {
                let start = if mover.stops_writes() { Start::Now } else { Start::Lately };
                let mut tail = Tail::open(services, &seen.plan, start).await?;
                drain::until_stopped(&mut tail, quiet(seen), mover).await?;
                Some(tail)
            } else {
                mover.before().await?;
                None
            };
            let began = (services.clock)();
            let cutover = Cutover {
                phase: Phase::Draining,
                began,
                over: None,
                expiry: None,
                reverse: options.reverse,
                back: None,
            };
            if !services.ledger.put_first(run, Entry::Cutover, &cutover).await? {
                return Err(Error::new(Kind::Busy, format!("somebody else is cutting run {run} over just now")));
            }
            Ok((cutover, tail))
        }
    }
}

/// For how long nothing may come before what was written last is taken to have come. What SQS says of a queue is exact a
/// minute after its last message at the latest (SQS API reference, GetQueueAttributes); in a rehearsal at once.
fn quiet(seen: &Look) -> Duration {
    match seen.plan.engine {
        Engine::Embedded => Duration::from_secs(3),
        Engine::Direct | Engine::StepFunctions => Duration::from_secs(60),
    }
}

struct Steps<'s> {
    services: &'s Services,
    run: &'s RunId,
    mover: &'s dyn Mover,
    cutover: Cutover,
}

impl Steps<'_> {
    async fn enter(&mut self, phase: Phase) -> Result<(), Error> {
        self.cutover.phase = phase;
        self.services.ledger.put(self.run, Entry::Cutover, &self.cutover).await?;
        self.mover.enters(phase);
        Ok(())
    }

    /// Waits for what was written last, and asks the gate once more. Where it doesn't come, the cut-over was none.
    async fn drain(&mut self, patience: Patience, tail: &mut Tail<'_>) -> Result<(), Error> {
        self.mover.enters(Phase::Draining);
        let (services, run) = (self.services, self.run);
        let drained = drain::until_quiet(services, run, patience, self.mover, tail).await;
        let checked = match drained {
            Ok(()) => gate::look(services, run).await.and_then(|seen| gate::check_drained(&seen)),
            Err(error) => Err(error),
        };
        if let Err(error) = checked {
            services.ledger.delete(run, Entry::Cutover).await?;
            return Err(error.while_doing("the cut-over was not begun, and changes are carried on"));
        }
        Ok(())
    }
}

/// How far a run's target is behind, where changes are carried to it.
pub async fn behind(services: &Services, run: &RunId) -> Result<Sync, Error> {
    sync::check(services, run).await
}

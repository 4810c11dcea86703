//! The cut-over: the application moves from the source to the target, and nothing that it wrote is left behind (R17).
//!
//! It opens only when the target is in step and was found to be so. Then the application is stopped by whoever moves it, what
//! it wrote last is carried, capture ends, replay ends, and, where that is wanted, the other direction begins before the
//! application writes to the target. Each step is in the ledger before it is taken: a cut-over that died goes on where it
//! was, and until replay has ended it can be taken back.

mod back;
mod begin;
mod claim;
mod drain;
mod gate;
pub mod letters;
mod shards;
mod switch;
mod tail;
mod values;
mod witness;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use gate::{FRESH, Look, Refusal, look, refusals};

use self::begin::begun;
use self::claim::{Claim, lost, name};
use self::drain::{Patience, Stragglers};
use self::tail::Tail;

use crate::copy::sync::Sync;
use crate::copy::{current, table};
use crate::error::Error;
use crate::ledger::{Entry, Ledger};
use crate::plan::{Engine, RunId};
use crate::services::Services;

/// How far a cut-over has come. Each is written down before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is being taken back.
    TakingBack,
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
    /// It is moved, and what carried its changes is being taken away.
    Clearing,
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
    /// When the application was stopped, the last time that it was.
    pub began: Timestamp,
    /// When it was moved, or the copy was given up.
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
    /// How many items are not in the target as they should be because somebody has dropped changes of theirs by name.
    #[serde(default)]
    pub left_out: u64,
    /// Who is at it: whoever goes on with a cut-over, or takes it back, takes it from whoever was before.
    #[serde(default)]
    by: String,
}

/// How a cut-over is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether the source is kept in step with the target afterwards.
    pub reverse: bool,
    /// For how long what was written last is waited for.
    pub within: Duration,
    /// How long ago the two tables may have begun to be compared. What capture doesn't read within [`FRESH`] is lost, and only
    /// comparing tells: longer is for whoever knows that capture was never so far behind.
    pub verified_within: Duration,
}

/// Who looks on, and moves the application.
#[async_trait]
pub trait Mover: Send + std::marker::Sync {
    /// Stops the application's writes to the source; once more where a cut-over goes on, since nobody knows what it has done in
    /// between. An error leaves everything as it was.
    async fn before(&self) -> Result<(), Error>;
    /// Has the application begin on the target.
    async fn after(&self) -> Result<(), Error>;
    /// A step begins.
    fn enters(&self, phase: Phase);
    /// How many records of the stream's end were read, and when the last one was made.
    fn reads(&self, records: u64, made: Option<Timestamp>);
    /// How far the target is behind, while it is waited for.
    fn sees(&self, sync: &Sync);
}

/// The cut-over of a run, if it has begun.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Option<Cutover>, Error> {
    ledger.get(run, Entry::Cutover).await
}

/// Whether a run's changes are being carried to its target, or will be when its bulk is over.
pub async fn is_carried(ledger: &Ledger, run: &RunId) -> Result<bool, Error> {
    let is_current = current::read(ledger).await?.is_some_and(|current| current.run == *run);
    let is_ending = read(ledger, run).await?.is_some_and(|cutover| cutover.phase >= Phase::EndingReplay);
    Ok(is_current && !is_ending)
}

/// Refuses to carry a copy on whose replay was ended: its source stands still, and what it says would be written over what the
/// application has written to the target since.
pub(crate) async fn refuse_ended(ledger: &Ledger, run: &RunId) -> Result<(), Error> {
    match read(ledger, run).await? {
        Some(cutover) if cutover.phase >= Phase::EndingReplay => Err(Error::invalid(format!(
            "run {run} is cut over, or was given up: nothing of it is carried any more; run the migration anew"
        ))),
        _ => Ok(()),
    }
}

/// Cuts over, or goes on with a cut-over that was begun. Refused where R17 doesn't hold, with everything that is in the way.
pub async fn cut_over(services: &Services, run: &RunId, options: Options, mover: &dyn Mover) -> Result<Cutover, Error> {
    let seen = gate::look(services, run).await?;
    let (claim, tail) = begun(services, &seen, options, mover).await?;
    let mut steps = Steps { services, run, options, mover, claim };
    let carries = seen.carries_changes();
    if let Some(mut tail) = tail {
        steps.drain(quiet(&seen), &mut tail).await?;
    }
    if carries && steps.claim.cutover.phase <= Phase::EndingReplay {
        steps.enter(Phase::EndingReplay).await?;
        switch::end_replay(services, run).await?;
    }
    if steps.claim.cutover.reverse && steps.claim.cutover.phase <= Phase::TurningRound {
        steps.enter(Phase::TurningRound).await?;
        steps.claim.cutover.back = Some(back::begin(services, &seen.plan, quiet(&seen)).await?);
    }
    if steps.claim.cutover.phase <= Phase::Moving {
        steps.enter(Phase::Moving).await?;
        mover.after().await?;
        steps.claim.cutover.over = Some((services.clock)());
    }
    // Nothing that the application waits for.
    steps.enter(Phase::Clearing).await?;
    steps.clear(&seen).await.map_err(|error| {
        error.while_doing(
            "the application is moved, and what carried its changes is left; the same cut-over again takes it away",
        )
    })?;
    steps.enter(Phase::Over).await?;
    // The last: a rehearsal goes on for as long as a copy does.
    current::give_up(&services.ledger, run).await?;
    Ok(steps.claim.cutover)
}

/// Takes a cut-over back that was begun, as long as replay hasn't ended; tells what it was.
pub async fn take_back(services: &Services, run: &RunId) -> Result<Cutover, Error> {
    let begun = services.ledger.get_with_body::<Cutover>(run, Entry::Cutover).await?;
    let Some((cutover, body)) = begun.filter(|(cutover, _)| cutover.phase < Phase::EndingReplay) else {
        return Err(Error::invalid(format!("expected a cut-over of run {run} that can be taken back, found none")));
    };
    // From here on whoever was at it can go no further.
    let claim = Claim::take(services, run, Cutover { phase: Phase::TakingBack, ..cutover.clone() }, &body).await?;
    if gate::look(services, run).await?.carries_changes() {
        back_on(services, run).await?;
    }
    claim.undo(services, run).await?;
    Ok(cutover)
}

/// Gives the copy up: nothing is captured or applied any more, and what waits in the queue is let go. The target stays as it
/// is.
pub async fn give_up(services: &Services, run: &RunId) -> Result<Cutover, Error> {
    let seen = gate::look(services, run).await?;
    let now = (services.clock)();
    let cutover = Cutover { phase: Phase::GivenUp, over: Some(now), ..Cutover::beginning(now, false)? };
    let is_given_up = match services.ledger.get_with_body::<Cutover>(run, Entry::Cutover).await? {
        None => services.ledger.put_first(run, Entry::Cutover, &cutover).await?,
        // Somebody who gave it up has died on the way: all of this may be done twice.
        Some((found, body)) if found.phase == Phase::GivenUp => {
            services.ledger.replace(run, Entry::Cutover, &body, &cutover).await?
        }
        Some(_) => false,
    };
    if !is_given_up {
        return Err(lost(run));
    }
    if seen.carries_changes() {
        switch::remove_unnoted(services, run).await?;
        switch::end_capture(services, run).await?;
        switch::end_replay(services, run).await?;
        switch::clear(services, run, &seen.plan).await?;
        letters::let_go(services, run).await?;
    }
    current::give_up(&services.ledger, run).await?;
    Ok(cutover)
}

/// For how long nothing may come before what was written last is taken to have come. What SQS says of a queue is exact a
/// minute after its last message at the latest (SQS API reference, GetQueueAttributes); in a rehearsal at once.
fn quiet(seen: &Look) -> Duration {
    match seen.plan.engine {
        Engine::Embedded => Duration::from_secs(3),
        Engine::Direct | Engine::StepFunctions => Duration::from_secs(60),
    }
}

impl Cutover {
    fn beginning(began: Timestamp, reverse: bool) -> Result<Self, Error> {
        Ok(Self {
            phase: Phase::Draining,
            began,
            over: None,
            expiry: None,
            reverse,
            back: None,
            left_out: 0,
            by: name()?,
        })
    }
}

struct Steps<'s> {
    services: &'s Services,
    run: &'s RunId,
    options: Options,
    mover: &'s dyn Mover,
    claim: Claim,
}

impl Steps<'_> {
    async fn enter(&mut self, phase: Phase) -> Result<(), Error> {
        let (ledger, cutover) = (&self.services.ledger, &mut self.claim.cutover);
        let found = ledger.get_with_body::<Cutover>(self.run, Entry::Cutover).await?;
        let Some((_, body)) = found.filter(|(found, _)| found.by == cutover.by) else { return Err(lost(self.run)) };
        cutover.phase = phase;
        if !ledger.replace(self.run, Entry::Cutover, &body, cutover).await? {
            return Err(lost(self.run));
        }
        self.mover.enters(phase);
        Ok(())
    }

    /// Takes away what has carried changes, and has the target's items expire by themselves.
    async fn clear(&mut self, seen: &Look) -> Result<(), Error> {
        if seen.carries_changes() {
            switch::clear(self.services, self.run, &seen.plan).await?;
        }
        self.claim.cutover.expiry = table::let_expire(self.services, self.run).await?;
        Ok(())
    }

    /// Carries what was written last, and ends capture. Where that can't be done the cut-over was none, and changes are carried on.
    async fn drain(&mut self, quiet: Duration, tail: &mut Tail<'_>) -> Result<(), Error> {
        let (services, run) = (self.services, self.run);
        let Err(error) = self.end_capture(quiet, tail).await else { return Ok(()) };
        self.claim.keep(services, run).await?;
        match self.claim.cutover.phase {
            Phase::Draining => current::carry_expiries(&services.ledger, run, None).await?,
            _ => back_on(services, run).await?,
        }
        self.claim.undo(services, run).await?;
        let what =
            "the cut-over was not begun, and changes are carried on; whoever stopped the application starts it again";
        Err(error.while_doing(what))
    }

    /// Waits for what was written last, asks the gate once more, and ends capture.
    async fn end_capture(&mut self, quiet: Duration, tail: &mut Tail<'_>) -> Result<(), Error> {
        let patience = Patience { quiet, within: self.options.within };
        let (services, run) = (self.services, self.run);
        // Whoever died when capture had ended doesn't know what came in between.
        if self.claim.cutover.phase == Phase::EndingCapture {
            switch::begin(services, run).await?;
        }
        self.enter(Phase::Draining).await?;
        if tail.expiry().is_some() {
            current::carry_expiries(&services.ledger, run, Some(self.claim.cutover.began)).await?;
        }
        drain::until_quiet(services, run, patience, Stragglers::Captured, self.mover, tail).await?;
        gate::check_drained(&gate::look(services, run).await?, &self.options)?;
        self.enter(Phase::EndingCapture).await?;
        switch::end_capture(services, run).await?;
        if let Err(lost) = self.claim.keep(services, run).await {
            // Whoever took it back meanwhile has found capture on.
            if read(&services.ledger, run).await?.is_none_or(|cutover| cutover.phase == Phase::TakingBack) {
                back_on(services, run).await?;
            }
            return Err(lost);
        }
        // What came in between the last look and the end of capture.
        drain::until_quiet(services, run, patience, Stragglers::Lost, self.mover, tail).await
    }
}

/// Carries all changes again.
async fn back_on(services: &Services, run: &RunId) -> Result<(), Error> {
    let on = async {
        current::carry_expiries(&services.ledger, run, None).await?;
        switch::begin(services, run).await
    };
    on.await.map_err(|error| {
        error.while_doing(format!(
            "capture is off: what the application writes to the source now is carried by nobody; leave it stopped, and \
             `run cutover {run} --abort` goes on with switching capture on"
        ))
    })
}

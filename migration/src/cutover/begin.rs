//! How a cut-over begins, or goes on: the gate is open, and the application has stopped.

use super::claim::{Claim, lost};
use super::gate::{self, Look};
use super::tail::Tail;
use super::{Cutover, Mover, Options, Phase, back, drain};
use crate::copy::current;
use crate::error::Error;
use crate::ledger::Entry;
use crate::services::Services;

/// The cut-over that goes on, or a new one once the gate is open and the application has stopped; and, where changes are still
/// captured, the end of their stream.
pub(super) async fn begun<'s>(
    services: &'s Services,
    seen: &'s Look,
    options: Options,
    mover: &'s dyn Mover,
) -> Result<(Claim, Option<Tail<'s>>), Error> {
    let run = &seen.plan.run;
    let begun = services.ledger.get_with_body::<Cutover>(run, Entry::Cutover).await?;
    match begun {
        Some((cutover, _)) if cutover.phase == Phase::Over => {
            current::give_up(&services.ledger, run).await?;
            Err(Error::invalid(format!("run {run} is cut over already")))
        }
        Some((cutover, _)) if cutover.phase == Phase::GivenUp => Err(Error::invalid(format!(
            "run {run} was given up: its target isn't kept in step; run the migration anew"
        ))),
        Some((cutover, _)) if cutover.phase == Phase::TakingBack => Err(Error::invalid(format!(
            "the cut-over of run {run} is being taken back: `run cutover {run} --abort` ends that"
        ))),
        Some((cutover, body)) => {
            check_reverse(services, seen, &cutover, options.reverse).await?;
            let cutover = Cutover { reverse: options.reverse, ..cutover };
            let mut claim = Claim::take(services, run, cutover, &body).await?;
            if claim.cutover.phase > Phase::EndingCapture {
                return Ok((claim, None));
            }
            let as_it_was = format!("the cut-over stands where it was; `run cutover {run} --abort` takes it back");
            let stopped = stopped(services, seen, mover).await;
            let tail = stopped.map_err(|error| error.while_doing(as_it_was))?;
            claim.cutover.began = (services.clock)();
            Ok((claim, tail))
        }
        None => {
            gate::check(seen, &options)?;
            if options.reverse {
                back::check(services, &seen.plan).await?;
            }
            let stopped = stopped(services, seen, mover).await;
            let tail =
                stopped.map_err(|error| error.while_doing("the cut-over was not begun, and changes are carried on"))?;
            let left_out = seen.verified.as_ref().map_or(0, |verified| verified.found.dropped);
            let cutover = Cutover { left_out, ..Cutover::beginning((services.clock)(), options.reverse)? };
            if !services.ledger.put_first(run, Entry::Cutover, &cutover).await? {
                return Err(lost(run));
            }
            Ok((Claim { cutover }, tail))
        }
    }
}

/// The end of the stream, once the application has stopped; none where no changes are carried.
async fn stopped<'s>(services: &'s Services, seen: &'s Look, mover: &'s dyn Mover) -> Result<Option<Tail<'s>>, Error> {
    if !seen.carries_changes() {
        return mover.before().await.map(|()| None);
    }
    let mut tail = Tail::open(services, &seen.plan, mover, (services.clock)()).await?;
    drain::until_stopped(&mut tail, mover).await?;
    Ok(Some(tail))
}

/// Whether a way back is opened may be asked for otherwise than at the beginning, until it is.
async fn check_reverse(services: &Services, seen: &Look, begun: &Cutover, reverse: bool) -> Result<(), Error> {
    if begun.reverse == reverse {
        return Ok(());
    }
    if begun.phase >= Phase::TurningRound {
        let run = &seen.plan.run;
        let word = if begun.reverse { "with" } else { "without" };
        return Err(Error::invalid(format!(
            "expected the cut-over of run {run} to go on as it was begun, {word} --reverse: it has come too far for anything \
             else; go on {word} it"
        )));
    }
    if reverse {
        gate::check_way_back(seen)?;
        back::check(services, &seen.plan).await?;
    }
    Ok(())
}

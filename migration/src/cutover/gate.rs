//! The gate of a cut-over (R17): what has to be true, and for each thing that isn't what to do. Pure, apart from looking.

use std::time::Duration;

use jiff::Timestamp;

use super::{Cutover, Options};
use crate::copy::books::{self, Course};
use crate::copy::dropped;
use crate::copy::sync::{self, Alarm, Sync};
use crate::definition::Target;
use crate::error::{Error, Kind};
use crate::plan::{Plan, RunId};
use crate::services::Services;
use crate::summary::{self, Status, Summary};
use crate::verify::{self, Found, Verified};

/// How old a comparison may be, unless somebody knows better: a stream keeps its records for so long.
pub const FRESH: Duration = Duration::from_secs(24 * 3_600);

/// A copy at one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its plan.
    pub plan: Plan,
    /// What it has begun.
    pub course: Course,
    /// How far its target is behind; `None` where no changes are carried.
    pub sync: Option<Sync>,
    /// What comparing the two tables came to last.
    pub verified: Option<Verified>,
    /// When a change of it was dropped by name last.
    pub dropped: Option<Timestamp>,
    /// How its run ended, if it has.
    pub summary: Option<Summary>,
    /// Its cut-over, if it has begun.
    pub cutover: Option<Cutover>,
    /// When this was seen.
    pub at: Timestamp,
}

impl Look {
    /// Whether changes are carried, or were.
    pub fn carries_changes(&self) -> bool {
        self.plan.definition.target.as_ref().is_some_and(|target: &Target| target.carry.has_changes())
    }
}

/// Looks at a run's copy.
pub async fn look(services: &Services, run: &RunId) -> Result<Look, Error> {
    let plan = services.plan(run).await?;
    let carries = plan.definition.target.as_ref().is_some_and(|target| target.carry.has_changes());
    Ok(Look {
        course: books::course(&services.ledger, run).await?,
        sync: if carries { Some(sync::check(services, run).await?) } else { None },
        verified: verify::verified(&services.ledger, run).await?,
        dropped: dropped::list(&services.ledger, run).await?.iter().map(|dropped| dropped.at).max(),
        summary: summary::read(&services.ledger, run).await?,
        cutover: super::read(&services.ledger, run).await?,
        at: (services.clock)(),
        plan,
    })
}

/// Why the gate is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The run has no target.
    InPlace,
    /// The copy has not come as far as to be in step.
    NotInStep,
    /// Changes wait to be applied.
    Behind {
        /// How many.
        changes: u64,
        /// How old the oldest is, in seconds, where that is known.
        seconds: Option<i64>,
    },
    /// The stream is behind, by so many seconds.
    Lagging(i64),
    /// Changes could not be applied.
    DeadLetters(u64),
    /// What carries changes isn't at work.
    Broken(&'static str),
    /// An attempt of the run is under way, or was cut off.
    UnderWay,
    /// Nobody has begun to compare the two tables since the bulk was over, and since a change was dropped last.
    Unverified,
    /// Comparing them began longer ago than it may have.
    Outdated {
        /// So many hours ago.
        hours: u64,
        /// So many are allowed.
        within: u64,
    },
    /// More items of the source than are tolerated have no image: so many, of so many.
    Unmigratable(u64, u64),
    /// They differed when they were compared last, in so many items.
    Differing(u64),
    /// There is no way back from an item of the target to one of the source.
    NoWayBack,
    /// The target is where no function of the stack can be called with its changes.
    WayBackElsewhere,
}

impl Refusal {
    /// What is in the way, and what to do about it.
    pub fn words(&self, run: &RunId) -> String {
        match self {
            Self::InPlace => format!("run {run} changes its table in place: there is nothing to cut over to"),
            Self::NotInStep => {
                format!(
                    "expected the target to be in step, found that it isn't yet: `run status {run}` says how far it is"
                )
            }
            Self::Behind { changes, seconds } => {
                let age = seconds.map(|seconds| format!(", the oldest {seconds} s old")).unwrap_or_default();
                format!("expected no changes on their way, found {changes}{age}: wait until they are applied")
            }
            Self::Lagging(seconds) => {
                format!(
                    "expected the stream to be read at once, found it {seconds} s behind: wait until it has come up"
                )
            }
            Self::DeadLetters(changes) => format!(
                "expected every change to be applied, found {changes} that can't be: `run changes {run}` lists them, \
                 and retries or drops them"
            ),
            Self::Broken(what) => {
                format!("expected {what} to be at work, found that it isn't: `run status {run}` says more")
            }
            Self::Unverified => {
                format!(
                    "expected the two tables to be compared since the bulk, and since a change was dropped, found that nobody \
                     has: `run verify {run}`"
                )
            }
            Self::UnderWay => {
                format!(
                    "expected run {run} to have ended, found that it hasn't: wait for it, or go on with it by `run resume {run}`"
                )
            }
            Self::Outdated { hours, within } => format!(
                "expected a comparison of the two tables that began within the last {within} h, found that it is {hours} h ago: \
                 `run verify {run}`; where that takes so long, --workers and --share have it take less, and, as long as capture was \
                 never {} h behind since, --verified-within lets an older one do",
                hours_of(FRESH)
            ),
            Self::Unmigratable(items, of) => format!(
                "expected no more items without an image than are tolerated, found {items} of {of} that the transform fails \
                 on: `run differences {run}` lists them; mend or delete them in the source, or have `run retry {run}` take up \
                 those that the bulk has failed on by a migration that is mended, or tolerates more; then `run verify {run}`"
            ),
            Self::Differing(items) => format!(
                "expected the two tables to be the same, found that {items} items differed: `run differences {run}` lists \
                 them, `run verify {run} --repair` sets them right; then `run verify {run}`"
            ),
            Self::NoWayBack => {
                "expected steps that lead back from an item of the target to one of the source, found none: \
                                name them in target.reverse, or cut over without --reverse"
                    .to_owned()
            }
            Self::WayBackElsewhere => {
                "expected a target in the source's account and region, whose changes the stack's functions can be called with, \
                                found one elsewhere: cut over without --reverse"
                    .to_owned()
            }
        }
    }
}

/// Everything that is in the way of beginning a cut-over. While the application still writes a few changes are always on
/// their way: those are waited for once it has stopped.
pub fn refusals(seen: &Look, options: &Options) -> Vec<Refusal> {
    if seen.plan.definition.target.is_none() {
        return vec![Refusal::InPlace];
    }
    let mut refusals = Vec::new();
    match &seen.sync {
        Some(sync) => refusals.extend(of_sync(sync, &seen.course)),
        None if seen.summary.as_ref().is_some_and(|summary| summary.status != Status::Succeeded) => {
            refusals.push(Refusal::NotInStep);
        }
        None => {}
    }
    // A way back has no execution of its own.
    if seen.summary.is_none() && !seen.plan.is_back() {
        refusals.push(Refusal::UnderWay);
    }
    refusals.extend(of_verified(seen, options.verified_within));
    refusals.extend(if options.reverse { of_way_back(seen) } else { None });
    refusals
}

fn of_way_back(seen: &Look) -> Option<Refusal> {
    let Plan { definition, key, target_key, .. } = &seen.plan;
    let reversed = target_key.as_ref().and_then(|target_key| definition.reversed(key, target_key));
    if !seen.carries_changes() || reversed.is_none() {
        return Some(Refusal::NoWayBack);
    }
    definition.target.as_ref().is_some_and(Target::is_elsewhere).then_some(Refusal::WayBackElsewhere)
}

fn of_sync(sync: &Sync, course: &Course) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if course.in_step.is_none() {
        refusals.push(Refusal::NotInStep);
    } else if !sync.is_in_step() {
        refusals.extend(behind(sync));
    }
    if sync.dead_letters > 0 {
        refusals.push(Refusal::DeadLetters(sync.dead_letters));
    }
    refusals
}

/// Why a target that was in step isn't just now.
fn behind(sync: &Sync) -> Vec<Refusal> {
    let is_at_work = |mapping: &Option<crate::copy::mapping::Mapping>| {
        mapping.as_ref().is_some_and(|mapping| mapping.is_enabled() && !mapping.has_failed())
    };
    let mut refusals = Vec::new();
    if !is_at_work(&sync.capture) {
        refusals.push(Refusal::Broken("capture"));
    }
    if !is_at_work(&sync.replay) {
        refusals.push(Refusal::Broken("replay"));
    }
    if sync.alarms().contains(&Alarm::StreamNearItsEnd) {
        refusals.extend(sync.capture_lag_seconds.map(Refusal::Lagging));
    }
    if refusals.is_empty() {
        refusals.push(Refusal::Behind { changes: sync.backlog(), seconds: sync.oldest_unapplied_seconds });
    }
    refusals
}

/// A comparison from before the bulk was over says nothing, nor one from before a change was dropped, and an old one little: what
/// capture hasn't read for as long as a stream keeps its records is lost, and only comparing tells. What counts is when it began:
/// an item that it has passed by may have changed since.
fn of_verified(seen: &Look, within: Duration) -> Option<Refusal> {
    let Some(verified) = &seen.verified else { return Some(Refusal::Unverified) };
    let began = verified.began;
    if seen.course.bulk_over.is_some_and(|over| began < over) || seen.dropped.is_some_and(|at| began <= at) {
        return Some(Refusal::Unverified);
    }
    // One that began later than this was seen, by another clock, is as fresh as can be.
    let age = Duration::try_from(seen.at.duration_since(began)).unwrap_or_default();
    if age >= within {
        return Some(Refusal::Outdated { hours: hours_of(age), within: hours_of(within) });
    }
    if !verified.clean {
        return Some(Refusal::Differing(verified.found.differences()));
    }
    let Found { unmigratable, source_items, .. } = verified.found;
    let is_borne = seen.plan.definition.tolerated_failures.bears(unmigratable, source_items);
    (!is_borne).then_some(Refusal::Unmigratable(unmigratable, source_items))
}

/// An error with everything that is in the way of beginning.
pub(super) fn check(seen: &Look, options: &Options) -> Result<(), Error> {
    refuse(Kind::InvalidInput, &seen.plan.run, &refusals(seen, options))
}

/// An error with what is in the way of opening a way back.
pub(super) fn check_way_back(seen: &Look) -> Result<(), Error> {
    refuse(Kind::InvalidInput, &seen.plan.run, of_way_back(seen).as_slice())
}

/// An error with everything that is in the way of ending what carries changes: nothing may be on its way any more.
pub(super) fn check_drained(seen: &Look, options: &Options) -> Result<(), Error> {
    let mut refusals = refusals(seen, options);
    if let Some(sync) = seen.sync.as_ref().filter(|sync| sync.backlog() > 0) {
        refusals.push(Refusal::Behind { changes: sync.backlog(), seconds: sync.oldest_unapplied_seconds });
    }
    refuse(Kind::Refused, &seen.plan.run, &refusals)
}

fn hours_of(time: Duration) -> u64 {
    time.as_secs() / 3_600
}

fn refuse(kind: Kind, run: &RunId, refusals: &[Refusal]) -> Result<(), Error> {
    match refusals {
        [] => Ok(()),
        refusals => {
            let words: Vec<_> = refusals.iter().map(|refusal| refusal.words(run)).collect();
            Err(Error::new(kind, words.join("\n")))
        }
    }
}

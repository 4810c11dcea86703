//! The worker: takes a child's segments to their end, or as far as its time goes, and keeps the books.
//!
//! It ends in one of three ways: done, to be called again (R6), or with an error, which it leaves in the ledger. In each
//! of them what was done is in the books, and what is not in the books is done again without harm (R7).

pub(crate) mod books;
mod failed;
mod files;
mod outcomes;
pub(crate) mod page_size;
mod pages;
pub(crate) mod scan;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub use books::{Checkpoint, Unread};

use self::page_size::PageSize;
use crate::copy::{Images, bulk, quiet};
use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::export;
use crate::item::Item;
use crate::ledger::Entry;
use crate::pace::{Pace, Pacer};
use crate::patience::Met;
use crate::plan::{Job, Parts, Plan, RunId, Scope};
use crate::services::Services;
use crate::summary;
use crate::transform::{Run, Transform};
use crate::verify;
use crate::write::{Outcome, Page, Writer, Written};

/// For how long a child waits before it calls the worker of a run that is paused: a little longer each time, so that a
/// run may be paused for a week before its children have called 3,000 times.
const PAUSE_SECONDS: u32 = 10;
const LONGEST_PAUSE_SECONDS: u32 = 300;

/// Which of the document's Maps a child is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// The one that does what the run is for.
    #[default]
    Main,
    /// The one that compares a copy's target with its source, when the two are in step.
    Verify,
}

impl Pass {
    fn is_main(&self) -> bool {
        *self == Self::Main
    }
}

/// What a child of the Map is told, and what its worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// The run.
    pub run: RunId,
    /// The child's number: it works segments `child`, `child + children`, …
    pub child: u32,
    /// Which attempt of the run it is of.
    #[serde(default)]
    pub attempt: u32,
    /// Which Map it is of.
    #[serde(default, skip_serializing_if = "Pass::is_main")]
    pub pass: Pass,
    /// How often the worker has been called for it.
    pub loops: u32,
    /// Whether all of its segments are done; otherwise the child calls again.
    #[serde(default)]
    pub done: bool,
    /// How long it waits before it does: the run is paused. 0 is not at all.
    #[serde(default)]
    pub wait_seconds: u32,
}

/// Works the segments of one child, until they are done or `deadline` nears. In the bulk of a copy it is known to be alive
/// meanwhile (R14).
pub(crate) async fn migrate(services: &Services, work: Work, deadline: Option<Instant>) -> Result<Work, Error> {
    let attempt = services.attempt(&work.run, work.attempt).await?;
    if !attempt.plan.is_bulk(work.pass) {
        return work_on(services, work, deadline).await;
    }
    let run = work.run.clone();
    let Some(registered) = quiet::register(services, &run, deadline).await? else {
        return Ok(Work { done: true, loops: work.loops + 1, wait_seconds: 0, ..work });
    };
    let answer = work_on(services, work, deadline).await;
    quiet::unregister(services, &run, registered).await?;
    answer
}

async fn work_on(services: &Services, work: Work, deadline: Option<Instant>) -> Result<Work, Error> {
    let wait_seconds = match work_segments(services, &work, deadline).await {
        Ok(Worked::Done) => return Ok(Work { done: true, loops: work.loops + 1, wait_seconds: 0, ..work }),
        Ok(Worked::Interrupted { is_paused: false }) => 0,
        Ok(Worked::Interrupted { is_paused: true }) => {
            (work.wait_seconds * 2).clamp(PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        }
        Err(error) => {
            if !services.stop.is_over() {
                note(services, &work.run, &error).await?;
            }
            return Err(error);
        }
    };
    Ok(Work { done: false, loops: work.loops + 1, wait_seconds, ..work })
}

enum Worked {
    Done,
    /// The worker's time is up, or it has waited long enough for a run that is paused.
    Interrupted {
        is_paused: bool,
    },
}

async fn work_segments(services: &Services, work: &Work, deadline: Option<Instant>) -> Result<Worked, Error> {
    let attempt = services.attempt(&work.run, work.attempt).await?;
    let (plan, pacer) = (&attempt.plan, &attempt.pacer);
    pacer.wake((services.clock)());
    let run = Run { now: plan.now };
    let transform = Transform::new(plan.definition.clone(), plan.key.clone(), &services.functions, run)?;
    let images = plan.definition.target.as_ref().map(|_| Images::new(plan, &services.functions)).transpose()?;
    let worker = Worker { services, plan, pacer, transform: &transform, images: images.as_ref(), deadline };
    let worked = match (plan.job, work.pass) {
        (Job::Verify { .. }, _) | (_, Pass::Verify) => verify::work(services, plan, &worker.pace(), work.child).await,
        (Job::Migrate | Job::Count, Pass::Main) => worker.segments(work.child).await,
    };
    match worked {
        Ok(()) => Ok(Worked::Done),
        Err(error) if error.kind() == Kind::Interrupted => {
            Ok(Worked::Interrupted { is_paused: pacer.control().paused })
        }
        Err(error) => Err(error),
    }
}

/// What stopped a worker, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkerError {
    pub(crate) error: String,
    pub(crate) reason: String,
}

/// Leaves a worker's error in the ledger: the Map reports only that a child has failed, and the summary has to
/// know why. An error that passes by itself, or only follows from another, doesn't take the place of one that
/// doesn't.
pub(crate) async fn note(services: &Services, run: &RunId, error: &Error) -> Result<(), Error> {
    let noted = WorkerError { error: error.kind().name().into(), reason: error.to_string() };
    if error.kind().is_transient() || error.kind() == Kind::Stopped {
        services.ledger.put_first(run, Entry::WorkerError, &noted).await.map(drop)
    } else {
        services.ledger.put(run, Entry::WorkerError, &noted).await
    }
}

struct Worker<'w> {
    services: &'w Services,
    plan: &'w Plan,
    pacer: &'w Pacer,
    transform: &'w Transform,
    /// Of a copy.
    images: Option<&'w Images>,
    deadline: Option<Instant>,
}

impl Worker<'_> {
    async fn segments(&self, child: u32) -> Result<(), Error> {
        let mut size = PageSize::new(self.plan.concurrency);
        let contents = export::contents(&self.services.ledger, self.plan).await?;
        let parts = contents.as_ref().map_or(self.plan.segments(), |contents| Parts::of(contents.files));
        match (self.plan.scope, contents) {
            (Scope::Segments, None) => {
                for segment in parts.of_child(child) {
                    pages::work(self, segment, &mut size).await?;
                }
                Ok(())
            }
            (Scope::Segments, Some(contents)) => files::work(self, &contents, child, &mut size).await,
            (Scope::FailedItems, _) => {
                for part in parts.of_child(child) {
                    failed::work(self, part).await?;
                }
                Ok(())
            }
        }
    }

    fn pace(&self) -> Pace<'_> {
        Pace::new(self.pacer, &self.services.stop, self.deadline)
    }

    /// Takes items to their outcomes, in place or in the target.
    async fn take(&self, pace: &Pace<'_>, items: Vec<Item>) -> Page {
        match self.images {
            Some(images) if self.leaves_to_replay() => {
                bulk::hand_over(self.services, self.plan, images, pace, items).await
            }
            Some(images) => bulk::page(self.services, self.plan, images, pace, items).await,
            None => self.writer(pace).page(items).await,
        }
    }

    /// Whether replay writes in this worker's place: it may be going on.
    fn leaves_to_replay(&self) -> bool {
        let target = self.plan.definition.target.as_ref();
        self.plan.scope == Scope::FailedItems && target.is_some_and(|target| target.carry.has_changes())
    }

    fn writer<'p>(&'p self, pace: &'p Pace<'p>) -> Writer<'p> {
        let definition = &self.plan.definition;
        let table = definition.source.table.as_str();
        Writer::new(&self.services.source, table, self.transform, definition.writes, pace)
    }

    /// Gives up when the run as a whole has failed more items than it may (R19). The last word is the
    /// summary's, which knows how many items there were.
    async fn hold_against_tolerance(&self, failed: u64) -> Result<(), Error> {
        if failed == 0 {
            return Ok(());
        }
        let (ledger, run) = (&self.services.ledger, &self.plan.run);
        let tolerated = self.plan.definition.tolerated_failures;
        let is_hopeless = |failed: u64| {
            tolerated.percentage.get() == 0.0
                || self.plan.expected_items > 0 && !tolerated.bears(failed, self.plan.expected_items)
        };
        // Quick, and too high where an answer was lost: only the checkpoints are exact.
        if !is_hopeless(ledger.add(run, Entry::FailedItems, failed).await?) {
            return Ok(());
        }
        let failed = summary::so_far(ledger, run).await?.counts.failed;
        if failed == 0 || !is_hopeless(failed) {
            return Ok(());
        }
        let share = tolerated.percentage.get();
        Err(Error::new(
            Kind::TooManyFailedItems,
            format!("{failed} items can't be migrated; the migration tolerates {share} %"),
        ))
    }
}

impl Counts {
    fn add(&mut self, written: &Written) {
        let count = match written.outcome {
            Outcome::Written => &mut self.written,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Filtered => &mut self.filtered,
            Outcome::Gone => &mut self.gone,
            Outcome::Failed(_) => &mut self.failed,
        };
        *count += 1;
        self.conflicts += u64::from(written.conflicts);
        self.read_units += written.read_units;
        self.write_units += written.write_units;
    }

    /// Adds what requests met.
    fn add_met(&mut self, [reads, writes]: &[Met; 2]) {
        self.throttled_reads += reads.throttled;
        self.throttled_writes += writes.throttled;
        self.waits += reads.waits;
        self.waits += writes.waits;
    }
}

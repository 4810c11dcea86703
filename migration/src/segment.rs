//! The worker: reads a child's segments page by page, writes what the transform wants, and keeps the books.
//!
//! A segment ends only on a page without a cursor (R1). A page's checkpoint is written when the outcome of its
//! last item is durable, never before (R7); a page that is worked twice finds its items as wanted.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::counts::Counts;
use crate::error::{Error, Kind};
use crate::item::Item;
use crate::item::json::{item_from_json, item_to_json};
use crate::ledger::Entry;
use crate::patience::{Meter, patiently};
use crate::plan::{Plan, RunId};
use crate::services::Services;
use crate::transform::{Run, Transform};
use crate::write::{Outcome, Writer, Written};

/// A worker that has less time left than this begins no further page: a page of 1 MB in small items is up
/// to a minute of writes when the table throttles.
const DEADLINE_MARGIN: Duration = Duration::from_secs(60);

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
    /// How often the worker has been called for it.
    pub loops: u32,
    /// Whether all of its segments are done; otherwise the worker's time was up, and the child calls again (R6).
    #[serde(default)]
    pub done: bool,
}

/// A segment's checkpoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last key of the last page whose outcomes are durable, as DynamoDB JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Value>,
    /// Whether the segment's last page is among them.
    pub done: bool,
    /// What became of the items up to there.
    pub counts: Counts,
}

/// An item that could not be migrated, as the ledger keeps it (R19).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedItem {
    /// Its primary key, as DynamoDB JSON.
    pub key: Value,
    /// Why; no value of the item.
    pub reason: String,
    /// The segment that it lies in.
    pub segment: u32,
}

/// Works the segments of one child, until they are done or `deadline` nears.
pub(crate) async fn migrate(services: &Services, work: Work, deadline: Option<Instant>) -> Result<Work, Error> {
    let worked = work_segments(services, &work, deadline).await;
    if let Err(error) = &worked
        && !services.stop.is_over()
    {
        note(services, &work.run, error).await?;
    }
    Ok(Work { done: worked?, loops: work.loops + 1, ..work })
}

async fn work_segments(services: &Services, work: &Work, deadline: Option<Instant>) -> Result<bool, Error> {
    let plan = services.plan_of(&work.run, work.attempt).await?;
    let run = Run { now: plan.now };
    let transform = Transform::new(plan.definition.clone(), plan.key.clone(), &services.functions, run)?;
    let worker = Worker { services, plan: &plan, transform: &transform, deadline };
    for segment in plan.segments_of(work.child) {
        if !worker.segment(segment).await? {
            return Ok(false);
        }
    }
    Ok(true)
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
    transform: &'w Transform,
    deadline: Option<Instant>,
}

impl Worker<'_> {
    /// Works one segment from its checkpoint on; tells whether it is done.
    async fn segment(&self, segment: u32) -> Result<bool, Error> {
        let ledger = &self.services.ledger;
        let run = &self.plan.run;
        let mut checkpoint: Checkpoint = ledger.get(run, Entry::Segment(segment)).await?.unwrap_or_default();
        while !checkpoint.done {
            if self.services.stop.is_requested() {
                return Err(Error::new(Kind::Stopped, "the run was asked to stop"));
            }
            if self.deadline.is_some_and(|deadline| Instant::now() + DEADLINE_MARGIN >= deadline) {
                return Ok(false);
            }
            let failed_before = checkpoint.counts.failed;
            let (counts, cursor) = self.page(segment, &checkpoint).await?;
            checkpoint.done = cursor.is_none();
            checkpoint.cursor = cursor;
            checkpoint.counts += counts;
            ledger.put(run, Entry::Segment(segment), &checkpoint).await?;
            self.services.observer.page(segment, &counts, checkpoint.done);
            self.hold_against_tolerance(checkpoint.counts.failed - failed_before).await?;
        }
        Ok(true)
    }

    /// Reads one page and takes each of its items to its outcome.
    async fn page(&self, segment: u32, checkpoint: &Checkpoint) -> Result<(Counts, Option<Value>), Error> {
        let (reads, writes) = (Meter::default(), Meter::default());
        let (items, cursor, read_units) = self.scan(segment, checkpoint.cursor.clone(), &reads).await?;
        let mut counts = Counts { scanned: items.len() as u64, read_units, ..Counts::default() };
        let definition = &self.plan.definition;
        let table = definition.source.table.as_str();
        let writer = Writer::new(&self.services.source, table, self.transform, definition.writes, &writes);
        for (key, written) in writer.page(items).await {
            let written = written?;
            counts.add(&written);
            if let Outcome::Failed(failure) = &written.outcome {
                let number = checkpoint.counts.failed + counts.failed;
                let failed = FailedItem { key: item_to_json(&key), reason: failure.to_string(), segment };
                self.services.ledger.put(&self.plan.run, Entry::Failure(segment, number), &failed).await?;
            }
        }
        counts.throttled_reads = reads.throttled();
        counts.throttled_writes = writes.throttled();
        Ok((counts, cursor))
    }

    async fn scan(
        &self,
        segment: u32,
        cursor: Option<Value>,
        meter: &Meter,
    ) -> Result<(Vec<Item>, Option<Value>, f64), Error> {
        let start = cursor.map(item_from_json).transpose().map_err(|why| {
            Error::new(Kind::Refused, format!("the checkpoint of segment {segment} has no usable cursor: {why}"))
        })?;
        let definition = &self.plan.definition;
        let whole = |number: u32| i32::try_from(number).map_err(|error| Error::invalid(error.to_string()));
        let (segment, segments) = (whole(segment)?, whole(definition.segments.get())?);
        let output = patiently(meter, async || {
            let scan = self.services.source.scan().table_name(definition.source.table.as_str());
            scan.segment(segment)
                .total_segments(segments)
                .set_exclusive_start_key(start.clone())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| Error::from_sdk("Scan", error))
        })
        .await?;
        let read_units = output.consumed_capacity.and_then(|consumed| consumed.capacity_units).unwrap_or_default();
        let cursor = output.last_evaluated_key.filter(|key| !key.is_empty()).map(|key| item_to_json(&key));
        Ok((output.items.unwrap_or_default(), cursor, read_units))
    }

    /// Gives up when the run as a whole has failed more items than it may (R19). The last word is the
    /// summary's, which knows how many items there were.
    async fn hold_against_tolerance(&self, failed: u64) -> Result<(), Error> {
        if failed == 0 {
            return Ok(());
        }
        let all_failed = self.services.ledger.add(&self.plan.run, Entry::FailedItems, failed).await?;
        let tolerated = self.plan.definition.tolerated_failures;
        let is_hopeless = tolerated.percentage.get() == 0.0
            || self.plan.expected_items > 0 && !tolerated.bears(all_failed, self.plan.expected_items);
        if is_hopeless {
            let share = tolerated.percentage.get();
            return Err(Error::new(
                Kind::TooManyFailedItems,
                format!("{all_failed} items can't be migrated; the migration tolerates {share} %"),
            ));
        }
        Ok(())
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
}

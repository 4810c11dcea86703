//! The last task: adds up what the segments did, and says how the run ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counts::Counts;
use crate::definition::ToleratedFailures;
use crate::error::{Error, Kind};
use crate::export;
use crate::ledger::{Entry, Ledger};
use crate::limit::Limit;
use crate::plan::{Engine, Job, Plan, RunId};
use crate::segment::{Checkpoint, WorkerError};
use crate::services::Services;
use crate::verify::{self, Verified};

/// What a Map fails with when its children do (Step Functions, "Error names").
const THRESHOLD_EXCEEDED: &str = "States.ExceedToleratedFailureThreshold";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every segment is done, and no more items failed than is tolerated.
    Succeeded,
    /// Something went wrong.
    Failed,
    /// Somebody asked it to stop.
    Stopped,
}

/// Segments by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// All of them.
    pub total: u32,
    /// Those that were read to their end.
    pub succeeded: u32,
    /// The others.
    pub failed: u32,
}

/// A run in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// Which attempt of the run this is the end of, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// Where it ran.
    pub engine: Engine,
    /// How it ended.
    pub status: Status,
    /// Why, where it didn't succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
    /// Its segments.
    pub segments: Segments,
    /// Its items.
    pub counts: Counts,
    /// What comparing the two tables has come to, where that was done to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// The limits that throttled requests have met.
    #[serde(default)]
    pub limits: BTreeSet<Limit>,
    /// From its start to its summary.
    pub seconds: f64,
}

/// Why a run didn't succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// The error's name, as the state machine reports it.
    pub error: String,
    /// What happened.
    pub reason: String,
}

/// The task's input: the run, and the error that a Catch has put beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// The run.
    pub run: RunId,
    /// What a Catch has caught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Caught>,
}

/// An error as a Catch passes it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caught {
    /// The error's name.
    #[serde(rename = "Error")]
    pub error: String,
    /// What happened; from a Lambda function, JSON with an `errorMessage`.
    #[serde(rename = "Cause", default)]
    pub cause: String,
}

impl ToleratedFailures {
    /// Whether that many failed items out of so many are few enough.
    pub fn bears(self, failed: u64, scanned: u64) -> bool {
        failed as f64 * 100.0 <= self.percentage.get() * scanned as f64
    }
}

/// Adds up the run, writes its report to the ledger, and returns it.
pub(crate) async fn summarise(services: &Services, ending: Ending) -> Result<Summary, Error> {
    let plan = services.plan(&ending.run).await?;
    let SoFar { counts, segments_done: succeeded, segments: total, limits } = of_plan(&services.ledger, &plan).await?;
    let tolerated = plan.definition.tolerated_failures;
    let share = tolerated.percentage.get();
    let caught = match ending.failure {
        Some(caught) => Some(cause(services, &ending.run, caught).await?),
        None => None,
    };
    // Of a part of the items nobody knows whether it bears more failures than the whole.
    let is_known = succeeded == total || caught.as_ref().is_some_and(|it| it.error == Kind::TooManyFailedItems.name());
    let verified = match plan.is_verified() {
        true => verify::conclude(&services.ledger, &plan, (services.clock)()).await?,
        false => None,
    };
    let failure = if is_known && plan.job == Job::Migrate && !tolerated.bears(counts.failed, counts.scanned) {
        let reason =
            format!("{} of {} items can't be migrated; {share} % are tolerated", counts.failed, counts.scanned);
        Some(RunFailure { error: Kind::TooManyFailedItems.name().into(), reason })
    } else if caught.is_some() {
        caught
    } else if succeeded < total {
        let unread = export::check_read(&services.ledger, &ending.run).await.err();
        let why = unread.map_or(format!("only {succeeded} of {total} segments are done"), |error| error.to_string());
        Some(RunFailure { error: Kind::Refused.name().into(), reason: why })
    } else {
        of_verified(&plan, verified.as_ref())
    };
    let status = match &failure {
        None => Status::Succeeded,
        Some(failure) if failure.error == Kind::Stopped.name() => Status::Stopped,
        Some(_) => Status::Failed,
    };
    let seconds = (services.clock)().duration_since(plan.started).as_secs_f64();
    let segments = Segments { total, succeeded, failed: total - succeeded };
    let (attempt, engine) = (plan.attempt, plan.engine);
    let summary =
        Summary { run: ending.run, attempt, engine, status, failure, segments, counts, verified, limits, seconds };
    services.ledger.put(&summary.run, Entry::Report, &summary).await?;
    Ok(summary)
}

/// Why a run whose work is done has failed all the same: what it has compared is not in step.
fn of_verified(plan: &Plan, verified: Option<&Verified>) -> Option<RunFailure> {
    let left = match verified {
        Some(verified) => verified.found.left(),
        None if plan.is_verified() => {
            let reason = "the two tables were not compared to the end".to_owned();
            return Some(RunFailure { error: Kind::Refused.name().into(), reason });
        }
        None => 0,
    };
    (left > 0).then(|| RunFailure {
        error: Kind::TablesDiffer.name().into(),
        reason: format!("{left} items differ: `run differences {}` lists them", plan.run),
    })
}

/// How far a run has come, by its checkpoints.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SoFar {
    /// The items of the pages that are done.
    pub counts: Counts,
    /// The segments that are done.
    pub segments_done: u32,
    /// All segments that there are, where the plan is known.
    pub segments: u32,
    /// The limits that throttled requests have met.
    pub limits: BTreeSet<Limit>,
}

/// Adds up the checkpoints of a run.
pub async fn so_far(ledger: &Ledger, run: &RunId) -> Result<SoFar, Error> {
    let mut so_far = SoFar::default();
    ledger
        .each_segment(run, |_, checkpoint: Checkpoint| {
            so_far.counts += checkpoint.counts;
            so_far.segments_done += u32::from(checkpoint.done);
            so_far.limits.extend(checkpoint.limits);
        })
        .await?;
    Ok(so_far)
}

/// Adds up what is the run's main matter: the items that are compared where it verifies, those that it takes up elsewhere.
pub async fn of_plan(ledger: &Ledger, plan: &Plan) -> Result<SoFar, Error> {
    let Job::Verify { .. } = plan.job else {
        let so_far = so_far(ledger, &plan.run).await?;
        return Ok(SoFar { segments: export::parts(ledger, plan).await?.number, ..so_far });
    };
    compared(ledger, plan).await
}

/// Adds up what a run has compared: a copy's does so after its main matter.
pub async fn compared(ledger: &Ledger, plan: &Plan) -> Result<SoFar, Error> {
    let verify::SoFar { found, segments_done, limits, .. } = verify::so_far(ledger, &plan.run).await?;
    Ok(SoFar { counts: found.counts(), segments_done, segments: plan.verify_segments(), limits })
}

/// The summary of a run that has ended.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Option<Summary>, Error> {
    ledger.get(run, Entry::Report).await
}

/// What lies behind an error that a Catch has caught. A Map says only that too many of its children failed: the
/// worker that did has left its reason in the ledger.
async fn cause(services: &Services, run: &RunId, caught: Caught) -> Result<RunFailure, Error> {
    if caught.error == THRESHOLD_EXCEEDED
        && let Some(WorkerError { error, reason }) = services.ledger.get(run, Entry::WorkerError).await?
    {
        return Ok(RunFailure { error, reason });
    }
    Ok(RunFailure { reason: reason(&caught.cause), error: caught.error })
}

/// What a state machine's cause says: a Lambda function's error arrives as JSON, a state's own as text.
pub fn reason(cause: &str) -> String {
    let json: Option<Value> = serde_json::from_str(cause).ok();
    let message = json.as_ref().and_then(|json| json.get("errorMessage")).and_then(Value::as_str);
    message.unwrap_or(cause).to_owned()
}

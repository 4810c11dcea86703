//! The last task: adds up what the segments did, and says how the run ended.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::counts::Counts;
use crate::definition::ToleratedFailures;
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::plan::{Engine, RunId};
use crate::segment::Checkpoint;
use crate::services::Services;

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
    /// Where it ran.
    pub engine: Engine,
    /// How it ended.
    pub status: Status,
    /// Why, where it didn't succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its segments.
    pub segments: Segments,
    /// Its items.
    pub counts: Counts,
    /// From its start to its summary.
    pub seconds: f64,
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
    let mut counts = Counts::default();
    let mut succeeded = 0;
    services
        .ledger
        .each_segment(&ending.run, |checkpoint: Checkpoint| {
            counts += checkpoint.counts;
            succeeded += u32::from(checkpoint.done);
        })
        .await?;
    let total = plan.definition.segments.get();
    let tolerated = plan.definition.tolerated_failures;
    let (status, reason) = match ending.failure {
        Some(caught) if caught.error == Kind::Stopped.name() => (Status::Stopped, Some(caught.message())),
        Some(caught) => (Status::Failed, Some(caught.message())),
        None if !tolerated.bears(counts.failed, counts.scanned) => {
            let share = tolerated.percentage.get();
            let reason = format!("{} of {} items failed; {share} % are tolerated", counts.failed, counts.scanned);
            (Status::Failed, Some(reason))
        }
        None if succeeded < total => (Status::Failed, Some(format!("{succeeded} of {total} segments are done"))),
        None => (Status::Succeeded, None),
    };
    let seconds = (services.clock)().duration_since(plan.now).as_secs_f64();
    let segments = Segments { total, succeeded, failed: total - succeeded };
    let summary = Summary { run: ending.run, engine: plan.engine, status, reason, segments, counts, seconds };
    services.ledger.put(&summary.run, Entry::Report, &summary).await?;
    Ok(summary)
}

/// The summary of a run that has ended.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Option<Summary>, Error> {
    ledger.get(run, Entry::Report).await
}

impl Caught {
    /// A Lambda function's error arrives as JSON; an interpreter's or a state's own as text.
    fn message(&self) -> String {
        let json: Option<Value> = serde_json::from_str(&self.cause).ok();
        let message = json.as_ref().and_then(|json| json.get("errorMessage")).and_then(Value::as_str);
        format!("{} ({})", message.unwrap_or(&self.cause), self.error)
    }
}

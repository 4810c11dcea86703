//! The local engines: the deployed document, executed in this process, its tasks the deployed functions.

use std::sync::Arc;
use std::time::Duration;

use asl::ErrorName;
use asl::interpret::{Call, Execution, Interpreter, ObjectStore, TaskCall, TaskFailure, Tasks};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::attempts;
use crate::error::{Error, Kind};
use crate::ledger::Entry;
use crate::plan::{Plan, RunId};
use crate::services::Services;
use crate::summary::{self, Summary};
use crate::task::Task;
use crate::workflow;

/// A Lambda function's time, which workers get here too: the same loops, the same checkpoints.
const WORKER_TIME: Duration = Duration::from_secs(900);

/// Runs a plan to its end, whatever that is. An error is one before the plan was in the ledger, or of the ledger
/// itself; a run that failed has a summary that says so.
pub async fn run(services: Arc<Services>, plan: &Plan, objects: impl ObjectStore + 'static) -> Result<Summary, Error> {
    let machine = workflow::of(&plan.definition).map_err(|problems| Error::invalid(problems.to_string()))?;
    let input = serde_json::to_value(plan).map_err(|error| Error::invalid(error.to_string()))?;
    let tasks = LocalTasks { services: services.clone(), workers: TaskTracker::new() };
    let interpreter =
        Interpreter::new(machine, tasks).map_err(|error| Error::invalid(error.to_string()))?.objects(objects);
    let outcome = interpreter.run(Execution::new(plan.run.to_string(), input)).await;
    match services.ledger.get::<Summary>(&plan.run, Entry::Report).await? {
        // One that was not prepared leaves the report of the attempt before where it is.
        Some(summary) if summary.attempt == plan.attempt => Ok(summary),
        _ => Err(unreported(outcome)),
    }
}

/// Takes up a run that has stopped or died: what its checkpoints say is done is not read again.
pub async fn resume(
    services: Arc<Services>,
    run_id: &RunId,
    objects: impl ObjectStore + 'static,
) -> Result<Summary, Error> {
    let plan = services.plan(run_id).await?;
    let attempt = attempts::begin(&services.ledger, run_id).await?;
    let plan = plan.resumed(attempt);
    run(services, &plan, objects).await
}

/// Why there is no summary.
fn unreported(outcome: asl::interpret::Outcome) -> Error {
    let asl::interpret::Outcome::Failed(failure) = outcome else {
        return Error::new(Kind::Refused, "the run ended without a report");
    };
    let name = failure.error.as_ref().map_or("", ErrorName::as_str);
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Kind::Refused);
    Error::new(kind, summary::reason(&failure.cause.unwrap_or_default()))
}

struct LocalTasks {
    services: Arc<Services>,
    workers: TaskTracker,
}

impl LocalTasks {
    async fn workers_to_end(&self) {
        self.workers.close();
        self.workers.wait().await;
    }
}

#[async_trait]
impl Tasks for LocalTasks {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        let (task, payload) = match call.call {
            Call::Lambda { function, payload } => (Task::of_function_arn(&function), payload),
            Call::Service { .. } => (None, Value::Null),
        };
        let task = task.ok_or_else(|| TaskFailure::new("States.Runtime", "the document calls what is no task"))?;
        if self.services.stop.is_requested() && only_waits(task) {
            return Err(failure(&Error::new(Kind::Stopped, "the run was asked to stop")));
        }
        if task == Task::Restore {
            // A Map that failed lets go of its workers; they end after their page. Nobody may write any more
            // when the capacity goes back.
            self.services.stop.end();
            self.workers_to_end().await;
        }
        if task == Task::EndBulk {
            // A call that took too long was called again, and goes on beside it. Nobody may write any more when changes do.
            self.workers_to_end().await;
        }
        // Spawned, so that workers share the processors, and so that writes under way finish when the Map lets
        // go of its child.
        let services = self.services.clone();
        let deadline = Instant::now() + WORKER_TIME;
        let work = self.workers.spawn(async move { task.run(&services, payload, Some(deadline)).await });
        // A task's own panic comes back as its error.
        let answer = work.await.unwrap_or_else(|_| Err(Error::new(Kind::Panicked, format!("{task} was cut off"))));
        answer.map_err(|error| failure(&error))
    }
}

/// Tasks that are called until something is ready. A backup may be waited for for hours: whoever asks to stop shall not have to.
fn only_waits(task: Task) -> bool {
    match task {
        Task::StartBackup
        | Task::CheckBackup
        | Task::Prewarm
        | Task::CheckPrewarm
        | Task::MakeTarget
        | Task::StartCapture
        | Task::Export => true,
        // What follows the bulk is waited for as well: a backlog may take hours.
        Task::EndBulk | Task::StartReplay | Task::CheckSync => true,
        Task::Prepare | Task::MigrateSegment | Task::Restore | Task::Summarise => false,
        Task::CaptureChanges | Task::ApplyChanges => false,
    }
}

/// As Lambda reports an error: its name, and its message in JSON.
fn failure(error: &Error) -> TaskFailure {
    let name = error.kind().name();
    let cause = json!({ "errorType": name, "errorMessage": error.to_string() }).to_string();
    TaskFailure::new(ErrorName::from(name), cause)
}

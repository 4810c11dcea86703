//! The state machine documents: the same on AWS, in the rehearsal and in the tests.
//!
//! In place: prepare, back up, prewarm, the Distributed Map over the segments, restore, summarise; [`copy()`] has more. Every way
//! out of them leads through Restore (R12). Retries stand inside the children (R9). No field is null, not even a `ResultPath`:
//! CloudFormation takes none in a template, and a document stands in one as an object.

mod copy;
#[cfg(test)]
mod tests;

use asl::{
    Catch, Choice, ErrorName, ExecutionType, Fail, Flow, JsonPath, Map, Order, Pass, Problems, Resource, ResultWriter,
    Retry, Rule, State, StateMachine, Succeed, Task as TaskState, Wait,
};
use serde_json::json;

pub use self::copy::copy;

use crate::definition::Definition;
use crate::error::Kind;
use crate::segment;
use crate::task::Task;

/// The substitution that stands for the name of the bucket that children's results go to.
pub const RESULTS_BUCKET: &str = "${ResultsBucketName}";

/// How often a child calls its worker. A call is seven events, and 25,000 are a STANDARD execution's limit:
/// 3,000 calls leave room for retries (R6).
const MAX_LOOPS: u32 = 3_000;
/// Between two looks at a backup or a table.
const POLL_SECONDS: u32 = 10;
/// A Lambda function ends after 900 s; the state waits a little longer than that.
const TASK_SECONDS: u32 = 930;

/// Restore is tried for hours: a table that is being changed by somebody else must not stay expensive.
const RESTORE_ATTEMPTS: u32 = 60;

/// What ends a child that calls its worker again and again.
pub const TOO_MANY_LOOPS: &str = "Segue.TooManyLoops";

/// Errors of the Lambda service itself, and of workers that were killed: a worker goes on at its checkpoint.
const LAMBDA_ERRORS: [&str; 7] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "States.Timeout",
];

/// The workflow of a migration.
pub fn of(definition: &Definition) -> Result<StateMachine, Problems> {
    if definition.target.is_some() { copy() } else { in_place() }
}

/// The workflow of an in-place migration, as section 5 of the design draws it.
pub fn in_place() -> Result<StateMachine, Problems> {
    let run = json!({ "run.$": "$.run" });
    StateMachine::builder("Prepare")
        .comment("Segue: changes every item of a DynamoDB table in place")
        .state("Prepare", prepare("IsBackupWanted"))
        .state("IsBackupWanted", choice("$.backup", "StartBackup", "IsPrewarmWanted"))
        .state("StartBackup", start_backup())
        .state(
            "CheckBackup",
            check(Task::CheckBackup, &json!({ "run.$": "$.run", "arn.$": "$.started.arn" })).next("IsBackupReady"),
        )
        .state("IsBackupReady", choice("$.checked.ready", "IsPrewarmWanted", "WaitForBackup"))
        .state("WaitForBackup", Wait::seconds(POLL_SECONDS).next("CheckBackup"))
        .state("IsPrewarmWanted", choice("$.prewarm", "Prewarm", "Migrate"))
        .state("Prewarm", check(Task::Prewarm, &run).next("IsTableReady"))
        .state("IsTableReady", choice("$.checked.ready", "Migrate", "WaitForTable"))
        .state("WaitForTable", Wait::seconds(POLL_SECONDS).next("CheckPrewarm"))
        .state("CheckPrewarm", check(Task::CheckPrewarm, &run).next("IsTableReady"))
        .state("Migrate", over_segments("Migrate", "$.children", segment::Pass::Main).next("Restore"))
        .state("Restore", restore())
        .state("Summarise", summarise())
        .state("HasSucceeded", has_succeeded())
        .state("Done", Succeed::new())
        .state("Failed", Fail::at("$.failure.error", "$.failure.reason"))
        .state("NotPrepared", Fail::at("$.failure.Error", "$.failure.Cause"))
        .build()
}

/// What an EventBridge rule starts when an execution of [`in_place`] has failed, timed out or was aborted: the last
/// way to Restore, where the execution itself came to no Catch (R12). Its input is the event's `detail`; the run is in
/// the input of the execution that ended.
pub fn restore_afterwards() -> Result<StateMachine, Problems> {
    let plan = json!({ "plan.$": "States.StringToJson($.input)" });
    let restore = TaskState::invoke(Task::Restore.function_arn(), json!({ "run.$": "$.plan.run" }))
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(RESTORE_ATTEMPTS))
        .next("Done");
    StateMachine::builder("ReadPlan")
        .comment("Segue: puts a table's capacity back after a run that was cut off")
        .state("ReadPlan", Pass::new().parameters(plan).next("IsRun"))
        // Somebody may have started an execution by hand, with any input: there is no run to put back.
        .state("IsRun", Choice::new().when(Rule::variable("$.plan.run").is_present(), "Restore").otherwise("Done"))
        .state("Restore", restore)
        .state("Done", Succeed::new())
        .build()
}

/// A failure before the plan is in the ledger: nothing was changed, so there is nothing to put back.
fn prepare(next: &str) -> State {
    let invocation = json!({ "FunctionName": Task::Prepare.function_arn(), "Payload.$": "$" });
    TaskState::new(Resource::lambda_invoke())
        .parameters(invocation)
        .output_path("$.Payload")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(6))
        .catch(Catch::all("NotPrepared").result_path("$.failure"))
        .next(next)
}

fn start_backup() -> State {
    // Not retried: a second backup costs money.
    TaskState::invoke(Task::StartBackup.function_arn(), json!({ "run.$": "$.run" }))
        .result_selector(json!({ "arn.$": "$.Payload.arn" }))
        .result_path("$.started")
        .timeout_seconds(TASK_SECONDS)
        .catch(through_restore())
        .next("CheckBackup")
}

/// A task that answers whether something is ready.
fn check(task: Task, payload: &serde_json::Value) -> TaskState {
    TaskState::invoke(task.function_arn(), payload.clone())
        .result_selector(json!({ "ready.$": "$.Payload.ready" }))
        .result_path("$.checked")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(10))
        .catch(through_restore())
}

/// A Distributed Map whose children work segments.
fn over_segments(label: &str, items: &str, pass: segment::Pass) -> Map {
    let mut work = json!({ "run.$": "$.run", "child.$": "$$.Map.Item.Value", "attempt.$": "$.attempt", "loops": 0, "wait_seconds": 0 });
    if pass != segment::Pass::Main {
        work["pass"] = json!(pass);
    }
    let results = json!({ "Bucket": RESULTS_BUCKET, "Prefix.$": "$.run" });
    Map::distributed(ExecutionType::Standard, child(pass))
        .label(label)
        .items_path(items)
        .item_selector(work)
        .max_concurrency(JsonPath::from("$.concurrency"))
        .tolerated_failure_percentage(0.0)
        .result_writer(ResultWriter::to(results))
        .result_selector(json!({ "ended": true }))
        .result_path("$.migrated")
        .catch(through_restore())
}

/// The names of a child's states. No name stands twice in a document, not even in different Maps.
struct Names {
    work: &'static str,
    is_done: &'static str,
    wait: &'static str,
    done: &'static str,
    endless: &'static str,
}

impl segment::Pass {
    fn names(self) -> Names {
        match self {
            Self::Main => Names {
                work: "MigrateSegment",
                is_done: "IsSegmentDone",
                wait: "WaitWhilePaused",
                done: "SegmentDone",
                endless: "TooManyLoops",
            },
            Self::Verify => Names {
                work: "VerifySegment",
                is_done: "IsSegmentVerified",
                wait: "WaitToVerify",
                done: "SegmentVerified",
                endless: "TooManyLoopsToVerify",
            },
        }
    }
}

/// One child: calls the worker until its segments are done.
fn child(pass: segment::Pass) -> Flow {
    let Names { work, is_done, wait, done, endless } = pass.names();
    let is_through = Rule::variable("$.done").is_true();
    let is_paused = Rule::variable("$.wait_seconds").number(Order::GreaterThan, 0);
    let is_endless = Rule::variable("$.loops").number(Order::GreaterThanEquals, MAX_LOOPS);
    let invocation = json!({ "FunctionName": Task::MigrateSegment.function_arn(), "Payload.$": "$" });
    let call = TaskState::new(Resource::lambda_invoke())
        .parameters(invocation)
        .output_path("$.Payload")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(30))
        .next(is_done);
    let choice = Choice::new().when(is_through, done).when(is_endless, endless).when(is_paused, wait).otherwise(work);
    Flow::starting_at(work)
        .state(work, call)
        .state(is_done, choice)
        .state(wait, Wait::seconds_path("$.wait_seconds").next(work))
        .state(done, Succeed::new())
        .state(endless, Fail::new(TOO_MANY_LOOPS, "more segments are needed: one took 3,000 calls of its worker"))
}

fn restore() -> State {
    let unrestored = Catch::all("Summarise").result_path("$.failure");
    TaskState::invoke(Task::Restore.function_arn(), json!({ "run.$": "$.run" }))
        .result_selector(json!({ "ready.$": "$.Payload.ready" }))
        .result_path("$.restored")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(RESTORE_ATTEMPTS))
        .catch(unrestored)
        .next("Summarise")
}

fn summarise() -> State {
    let invocation = json!({ "FunctionName": Task::Summarise.function_arn(), "Payload.$": "$" });
    TaskState::new(Resource::lambda_invoke())
        .parameters(invocation)
        .output_path("$.Payload")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(10))
        .next("HasSucceeded")
}

fn has_succeeded() -> Choice {
    Choice::new().when(Rule::variable("$.status").equals("succeeded"), "Done").otherwise("Failed")
}

fn choice(flag: &str, yes: &str, no: &str) -> Choice {
    Choice::new().when(Rule::variable(flag).is_true(), yes).otherwise(no)
}

fn through_restore() -> Catch {
    Catch::all("Restore").result_path("$.failure")
}

/// Retries what passes by itself, ever more slowly, up to five minutes apart.
fn transient(attempts: u32) -> Retry {
    let errors = Kind::TRANSIENT.iter().map(|kind| kind.name()).chain(LAMBDA_ERRORS);
    Retry::on(errors.map(ErrorName::from))
        .interval_seconds(5)
        .backoff_rate(2.0)
        .max_delay_seconds(300)
        .max_attempts(attempts)
        .full_jitter()
}

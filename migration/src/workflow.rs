//! The state machine document of an in-place migration: the same on AWS, in the rehearsal and in the tests.
//!
//! Prepare, back up, prewarm, the Distributed Map over the segments, restore, summarise. Every way out of it
//! leads through Restore (R12). Retries stand inside the children (R9). No field is null, not even a `ResultPath`:
//! CloudFormation takes none in a template, and the document stands in one as an object.

use asl::{
    Catch, Choice, ErrorName, ExecutionType, Fail, Flow, JsonPath, Map, Order, Pass, Problems, Resource, ResultWriter,
    Retry, Rule, State, StateMachine, Succeed, Task as TaskState, Wait,
};
use serde_json::json;

use crate::error::Kind;
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

/// The workflow of an in-place migration, as section 5 of the design draws it.
pub fn in_place() -> Result<StateMachine, Problems> {
    let run = json!({ "run.$": "$.run" });
    StateMachine::builder("Prepare")
        .comment("Segue: changes every item of a DynamoDB table in place")
        .state("Prepare", prepare())
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
        .state("Migrate", migrate())
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
fn prepare() -> State {
    let invocation = json!({ "FunctionName": Task::Prepare.function_arn(), "Payload.$": "$" });
    TaskState::new(Resource::lambda_invoke())
        .parameters(invocation)
        .output_path("$.Payload")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(6))
        .catch(Catch::all("NotPrepared").result_path("$.failure"))
        .next("IsBackupWanted")
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

fn migrate() -> State {
    let work = json!({ "run.$": "$.run", "child.$": "$$.Map.Item.Value", "attempt.$": "$.attempt", "loops": 0, "wait_seconds": 0 });
    let results = json!({ "Bucket": RESULTS_BUCKET, "Prefix.$": "$.run" });
    Map::distributed(ExecutionType::Standard, child())
        .label("Migrate")
        .items_path("$.children")
        .item_selector(work)
        .max_concurrency(JsonPath::from("$.concurrency"))
        .tolerated_failure_percentage(0.0)
        .result_writer(ResultWriter::to(results))
        .result_selector(json!({ "ended": true }))
        .result_path("$.migrated")
        .catch(through_restore())
        .next("Restore")
}

/// One child: calls the worker until its segments are done.
fn child() -> Flow {
    let is_done = Rule::variable("$.done").is_true();
    let is_paused = Rule::variable("$.wait_seconds").number(Order::GreaterThan, 0);
    let is_endless = Rule::variable("$.loops").number(Order::GreaterThanEquals, MAX_LOOPS);
    let invocation = json!({ "FunctionName": Task::MigrateSegment.function_arn(), "Payload.$": "$" });
    let work = TaskState::new(Resource::lambda_invoke())
        .parameters(invocation)
        .output_path("$.Payload")
        .timeout_seconds(TASK_SECONDS)
        .retry(transient(30))
        .next("IsSegmentDone");
    Flow::starting_at("MigrateSegment")
        .state("MigrateSegment", work)
        .state(
            "IsSegmentDone",
            Choice::new()
                .when(is_done, "SegmentDone")
                .when(is_endless, "TooManyLoops")
                .when(is_paused, "WaitWhilePaused")
                .otherwise("MigrateSegment"),
        )
        .state("WaitWhilePaused", Wait::seconds_path("$.wait_seconds").next("MigrateSegment"))
        .state("SegmentDone", Succeed::new())
        .state(
            "TooManyLoops",
            Fail::new(TOO_MANY_LOOPS, "more segments are needed: one took 3,000 calls of its worker"),
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> serde_json::Value {
        serde_json::to_value(in_place().unwrap()).unwrap()
    }

    /// Every change to what is deployed is seen in review.
    #[test]
    fn the_document_is_as_it_was_reviewed() {
        insta::assert_snapshot!(in_place().unwrap().to_json());
    }

    #[test]
    fn the_way_back_is_as_it_was_reviewed() {
        insta::assert_snapshot!(restore_afterwards().unwrap().to_json());
    }

    #[test]
    fn they_are_valid() {
        assert_eq!(asl::validate(&in_place().unwrap()), []);
        assert_eq!(asl::validate(&restore_afterwards().unwrap()), []);
    }

    /// CloudFormation says "'null' values are not allowed in templates", only when it deploys.
    #[test]
    fn nothing_is_null() {
        for document in [in_place().unwrap(), restore_afterwards().unwrap()] {
            assert!(!document.to_json().contains("null"));
        }
    }

    /// R9: a retry on the Map would start a new Map Run; Express children end after five minutes.
    #[test]
    fn retries_stand_inside_standard_children() {
        let document = document();
        let map = &document["States"]["Migrate"];
        assert!(map.get("Retry").is_none());
        assert_eq!(map["ItemProcessor"]["ProcessorConfig"]["ExecutionType"], "STANDARD");
        assert!(map["ItemProcessor"]["States"]["MigrateSegment"]["Retry"].is_array());
    }

    /// R10: every error name that the document matches is one that somebody raises.
    #[test]
    fn matched_errors_exist() {
        let mut matched = Vec::new();
        collect(&document(), "ErrorEquals", &mut matched);
        let known: Vec<_> =
            Kind::ALL.iter().map(|kind| kind.name()).chain(LAMBDA_ERRORS).chain(["States.ALL"]).collect();
        for name in matched.iter().flat_map(|names| names.as_array().unwrap()) {
            assert!(known.contains(&name.as_str().unwrap()), "{name} is raised by nobody");
        }
        assert!(!matched.is_empty());
    }

    /// R12: whatever fails after the plan is written leads through Restore.
    #[test]
    fn every_failure_leads_through_restore() {
        let document = document();
        for (name, state) in document["States"].as_object().unwrap() {
            let can_fail = ["Task", "Map"].contains(&state["Type"].as_str().unwrap());
            if can_fail && !["Prepare", "Restore", "Summarise"].contains(&name.as_str()) {
                assert_eq!(state["Catch"][0]["Next"], "Restore", "{name}");
                assert_eq!(state["Catch"][0]["ErrorEquals"][0], "States.ALL", "{name}");
            }
        }
    }

    /// A forgotten task would never be called, or would have no function.
    #[test]
    fn the_document_calls_every_task() {
        let mut called = Vec::new();
        collect(&document(), "FunctionName", &mut called);
        let mut called: Vec<_> =
            called.iter().map(|arn| Task::of_function_arn(arn.as_str().unwrap()).unwrap()).collect();
        called.sort_unstable();
        let mut all = Task::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(called, all);
    }

    fn collect(value: &serde_json::Value, field: &str, found: &mut Vec<serde_json::Value>) {
        match value {
            serde_json::Value::Object(map) => {
                for (name, value) in map {
                    if name == field {
                        found.push(value.clone());
                    }
                    collect(value, field, found);
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, field, found)),
            _ => {}
        }
    }
}

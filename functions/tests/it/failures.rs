//! What a function does when it can't do its work: errors by their names (R10), a deadline, a start that is refused.

use std::time::Duration;

use migration::deployment::{LEDGER_TABLE_VARIABLE, MIGRATION_DIGEST_VARIABLE, Metric, STACK_VARIABLE};
use migration::transform::Functions;
use migration::{Kind, Task};
use serde_json::{Value, json};

use crate::binaries;
use crate::runtime_api::{Function, Told};
use crate::stack::function;
use crate::world::{SECRET, World, lines};

const STEPS: &str = "segments: 1\ntransform: [ { rename: { path: old, to: new } } ]";

/// A function that meets an error tells it, and goes on to its next invocation.
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_by_their_names() {
    let world = World::new(1, STEPS).await;
    let (mut function, reader) = function(&world, Task::MigrateSegment).await;
    let hour = Duration::from_secs(3_600);
    for event in ["{\"run\": 5", "", "null", "{}", "{\"run\":\"r\",\"child\":-1,\"loops\":0}"] {
        let error = function.invoke_within(event.into(), hour).await.unwrap_err();
        assert_eq!(error["errorType"], Kind::InvalidInput.name(), "{event}: {error}");
    }
    let error = function.invoke(&json!({ "run": "nobody", "child": 0, "loops": 0 })).await.unwrap_err();
    let message = "expected the plan of run nobody in the ledger, found none";
    assert_eq!(error, json!({ "errorType": Kind::NotFound.name(), "errorMessage": message }));
    drop(function);
    let lines = lines(&reader.output());
    let last = lines.last().unwrap();
    assert_eq!((&last["error"], &last["reason"]), (&json!(Kind::NotFound.name()), &json!(message)));
    // Begun and failed, each invocation once; nothing was counted.
    assert_eq!(lines.len(), 12, "{lines:?}");
}

/// R6: a worker whose time is up answers so, having done nothing by halves; the next one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_call_not_the_work() {
    let world = World::new(10, STEPS).await;
    world.write_plan(Functions::new()).await;
    let (mut worker, reader) = function(&world, Task::MigrateSegment).await;
    let work = json!({ "run": world.plan.run, "child": 0, "attempt": 1, "loops": 0 });
    let unfinished = worker.invoke_within(work.to_string().into(), Duration::from_secs(1)).await.unwrap();
    let answer = |loops: u32, done: bool| json!({ "run": world.plan.run, "child": 0, "attempt": 1, "loops": loops, "done": done, "wait_seconds": 0 });
    assert_eq!(unfinished, answer(1, false));
    let finished = worker.invoke(&unfinished).await.unwrap();
    assert_eq!(finished, answer(2, true));
    drop(worker);
    let lines = lines(&reader.output());
    let outcomes: Vec<_> = lines.iter().filter_map(|line| line.get("outcome")).collect();
    assert_eq!(outcomes, ["time is up", "done"]);
    let scanned: Vec<_> = lines.iter().filter_map(|line| line.get(Metric::ItemsScanned.name())).collect();
    assert_eq!(scanned, [10]);
}

/// The stack works the migration that it was deployed for: its digest is in the variable.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_wasnt_deployed_is_refused() {
    let world = World::new(1, STEPS).await;
    let mut variables = world.variables(Task::Prepare);
    variables.retain(|(name, _)| *name != MIGRATION_DIGEST_VARIABLE);
    variables.push((MIGRATION_DIGEST_VARIABLE, "another".into()));
    let (mut prepare, _) = Function::start(binaries::of(Task::Prepare), &variables).await;
    let error = prepare.invoke(&json!(world.plan)).await.unwrap_err();
    assert_eq!(error["errorType"], Kind::InvalidInput.name());
    assert!(error["errorMessage"].as_str().unwrap().contains("not as it was deployed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_variable_is_an_error_at_the_start() {
    let world = World::new(1, STEPS).await;
    for missing in [LEDGER_TABLE_VARIABLE, STACK_VARIABLE, MIGRATION_DIGEST_VARIABLE] {
        let mut variables = world.variables(Task::Prepare);
        variables.retain(|(name, _)| *name != missing);
        let (mut function, reader) = Function::start(binaries::of(Task::Prepare), &variables).await;
        let Told::InitError(error) = function.told().await else { panic!("expected an error at the start") };
        assert_eq!(error["errorType"], Kind::InvalidInput.name());
        assert!(error["errorMessage"].as_str().unwrap().contains(missing), "{error}");
        assert_eq!(function.ended().await, Some(1));
        let output = reader.output();
        let line: Value = serde_json::from_str(output.stdout.trim()).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("refuses to start")));
        assert!(output.stderr.contains(missing), "{}", output.stderr);
    }
}

/// A function has its role's credentials in its variables, or it has none: nothing else is asked for them.
#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_nobody_asks_the_network() {
    let world = World::new(1, STEPS).await;
    let mut variables = world.variables(Task::Prepare);
    variables.retain(|(name, _)| !name.starts_with("AWS_ACCESS") && !name.starts_with("AWS_SECRET"));
    let (mut function, reader) = Function::start(binaries::of(Task::Prepare), &variables).await;
    let error = function.invoke(&json!(world.plan)).await.unwrap_err();
    assert_eq!(error["errorType"], Kind::Denied.name(), "{error}");
    assert!(!world.was_imds_asked());
    drop(function);
    assert!(!reader.output().stdout.contains(SECRET));
}

/// Somebody starts a function by hand.
#[test]
fn outside_of_lambda_it_says_what_it_is_for() {
    let output = std::process::Command::new(binaries::of(Task::Restore)).env_clear().output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("expected AWS Lambda to start this program"));
}

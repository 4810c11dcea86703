//! Further attempts of a run on a stack: resumed by a redrive where that does it, else by another execution on the same
//! ledger; its failed items taken up again.

use migration::Task;
use serde_json::{Value, json};

use crate::deployed::wait_for_phase;
use crate::fake_aws::{MACHINE, World};
use crate::main_job::count;
use crate::support::Folder;

/// The example, but for the capacity that it raises.
async fn unraised() -> World {
    let folder = Folder::with_example();
    let yaml = std::fs::read_to_string(folder.path().join("migration.yaml")).unwrap();
    let lines = yaml.lines().filter(|line| !line.starts_with("prewarm:"));
    folder.write("migration.yaml", lines.collect::<Vec<_>>().join("\n"));
    World::deployed(folder, 60).await
}

/// A run of which the workers fail.
async fn failed(world: &World, flags: &str) -> String {
    world.aws.fail(Task::MigrateSegment, "Segue.Refused");
    let ended = world.run(&format!("{flags} --yes --output json")).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    world.aws.mend(Task::MigrateSegment);
    ended.json()["run"].as_str().unwrap().to_owned()
}

/// A run that was aborted in the middle of its Map.
async fn cut_off(world: &World, flags: &str) -> String {
    world.aws.hold(Task::MigrateSegment);
    let run = world.begin(flags).await;
    wait_for_phase(world, "migrating").await;
    world.aws.abort_all();
    world.aws.let_go(Task::MigrateSegment);
    run
}

/// Name and plan of the execution that was started last.
fn started(world: &World) -> (String, Value) {
    let request = world.aws.requests("StartExecution").pop().unwrap();
    let input = serde_json::from_str(request["input"].as_str().unwrap()).unwrap();
    (request["name"].as_str().unwrap().to_owned(), input)
}

#[tokio::test]
async fn a_run_that_failed_goes_on_as_another_execution_on_the_same_ledger() {
    let world = World::with_example(60).await;
    let run = failed(&world, "--segments 5 --prewarm").await;
    let refused = world.run(&format!("resume {run}")).await;
    insta::assert_snapshot!("resume_without_yes", refused.shown());
    assert_eq!(world.aws.executions().len(), 1);

    let ended = world.run(&format!("resume {run} --yes")).await;
    insta::assert_snapshot!("resumed", ended.shown());
    let (name, plan) = started(&world);
    assert_eq!(name, format!("{run}-r2"));
    assert_eq!((&plan["run"], &plan["attempt"], &plan["scope"]), (&json!(run), &json!(2), &json!("segments")));
    // Whoever looks sees the newest.
    for command in ["status".to_owned(), format!("status {run}"), format!("watch {run}")] {
        let status = world.run(&format!("{command} --output json")).await.json();
        assert_eq!((&status["status"], count(&status, "scanned")), (&json!("succeeded"), 60));
    }
    let again = world.run(&format!("resume {run} --yes")).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("has succeeded: there is nothing to go on with"), "{}", again.stderr);
    assert_eq!(world.aws.times("RedriveExecution"), 0);
}

#[tokio::test]
async fn a_run_that_was_cut_off_in_its_map_is_redriven() {
    let world = unraised().await;
    let run = cut_off(&world, "--segments 5").await;
    let ended = world.run(&format!("resume {run} --yes")).await;
    insta::assert_snapshot!("redriven", ended.shown());
    let [redriven] = <[Value; 1]>::try_from(world.aws.requests("RedriveExecution")).unwrap();
    assert_eq!(redriven["executionArn"], format!("{}:{run}", MACHINE.replace("stateMachine", "execution")));
    assert!(redriven["clientToken"].as_str().is_some_and(|token| !token.is_empty()), "{redriven}");
    assert_eq!(world.aws.executions(), [run]);
}

/// A redrive doesn't enter the states before the Map again, and forgets nothing that was asked.
#[tokio::test]
async fn what_a_redrive_would_not_do_another_execution_does() {
    let world = unraised().await;
    // Its table has to be raised anew.
    let raised = cut_off(&world, "--segments 5 --prewarm").await;
    assert_eq!(world.run(&format!("restore {raised}")).await.code, Some(0));
    let ended = world.run(&format!("resume {raised} --yes")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(started(&world).0, format!("{raised}-r2"));
    // Somebody has asked it to hold still.
    world.aws.hold(Task::MigrateSegment);
    let paused = world.begin("--segments 5").await;
    wait_for_phase(&world, "migrating").await;
    assert_eq!(world.run(&format!("pause {paused}")).await.code, Some(0));
    world.aws.abort_all();
    world.aws.let_go(Task::MigrateSegment);
    let ended = world.run(&format!("resume {paused} --yes")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(started(&world).0, format!("{paused}-r2"));
    assert_eq!(world.aws.times("RedriveExecution"), 0);
    // Step Functions takes it up no more.
    let refused = cut_off(&world, "--segments 5").await;
    world.aws.forbid_redrive();
    let ended = world.run(&format!("resume {refused} --yes")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(started(&world).0, format!("{refused}-r2"));
    assert_eq!(world.aws.times("RedriveExecution"), 1);
}

#[tokio::test]
async fn what_cannot_go_on_is_refused() {
    let world = World::with_example(60).await;
    let run = failed(&world, "--segments 5").await;
    insta::assert_snapshot!("retry_without_failures", world.run(&format!("retry {run} --yes")).await.shown());
    let yaml = std::fs::read_to_string(world.folder.path().join("migration.yaml")).unwrap();
    world.folder.write("migration.yaml", yaml.replace("value: 0", "value: 1"));
    insta::assert_snapshot!("retry_undeployed", world.run(&format!("retry {run} --yes")).await.shown());
    let before = world.aws.stack.lock().unwrap().clone();
    for (name, value) in &mut world.aws.stack.lock().unwrap().outputs {
        if *name == "MigrationDigest" {
            *value = "another".into();
        }
    }
    insta::assert_snapshot!("resume_of_another", world.run(&format!("resume {run} --yes")).await.shown());
    *world.aws.stack.lock().unwrap() = before;
    world.folder.write("migration.yaml", yaml);

    world.aws.hold(Task::MigrateSegment);
    let under_way = world.begin("--segments 5").await;
    for command in ["resume", "retry"] {
        let refused = world.run(&format!("{command} {under_way} --yes")).await;
        insta::assert_snapshot!("again_under_way", refused.shown());
    }
    let beside = world.run(&format!("resume {run} --yes")).await;
    assert_eq!(beside.code, Some(2), "{}", beside.stderr);
    assert!(beside.stderr.contains(&format!("run {under_way} is still under way")), "{}", beside.stderr);
    assert_eq!(world.aws.executions().len(), 2);
    world.aws.let_go(Task::MigrateSegment);
}

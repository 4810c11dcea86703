//! What goes wrong at AWS, or between AWS and whoever follows: none of it ends a run that goes on.

use migration::Task;

use crate::fake_aws::{World, aside};
use crate::main_job::count;

#[tokio::test]
async fn credentials_that_expire_do_not_end_the_run() {
    let world = World::with_example(60).await;
    world.aws.hold(Task::MigrateSegment);
    let mut running = world.start("--segments 5 --yes --output json");
    let mut running = aside(move || {
        running.wait_for_line("has begun");
        running
    })
    .await;
    world.aws.expire_good_key();
    let (line, mut running) = aside(move || (running.wait_for_line("expired"), running)).await;
    assert!(line.starts_with("the credentials have expired, or are refused ("), "{line}");
    assert!(line.contains("the run goes on at AWS; renew them"), "{line}");
    // Whoever signs in again has other credentials.
    world.credentials("AKIDANEW");
    world.aws.let_go(Task::MigrateSegment);
    let ended = aside(move || {
        running.wait_for_line("following again");
        running.end()
    })
    .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(count(&ended.json(), "scanned"), 60);
    assert_eq!(ended.stderr.matches("expired, or are refused").count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn throttling_and_failing_services_are_waited_out() {
    let world = World::with_example(60).await;
    world.aws.refuse("DescribeExecution", "ThrottlingException", 4);
    world.aws.refuse("GetExecutionHistory", "AccessDeniedException", usize::MAX);
    world.aws.refuse("ListMapRuns", "InternalServerError", usize::MAX);
    let ended = world.run("--segments 5 --yes --output json").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(count(&ended.json(), "scanned"), 60);
}

#[tokio::test]
async fn a_map_run_that_cannot_be_described_does_not_matter() {
    let world = World::with_example(60).await;
    world.aws.refuse("DescribeMapRun", "AccessDeniedException", usize::MAX);
    let ended = world.run("--segments 5 --yes --output json").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("refused"), "{}", ended.stderr);
}

/// The start happened, and nobody was told: it is not done twice, and not given up.
#[tokio::test]
async fn a_start_whose_answer_is_lost_starts_once() {
    for times in [1, usize::MAX] {
        let world = World::with_example(20).await;
        world.aws.lose("StartExecution", times);
        let ended = world.run("--segments 2 --yes --output json").await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(world.aws.executions(), [ended.json()["run"].as_str().unwrap()]);
        let asked = world.aws.asked.lock().unwrap().iter().filter(|asked| *asked == "StartExecution").count();
        assert!(asked > 1, "it was not tried again");
    }
}

#[tokio::test]
async fn an_execution_that_is_aborted_says_what_is_left() {
    let world = World::with_example(60).await;
    world.aws.hold(Task::MigrateSegment);
    let mut running = world.start("--segments 5 --prewarm --yes");
    let running = aside(move || {
        running.wait_for_line("has begun");
        running
    })
    .await;
    crate::deployed::wait_for_phase(&world, "migrating").await;
    world.aws.abort_all();
    let ended = aside(move || running.end()).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    insta::assert_snapshot!("deployed_aborted", ended.shown());
    // The next one says so, and the way back is there.
    let run = world.aws.executions().pop().unwrap();
    let next = world.run("--dry-run --output json").await;
    assert!(
        next.stderr.contains(&format!("run {run} was cut off and has left table movies raised")),
        "{}",
        next.stderr
    );
    let restored = world.run(&format!("restore {run}")).await;
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert!(restored.stderr.contains("table movies has 1,000 read + 1,000 write units again"), "{}", restored.stderr);
}

#[tokio::test]
async fn an_execution_that_fails_before_it_is_prepared_says_why() {
    let world = World::with_example(20).await;
    world.aws.fail(Task::Prepare, "Segue.Denied");
    let ended = world.run("--segments 2 --prewarm --yes").await;
    insta::assert_snapshot!("deployed_unprepared", ended.shown());
}

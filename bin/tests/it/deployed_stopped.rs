//! Runs on a stack that are asked to stop, to hold still, or to take less; and one that is cut off.

use migration::plan::RunId;
use migration::{Task, control};

use crate::deployed::wait_for_phase;
use crate::fake_aws::{World, aside};
use crate::support::{Ended, Running};

/// A run that waits for its table.
async fn preparing(world: &World) -> String {
    world.aws.hold(Task::Prewarm);
    let run = world.begin("--segments 5 --prewarm").await;
    wait_for_phase(world, "prewarming").await;
    run
}

/// Starts a command, and gives it back once it has said so.
async fn until(world: &World, args: &str, line: &'static str) -> Running {
    let mut running = world.start(args);
    aside(move || {
        running.wait_for_line(line);
        running
    })
    .await
}

async fn end(running: Running) -> Ended {
    aside(move || running.end()).await
}

async fn asked(world: &World, run: &str) -> control::Control {
    control::read(&world.ledger(), &RunId::named(run)).await.unwrap()
}

async fn units(world: &World) -> Option<i64> {
    let table = world.client.describe_table().table_name("movies").send().await.unwrap().table.unwrap();
    table.provisioned_throughput.unwrap().write_capacity_units
}

#[tokio::test]
async fn a_run_that_is_asked_to_stop_ends_in_order() {
    let world = World::with_example(60).await;
    let run = preparing(&world).await;
    let stopping = until(&world, &format!("stop {run}"), "is asked to stop").await;
    for command in ["throttle --default", "pause", "go-on"] {
        let refused = world.run(&format!("{command} {run}")).await;
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("is being stopped"), "{}", refused.stderr);
    }
    world.aws.let_go(Task::Prewarm);
    let ended = end(stopping).await;
    insta::assert_snapshot!("deployed_stop", ended.shown());
    assert_eq!(units(&world).await, Some(1_000));
    for command in ["stop", "stop --now", "throttle --default", "pause", "go-on"] {
        let refused = world.run(&format!("{command} {run}")).await;
        insta::assert_snapshot!("deployed_has_ended", refused.shown());
    }
}

#[tokio::test]
async fn the_first_ctrl_c_asks_it_to_stop_and_following_goes_on() {
    let world = World::with_example(60).await;
    world.aws.hold(Task::Prewarm);
    let running = until(&world, "--segments 5 --prewarm --yes", "has begun").await;
    wait_for_phase(&world, "prewarming").await;
    running.signal("INT");
    let running = aside(move || {
        let mut running = running;
        running.wait_for_line("stopping: ");
        running
    })
    .await;
    let run = world.aws.executions().pop().unwrap();
    while !asked(&world, &run).await.stop {
        tokio::task::yield_now().await;
    }
    world.aws.let_go(Task::Prewarm);
    let ended = end(running).await;
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stdout.contains("was stopped after"), "{}", ended.stdout);
    assert_eq!(units(&world).await, Some(1_000));
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_and_says_how_it_stands() {
    let world = World::with_example(60).await;
    world.aws.hold(Task::Prewarm);
    let running = until(&world, "--segments 5 --prewarm --yes", "has begun").await;
    let ended = aside(move || {
        let mut running = running;
        running.signal("INT");
        running.wait_for_line("stopping: ");
        running.signal("INT");
        running.end()
    })
    .await;
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert!(ended.stderr.contains("stopped following: run tidy-movies-"), "{}", ended.stderr);
    world.aws.let_go(Task::Prewarm);
    // Whatever became of the first, the run itself is followed to its end.
    let watched = world.run("watch --output json").await;
    assert!(["stopped", "succeeded"].map(Some).contains(&watched.json()["status"].as_str()), "{}", watched.stderr);
}

/// It only looks.
#[tokio::test]
async fn ctrl_c_while_watching_touches_nothing() {
    let world = World::with_example(60).await;
    let run = preparing(&world).await;
    let watching = until(&world, "watch", "run tidy-movies").await;
    watching.signal("INT");
    let ended = end(watching).await;
    insta::assert_snapshot!("deployed_left", ended.shown());
    assert_eq!(asked(&world, &run).await, control::Control::default());
    world.aws.let_go(Task::Prewarm);
}

#[tokio::test]
async fn the_budget_changes_while_the_run_goes_on() {
    let world = World::with_example(60).await;
    let run = preparing(&world).await;
    let mut shown = String::new();
    for args in ["throttle --write-units 500", "throttle --read-units 20", "pause", "go-on", "throttle --default"] {
        let ended = world.run(&format!("{args} {run}")).await;
        shown.push_str(&format!("> {args}\n{}", ended.shown()));
        let now = asked(&world, &run).await;
        let units = [now.write_units, now.read_units].map(|units| units.map_or(0, u32::from));
        shown.push_str(&format!("{units:?}, paused: {}\n", now.paused));
    }
    insta::assert_snapshot!("deployed_control", shown);
    for args in ["throttle", "throttle --default --write-units 5", "throttle --write-units 0"] {
        let refused = world.run(&format!("{args} {run}")).await;
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    }
    world.aws.let_go(Task::Prewarm);
}

/// Its execution goes first, then what outlives it.
#[tokio::test]
async fn a_run_that_is_cut_off_leaves_no_child_at_work_and_no_table_raised() {
    let world = World::with_example(60).await;
    world.aws.follow_rule();
    world.aws.hold(Task::MigrateSegment);
    let run = world.begin("--segments 5 --workers 3 --prewarm").await;
    while wait_for_phase(&world, "migrating").await["children"]["running"] != 3 {}
    let ended = world.run(&format!("stop {run} --now")).await;
    // The rule may have been there before somebody looked.
    let shown = ended.shown();
    let steady = shown.lines().filter(|line| !line.starts_with("its table is raised")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("deployed_cut_off", steady);
    assert_eq!(world.aws.times("StopExecution"), 4);
    assert_eq!(units(&world).await, Some(1_000));
    world.aws.let_go(Task::MigrateSegment);
}

/// Whoever doesn't wait for the rule is told what to look at.
#[tokio::test]
async fn a_table_that_is_not_put_back_is_said() {
    let world = World::with_example(60).await;
    world.aws.hold(Task::MigrateSegment);
    let run = world.begin("--segments 5 --prewarm").await;
    wait_for_phase(&world, "migrating").await;
    let stopping = until(&world, &format!("stop {run} --now"), "its table is raised").await;
    stopping.signal("INT");
    let ended = end(stopping).await;
    insta::assert_snapshot!("deployed_not_put_back", ended.shown());
    assert_eq!(units(&world).await, Some(4_000));
    world.aws.let_go(Task::MigrateSegment);
}

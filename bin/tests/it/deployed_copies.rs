//! A copy on a stack, looked at where it is: it has more phases than a run in place, and a second Map.

use migration::Task;
use serde_json::json;

use crate::deployed::{wait_for_phase, without_rates};
use crate::fake_aws::aside;
use crate::verified;

/// One of its two children, here of the source, has compared all of its items; the other one waits.
#[tokio::test]
async fn a_copy_that_compares_says_so_and_how_far_it_is() {
    let world = verified::deployed().await;
    world.aws.hold(Task::EndBulk);
    let run = world.begin("--segments 1").await;
    let status = wait_for_phase(&world, "ending_bulk").await;
    assert_eq!((&status["items"]["scanned"], &status["compared"]), (&json!(20), &json!(null)));
    world.aws.let_one_through(Task::MigrateSegment);
    world.aws.let_go(Task::EndBulk);
    let status = loop {
        let status = wait_for_phase(&world, "comparing").await;
        if status["children"]["succeeded"] == 1 {
            break status;
        }
    };
    let children = json!({ "pending": 0, "running": 1, "succeeded": 1, "failed": 0 });
    assert_eq!((&status["compared"], &status["children"]), (&json!(20), &children));
    insta::assert_snapshot!("comparing", without_rates(&world.run(&format!("status {run}")).await.shown()));

    let mut watching = world.start(&format!("watch {run}"));
    let watching = aside(move || {
        watching.wait_for_line("comparing: 20 items of both tables  1 at work, 0 waiting");
        watching
    })
    .await;
    world.aws.let_go(Task::MigrateSegment);
    let ended = aside(move || watching.end()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("differ      none: the two tables are in step"), "{}", ended.stdout);
}

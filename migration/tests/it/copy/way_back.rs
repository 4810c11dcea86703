//! R17, R18: a way back is compared as a copy is, and gone back on. What the copy has left out of the target stands in the source
//! alone: it is no difference, and nobody deletes it.

use std::sync::Arc;

use asl::interpret::MemoryObjects;
use migration::cutover::{self, Phase};
use migration::item::json::item_from_json;
use migration::local;
use migration::plan::{Job, OfCopy, Plan, RunId};
use migration::summary::{Status, Summary};
use serde_json::{Value, json};

use super::cutover::{BOTH_WAYS, ONE_WAY, Person, applied, in_step_of};
use super::whole::{SOURCE, TARGET, World};

/// Items of one colour are left out, and those without a name have no image.
const CHOSEN: &str = "target: { table: others, create: true, key: { partition: { name: name, type: S } }, \
                      reverse: [ { remove: { path: seen } } ] }\n\
                      where: { path: colour, equals: dull }\ntransform: [ delete ]\n\
                      tolerated_failures: { percentage: 10 }";

async fn put(world: &World, table: &str, item: Value) {
    let put = world.client.put_item().table_name(table).set_item(Some(item_from_json(item).unwrap()));
    put.send().await.unwrap();
}

/// Compares a run's tables as a run of its own.
async fn verified(world: &World, of: &RunId, name: &str, repair: bool) -> Summary {
    let plan = migration::plan::read(&world.services.ledger, of).await.unwrap().unwrap();
    let of = Some(OfCopy { run: of.clone(), changes: true });
    let plan = Plan { run: RunId::named(name), job: Job::Verify { repair }, of, ..plan };
    local::run(Arc::new(world.other_services()), &plan, MemoryObjects::new()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_the_copy_has_left_out_is_no_difference_on_its_way_back() {
    let world = World::new(20).await;
    world.put(20, "dull").await;
    put(&world, SOURCE, json!({ "id": { "S": "nameless" } })).await;
    let plan = in_step_of(&world, CHOSEN).await;
    let back =
        cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap().back.unwrap();
    assert_eq!((world.items(SOURCE).await.len(), world.items(TARGET).await.len()), (22, 20));

    // The application writes to the target, also what the copy would have left out.
    put(&world, TARGET, json!({ "id": { "S": "new" }, "name": { "S": "new" }, "colour": { "S": "dull" } })).await;
    let back_plan = Plan { run: back.clone(), ..plan };
    for (name, repair) in [("repairing", true), ("verifying", false)] {
        let summary = verified(&world, &back, name, repair).await;
        let found = summary.verified.unwrap().found;
        assert_eq!((found.differences(), found.left_out, summary.status), (0, 2, Status::Succeeded), "{found:?}");
        applied(&world.services, &back_plan).await;
        assert_eq!(world.items(SOURCE).await.len(), 23);
    }
    let done = cutover::cut_over(&world.services, &back, ONE_WAY, &Person::default()).await.unwrap();
    assert_eq!(done.phase, Phase::Over);
    let left = world.items(SOURCE).await;
    let is_there = |id: &str| left.iter().any(|item| item["id"]["S"] == id);
    assert!(left.len() == 23 && is_there("20") && is_there("nameless") && is_there("new"), "{left:?}");
}

/// What the application has deleted and the way back has not is one all the same.
#[tokio::test(start_paused = true)]
async fn what_is_left_behind_in_the_source_is_found_and_set_right() {
    let world = World::new(20).await;
    let plan = in_step_of(&world, CHOSEN).await;
    let back =
        cutover::cut_over(&world.services, &plan.run, BOTH_WAYS, &Person::default()).await.unwrap().back.unwrap();
    world.put(30, "left behind").await;
    let found = verified(&world, &back, "repairing", true).await.verified.unwrap().found;
    assert_eq!((found.extra, found.repaired, found.left_out), (1, 1, 0), "{found:?}");
    applied(&world.services, &Plan { run: back, ..plan }).await;
    assert_eq!(world.items(SOURCE).await, world.items(TARGET).await);
}

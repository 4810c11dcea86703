//! R19: what could not be migrated is taken up again once the transform is mended, and nothing else is.

use asl::interpret::MemoryObjects;
use aws_sdk_dynamodb::types::AttributeValue;
use migration::plan::Plan;
use migration::summary::{Status, Summary};
use migration::transform::Functions;
use migration::{attempts, failures, local};
use serde_json::json;

use crate::tap::Recorder;
use crate::world::{Billing, TABLE, World, assert_adds_up, things};

const SURROUNDINGS: &str = "segments: 4\ntolerated_failures: { percentage: 50 }\nmarker: done";

/// A run of which every tenth item has failed: its counter is a text.
async fn failed() -> (World, Plan, Summary) {
    let mut items = things(100);
    for poisoned in items.iter_mut().step_by(10) {
        poisoned.insert("n".into(), AttributeValue::S("many".into()));
    }
    let world = World::new(Billing::OnDemand, items).await;
    let plan = world.plan(&format!("{SURROUNDINGS}\ntransform: [ {{ increment: {{ path: n, by: 1 }} }} ]")).await;
    let summary = local::run(world.services(Functions::new()), &plan, MemoryObjects::new()).await.unwrap();
    assert_eq!((summary.status, summary.counts.failed, summary.counts.written), (Status::Succeeded, 10, 90));
    (world, plan, summary)
}

async fn retry(world: &World, plan: &Plan, transform: &str) -> Summary {
    let mended = world.plan(&format!("{SURROUNDINGS}\ntransform: {transform}")).await.definition;
    let attempt = attempts::begin(&world.ledger, &plan.run).await.unwrap();
    let plan = plan.clone().retried(mended, attempt).unwrap();
    local::run(world.services(Functions::new()), &plan, MemoryObjects::new()).await.unwrap()
}

#[tokio::test]
async fn a_retry_takes_up_the_failed_items_and_no_others() {
    let (mut world, plan, _) = failed().await;
    // One of them has been deleted, one mended by hand.
    world
        .client
        .delete_item()
        .table_name(TABLE)
        .key("id", AttributeValue::S("thing-00010".into()))
        .send()
        .await
        .unwrap();
    let scans = std::sync::Arc::new(Recorder { operation: "Scan", seen: std::sync::Mutex::default() });
    world.tap = Some(scans.clone());
    let retried = retry(&world, &plan, "[ { set: { path: n, value: 0 } } ]").await;
    assert_eq!((retried.status, retried.attempt), (Status::Succeeded, 2));
    assert_eq!((retried.counts.scanned, retried.counts.written), (100, 99));
    assert_eq!((retried.counts.gone, retried.counts.failed), (1, 0));
    assert_adds_up(&retried);
    assert!(scans.seen.lock().unwrap().is_empty());
    assert_eq!(failures::list(&world.ledger, &plan.run, 100).await.unwrap(), []);
    for (at, item) in world.items().await.iter().filter(|item| item["n"] == json!({ "N": "0" })).enumerate() {
        assert!(item["done"].is_object(), "{at}");
    }
}

/// What still fails stays in the list, with the reason that it has now; a further retry takes it up.
#[tokio::test]
async fn what_fails_again_is_listed_with_its_new_reason() {
    let (world, plan, _) = failed().await;
    let still = retry(&world, &plan, "[ { convert: { path: n, to: epoch_seconds } } ]").await;
    assert_eq!((still.counts.failed, still.counts.written), (10, 90));
    let listed = failures::list(&world.ledger, &plan.run, 100).await.unwrap();
    assert_eq!(listed.len(), 10);
    assert!(listed.iter().all(|failed| failed.reason.starts_with("convert of n:")), "{listed:?}");
    assert_eq!(failures::list(&world.ledger, &plan.run, 3).await.unwrap(), listed[..3]);
    let mended = retry(&world, &plan, "[ { remove: { path: n } } ]").await;
    assert_eq!((mended.attempt, mended.counts.failed, mended.counts.written), (3, 0, 100));
}

/// Only what the migration does to an item may be mended.
#[tokio::test]
async fn another_table_is_another_run() {
    let (world, plan, _) = failed().await;
    let mut other = world.plan(&format!("{SURROUNDINGS}\ntransform: [ delete ]")).await.definition;
    other.source.table = "others".parse().unwrap();
    let error = plan.clone().retried(other, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("expected the table of run {}, found another; say it as it was, or run the migration anew", plan.run)
    );
}

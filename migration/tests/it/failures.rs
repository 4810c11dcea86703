//! R19, R20: an item that can't be migrated is recorded and counted, held against what is tolerated, and its
//! values are shown nowhere.

use std::sync::Arc;

use asl::interpret::MemoryObjects;
use migration::definition::WriteRequests;
use migration::failures::{self, FailedItem};
use migration::summary::Status;
use migration::transform::{Change, Failure, Functions, ItemView, Run};
use migration::{Kind, Task, local};
use serde_json::json;

use crate::world::{Billing, World, assert_adds_up, both_ways, item, things};

/// Every tenth thing has an `n` that is no number.
async fn with_poison(writes: WriteRequests) -> World {
    let mut items = things(100);
    for poisoned in items.iter_mut().step_by(10) {
        poisoned.insert("n".into(), aws_sdk_dynamodb::types::AttributeValue::S("secret".into()));
    }
    World::new(Billing::OnDemand, items).await.writing(writes)
}

const COUNT: &str = "marker: done\ntransform: [ { increment: { path: n, by: 1 } } ]\nsegments: 4";

async fn tolerated_failures_are_listed_and_the_rest_is_done(writes: WriteRequests) {
    let world = with_poison(writes).await;
    let summary = world.run(&format!("{COUNT}\ntolerated_failures: {{ percentage: 10 }}")).await;
    assert_eq!((summary.status, summary.counts.failed, summary.counts.written), (Status::Succeeded, 10, 90));
    assert_adds_up(&summary);
    let failures: Vec<FailedItem> = failures::list(&world.ledger, &summary.run, 100).await.unwrap();
    let mut ids: Vec<_> = failures.iter().map(|failed| failed.key["id"]["S"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let poisoned: Vec<_> = (0..10).map(|at| format!("thing-{:05}", at * 10)).collect();
    assert_eq!(ids, poisoned);
    for failed in &failures {
        assert_eq!(failed.reason, "increment of n: expected a number");
    }
}

async fn too_many_failures_fail_the_run(writes: WriteRequests) {
    for percentage in [0, 9] {
        let world = with_poison(writes).await;
        let summary = world.run(&format!("{COUNT}\ntolerated_failures: {{ percentage: {percentage} }}")).await;
        let failure = summary.failure.clone().unwrap();
        assert_eq!((summary.status, failure.error.as_str()), (Status::Failed, Kind::TooManyFailedItems.name()));
        assert_adds_up(&summary);
        // Whatever was counted as failed is listed, and nothing else is.
        let failures: Vec<FailedItem> = failures::list(&world.ledger, &summary.run, 100).await.unwrap();
        assert_eq!(failures.len() as u64, summary.counts.failed);
        assert!(!format!("{summary:?} {failures:?}").contains("secret"));
    }
}

/// DynamoDB refuses the write of one item: that is the item's failure, not the run's.
async fn a_write_that_dynamodb_refuses_fails_its_item(writes: WriteRequests) {
    fn nest(_: &ItemView<'_>, _: Run) -> Result<Change, Failure> {
        use aws_sdk_dynamodb::types::AttributeValue;
        let too_deep = (0..40).fold(AttributeValue::Null(true), |value, _| AttributeValue::L(vec![value]));
        Ok(Change::set("deep", too_deep))
    }
    let world = World::new(Billing::OnDemand, vec![item("one", json!({}))]).await.writing(writes);
    let steps = "tolerated_failures: { percentage: 100 }\ntransform: [ { function: nest } ]";
    let summary = world.try_run(steps, Functions::new().with("nest", nest)).await.unwrap();
    assert_eq!((summary.status, summary.counts.failed), (Status::Succeeded, 1));
    assert_eq!(world.item("one").await, Some(json!({ "id": { "S": "one" } })));
}

/// A panic in a worker ends the run in order: with a report, and the capacity put back.
#[tokio::test]
async fn a_function_that_panics_fails_the_run_in_order() {
    fn panics(_: &ItemView<'_>, _: Run) -> Result<Change, Failure> {
        panic!("a bug in a transform")
    }
    let world = World::new(Billing::Provisioned { read_units: 100, write_units: 50 }, things(3)).await;
    let steps = "prewarm: { read_units: 200, write_units: 200 }\ntransform: [ { function: panics } ]";
    let summary = world.try_run(steps, Functions::new().with("panics", panics)).await.unwrap();
    assert_eq!((summary.status, summary.failure.unwrap().error.as_str()), (Status::Failed, Kind::Panicked.name()));
    crate::capacity::assert_units(&world, 100, 50).await;
}

/// DescribeTable's count is up to six hours old. Where it says nothing no worker gives up; the summary knows.
async fn the_last_word_is_the_summarys(writes: WriteRequests) {
    let world = with_poison(writes).await;
    let mut plan = world.plan(&format!("{COUNT}\ntolerated_failures: {{ percentage: 9 }}")).await;
    plan.expected_items = 0;
    let summary = local::run(world.services(Functions::new()), &plan, MemoryObjects::new()).await.unwrap();
    assert_eq!((summary.segments.succeeded, summary.counts.failed), (4, 10));
    let failure = summary.failure.unwrap();
    assert_eq!((summary.status, failure.error.as_str()), (Status::Failed, Kind::TooManyFailedItems.name()));
    assert_eq!(failure.reason, "10 of 100 items can't be migrated; 9 % are tolerated");
}

/// A stack works the migration that it was deployed for, with the segments, the requests and the capacity that each run
/// chooses.
#[tokio::test]
async fn a_deployed_prepare_refuses_another_migration() {
    let world = World::new(Billing::OnDemand, things(3)).await;
    let plan = world.plan("transform: [ { remove: { path: old } } ]").await;
    let mut services = world.services(Functions::new());
    Arc::get_mut(&mut services).unwrap().deployed = Some(plan.definition.digest());
    let more = "segments: 7\nwrites: batched\nprewarm: { read_units: 9, write_units: 9 }\n\
                transform: [ { remove: { path: old } } ]";
    Task::Prepare.run(&services, json!(world.plan(more).await), None).await.unwrap();
    let other = world.plan("transform: [ { remove: { path: n } } ]").await;
    let refused = Task::Prepare.run(&services, json!(other), None).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InvalidInput);
    assert_eq!(
        refused.to_string(),
        "the migration test is not as it was deployed; deploy it with `infra -- deploy`, and run it anew"
    );
}

both_ways! {
    #[tokio::test]
    tolerated_failures_are_listed_and_the_rest_is_done,
    too_many_failures_fail_the_run,
    a_write_that_dynamodb_refuses_fails_its_item,
    the_last_word_is_the_summarys,
}

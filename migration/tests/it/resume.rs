//! R7: a run that ended before its end goes on at its checkpoints, and what is done is not read again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use asl::interpret::MemoryObjects;
use async_trait::async_trait;
use migration::definition::WriteRequests;
use migration::summary::{self, Status};
use migration::transform::Functions;
use migration::{Task, local};
use serde_json::json;

use crate::capacity::assert_units;
use crate::tap::{Answer, Forward, Request, Tap, refusal};
use crate::world::{Billing, World, assert_adds_up, both_ways, item, things};

/// Lets so many requests of one operation through, and refuses all that follow.
struct Limit {
    operation: &'static str,
    left: AtomicU32,
}

#[async_trait]
impl Tap for Limit {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let is_limited = request.operation == self.operation;
        let count_down = |left: u32| left.checked_sub(1);
        if is_limited && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down).is_err() {
            return Ok(refusal("ExpiredTokenException"));
        }
        forward.await
    }
}

fn limit(operation: &'static str, requests: u32) -> Option<Arc<dyn Tap>> {
    Some(Arc::new(Limit { operation, left: AtomicU32::new(requests) }))
}

const COUNT: &str = "marker: done\nsegments: 10\ntransform: [ { increment: { path: n, by: 1 } } ]";

#[tokio::test]
async fn a_run_that_died_goes_on_where_its_last_page_ended() {
    let mut world = World::new(Billing::OnDemand, things(200)).await;
    let undisturbed = World::new(Billing::OnDemand, things(200)).await;
    undisturbed.run(COUNT).await;
    world.tap = limit("Scan", 4);
    let died = world.run(COUNT).await;
    assert_eq!(died.status, Status::Failed);
    assert!(died.counts.written > 0);
    // Each segment is one page, and what is left of it one more: a further scan would be one too many.
    world.tap = limit("Scan", 10 - died.segments.succeeded);
    let resumed = world.resume(&died.run).await;
    assert_eq!((resumed.status, resumed.segments.succeeded), (Status::Succeeded, 10));
    assert_eq!((resumed.counts.scanned, resumed.counts.written, resumed.counts.unchanged), (200, 200, 0));
    assert_eq!(world.items().await, undisturbed.items().await);
}

/// The writes of a page that wasn't finished are found done, and nothing is counted twice.
async fn a_page_that_was_begun_is_worked_again_without_harm(writes: WriteRequests) {
    let big = "x".repeat(20_000);
    let items = || (0..100).map(|at| item(&format!("{at:03}"), json!({ "n": { "N": "0" }, "big": { "S": big } })));
    let mut world = World::new(Billing::OnDemand, items().collect()).await.writing(writes);
    let steps = COUNT.replace("10", "1");
    // A batch has 13 of these.
    world.tap = match writes {
        WriteRequests::Single => limit("UpdateItem", 70),
        WriteRequests::Batched => limit("BatchExecuteStatement", 5),
    };
    let died = world.run(&steps).await;
    assert_eq!(died.status, Status::Failed);
    world.tap = None;
    let resumed = world.resume(&died.run).await;
    assert_eq!((resumed.status, resumed.counts.scanned), (Status::Succeeded, 100));
    assert_adds_up(&resumed);
    assert!(world.items().await.iter().all(|item| item["n"] == json!({ "N": "1" })));
}

/// Each attempt raises the capacity, and each puts it back.
#[tokio::test]
async fn a_resumed_run_restores_what_it_raised() {
    let mut world = World::new(Billing::Provisioned { read_units: 100, write_units: 500 }, things(50)).await;
    let steps = format!("prewarm: {{ read_units: 900, write_units: 900 }}\n{COUNT}");
    world.tap = limit("Scan", 3);
    let died = world.run(&steps).await;
    assert_eq!(died.status, Status::Failed);
    assert_units(&world, 100, 500).await;
    world.tap = None;
    let resumed = world.resume(&died.run).await;
    assert_eq!(resumed.status, Status::Succeeded);
    assert_units(&world, 100, 500).await;
    assert_eq!(migration::prewarm::still_raised(&world.ledger, &died.run).await.unwrap(), None);
}

both_ways! {
    #[tokio::test]
    a_page_that_was_begun_is_worked_again_without_harm,
}

/// Lambda may call a function twice, and the second call may be late: it takes nothing from an attempt that is further.
#[tokio::test]
async fn a_late_prepare_changes_nothing_of_what_came_after_it() {
    let world = World::new(Billing::OnDemand, things(20)).await;
    let plan = world.plan(COUNT).await;
    let services = world.services(Functions::new());
    let prepare = async |attempt: u32| {
        let plan = serde_json::to_value(plan.clone().resumed(attempt)).unwrap();
        Task::Prepare.run(&services, plan, None).await
    };
    let report = async || summary::read(&world.ledger, &plan.run).await.unwrap().map(|report| report.attempt);
    local::run(services.clone(), &plan, MemoryObjects::new()).await.unwrap();
    assert_eq!(report().await, Some(1));
    prepare(3).await.unwrap();
    assert_eq!(report().await, None, "how the attempt before has ended goes");
    Task::Summarise.run(&services, json!({ "run": plan.run }), None).await.unwrap();
    prepare(3).await.unwrap();
    let late = prepare(2).await.unwrap_err();
    assert!(late.to_string().contains("found attempt 3"), "{late}");
    prepare(1).await.unwrap();
    assert_eq!(report().await, Some(3));
    assert_eq!(migration::plan::read(&world.ledger, &plan.run).await.unwrap().unwrap().attempt, 3);
}

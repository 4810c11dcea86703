//! `run count`: exact, whoever breaks it off, and nothing is written for it.

use std::sync::{Arc, Mutex};

use asl::interpret::MemoryObjects;
use migration::count::Counted;
use migration::local;
use migration::plan::{Job, Plan};
use migration::summary::Status;
use migration::transform::Functions;
use serde_json::Value;

use crate::tap::Recorder;
use crate::world::{Billing, World, things};

async fn counted(world: &World, steps: &str) -> (Counted, Status) {
    let plan = Plan { job: Job::Count, ..world.plan(steps).await };
    let summary = local::run(world.services(Functions::new()), &plan, MemoryObjects::new()).await.unwrap();
    (Counted::of(&plan.definition, &summary.counts), summary.status)
}

const BESIDE: &str =
    "transform: [ delete ]\nsegments: 7\nbackup: true\nprewarm: { read_units: 12000, write_units: 4000 }";

/// Without a `where` nothing but numbers comes over the wire.
#[tokio::test]
async fn a_table_is_counted_and_left_as_it_is() {
    let mut world = World::new(Billing::Provisioned { read_units: 500, write_units: 500 }, things(1_234)).await;
    let scans = Arc::new(Recorder { operation: "Scan", seen: Mutex::default() });
    world.tap = Some(scans.clone());
    let before = world.items().await;
    let counted = counted(&world, BESIDE).await;
    assert_eq!(counted, (Counted { items: 1_234, chosen: None }, Status::Succeeded));
    assert_eq!(world.items().await, before);
    let seen = scans.seen.lock().unwrap();
    assert!(seen.len() >= 7 && seen.iter().all(|scan: &Value| scan["Select"] == "COUNT"), "{seen:?}");
}

/// Where its items are to go is nothing to a count.
#[tokio::test]
async fn a_count_needs_no_target() {
    let world = World::new(Billing::OnDemand, things(50)).await;
    let steps = "target: { table: nowhere, carry: bulk }\ntransform: [ { set: { path: seen, value: true } } ]";
    assert_eq!(counted(&world, steps).await, (Counted { items: 50, chosen: None }, Status::Succeeded));
}

#[tokio::test]
async fn what_where_chooses_is_counted_beside_all() {
    let world = World::new(Billing::OnDemand, things(500)).await;
    let counted = counted(&world, &format!("{BESIDE}\nwhere: {{ path: n, less_than: 120 }}")).await;
    assert_eq!(counted, (Counted { items: 500, chosen: Some(120) }, Status::Succeeded));
}

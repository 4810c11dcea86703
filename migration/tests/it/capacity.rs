//! R8, R12: throttled writes all land in the end; capacity is only raised, and always put back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use asl::interpret::{Call, Execution, Interpreter, MemoryObjects, Outcome, TaskCall, TaskFailure, Tasks};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
    GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType, ProvisionedThroughput,
    ScalarAttributeType,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use embedded::Options;
use migration::capacity::{Capacity, Units};
use migration::definition::WriteRequests;
use migration::definition::{Prewarm, PrewarmKind};
use migration::summary::Status;
use migration::table::Table;
use migration::transform::Functions;
use migration::{Services, Stop, Task, local, workflow};
use serde_json::{Value, json};

use crate::tap::{Answer, Forward, Recorder, Request, Tap, refusal};
use crate::world::{Billing, TABLE, World, both_ways, things};

const RENAME: &str = "transform: [ { rename: { path: old, to: new } } ]";

pub(crate) async fn assert_units(world: &World, read: u64, write: u64) {
    let table = Table::describe(&world.client, TABLE).await.unwrap();
    let expected = Capacity::Provisioned { table: Units { read, write }, indexes: Default::default() };
    assert_eq!(table.capacity, expected);
}

/// R8: nothing that was throttled is dropped. The time is virtual.
async fn throttled_writes_are_tried_again_until_they_land(writes: WriteRequests) {
    let world = World::new(Billing::Provisioned { read_units: 50, write_units: 20 }, things(300)).await;
    let world = world.writing(writes);
    // Without a budget that is too large nothing would be throttled.
    let summary = world.run(&format!("budget: {{ write_units: 2000 }}\n{RENAME}")).await;
    assert_eq!((summary.status, summary.counts.written, summary.counts.failed), (Status::Succeeded, 300, 0));
    assert!(summary.counts.throttled_writes > 0, "the capacity was never met");
    assert!(world.items().await.iter().all(|item| item["new"].is_object()));
}

/// A run of these steps, and the UpdateTable requests that it sent.
async fn recorded(billing: Billing, steps: &str) -> (World, Status, Vec<Value>) {
    let recorder = Arc::new(Recorder { operation: "UpdateTable", seen: Mutex::default() });
    let mut world = World::new(billing, things(20)).await;
    world.tap = Some(recorder.clone());
    let summary = world.run(steps).await;
    let updates = recorder.seen.lock().unwrap().clone();
    (world, summary.status, updates)
}

fn units(read: u64, write: u64) -> Value {
    json!({ "ReadCapacityUnits": read, "WriteCapacityUnits": write })
}

pub(crate) const SMALL: Billing = Billing::Provisioned { read_units: 100, write_units: 5_000 };

/// The reads are raised, the writes, of which there are more than was asked for, are not lowered.
#[tokio::test]
async fn capacity_is_raised_for_the_run_and_put_back() {
    let steps = format!("prewarm: {{ read_units: 700, write_units: 900 }}\n{RENAME}");
    let (world, status, updates) = recorded(SMALL, &steps).await;
    assert_eq!(status, Status::Succeeded);
    let [raised, restored] = updates.as_slice() else { panic!("expected two updates, found {updates:?}") };
    assert_eq!(raised["ProvisionedThroughput"], units(700, 5_000));
    assert_eq!(restored["ProvisionedThroughput"], units(100, 5_000));
    assert_units(&world, 100, 5_000).await;
}

#[tokio::test]
async fn capacity_is_put_back_when_the_run_fails() {
    let steps = "prewarm: { read_units: 700, write_units: 9000 }\ntransform: [ { rename: { path: old, to: n } } ]";
    let (world, status, updates) = recorded(SMALL, steps).await;
    assert_eq!((status, updates.len()), (Status::Failed, 2));
    assert_units(&world, 100, 5_000).await;
}

#[tokio::test]
async fn capacity_that_is_enough_is_left_alone() {
    let on_demand_start = "prewarm: { read_units: 12000, write_units: 4000 }";
    for (billing, prewarm) in
        [(SMALL, "prewarm: { read_units: 1, write_units: 1 }"), (Billing::OnDemand, on_demand_start)]
    {
        let (_, status, updates) = recorded(billing, &format!("{prewarm}\n{RENAME}")).await;
        assert_eq!((status, updates), (Status::Succeeded, vec![]));
    }
}

/// An on-demand table that shall serve more than it is warm for is provisioned meanwhile, nowhere below that.
#[tokio::test]
async fn an_on_demand_table_is_on_demand_again() {
    let steps = format!("prewarm: {{ read_units: 100, write_units: 6000 }}\n{RENAME}");
    let (world, status, updates) = recorded(Billing::OnDemand, &steps).await;
    assert_eq!(status, Status::Succeeded);
    let [raised, restored] = updates.as_slice() else { panic!("expected two updates, found {updates:?}") };
    assert_eq!(
        (&raised["BillingMode"], &raised["ProvisionedThroughput"]),
        (&json!("PROVISIONED"), &units(12_000, 6_000))
    );
    assert_eq!(restored["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(Table::describe(&world.client, TABLE).await.unwrap().capacity, Capacity::OnDemand);
}

/// An answer that is lost after the raise must not make the raised capacity the one to go back to.
#[tokio::test]
async fn a_raise_that_is_done_twice_remembers_the_first() {
    let mut world = World::new(SMALL, things(20)).await;
    world.tap = Some(Arc::new(LostRaise::default()));
    let steps = format!("prewarm: {{ read_units: 700, write_units: 9000 }}\n{RENAME}");
    let summary = world.run(&steps).await;
    assert_eq!(summary.status, Status::Succeeded);
    assert_units(&world, 100, 5_000).await;
}

#[derive(Default)]
struct LostRaise(AtomicBool);

#[async_trait]
impl Tap for LostRaise {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let answer = forward.await;
        if request.operation == "UpdateTable" && !self.0.swap(true, Ordering::Relaxed) {
            return Err(ConnectorError::timeout("the answer is lost".into()));
        }
        answer
    }
}

/// While a table is being raised DescribeTable still shows what stood before. That is no sign that nothing is to
/// be put back. The time is virtual.
#[tokio::test(start_paused = true)]
async fn a_run_that_fails_while_the_table_is_being_raised_waits_and_puts_it_back() {
    let update_takes = Duration::from_secs(20);
    let mut world = World::with(Options::default().update_takes(update_takes), SMALL, things(20)).await;
    world.tap = Some(Arc::new(RefusedRaise::default()));
    let summary = world.run(&format!("prewarm: {{ read_units: 700, write_units: 9000 }}\n{RENAME}")).await;
    assert_eq!((summary.status, summary.counts.scanned), (Status::Failed, 0));
    tokio::time::sleep(update_takes).await;
    assert_units(&world, 100, 5_000).await;
}

/// The raise has begun, and the run is told that it may not.
#[derive(Default)]
struct RefusedRaise(AtomicBool);

#[async_trait]
impl Tap for RefusedRaise {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let answer = forward.await;
        if request.operation == "UpdateTable" && !self.0.swap(true, Ordering::Relaxed) {
            return Ok(refusal("AccessDeniedException"));
        }
        answer
    }
}

/// A backup may take hours: who asks to stop while it is made doesn't wait for it, and the table is not raised.
#[tokio::test]
async fn a_stop_is_heeded_before_the_work_begins() {
    let tap = Arc::new(StopAtBackup::default());
    let mut world = World::new(SMALL, things(20)).await;
    world.tap = Some(tap.clone());
    let steps = format!("backup: true\nprewarm: {{ read_units: 700, write_units: 9000 }}\n{RENAME}");
    let (plan, services) = (world.plan(&steps).await, world.services(Functions::new()));
    assert!(tap.stop.set(services.stop.clone()).is_ok());
    let summary = local::run(services, &plan, MemoryObjects::new()).await.unwrap();
    assert_eq!((summary.status, summary.counts.scanned), (Status::Stopped, 0));
    assert!(!tap.is_raised.load(Ordering::Relaxed), "the table was raised after all");
}

/// Somebody asks to stop just when the backup is asked for.
#[derive(Default)]
struct StopAtBackup {
    stop: OnceLock<Stop>,
    is_raised: AtomicBool,
}

#[async_trait]
impl Tap for StopAtBackup {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        match request.operation.as_str() {
            "CreateBackup" => self.stop.get().unwrap().request(),
            "UpdateTable" => self.is_raised.store(true, Ordering::Relaxed),
            _ => {}
        }
        forward.await
    }
}

/// A run that was killed after the raise is taken up again: what stood before it is still what is put back.
#[tokio::test]
async fn a_second_prewarm_does_not_take_the_raised_capacity_for_the_old_one() {
    let world = World::new(SMALL, things(1)).await;
    let plan = world.plan(&format!("prewarm: {{ read_units: 700, write_units: 9000 }}\n{RENAME}")).await;
    let services = world.services(Functions::new());
    let of_run = json!({ "run": plan.run });
    Task::Prepare.run(&services, serde_json::to_value(&plan).unwrap(), None).await.unwrap();
    assert_units(&world, 100, 5_000).await;
    Task::Prewarm.run(&services, of_run.clone(), None).await.unwrap();
    assert_units(&world, 700, 9_000).await;
    // Somebody lowers the table meanwhile, so that there is something to raise again.
    set_units(&world, 300, 9_000).await;
    Task::Prewarm.run(&services, of_run.clone(), None).await.unwrap();
    assert_units(&world, 700, 9_000).await;
    Task::Restore.run(&services, of_run, None).await.unwrap();
    assert_units(&world, 100, 5_000).await;
}

async fn set_units(world: &World, read: i64, write: i64) {
    let units = ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write);
    let update = world.client.update_table().table_name(TABLE).provisioned_throughput(units.build().unwrap());
    update.send().await.unwrap();
}

/// A write to the table is a write to its index, which throttles it: the index is raised with it, and put back.
#[tokio::test]
async fn an_index_is_raised_and_put_back_with_its_table() {
    let recorder = Arc::new(Recorder { operation: "UpdateTable", seen: Mutex::default() });
    let mut world = World::new(SMALL, things(20)).await;
    add_index(&world).await;
    let before = Table::describe(&world.client, TABLE).await.unwrap().capacity;
    world.tap = Some(recorder.clone());
    let summary = world.run(&format!("prewarm: {{ read_units: 1, write_units: 9000 }}\n{RENAME}")).await;
    assert_eq!(summary.status, Status::Succeeded);
    let updates = recorder.seen.lock().unwrap().clone();
    let of_index = |update: &Value| update["GlobalSecondaryIndexUpdates"][0]["Update"]["ProvisionedThroughput"].clone();
    assert_eq!(updates.iter().map(of_index).collect::<Vec<_>>(), [units(30, 9_000), units(30, 40)]);
    assert_eq!(Table::describe(&world.client, TABLE).await.unwrap().capacity, before);
}

/// A global index on `n` with units of its own.
pub(crate) async fn add_index(world: &World) {
    let key = KeySchemaElement::builder().attribute_name("n").key_type(KeyType::Hash).build().unwrap();
    let throughput = ProvisionedThroughput::builder().read_capacity_units(30).write_capacity_units(40).build().unwrap();
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name("by-n")
        .key_schema(key)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .provisioned_throughput(throughput)
        .build()
        .unwrap();
    let attribute = |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    let update = world.client.update_table().table_name(TABLE);
    update
        .attribute_definitions(attribute("id", ScalarAttributeType::S).unwrap())
        .attribute_definitions(attribute("n", ScalarAttributeType::N).unwrap())
        .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build())
        .send()
        .await
        .unwrap();
}

/// An index that somebody drops while the run lasts has nothing to be put back; the table has.
#[tokio::test]
async fn an_index_that_is_dropped_meanwhile_is_not_in_the_way_of_the_restore() {
    let world = World::new(SMALL, things(1)).await;
    add_index(&world).await;
    let plan = world.plan(&format!("prewarm: {{ read_units: 700, write_units: 100 }}\n{RENAME}")).await;
    let (services, of_run) = (world.services(Functions::new()), json!({ "run": plan.run }));
    Task::Prepare.run(&services, serde_json::to_value(&plan).unwrap(), None).await.unwrap();
    Task::Prewarm.run(&services, of_run.clone(), None).await.unwrap();
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name("by-n").build().unwrap();
    let update = world.client.update_table().table_name(TABLE);
    let update = update.global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().delete(delete).build());
    update.send().await.unwrap();
    // The reads, too, are back already: nothing is left to ask for, which DynamoDB would refuse.
    set_units(&world, 100, 5_000).await;
    Task::Restore.run(&services, of_run, None).await.unwrap();
    assert_units(&world, 100, 5_000).await;
}

/// What the stack's EventBridge rule starts: an execution that was aborted came to no Catch.
#[tokio::test]
async fn capacity_is_put_back_after_an_execution_that_was_cut_off() {
    let world = World::new(SMALL, things(20)).await;
    let plan = world.plan(&format!("prewarm: {{ read_units: 700, write_units: 9000 }}\n{RENAME}")).await;
    let services = world.services(Functions::new());
    Task::Prepare.run(&services, json!(plan), None).await.unwrap();
    Task::Prewarm.run(&services, json!({ "run": plan.run }), None).await.unwrap();
    assert_units(&world, 700, 9_000).await;

    let ended = afterwards(&services, json!({ "status": "ABORTED", "input": json!(plan).to_string() })).await;
    assert!(matches!(ended, Outcome::Succeeded(_)), "{ended:?}");
    assert_units(&world, 100, 5_000).await;
    // Nothing was raised for it.
    let ended = afterwards(&services, json!({ "status": "FAILED", "input": "{\"begun\": \"by hand\"}" })).await;
    assert!(matches!(ended, Outcome::Succeeded(_)), "{ended:?}");
}

async fn afterwards(services: &Arc<Services>, detail: Value) -> Outcome {
    let machine = workflow::restore_afterwards().unwrap();
    Interpreter::new(machine, Deployed(services.clone())).unwrap().run(Execution::new("afterwards", detail)).await
}

/// The functions of a stack.
struct Deployed(Arc<Services>);

#[async_trait]
impl Tasks for Deployed {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        let Call::Lambda { function, payload } = call.call else { panic!("expected a function") };
        let task = Task::of_function_arn(&function).unwrap();
        task.run(&self.0, payload, None).await.map_err(|error| TaskFailure::new(error.kind().name(), error.to_string()))
    }
}

both_ways! {
    #[tokio::test(start_paused = true)]
    throttled_writes_are_tried_again_until_they_land,
}

/// Warm throughput rises for good: of a direction that is warm enough nothing is asked, and nothing is put back.
#[tokio::test(start_paused = true)]
async fn warm_throughput_is_raised_with_its_indexes_and_stays() {
    let recorder = Arc::new(Recorder { operation: "UpdateTable", seen: Mutex::default() });
    let mut world = World::with(Options::default().update_takes(Duration::from_secs(20)), SMALL, things(20)).await;
    add_index(&world).await;
    let before = loop {
        let table = Table::describe(&world.client, TABLE).await.unwrap();
        if table.is_active {
            break table.capacity;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    world.tap = Some(recorder.clone());
    let steps = format!("prewarm: {{ warm_throughput: {{ read_units: 700, write_units: 2000 }} }}\n{RENAME}");
    for _ in 0..2 {
        assert_eq!(world.run(&steps).await.status, Status::Succeeded);
    }
    let updates = recorder.seen.lock().unwrap().clone();
    // The table is warm for 5,000 writes, the index for 30 reads; the second run finds all of it warm.
    let [update] = updates.as_slice() else { panic!("expected one update, found {updates:?}") };
    assert_eq!(update["WarmThroughput"], json!({ "ReadUnitsPerSecond": 700 }));
    let of_index = &update["GlobalSecondaryIndexUpdates"][0]["Update"]["WarmThroughput"];
    assert_eq!(*of_index, json!({ "WriteUnitsPerSecond": 2_000 }));
    let table = Table::describe(&world.client, TABLE).await.unwrap();
    assert_eq!(table.warm.table, Some(Units { read: 700, write: 5_000 }));
    assert_eq!(table.capacity, before);
}

/// An answer that is lost is asked for again, and nothing is warmed twice.
#[tokio::test]
async fn a_warming_whose_answer_is_lost_is_done_once() {
    let mut world = World::new(SMALL, things(20)).await;
    world.tap = Some(Arc::new(LostRaise::default()));
    let steps = format!("prewarm: warm_throughput\n{RENAME}");
    assert_eq!(world.run(&steps).await.status, Status::Succeeded);
    let table = Table::describe(&world.client, TABLE).await.unwrap();
    assert_eq!(table.warm.table, Some(Units { read: 12_000, write: 5_000 }));
}

/// Plans of runs that began before there was a choice.
#[test]
fn a_plan_that_names_no_way_of_prewarming_means_provisioned_units() {
    let read: Prewarm = serde_json::from_str(r#"{ "read_units": 7, "write_units": 8 }"#).unwrap();
    assert_eq!(read.kind, PrewarmKind::Provisioned);
    assert_eq!(json!(read), json!({ "read_units": 7, "write_units": 8 }));
}

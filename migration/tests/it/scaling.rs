//! R12 where a table scales by itself: that is written down, suspended while the table is raised, and put back as it
//! was, each target's own, whatever dies or is lost in between.

use std::sync::{Arc, Mutex};

use asl::interpret::MemoryObjects;
use async_trait::async_trait;
use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use migration::capacity::Capacity;
use migration::summary::Status;
use migration::table::Table;
use migration::transform::Functions;
use migration::{Services, Task, local, prewarm};
use serde_json::{Value, json};

use crate::capacity::{SMALL, add_index, assert_units};
use crate::tap::{Answer, Forward, Request, Tap, refusal};
use crate::world::{Billing, TABLE, World, things};

const STEPS: &str =
    "prewarm: { read_units: 700, write_units: 9000 }\ntransform: [ { rename: { path: old, to: new } } ]";
const WRITES: ScalableDimension = ScalableDimension::DynamoDbTableWriteCapacityUnits;
const READS: ScalableDimension = ScalableDimension::DynamoDbTableReadCapacityUnits;

/// In place of an error's name: the answer has none.
const NO_CODE: &str = "";

/// Lowering, raising and scheduled actions: what of them is suspended.
type Suspended = [bool; 3];

/// Three targets, each in a state of its own.
async fn scaled(world: &World) -> Client {
    let client = world.database.autoscaling_client();
    add_index(world).await;
    register(&client, TABLE, WRITES, [false; 3]).await;
    register(&client, TABLE, READS, [true, false, true]).await;
    register(&client, "things/index/by-n", ScalableDimension::DynamoDbIndexWriteCapacityUnits, [false, false, true])
        .await;
    client
}

async fn register(client: &Client, name: &str, dimension: ScalableDimension, [lower, raise, scheduled]: Suspended) {
    let state = SuspendedState::builder()
        .dynamic_scaling_in_suspended(lower)
        .dynamic_scaling_out_suspended(raise)
        .scheduled_scaling_suspended(scheduled)
        .build();
    let register = client.register_scalable_target().service_namespace(ServiceNamespace::Dynamodb);
    let register = register.resource_id(format!("table/{name}")).scalable_dimension(dimension);
    register.min_capacity(5).max_capacity(6_000).suspended_state(state).send().await.unwrap();
}

/// What is suspended of each target, by its dimension.
async fn suspended(client: &Client) -> Vec<(String, Suspended)> {
    let targets = client.describe_scalable_targets().service_namespace(ServiceNamespace::Dynamodb).send();
    let targets = targets.await.unwrap().scalable_targets.unwrap();
    let mut suspended: Vec<_> = targets
        .into_iter()
        .map(|it| {
            assert_eq!((it.min_capacity, it.max_capacity), (5, 6_000), "limits are nobody's to change");
            let state = it.suspended_state.unwrap();
            let all = [state.dynamic_scaling_in_suspended, state.dynamic_scaling_out_suspended];
            let [lower, raise] = all.map(Option::unwrap);
            (it.scalable_dimension.as_str().to_owned(), [lower, raise, state.scheduled_scaling_suspended.unwrap()])
        })
        .collect();
    suspended.sort();
    suspended
}

fn as_before() -> Vec<(String, Suspended)> {
    let of = |what: &str, suspended| (format!("dynamodb:{what}CapacityUnits"), suspended);
    vec![
        of("index:Write", [false, false, true]),
        of("table:Read", [true, false, true]),
        of("table:Write", [false, false, false]),
    ]
}

fn all_suspended() -> Vec<(String, Suspended)> {
    as_before().into_iter().map(|(dimension, _)| (dimension, [true; 3])).collect()
}

/// What stands in the way of requests that change something, in their order.
#[derive(Default)]
struct Changes {
    /// The operation, and what it asks for.
    seen: Mutex<Vec<(String, Value)>>,
    /// From which change on all of them are lost: they never arrive, or their answers don't.
    lost: Option<(usize, Lost)>,
    /// An operation that is refused, and how.
    refused: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lost {
    Request,
    Answer,
}

#[async_trait]
impl Tap for Changes {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if let Some((operation, code)) = self.refused
            && request.operation == operation
        {
            return Ok(match code {
                NO_CODE => HttpResponse::new(400.try_into().unwrap(), r#"{"error": "Unsupported service"}"#.into()),
                code => refusal(code),
            });
        }
        if !["UpdateTable", "RegisterScalableTarget"].contains(&request.operation.as_str()) {
            return forward.await;
        }
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push((request.operation.clone(), request.body.clone()));
            seen.len() - 1
        };
        match self.lost {
            Some((first, Lost::Request)) if number >= first => Err(ConnectorError::timeout("it is lost".into())),
            Some((first, Lost::Answer)) if number >= first => {
                forward.await?;
                Err(ConnectorError::timeout("the answer is lost".into()))
            }
            _ => forward.await,
        }
    }
}

/// What was sent, in order: `suspend`, `raise`, `lower` or `resume`.
fn words(changes: &Changes) -> Vec<&'static str> {
    let seen = changes.seen.lock().unwrap();
    let word = |(operation, body): &(String, Value)| match operation.as_str() {
        "UpdateTable" if body["ProvisionedThroughput"]["WriteCapacityUnits"] == 9_000 => "raise",
        "UpdateTable" => "lower",
        _ if body["SuspendedState"].as_object().unwrap().values().all(|it| *it == true) => "suspend",
        _ => "resume",
    };
    seen.iter().map(word).collect()
}

#[tokio::test]
async fn scaling_is_suspended_while_the_table_is_raised() {
    let mut world = World::new(SMALL, things(20)).await;
    let client = scaled(&world).await;
    let changes = Arc::new(Changes::default());
    world.tap = Some(changes.clone());
    let before = Table::describe(&world.client, TABLE).await.unwrap().capacity;
    let summary = world.run(STEPS).await;
    assert_eq!(summary.status, Status::Succeeded);
    let expected = ["suspend", "suspend", "suspend", "raise", "lower", "resume", "resume", "resume"];
    assert_eq!(words(&changes), expected);
    assert_eq!(suspended(&client).await, as_before());
    assert_eq!(Table::describe(&world.client, TABLE).await.unwrap().capacity, before);
}

#[tokio::test]
async fn scaling_goes_on_when_the_run_fails() {
    let world = World::new(SMALL, things(20)).await;
    let client = scaled(&world).await;
    let steps = "prewarm: { write_units: 9000 }\ntransform: [ { rename: { path: old, to: n } } ]";
    assert_eq!(world.run(steps).await.status, Status::Failed);
    assert_eq!(suspended(&client).await, as_before());
}

/// A worker that dies between any two requests, or whose answers are lost from some request on, is followed by one that
/// does the same anew, or by the restore: both end where they should.
#[tokio::test(start_paused = true)]
async fn what_is_cut_off_anywhere_is_done_again_or_undone() {
    // Three targets and a raise; then the way back.
    for cut in 0..4 {
        for lost in [Lost::Request, Lost::Answer] {
            for again in [false, true] {
                let (mut world, services, of_run, client) = begun().await;
                let cut_off = cut_off_at(&mut world, cut, lost);
                // A raise whose answer is lost is seen to have happened; everything else fails.
                let cut_off = Task::Prewarm.run(&cut_off, of_run.clone(), None).await;
                assert_eq!(cut_off.is_ok(), (cut, lost) == (3, Lost::Answer));
                if again {
                    Task::Prewarm.run(&services, of_run.clone(), None).await.unwrap();
                    assert_eq!(suspended(&client).await, all_suspended(), "cut at {cut}");
                }
                Task::Restore.run(&services, of_run, None).await.unwrap();
                assert_eq!(suspended(&client).await, as_before(), "cut at {cut}, {again}");
                assert_as_small(&world).await;
            }
        }
    }
    for cut in 0..4 {
        for lost in [Lost::Request, Lost::Answer] {
            let (mut world, services, of_run, client) = begun().await;
            Task::Prewarm.run(&services, of_run.clone(), None).await.unwrap();
            let cut_off = cut_off_at(&mut world, cut, lost);
            assert!(Task::Restore.run(&cut_off, of_run.clone(), None).await.is_err());
            Task::Restore.run(&services, of_run, None).await.unwrap();
            assert_eq!(suspended(&client).await, as_before(), "cut at {cut}");
            assert_as_small(&world).await;
        }
    }
}

/// A table that scales, and a run that is about to raise it.
async fn begun() -> (World, Arc<Services>, Value, Client) {
    let world = World::new(SMALL, things(1)).await;
    let client = scaled(&world).await;
    let (plan, services) = (world.plan(STEPS).await, world.services(Functions::new()));
    let of_run = json!({ "run": plan.run });
    Task::Prepare.run(&services, json!(plan), None).await.unwrap();
    (world, services, of_run, client)
}

fn cut_off_at(world: &mut World, change: usize, lost: Lost) -> Arc<Services> {
    world.tap = Some(Arc::new(Changes { lost: Some((change, lost)), ..Changes::default() }));
    world.services(Functions::new())
}

async fn assert_as_small(world: &World) {
    let Capacity::Provisioned { table, .. } = Table::describe(&world.client, TABLE).await.unwrap().capacity else {
        panic!("expected a provisioned table")
    };
    assert_eq!((table.read, table.write), (100, 5_000));
}

/// Whoever may not suspend must not raise: the table would be lowered again in the middle of the run.
#[tokio::test]
async fn a_run_that_may_not_suspend_scaling_does_not_raise() {
    for operation in ["DescribeScalableTargets", "RegisterScalableTarget"] {
        let mut world = World::new(SMALL, things(20)).await;
        let client = scaled(&world).await;
        let changes = Arc::new(Changes { refused: Some((operation, "AccessDeniedException")), ..Changes::default() });
        world.tap = Some(changes.clone());
        let summary = world.run(STEPS).await;
        assert_eq!((summary.status, summary.counts.scanned), (Status::Failed, 0));
        let failure = summary.failure.unwrap();
        assert!(failure.reason.contains("application-autoscaling:DescribeScalableTargets"), "{}", failure.reason);
        assert!(failure.reason.contains("leave `prewarm` out"), "{}", failure.reason);
        assert_eq!(words(&changes), [""; 0], "nothing was changed");
        assert_eq!(suspended(&client).await, as_before());
    }
}

/// DynamoDB Local, dynalite and others have no such service; then nothing scales.
#[tokio::test]
async fn an_endpoint_that_knows_no_scaling_has_none() {
    // The emulator ministack names no error.
    for code in ["UnknownOperationException", NO_CODE] {
        let mut world = World::new(SMALL, things(20)).await;
        let refused = Some(("DescribeScalableTargets", code));
        let changes = Arc::new(Changes { refused, ..Changes::default() });
        world.tap = Some(changes.clone());
        assert_eq!(world.run(STEPS).await.status, Status::Succeeded);
        assert_eq!(words(&changes), ["raise", "lower"]);
        assert_units(&world, 100, 5_000).await;
    }
}

/// What somebody takes away while the run lasts is not made anew, and in nobody's way.
#[tokio::test]
async fn a_target_that_is_deregistered_meanwhile_stays_so() {
    let (world, services, of_run, client) = begun().await;
    Task::Prewarm.run(&services, of_run.clone(), None).await.unwrap();
    let gone = client.deregister_scalable_target().service_namespace(ServiceNamespace::Dynamodb);
    gone.resource_id("table/things").scalable_dimension(READS).send().await.unwrap();
    Task::Restore.run(&services, of_run, None).await.unwrap();
    let mut expected = as_before();
    expected.remove(1);
    assert_eq!(suspended(&client).await, expected);
    assert_as_small(&world).await;
}

/// A table on demand may have kept its targets; they would wake up when it is provisioned for the run.
#[tokio::test]
async fn targets_that_sleep_while_a_table_is_on_demand_are_suspended_too() {
    let mut world = World::new(Billing::OnDemand, things(20)).await;
    let client = world.database.autoscaling_client();
    register(&client, TABLE, WRITES, [false; 3]).await;
    let changes = Arc::new(Changes::default());
    world.tap = Some(changes.clone());
    let (plan, services) = (world.plan(STEPS).await, world.services(Functions::new()));
    let ledger = services.ledger.clone();
    local::run(services, &plan, MemoryObjects::new()).await.unwrap();
    assert_eq!(words(&changes), ["suspend", "raise", "lower", "resume"]);
    let raised = prewarm::raised_by(&ledger, &plan.run).await.unwrap().unwrap();
    assert_eq!((raised.scaling.len(), raised.scaling[0].max_units), (1, 6_000), "it is written down");
    assert_eq!(suspended(&client).await, [("dynamodb:table:WriteCapacityUnits".to_owned(), [false; 3])]);
}
